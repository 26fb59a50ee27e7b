//! `farebox settle`: run a settlement now.

use clap::Args;
use serde_json::json;

use super::Format;
use crate::admin::Connection;

/// Settle all usage that can be seen now, without waiting for the schedule
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  farebox settle")]
pub(crate) struct Settle {
    #[command(flatten)]
    format: Format,
}

impl Settle {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let report = connection.admin()?.post("settlements", &json!({}))?;
        self.format.record(&report, &["windows", "batches", "applied", "known", "refused", "left"]);
        Ok(())
    }
}
