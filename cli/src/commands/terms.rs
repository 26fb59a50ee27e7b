//! `farebox terms`: what is agreed with an account beside prices: credit, notices, its time zone.

use clap::Subcommand;
use farebox_core::money::Micros;
use serde_json::{Value, json};

use super::Format;
use crate::{admin::Connection, given, named::Named};

const COLUMNS: [&str; 4] = ["credit_limit", "low_balance", "low_quota", "time_zone"];

/// Terms: credit, notices and the time zone of an account
#[derive(Debug, Subcommand)]
pub(crate) enum Terms {
    /// Show what is agreed
    #[command(after_help = "Example:\n  farebox terms show acc_1")]
    Show {
        /// The account: its id, or its name
        account: Named,
        #[command(flatten)]
        format: Format,
    },
    /// Change what is agreed; what is not named stays
    #[command(after_help = "Example:\n  farebox terms set acc_1 --credit-limit 100.00 --low-balance 5.00")]
    Set {
        /// The account: its id, or its name
        account: Named,
        /// How far below nothing the balance may go
        #[arg(long, value_name = "AMOUNT", value_parser = given::not_negative)]
        credit_limit: Option<Micros>,
        /// A balance below this raises a notice
        #[arg(long, value_name = "AMOUNT")]
        low_balance: Option<Micros>,
        /// A grant with less than this left raises a notice, in percent
        #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
        low_quota: Option<u8>,
        /// The time zone in which subscriptions that begin from now on are renewed, such as Europe/Oslo
        #[arg(long, value_name = "ZONE")]
        time_zone: Option<String>,
        #[command(flatten)]
        format: Format,
    },
}

impl Terms {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let admin = connection.admin()?;
        match self {
            Self::Show { account, format } => {
                format.record(&admin.get(&format!("accounts/{}/terms", account.id(&admin)?))?, &COLUMNS);
            }
            Self::Set { account, credit_limit, low_balance, low_quota, time_zone, format } => {
                let path = format!("accounts/{}/terms", account.id(&admin)?);
                let (mut terms, tag) = admin.get_tagged(&path)?;
                let given: [(&str, Option<Value>); 4] = [
                    ("credit_limit", credit_limit.map(|amount| json!(amount))),
                    ("low_balance", low_balance.map(|amount| json!(amount))),
                    ("low_quota", low_quota.map(Value::from)),
                    ("time_zone", time_zone.map(Value::from)),
                ];
                for (name, value) in given {
                    if let Some(value) = value {
                        terms[name] = value;
                    }
                }
                // What somebody else agreed meanwhile is not undone by what was read before.
                admin.replace(&path, tag.as_deref(), &terms)?;
                format.record(&terms, &COLUMNS);
            }
        }
        Ok(())
    }
}
