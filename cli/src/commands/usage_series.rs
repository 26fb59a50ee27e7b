//! Usage by the hour or by the day: what `farebox usage` and `farebox me usage` ask for, and how it is shown.
//!
//! Invariant: `--json` is what the API answered; a table has a row for each point.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

use super::{Format, books::show};
use crate::admin::Admin;

/// What a row is of.
const COLUMNS: [&str; 11] =
    ["at", "product", "route", "credential", "calls", "ingress_bytes", "egress_bytes", "2xx", "3xx", "4xx", "5xx"];

/// How usage is told apart by time.
#[derive(Debug, Args)]
pub(crate) struct ByTime {
    /// Show it by the hour (of the last 90 days) or by the day (of the last three years), in UTC
    #[arg(long)]
    every: Option<Every>,
    /// Tell it apart
    #[arg(long, requires = "every", default_value = "product")]
    by: By,
    /// Only of this product
    #[arg(long, requires = "every")]
    product: Option<String>,
    /// Only of this route, as `--by route` names it
    #[arg(long, requires = "every")]
    route: Option<String>,
    /// Only of this credential
    #[arg(long, requires = "every")]
    credential: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Every {
    Hour,
    Day,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum By {
    Total,
    Product,
    Route,
    Credential,
}

impl ByTime {
    /// Whether it is asked for.
    pub(super) const fn is_asked(&self) -> bool {
        self.every.is_some()
    }

    /// Asks for it below the usage at `path`, and shows it.
    pub(super) fn show<'a>(
        &'a self,
        admin: &Admin,
        path: &str,
        mut query: Vec<(&'a str, &'a str)>,
        format: &Format,
    ) -> anyhow::Result<()> {
        let every = match self.every {
            Some(Every::Hour) => "hour",
            Some(Every::Day) | None => "day",
        };
        let by = match self.by {
            By::Total => "total",
            By::Product => "product",
            By::Route => "route",
            By::Credential => "credential",
        };
        let only = [("product", &self.product), ("route", &self.route), ("credential", &self.credential)];
        query.extend([("every", every), ("by", by)]);
        query.extend(only.iter().filter_map(|(name, only)| Some((*name, only.as_deref()?))));
        let series = admin.list(&format!("{path}/series"), &query)?;
        if format.json {
            format.list(series, &[]);
        } else {
            show(series.iter().flat_map(rows).collect(), &COLUMNS, format);
        }
        Ok(())
    }
}

/// A row for each point of a series, with what the series is of.
fn rows(series: &Value) -> Vec<Value> {
    let mut of = series.as_object().cloned().unwrap_or_default();
    let points = of.remove("points");
    let row = |point: &Value| {
        let mut row: Map<String, Value> = of.clone();
        row.extend(point.as_object().cloned().unwrap_or_default());
        let statuses = row.remove("statuses").and_then(|statuses| statuses.as_object().cloned());
        row.extend(statuses.unwrap_or_default());
        Value::Object(row)
    };
    points.as_ref().and_then(Value::as_array).into_iter().flatten().map(row).collect()
}
