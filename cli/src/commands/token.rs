//! `farebox token`: who may run the gateway, and how much of it.

use clap::{Subcommand, ValueEnum};
use farebox_core::time::Timestamp;
use serde_json::json;

use super::Format;
use crate::{admin::Connection, given};

const COLUMNS: [&str; 7] = ["id", "name", "role", "token", "created", "expires", "revoked"];

/// What a token lets its bearer do.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Role {
    /// See everything, change nothing
    ReadOnly,
    /// Publish, sell, correct and settle
    Operator,
    /// Issue and revoke admin tokens too
    Owner,
}

/// Admin tokens: who may run the gateway
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Issue a token; it is shown this once
    #[command(after_help = "Example:\n  farebox token issue prometheus read-only")]
    Issue {
        /// Whom or what it is for
        name: String,
        /// What it may do
        role: Role,
        /// From when on it is refused: a day, a moment, or a distance such as +30d [default: never]
        #[arg(long, value_name = "TIME", value_parser = given::moment, allow_hyphen_values = true)]
        expires: Option<Timestamp>,
        #[command(flatten)]
        format: Format,
    },
    /// List the tokens
    #[command(after_help = "Example:\n  farebox token list")]
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Refuse a token from now on
    #[command(after_help = "Example:\n  farebox token revoke tok_1")]
    Revoke {
        /// The token's id
        id: String,
        #[command(flatten)]
        format: Format,
    },
}

impl Token {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let admin = connection.admin()?;
        match self {
            Self::Issue { name, role, expires, format } => {
                let role = role.to_possible_value().map(|role| role.get_name().to_owned());
                let body = json!({ "name": name, "role": role, "expires": expires });
                format.record(&admin.post("admin-tokens", &body)?, &COLUMNS);
            }
            Self::List { format } => format.list(admin.list("admin-tokens", &[])?, &COLUMNS),
            Self::Revoke { id, format } => {
                format.done(&admin.delete(&format!("admin-tokens/{id}"))?, &format!("{id} is revoked"));
            }
        }
        Ok(())
    }
}
