//! `farebox invoice`: the documents of payments and of months.

use clap::Subcommand;
use farebox_core::time::Month;
use serde_json::json;

use super::Format;
use crate::{admin::Connection, named::Named};

const COLUMNS: [&str; 8] = ["id", "number", "issued", "account", "order", "month", "total", "currency"];

/// Invoices: one for each payment, and for months that are over
#[derive(Debug, Subcommand)]
pub(crate) enum Invoice {
    /// List all invoices, in the order of their numbers
    #[command(after_help = "Example:\n  farebox invoice list")]
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Show an invoice
    #[command(after_help = "Example:\n  farebox invoice show live-000000000001 --html > 1.html")]
    Show {
        /// Its id, as `invoice list` shows it
        id: String,
        /// Print it as a page, to be printed
        #[arg(long, conflicts_with = "json")]
        html: bool,
        #[command(flatten)]
        format: Format,
    },
    /// Make the invoice of a month that is over, or show the one that there is
    #[command(after_help = "Example:\n  farebox invoice month acc_1 2026-11")]
    Month {
        /// The account: its id, or its name
        account: Named,
        /// The month, in UTC
        month: Month,
        #[command(flatten)]
        format: Format,
    },
}

impl Invoice {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let admin = connection.admin()?;
        match self {
            Self::List { format } => format.list(admin.list("invoices", &[])?, &COLUMNS),
            Self::Show { id, html: true, .. } => print!("{}", admin.text(&format!("invoices/{id}/page"))?),
            Self::Show { id, html: false, format } => format.record(&admin.get(&format!("invoices/{id}"))?, &COLUMNS),
            Self::Month { account, month, format } => {
                let path = format!("accounts/{}/invoices", account.id(&admin)?);
                format.record(&admin.post(&path, &json!({ "month": month.to_string() }))?, &COLUMNS);
            }
        }
        Ok(())
    }
}
