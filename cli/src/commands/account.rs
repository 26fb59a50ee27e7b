//! `farebox account`: the customers.

use clap::Subcommand;
use farebox_core::id::AccountId;
use serde_json::json;

use super::Format;
use crate::admin::Connection;

const COLUMNS: [&str; 4] = ["id", "name", "status", "created"];

/// Accounts: who pays
#[derive(Debug, Subcommand)]
pub(crate) enum Account {
    /// Open an account
    #[command(after_help = "Example:\n  farebox account create Bob")]
    Create {
        /// The customer's name, for people
        name: String,
        #[command(flatten)]
        format: Format,
    },
    /// List all accounts
    #[command(after_help = "Example:\n  farebox account list")]
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Show one account
    #[command(after_help = "Example:\n  farebox account show acc_1")]
    Show {
        /// The account's id
        account: AccountId,
        #[command(flatten)]
        format: Format,
    },
}

impl Account {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let admin = connection.admin()?;
        match self {
            Self::Create { name, format } => {
                format.record(&admin.post("accounts", &json!({ "name": name }))?, &COLUMNS);
            }
            Self::List { format } => format.list(admin.list("accounts", &[])?, &COLUMNS),
            Self::Show { account, format } => format.record(&admin.get(&format!("accounts/{account}"))?, &COLUMNS),
        }
        Ok(())
    }
}
