//! What a caller's own account has, by the call credential: `farebox me`.
//!
//! Boundary: it needs no admin token, and a call credential changes nothing.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::Value;

use super::{Format, read, usage_series::ByTime};
use crate::admin::{Admin, Connection};

/// See your own account, by a key to call with
#[derive(Debug, Subcommand)]
pub(crate) enum Me {
    /// Show whose key it is
    #[command(after_help = "Example:\n  farebox me show --credential-file bob.json")]
    Show(Asked),
    /// Show what money there is
    #[command(after_help = "Example:\n  FAREBOX_KEY=fb_live_… farebox me balance")]
    Balance(Asked),
    /// List what was bought, and what is left of it
    #[command(after_help = "Example:\n  farebox me grants --credential-file bob.json")]
    Grants(Asked),
    /// List what was used, by product, or by time
    #[command(after_help = "\
Examples:
  farebox me usage --credential-file bob.json
  farebox me usage --credential-file bob.json --every day --by route")]
    Usage {
        #[command(flatten)]
        asked: Asked,
        #[command(flatten)]
        by_time: ByTime,
    },
    /// List what the account may buy
    #[command(after_help = "Example:\n  farebox me offers --credential-file bob.json --json")]
    Offers(Asked),
}

/// By which key.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    /// File of the credential, in place of the environment's FAREBOX_KEY, which holds its plain key
    #[arg(long, value_name = "FILE")]
    credential_file: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

impl Asked {
    /// A client of the customer API.
    fn customer(&self, connection: &Connection) -> anyhow::Result<Admin> {
        let key = match (&self.credential_file, std::env::var("FAREBOX_KEY")) {
            (Some(file), _) => plain_key(file)?,
            (None, Ok(key)) => key,
            (None, Err(_)) => bail!("no key: set FAREBOX_KEY, or give --credential-file"),
        };
        Admin::of_customer(&connection.settings()?.gateway, &key)
    }

    fn list(&self, connection: &Connection, what: &str, columns: &[&str]) -> anyhow::Result<()> {
        let items = self.customer(connection)?.list(&format!("accounts/mine/{what}"), &[])?;
        self.format.list(items, columns);
        Ok(())
    }
}

impl Me {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        match self {
            Self::Show(asked) => {
                let account = asked.customer(connection)?.get("accounts/mine")?;
                asked.format.record(&account, &["id", "name", "status"]);
                Ok(())
            }
            Self::Balance(asked) => {
                let balance = asked.customer(connection)?.get("accounts/mine/balance")?;
                asked.format.record(&balance, &["balance", "available", "leased", "currency"]);
                Ok(())
            }
            Self::Grants(asked) => asked.list(
                connection,
                "grants",
                &["id", "product", "package", "meter", "quantity", "remaining", "until"],
            ),
            Self::Usage { asked, by_time } if by_time.is_asked() => {
                by_time.show(&asked.customer(connection)?, "accounts/mine/usage", Vec::new(), &asked.format)
            }
            Self::Usage { asked, .. } => {
                asked.list(connection, "usage", &["product", "calls", "ingress_bytes", "egress_bytes"])
            }
            Self::Offers(asked) => {
                asked.list(connection, "offers", &["product", "kind", "id", "title", "price", "every"])
            }
        }
    }
}

/// The plain key in the file of a credential, as `farebox credential create` writes it.
fn plain_key(file: &Path) -> anyhow::Result<String> {
    let kept: Value = serde_json::from_str(&read(file)?).with_context(|| format!("{} is not JSON", file.display()))?;
    let key = kept["api_key"].as_str().with_context(|| format!("{} holds no `api_key`", file.display()))?;
    Ok(key.to_owned())
}
