//! What an account has and used: `farebox balance`, `grants`, `leases`, `usage`.

use clap::Args;
use farebox_core::{id::AccountId, time::Timestamp};

use super::Format;
use crate::admin::Connection;

/// Show an account's balance, and how much of it is set aside for running calls
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  farebox balance acc_1")]
pub(crate) struct Balance {
    /// The account's id
    account: AccountId,
    #[command(flatten)]
    format: Format,
}

/// List what an account has bought: packages, what is left of them, until when
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  farebox grants acc_1")]
pub(crate) struct Grants {
    /// The account's id
    account: AccountId,
    #[command(flatten)]
    format: Format,
}

/// List what is set aside for running instances of the gateway
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  farebox leases acc_1")]
pub(crate) struct Leases {
    /// The account's id
    account: AccountId,
    #[command(flatten)]
    format: Format,
}

/// Show what an account has used and was settled, by product
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  farebox usage acc_1 --from 2026-11-01T00:00:00Z")]
pub(crate) struct Usage {
    /// The account's id
    account: AccountId,
    /// From this time on (RFC 3339)
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Up to this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    #[command(flatten)]
    format: Format,
}

impl Balance {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let balance = connection.admin()?.get(&format!("accounts/{}/balance", self.account))?;
        self.format.record(&balance, &["balance", "available", "leased", "currency"]);
        Ok(())
    }
}

impl Grants {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let grants = connection.admin()?.list(&format!("accounts/{}/grants", self.account), &[])?;
        let columns = ["id", "product", "package", "meter", "quantity", "remaining", "leased", "until"];
        self.format.list(grants, &columns);
        Ok(())
    }
}

impl Leases {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let leases = connection.admin()?.list(&format!("accounts/{}/leases", self.account), &[])?;
        self.format.list(leases, &["id", "product", "writer", "source", "allowance", "used", "until"]);
        Ok(())
    }
}

impl Usage {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let (from, to) = (self.from.map(|time| time.to_string()), self.to.map(|time| time.to_string()));
        let bounds = [("from", from.as_deref()), ("to", to.as_deref())];
        let query: Vec<_> = bounds.into_iter().filter_map(|(name, time)| Some((name, time?))).collect();
        let usage = connection.admin()?.list(&format!("accounts/{}/usage", self.account), &query)?;
        self.format.list(usage, &["product", "calls", "ingress_bytes", "egress_bytes"]);
        Ok(())
    }
}
