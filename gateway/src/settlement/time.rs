//! The passing of time: each account is told how far the journal was settled, so that leases lapse, grants expire and months close.
//!
//! Invariant: no account is told that more was handed in than was. One of which something waits is told of the time before
//! the oldest that waits, and that is all it is told.

use std::collections::BTreeSet;

use farebox_core::{
    catalog::CATALOG_ENTRY,
    id::{AccountId, ProductId},
    ledger::{Command, command::Seen},
};
use futures_util::{StreamExt, stream};
use serde::Deserialize;

use super::{SettlementPorts, handing_in::SIDE_BY_SIDE};
use crate::{
    counted::Counted,
    log::tell,
    ports::{Fault, KeyValue, Ledger},
    stored::read,
};

/// How many accounts are looked after in one run beside those that have batches.
const SWEPT: u32 = 200;

/// Where the key-value store lists the accounts.
const ACCOUNTS: &str = "account/";

/// The part of the published catalog that a run needs.
#[derive(Default, Deserialize)]
struct Gone {
    /// The products that were for sale once and are not any more.
    #[serde(default)]
    gone: Vec<ProductId>,
}

/// What accounts are told of the time.
pub(super) struct Time<'a> {
    /// Accounts all of whose batches were handed in.
    pub(super) seen: Seen,
    /// Accounts of which something waits.
    pub(super) behind: Seen,
    /// Which those are.
    pub(super) waiting: &'a BTreeSet<AccountId>,
    /// Whether it is not known which those are.
    pub(super) all_wait: bool,
}

/// Lets the time pass for the accounts that had batches, and for some of the others in turn, while more than `kept` operations
/// are left. Returns where the next sweep goes on.
pub(super) async fn pass<P: SettlementPorts>(
    ports: &Counted<'_, P>,
    time: &Time<'_>,
    settled: &BTreeSet<AccountId>,
    swept: Option<String>,
    kept: u32,
) -> Result<Option<String>, Fault> {
    let gone = read::<Gone>(ports, CATALOG_ENTRY).await?.unwrap_or_default().gone;
    tick(ports, time, &gone, settled.iter().cloned(), kept).await;
    let room = ports.left(kept).min(SWEPT);
    if room == 0 {
        return Ok(swept);
    }
    let page = ports.list(ACCOUNTS, swept.as_deref(), room).await?;
    let accounts = page.items.iter().filter_map(|key| key.strip_prefix(ACCOUNTS).and_then(|id| id.parse().ok()));
    tick(ports, time, &gone, accounts.filter(|account| !settled.contains(account)), kept).await;
    Ok(page.cursor)
}

/// Tells accounts of the time, some side by side, while more than `kept` operations are left.
async fn tick<P: SettlementPorts>(
    ports: &Counted<'_, P>,
    time: &Time<'_>,
    gone: &[ProductId],
    accounts: impl Iterator<Item = AccountId>,
    kept: u32,
) {
    let tell_time = async |account: AccountId| {
        let is_behind = time.all_wait || time.waiting.contains(&account);
        let seen = if is_behind { time.behind } else { time.seen };
        match ports.execute(&account, None, &Command::Tick { seen, gone: gone.to_vec() }).await {
            Ok(Ok(_)) => {}
            Ok(Err(refusal)) => tell(ports, "tick.refused", &[("account", &account)], &refusal),
            Err(fault) => tell(ports, "tick.failed", &[("account", &account)], &fault),
        }
    };
    let accounts = accounts.take_while(|_| ports.left(kept) > 0);
    stream::iter(accounts).map(tell_time).buffer_unordered(SIDE_BY_SIDE).collect::<Vec<()>>().await;
}
