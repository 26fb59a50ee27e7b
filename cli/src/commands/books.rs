//! What an account has and used: `farebox balance`, `grants`, `leases`, `usage`.

use clap::Args;
use farebox_core::time::Timestamp;
use serde_json::Value;

use super::{Format, usage_series::ByTime};
use crate::{admin::Connection, given, named::Named};

/// What a row of usage leaves out where there is none of it.
const LEFT_OUT: [&str; 2] = ["units", "uncharged"];

/// Show an account's balance, and how much of it is set aside for running calls
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  farebox balance acc_1")]
pub(crate) struct Balance {
    /// The account: its id, or its name
    account: Named,
    #[command(flatten)]
    format: Format,
}

/// List what an account has bought: packages, what is left of them, until when
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  farebox grants acc_1")]
pub(crate) struct Grants {
    /// The account: its id, or its name
    account: Named,
    #[command(flatten)]
    format: Format,
}

/// List what is set aside for running instances of the gateway
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  farebox leases acc_1")]
pub(crate) struct Leases {
    /// The account: its id, or its name
    account: Named,
    #[command(flatten)]
    format: Format,
}

/// Show what an account has used and was settled, by product
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  farebox usage acc_1 --from 2026-11-01
  farebox usage Bob --from -7d
  farebox usage Bob --from -1d --every hour --by route")]
pub(crate) struct Usage {
    /// The account: its id, or its name
    account: Named,
    /// From this time on: a day, a moment, or a distance such as -7d
    #[arg(long, value_name = "TIME", value_parser = given::moment, allow_hyphen_values = true)]
    from: Option<Timestamp>,
    /// Up to this time, written likewise
    #[arg(long, value_name = "TIME", value_parser = given::moment, allow_hyphen_values = true)]
    to: Option<Timestamp>,
    #[command(flatten)]
    by_time: ByTime,
    #[command(flatten)]
    format: Format,
}

impl Balance {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let admin = connection.admin()?;
        let balance = admin.get(&format!("accounts/{}/balance", self.account.id(&admin)?))?;
        self.format.record(&balance, &["balance", "available", "leased", "currency"]);
        Ok(())
    }
}

impl Grants {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let admin = connection.admin()?;
        let grants = admin.list(&format!("accounts/{}/grants", self.account.id(&admin)?), &[])?;
        let columns = ["id", "product", "package", "meter", "quantity", "remaining", "leased", "until"];
        self.format.list(grants, &columns);
        Ok(())
    }
}

impl Leases {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let admin = connection.admin()?;
        let leases = admin.list(&format!("accounts/{}/leases", self.account.id(&admin)?), &[])?;
        self.format.list(leases, &["id", "product", "writer", "source", "allowance", "used", "until"]);
        Ok(())
    }
}

impl Usage {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let (from, to) = (self.from.map(|time| time.to_string()), self.to.map(|time| time.to_string()));
        let bounds = [("from", from.as_deref()), ("to", to.as_deref())];
        let query: Vec<_> = bounds.into_iter().filter_map(|(name, time)| Some((name, time?))).collect();
        let admin = connection.admin()?;
        let path = format!("accounts/{}/usage", self.account.id(&admin)?);
        if self.by_time.is_asked() {
            return self.by_time.show(&admin, &path, query, &self.format);
        }
        show(admin.list(&path, &query)?, &["product", "calls", "ingress_bytes", "egress_bytes"], &self.format);
        Ok(())
    }
}

/// Shows rows of usage, with what they leave out where one of them has it.
pub(super) fn show(usage: Vec<Value>, columns: &[&str], format: &Format) {
    let is_there = |column: &&str| usage.iter().any(|row| row[*column].as_u64().is_some_and(|count| count > 0));
    let left_out = LEFT_OUT.into_iter().filter(is_there);
    let columns: Vec<&str> = columns.iter().copied().chain(left_out).collect();
    format.list(usage, &columns);
}
