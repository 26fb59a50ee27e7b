//! `farebox clock`: move the clock of a gateway that runs for development.

use clap::Subcommand;
use farebox_core::time::Millis;
use serde_json::json;

use super::Format;
use crate::{admin::Connection, given};

/// The clock of a development gateway, which can be moved
#[derive(Debug, Subcommand)]
pub(crate) enum Clock {
    /// Move the clock forward
    #[command(after_help = "Example:\n  farebox clock advance 31d")]
    Advance {
        /// How far: a number and s, m, h or d, or several of them
        #[arg(value_parser = given::millis, allow_hyphen_values = true)]
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
