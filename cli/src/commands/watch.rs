//! What the provider looks at: `farebox audit`, `settlements` and `metrics`.

use clap::{Args, Subcommand};

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
#[command(after_help = "Example:\n  farebox metrics | grep settlement")]
pub(crate) struct Metrics;

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
        print!("{}", connection.admin()?.text("metrics")?);
        Ok(())
    }
}
