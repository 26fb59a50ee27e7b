//! What the provider looks at: `farebox audit`, `settlements` and `metrics`.

use clap::{Args, Subcommand};
use serde_json::{Map, Number, Value, json};

use super::Format;
use crate::admin::Connection;

/// List who changed what, or tried to; the latest first
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  farebox audit --last 20")]
pub(crate) struct Audit {
    /// At most so many
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    last: usize,
    #[command(flatten)]
    format: Format,
}

/// Settlement runs, and usage that no account would book
#[derive(Debug, Subcommand)]
pub(crate) enum Settlements {
    /// List the last runs, the latest first
    #[command(after_help = "Example:\n  farebox settlements list")]
    List {
        #[command(flatten)]
        format: Format,
    },
    /// List the batches of usage that were refused, with the reason
    #[command(after_help = "Example:\n  farebox settlements refused")]
    Refused {
        #[command(flatten)]
        format: Format,
    },
}

/// Print the gateway's metrics, as Prometheus reads them
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  farebox metrics | grep settlement
  farebox metrics --json | jq '.items[] | select(.name == \"farebox_settlement_lag_seconds\")'")]
pub(crate) struct Metrics {
    #[command(flatten)]
    format: Format,
}

impl Audit {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let records = connection.admin()?.first("audit", self.last)?;
        self.format.list(records, &["at", "name", "role", "method", "path", "status", "code"]);
        Ok(())
    }
}

impl Settlements {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let admin = connection.admin()?;
        match self {
            Self::List { format } => {
                let runs = admin.list("settlements", &[])?;
                format.list(runs, &["at", "windows", "batches", "applied", "known", "refused", "left"]);
            }
            Self::Refused { format } => {
                format.list(admin.list("settlements/refused", &[])?, &["batch", "account", "reason"]);
            }
        }
        Ok(())
    }
}

impl Metrics {
    pub(crate) fn run(&self, connection: &Connection) -> anyhow::Result<()> {
        let text = connection.admin()?.text("metrics")?;
        if self.format.json {
            let items: Vec<Value> = text.lines().filter_map(sample).collect();
            println!("{}", json!({ "items": items }));
        } else {
            print!("{text}");
        }
        Ok(())
    }
}

/// A line of Prometheus' text format as JSON; `None` for a comment. Values are numbers, or texts such as `+Inf`.
fn sample(line: &str) -> Option<Value> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let value = value.parse::<Number>().map_or_else(|_| json!(value), Value::Number);
    Some(json!({ "name": name, "labels": labels_of(labels.trim_end_matches('}')), "value": value }))
}

/// The labels of `a="1",b="2"`.
fn labels_of(text: &str) -> Map<String, Value> {
    let (mut labels, mut rest) = (Map::new(), text);
    while let Some((name, after)) = rest.split_once("=\"") {
        let (mut value, mut end, mut chars) = (String::new(), after.len(), after.char_indices());
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    end = at + 1;
                    break;
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, escaped)) => value.push(escaped),
                    None => {}
                },
                plain => value.push(plain),
            }
        }
        labels.insert(name.trim_start_matches(',').to_owned(), Value::String(value));
        rest = &after[end..];
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_metrics_is_read_with_its_labels() {
        let line = r#"farebox_calls_total{product="a\"b\\c",status="200"} 12"#;
        let read =
            json!({ "name": "farebox_calls_total", "labels": { "product": "a\"b\\c", "status": "200" }, "value": 12 });
        assert_eq!(sample(line), Some(read));
        assert_eq!(sample("up 0.5"), Some(json!({ "name": "up", "labels": {}, "value": 0.5 })));
        assert_eq!(
            sample("x_bucket{le=\"+Inf\"} NaN"),
            Some(json!({ "name": "x_bucket", "labels": { "le": "+Inf" }, "value": "NaN" }))
        );
        assert_eq!((sample("# TYPE up gauge"), sample("")), (None, None));
    }
}
