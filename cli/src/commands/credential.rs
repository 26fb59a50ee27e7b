//! `farebox credential`: the keys of an account.

use clap::Subcommand;
use farebox_core::id::{AccountId, CredentialKey};
use serde_json::json;

use super::Format;
use crate::admin::Connection;

/// Credentials: the keys that an account's programs call with
#[derive(Debug, Subcommand)]
pub(crate) enum Credential {
    /// Make a key with a secret and an app code; the last two are shown this once
    #[command(after_help = "Example:\n  farebox credential create acc_1")]
    Create {
        /// The account's id
        account: AccountId,
        #[command(flatten)]
        format: Format,
    },
    /// List the keys of an account
    #[command(after_help = "Example:\n  farebox credential list acc_1")]
    List {
        /// The account's id
        account: AccountId,
        #[command(flatten)]
        format: Format,
    },
    /// Refuse a key from now on
    #[command(after_help = "Example:\n  farebox credential revoke acc_1 key-1")]
    Revoke {
        /// The account's id
        account: AccountId,
        /// The key
        key: CredentialKey,
        #[command(flatten)]
        format: Format,
    },
}

impl Credential {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let admin = connection.admin()?;
        match self {
            Self::Create { account, format } => {
                let made = admin.post(&format!("accounts/{account}/credentials"), &json!({}))?;
                format.record(&made, &["key", "secret", "app_code"]);
            }
            Self::List { account, format } => {
                let keys = admin.list(&format!("accounts/{account}/credentials"), &[])?;
                format.list(keys, &["key", "status", "created", "revoked"]);
            }
            Self::Revoke { account, key, format } => {
                let answer = admin.delete(&format!("accounts/{account}/credentials/{key}"))?;
                if format.json { println!("{answer}") } else { println!("{key} is revoked") }
            }
        }
        Ok(())
    }
}
