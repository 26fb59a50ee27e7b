//! `farebox account`: the customers.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Subcommand;
use farebox_core::{id::AccountId, money::Micros};
use serde_json::{Value, json};

use super::{Format, credential, read};
use crate::admin::{Admin, Connection, Idempotency};

const COLUMNS: [&str; 4] = ["id", "name", "status", "created"];

/// Accounts: who pays
#[derive(Debug, Subcommand)]
pub(crate) enum Account {
    /// Open an account; on the way, add money and make a credential for it
    #[command(after_help = "\
Example:
  farebox account create Bob
  farebox account create Bob --recharge 10.00 --credential-file bob.json")]
    Create {
        /// The customer's name, for people
        name: String,
        /// Add this much to its balance, in the catalog's currency
        #[arg(long, value_name = "AMOUNT")]
        recharge: Option<Micros>,
        /// Make a credential, and write it to this file, which only you can read
        #[arg(long, value_name = "FILE")]
        credential_file: Option<PathBuf>,
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
    /// Give an account another name
    #[command(after_help = "Example:\n  farebox account rename acc_1 'Bob & Sons'")]
    Rename {
        /// The account's id
        account: AccountId,
        /// The customer's name, for people
        name: String,
        #[command(flatten)]
        format: Format,
    },
    /// Put an account's book back from a copy, as `entries --json` made it; before usage is settled and calls are let in
    #[command(after_help = "Example:\n  farebox account restore acc_1 entries-acc_1.json --name Bob")]
    Restore {
        /// The account's id
        account: AccountId,
        /// The copy; `-` for standard input
        file: PathBuf,
        /// The customer's name, where it is not known any more
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        format: Format,
    },
    /// Turn an account's calls away, at the latest in 20 seconds
    #[command(after_help = "Example:\n  farebox account suspend acc_1")]
    Suspend {
        /// The account's id
        account: AccountId,
        #[command(flatten)]
        format: Format,
    },
    /// Let a suspended account call again
    #[command(after_help = "Example:\n  farebox account activate acc_1")]
    Activate {
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
            Self::Create { name, recharge, credential_file, format } => {
                if let Some(file) = credential_file.as_ref().filter(|file| file.exists()) {
                    bail!("{} is there already, and nothing was done", file.display());
                }
                let mut made = admin.post("accounts", &json!({ "name": name }))?;
                let id = made["id"].as_str().context("the gateway answered without `id`")?.to_owned();
                if let Some(amount) = recharge {
                    made["balance"] = add_money(&admin, &id, amount).with_context(|| format!("{id} is open"))?;
                }
                if let Some(file) = credential_file {
                    let key = credential::make(&admin, &id, &json!({}), &file);
                    made["key"] = key.with_context(|| format!("{id} is open"))?;
                }
                format.record(&made, &["id", "name", "status", "balance", "key", "created"]);
            }
            Self::List { format } => format.list(admin.list("accounts", &[])?, &COLUMNS),
            Self::Show { account, format } => format.record(&admin.get(&format!("accounts/{account}"))?, &COLUMNS),
            Self::Rename { account, name, format } => change(&admin, &account, &json!({ "name": name }), &format)?,
            Self::Restore { account, file, name, format } => {
                let count = restore(&admin, &account, &file, name.as_deref())?;
                format.done(
                    &json!({ "entries": count }),
                    &format!("the book of {account} has the {count} entries of its copy"),
                );
            }
            Self::Suspend { account, format } => change(&admin, &account, &json!({ "status": "suspended" }), &format)?,
            Self::Activate { account, format } => change(&admin, &account, &json!({ "status": "active" }), &format)?,
        }
        Ok(())
    }
}

/// Sends a copy of a book, part by part; gives how many entries it has.
fn restore(admin: &Admin, account: &AccountId, file: &Path, name: Option<&str>) -> anyhow::Result<usize> {
    /// Entries of one request, and about their size in bytes: the API takes a MiB.
    const PART: (usize, usize) = (500, 500_000);
    let copy: Value = serde_json::from_str(&read(file)?).context("not a copy of entries")?;
    let entries = copy["items"].as_array().context("not a copy of entries: it has no `items`")?;
    let (mut part, mut size) = (Vec::new(), 0);
    let send = |part: &mut Vec<Value>| -> anyhow::Result<()> {
        let body = json!({ "name": name, "items": std::mem::take(part) });
        admin.post(&format!("accounts/{account}/entries"), &body).map(drop)
    };
    for entry in entries {
        size += entry.to_string().len();
        part.push(entry.clone());
        if part.len() >= PART.0 || size >= PART.1 {
            send(&mut part)?;
            size = 0;
        }
    }
    if !part.is_empty() {
        send(&mut part)?;
    }
    Ok(entries.len())
}

fn change(admin: &Admin, account: &AccountId, change: &Value, format: &Format) -> anyhow::Result<()> {
    format.record(&admin.change(&format!("accounts/{account}"), change)?, &COLUMNS);
    Ok(())
}

/// Adds money in the currency that the account is kept in; gives the balance.
fn add_money(admin: &Admin, id: &str, amount: Micros) -> anyhow::Result<Value> {
    let currency = admin.get(&format!("accounts/{id}/balance"))?["currency"].take();
    let body = json!({ "amount": amount, "currency": currency });
    Ok(admin.pay(&format!("accounts/{id}/recharges"), &body, Idempotency::default())?["balance"].take())
}
