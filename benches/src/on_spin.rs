//! Farebox on Spin beside a component that only passes on, both on Spin or on the host for tests. The same is measured with a
//! full journal, and with instances that live for more calls than Spin's own number. What a component reaches that only exchanges
//! header fields, as every gateway must, is the most that is to be had.
//!
//! A peer waits for longer than Spin keeps an instance until its turn comes again. So each turn begins with instances that start. What
//! a gateway does that is called all the time is measured once they have started, in turns of [`STEADY`] at least. What starts cost is a table
//! of its own, and the 99th percentile of the paced latencies is that of a gateway that was quiet.

use std::{net::SocketAddr, path::Path, rc::Rc, time::Duration};

use anyhow::{Context, Result};
use rusqlite::{Connection, OptionalExtension, params};
use tempfile::TempDir;

use crate::{
    farebox::Farebox,
    rounds::{Length, Peer, saturate},
    runtime::{Runtime, Spin},
    side_by_side::{compare_latency, peer, print_json, print_saturated, warm_turns},
};

/// Batches in the store that has piled up.
const BATCHES: u64 = 100_000;

/// Calls that an instance serves where it lasts: so many that what it does once in its life does not show.
const LASTING: u32 = 10_000;

/// How long a steady turn is at least, and how long the instances have to start before it.
const STEADY: Duration = Duration::from_millis(1_500);
const STARTING: Duration = Duration::from_millis(500);

/// How long a running Farebox may take until it has written its first batch.
const FIRST_BATCH: Duration = Duration::from_secs(30);

/// Measures them and prints the table.
pub(crate) async fn measure(
    spin: Spin<'_>,
    root: &Path,
    origin: SocketAddr,
    rounds: usize,
    turn: Duration,
    json: bool,
) -> Result<()> {
    let (empty, empty_runtime) = Farebox::on_spin(spin, root, origin, None).await?;
    let (full, full_runtime) = Farebox::on_spin(spin, root, origin, None).await?;
    let (lasting, lasting_runtime) = Farebox::on_spin(spin, root, origin, Some(LASTING)).await?;
    let manifest = root.join("benches/peers/passthrough-spin.toml");
    let pass_on = |exchanges: &str| {
        let variables = [("origin", origin.to_string()), ("exchanges", exchanges.to_owned())];
        Runtime::spin(spin, &manifest, &[], &variables, Rc::new(TempDir::new()?))
    };
    let peers = [
        peer("component that passes on", pass_on("0")?, &empty.caller),
        peer("the same, header fields exchanged", pass_on("1")?, &empty.caller),
        peer("Farebox, signed and metered", empty_runtime, &empty.caller),
        peer("Farebox, 100,000 batches stored", full_runtime, &full.caller),
        peer("Farebox, instances that last", lasting_runtime, &lasting.caller),
    ];
    let [_, _, _, piled_up, _] = &peers;
    pile_up(piled_up).await?;
    let steady = Length { lead_in: STARTING, counted: turn.max(STEADY) };
    let turns = warm_turns(&peers, rounds, steady).await?;
    let most = print_saturated("On Spin, steady", &peers, &turns, steady.counted);
    let latencies = compare_latency(&peers, most, rounds, turn).await?;
    if json {
        print_json("spin", &peers, &turns, &latencies);
    }
    let starting = Length { lead_in: Duration::ZERO, counted: turn };
    print_saturated("On Spin, with instances that start", &peers, &saturate(&peers, rounds, starting).await?, turn);
    Ok(())
}

/// Copies a batch that `peer` wrote itself under so many other writers' names.
async fn pile_up(peer: &Peer) -> Result<()> {
    peer.load.saturate(Duration::from_millis(100)).await?;
    let mut store = Connection::open(peer.runtime.state().join("sqlite_key_value.db"))?;
    let batch = async {
        loop {
            let query = "SELECT store, key, value FROM spin_key_value WHERE key LIKE 'usage/%' LIMIT 1";
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            let batch: Option<(String, String, Vec<u8>)> = store.query_row(query, [], row).optional()?;
            if let Some(batch) = batch {
                return anyhow::Ok(batch);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let (label, key, value) = tokio::time::timeout(FIRST_BATCH, batch).await.context("no batch was written")??;
    let parts: Vec<_> = key.split('/').collect();
    let [usage, version, window, writer, sequence] = parts[..] else { anyhow::bail!("{key} is no batch's key") };
    let transaction = store.transaction()?;
    for number in 0..BATCHES {
        let other = format!("{usage}/{version}/{window}/{number:0width$x}/{sequence}", width = writer.len());
        transaction
            .execute("INSERT OR IGNORE INTO spin_key_value VALUES (?1, ?2, ?3)", params![label, other, value])?;
    }
    Ok(transaction.commit()?)
}
