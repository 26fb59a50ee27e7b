//! `farebox clock`: move the clock of a gateway that runs for development.

use anyhow::Context;
use clap::Subcommand;
use farebox_core::time::Millis;
use jiff::{Span, SpanRelativeTo};
use serde_json::json;

use super::Format;
use crate::admin::Connection;

/// The clock of a development gateway, which can be moved
#[derive(Debug, Subcommand)]
pub(crate) enum Clock {
    /// Move the clock forward
    #[command(after_help = "Example:\n  farebox clock advance 31d")]
    Advance {
        /// How far: a number and s, m, h or d, or several of them
        #[arg(value_parser = millis)]
        by: Millis,
        #[command(flatten)]
        format: Format,
    },
}

impl Clock {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let Self::Advance { by, format } = self;
        format.record(&connection.admin()?.post("clock", &json!({ "advance_ms": by }))?, &["now"]);
        Ok(())
    }
}

/// Milliseconds from `31d` or `1d 12h`, with days of 24 hours.
pub(super) fn millis(text: &str) -> anyhow::Result<Millis> {
    let span: Span = text.parse().context("write it like 31d or 90m")?;
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).context("use s, m, h and d")?;
    Ok(length.as_millis().try_into()?)
}

#[cfg(test)]
mod tests {
    use super::millis;
    use farebox_core::time::{DAY, HOUR, MINUTE};

    #[test]
    fn lengths_are_read_as_people_write_them() {
        for (text, length) in [("31d", 31 * DAY), ("90m", 90 * MINUTE), ("1d 12h", DAY + 12 * HOUR)] {
            assert_eq!(millis(text).unwrap(), length, "{text}");
        }
        assert!(millis("soon").is_err());
        assert!(millis("1 month").is_err());
    }
}
