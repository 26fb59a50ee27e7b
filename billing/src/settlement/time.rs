//! The passing of time. Accounts of which something is due are told how far the journal was settled, so that leases lapse, grants
//! expire and subscriptions renew.
//!
//! Decides which accounts a run looks after: those that are due by the index, and those that were handed batches and said that
//! something is due. Of all others it takes a few in turn. The last make an index that was lost anew within a day. Invariant: no
//! account is told that more was handed in than was. One of which something waits is told of the time before the oldest that
//! waits.

use std::collections::{BTreeMap, BTreeSet};

use farebox_core::{
    catalog::CATALOG_ENTRY,
    id::{AccountId, ProductId},
    ledger::{Answer, Command, command::Seen},
    time::{HOUR, Millis, Timestamp},
};
use farebox_ports::{Due, DueIndex, Fault, KeyValue, Ledger, keys::ACCOUNTS, log::tell, stored::read};
use futures_util::{StreamExt, stream};
use serde::Deserialize;

use super::{SettlementPorts, checkpoint::Sweep, handing_in::SIDE_BY_SIDE};
use crate::counted::Counted;

/// How many accounts are looked after in one run in turn: 100,000 within 17 hours.
const SWEPT: u32 = 100;

/// How long after a sweep over all accounts began the next one begins at the earliest.
const SWEPT_EVERY: Millis = HOUR;

/// An account with usage is told the time once in so many minutes all the same, for what is not urgent. So it forgets old batches
/// and closes its months.
const TOLD_EVERY: i64 = 16;

/// The part of the published catalog that a run needs.
#[derive(Default, Deserialize)]
struct Gone {
    /// The products that were for sale once and are not any more.
    #[serde(default)]
    gone: Vec<ProductId>,
}

/// What accounts are told of the time.
pub(super) struct Time<'a> {
    pub(super) now: Timestamp,
    /// Accounts all of whose batches were handed in.
    pub(super) seen: Seen,
    /// Accounts of which something waits.
    pub(super) behind: Seen,
    /// Which those are.
    pub(super) waiting: &'a BTreeSet<AccountId>,
    /// Whether it is not known which those are.
    pub(super) all_wait: bool,
    /// The accounts that were handed batches, and when something of each is due.
    pub(super) settled: &'a BTreeMap<AccountId, Option<Timestamp>>,
}

/// What was looked after.
pub(super) struct Passed {
    /// Where the sweep over all accounts goes on.
    pub(super) sweep: Sweep,
    /// The accounts of which something was due.
    pub(super) due: Vec<AccountId>,
}

/// Lets the time pass where that has something to do, while more than `kept` operations are left.
pub(super) async fn pass<P: SettlementPorts>(
    ports: &Counted<'_, P>,
    time: &Time<'_>,
    sweep: Sweep,
    kept: u32,
) -> Result<Passed, Fault> {
    let Some(share) = ports.left(kept).checked_div(2 + P::COST).filter(|share| *share > 0) else {
        return Ok(Passed { sweep, due: Vec::new() });
    };
    let due = ports.due(time.seen.heard_until, share).await?;
    let by_index: BTreeSet<&AccountId> = due.iter().map(|due| &due.account).collect();
    let now = time.now.minutes();
    let is_told = |(account, next): &(&AccountId, &Option<Timestamp>)| {
        let turn = account.as_str().bytes().fold(0i64, |sum, byte| sum + i64::from(byte));
        let is_due = next.is_some_and(|next| next <= time.seen.heard_until);
        is_due || by_index.contains(account) || (turn + now) % TOLD_EVERY == 0
    };
    let told: Vec<AccountId> = time.settled.iter().filter(is_told).map(|(account, _)| account.clone()).collect();
    let others =
        by_index.iter().filter(|account| !time.settled.contains_key(**account)).map(|account| (*account).clone());
    let (sweep, swept) = next_swept(ports, time.now, sweep, kept).await?;
    let swept: Vec<AccountId> = swept
        .into_iter()
        .filter(|account| !by_index.contains(account) && !time.settled.contains_key(account))
        .collect();
    let accounts: Vec<AccountId> = others.chain(told).chain(swept).collect();
    if accounts.is_empty() && due.is_empty() {
        return Ok(Passed { sweep, due: Vec::new() });
    }
    let looked_after = due.iter().map(|due| due.account.clone()).collect();
    let gone = read::<Gone>(ports, CATALOG_ENTRY).await?.unwrap_or_default().gone;
    let answers = tick(ports, time, &gone, accounts, kept).await;
    let after = due.into_iter().filter_map(|due| {
        // Who did not answer, or was not reached, is due as before.
        let next = *answers.get(&due.account)?;
        (next != Some(due.at)).then_some((due, next))
    });
    let after: Vec<(Due, Option<Timestamp>)> = after.collect();
    if !after.is_empty() {
        ports.looked_after(&after).await?;
    }
    Ok(Passed { sweep, due: looked_after })
}

/// The accounts whose turn it is, and where the sweep goes on.
async fn next_swept<P: SettlementPorts>(
    ports: &Counted<'_, P>,
    now: Timestamp,
    sweep: Sweep,
    kept: u32,
) -> Result<(Sweep, Vec<AccountId>), Fault> {
    let is_over = sweep.after.is_none();
    let is_early = sweep.began.is_some_and(|began| (0..SWEPT_EVERY).contains(&now.since(began)));
    let room = (ports.left(kept) / 2).min(SWEPT);
    if (is_over && is_early) || room == 0 {
        return Ok((sweep, Vec::new()));
    }
    let page = ports.list(ACCOUNTS, sweep.after.as_deref(), room).await?;
    let accounts = page.items.iter().filter_map(|key| key.strip_prefix(ACCOUNTS).and_then(|id| id.parse().ok()));
    let began = if is_over { Some(now) } else { sweep.began };
    Ok((Sweep { after: page.cursor, began }, accounts.collect()))
}

/// Tells accounts of the time, some side by side, while more than `kept` operations are left. Returns when something of each
/// that answered is due next.
async fn tick<P: SettlementPorts>(
    ports: &Counted<'_, P>,
    time: &Time<'_>,
    gone: &[ProductId],
    accounts: Vec<AccountId>,
    kept: u32,
) -> BTreeMap<AccountId, Option<Timestamp>> {
    let tell_time = async |account: AccountId| {
        let is_behind = time.all_wait || time.waiting.contains(&account);
        let seen = if is_behind { time.behind } else { time.seen };
        let next = match ports.execute(&account, None, &Command::Tick { seen, gone: gone.to_vec() }).await {
            Ok(Ok(Answer::Ticked { due })) => Some(due),
            Ok(Ok(_)) => None,
            Ok(Err(refusal)) => {
                tell(ports, "tick.refused", &[("account", &account)], &refusal);
                Some(None)
            }
            Err(fault) => {
                tell(ports, "tick.failed", &[("account", &account)], &fault);
                None
            }
        };
        next.map(|next| (account, next))
    };
    let accounts = accounts.into_iter().take_while(|_| ports.left(kept) > 0);
    let answers: Vec<_> = stream::iter(accounts).map(tell_time).buffer_unordered(SIDE_BY_SIDE).collect().await;
    answers.into_iter().flatten().collect()
}
