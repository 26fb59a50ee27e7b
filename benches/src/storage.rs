//! How often a call touches storage, all the way to the settled entry.

use std::time::Duration;

use anyhow::Result;

use crate::{
    farebox::{Farebox, Stores},
    kv::Operations,
    rounds::Peer,
    table,
};

/// How long usage may wait in an instance, with some to spare: `FLUSH_SECONDS` of `farebox.capnp` and a second.
const FLUSHED: Duration = Duration::from_secs(6);

/// Saturates Farebox for `time`, settles, and prints what that took of storage per 1,000 calls.
pub(crate) async fn measure(farebox: &Farebox, stores: &Stores, peer: &Peer, time: Duration) -> Result<()> {
    // What was counted before must not be written, settled or leased at the cost of what is counted now.
    tokio::time::sleep(FLUSHED).await;
    farebox.settle().await?;
    let (config, usage) = (stores.config.operations(), stores.usage.operations());
    let entries = farebox.entries().await?;
    let calls = peer.load.saturate(time).await?.calls;
    tokio::time::sleep(FLUSHED).await;
    let read_before_settling = stores.config.operations().since(config);
    farebox.settle().await?;
    let (config, usage) = (stores.config.operations().since(config), stores.usage.operations().since(usage));
    let entries = farebox.entries().await? - entries;
    let per_thousand = |count: u64| format!("{:.2}", count as f64 * 1000.0 / calls as f64);
    let row = |name: &str, count: u64| vec![name.to_owned(), count.to_string(), per_thousand(count)];
    let total = |of: Operations| of.reads + of.writes + of.deletes + of.lists;
    table::print(
        &format!("Storage operations of {calls} calls, from the edge to the settled entry"),
        &["storage", "operations", "per 1,000 calls"],
        &[
            row("configuration, read while calls are served", read_before_settling.reads),
            row("configuration, all", total(config)),
            row("usage journal, written", usage.writes),
            row("usage journal, listed", usage.lists),
            row("usage journal, read", usage.reads),
            row("ledger, entries appended", entries),
            row("all", total(config) + total(usage) + entries),
        ],
    );
    Ok(())
}
