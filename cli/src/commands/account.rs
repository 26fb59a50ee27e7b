//! `farebox account`: the customers.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Subcommand;
use farebox_core::{id::AccountId, money::Micros};
use serde_json::{Value, json};

use super::{Format, credential, read};
use crate::{
    admin::{Admin, Connection, Idempotency, at_once},
    given,
    named::Named,
};

const COLUMNS: [&str; 6] = ["id", "name", "status", "balance", "currency", "created"];

/// The members of a balance that a list shows with each account.
const MONEY: [&str; 4] = ["balance", "available", "leased", "currency"];

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
        #[arg(long, value_name = "AMOUNT", value_parser = given::money_in)]
        recharge: Option<Micros>,
        /// Make a credential, and write it to this file, which only you can read
        #[arg(long, value_name = "FILE")]
        credential_file: Option<PathBuf>,
        #[command(flatten)]
        format: Format,
    },
    /// List all accounts, with their balances
    #[command(after_help = "Example:\n  farebox account list\n  farebox account list --no-balance")]
    List {
        /// List them without balances: each of them is a request of its own
        #[arg(long)]
        no_balance: bool,
        #[command(flatten)]
        format: Format,
    },
    /// Show one account
    #[command(after_help = "Example:\n  farebox account show acc_1")]
    Show {
        /// The account: its id, or its name
        account: Named,
        #[command(flatten)]
        format: Format,
    },
    /// Give an account another name
    #[command(after_help = "Example:\n  farebox account rename acc_1 'Bob & Sons'")]
    Rename {
        /// The account: its id, or its name
        account: Named,
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
        /// The account: its id, or its name
        account: Named,
        #[command(flatten)]
        format: Format,
    },
    /// Let a suspended account call again
    #[command(after_help = "Example:\n  farebox account activate acc_1")]
    Activate {
        /// The account: its id, or its name
        account: Named,
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
                    add_money(&admin, &mut made, &id, amount).with_context(|| format!("{id} is open"))?;
                }
                if let Some(file) = credential_file {
                    let key = credential::make(&admin, &id, &json!({}), &file);
                    made["key"] = key.with_context(|| format!("{id} is open"))?;
                }
                format.record(&made, &["id", "name", "status", "balance", "currency", "key", "created"]);
            }
            Self::List { no_balance, format } => {
                let accounts = admin.list("accounts", &[])?;
                let accounts =
                    if no_balance { accounts } else { at_once(&accounts, |account| with_money(&admin, account))? };
                format.list(accounts, &COLUMNS);
            }
            Self::Show { account, format } => {
                let account = admin.get(&format!("accounts/{}", account.id(&admin)?))?;
                format.record(&with_money(&admin, &account)?, &COLUMNS);
            }
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

fn change(admin: &Admin, account: &Named, change: &Value, format: &Format) -> anyhow::Result<()> {
    let path = format!("accounts/{}", account.id(admin)?);
    format.record(&admin.change(&path, change)?, &COLUMNS);
    Ok(())
}

/// The account with its balance.
fn with_money(admin: &Admin, account: &Value) -> anyhow::Result<Value> {
    let id = account["id"].as_str().context("the gateway lists an account without `id`")?;
    let (mut account, mut money) = (account.clone(), admin.get(&format!("accounts/{id}/balance"))?);
    for member in MONEY {
        account[member] = money[member].take();
    }
    Ok(account)
}

/// Adds money in the currency that the account is kept in, and notes its balance.
fn add_money(admin: &Admin, account: &mut Value, id: &str, amount: Micros) -> anyhow::Result<()> {
    let currency = admin.get(&format!("accounts/{id}/balance"))?["currency"].take();
    let body = json!({ "amount": amount, "currency": currency });
    let mut booked = admin.pay(&format!("accounts/{id}/recharges"), &body, Idempotency::default())?;
    account["balance"] = booked["balance"].take();
    account["currency"] = currency;
    Ok(())
}
