//! `farebox settle`: run a settlement now.

use clap::Args;
use serde_json::json;

use super::Format;
use crate::{admin::Connection, output};

/// Settle all usage that can be seen now, without waiting for the schedule
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  farebox settle")]
pub(crate) struct Settle {
    #[command(flatten)]
    format: Format,
}

impl Settle {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let admin = connection.admin()?;
        let report = admin.post("settlements", &json!({}))?;
        self.format.record(&report, &["windows", "batches", "applied", "known", "refused", "left"]);
        if report["refused"].as_u64().is_some_and(|refused| refused > 0) && !self.format.json {
            let refused = admin.list("settlements/refused", &[])?;
            print!("\nRefused, and kept:\n{}", output::table(&refused, &["batch", "account", "reason"]));
        }
        Ok(())
    }
}
