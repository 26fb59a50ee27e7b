//! Adding up the counters of instances that have ended, and removing those that nobody reads any more.
//!
//! Invariant: a scrape reads a few sums however many instances there were, and none of what it still reads is removed.

use farebox_core::time::{HOUR, Timestamp};
use farebox_ports::{
    Documents, Fault, KeyValue,
    counters::{
        ended::{AT_ONCE, Sum, left},
        hour,
    },
    keys::{METRICS, METRICS_SUM},
    stored,
};

/// The most counters of ended instances that are removed at once.
const REMOVED_AT_ONCE: u32 = 300;

/// How many names the sum keeps of what it has taken in: those of two runs, of which one may have been interrupted.
const NAMES_KEPT: usize = 2 * AT_ONCE as usize;

/// Adds up the counters of instances that ended, and removes those that nobody reads any more, with some `most` operations.
///
/// # Errors
/// [`Fault`] when the store does not answer.
pub(crate) async fn sweep(ports: &(impl KeyValue + Documents), now: Timestamp, most: u32) -> Result<(), Fault> {
    // An instance that is added up is read and removed. Half of the operations are for that, and what is left for the others.
    add_up(ports, now, most / 4).await?;
    let read_still = hour(now.plus(-HOUR));
    let removed = (most / 2).min(REMOVED_AT_ONCE);
    if removed == 0 {
        return Ok(());
    }
    for key in ports.list(METRICS, None, removed).await?.items {
        if key < read_still {
            ports.delete(&key).await?;
        }
    }
    Ok(())
}

/// Adds what was left to the sum, by so many instances at most.
async fn add_up(ports: &(impl KeyValue + Documents), now: Timestamp, most: u32) -> Result<(), Fault> {
    if most == 0 {
        return Ok(());
    }
    let left = left(ports, most.min(AT_ONCE)).await?;
    if left.is_empty() {
        return Ok(());
    }
    stored::change(ports, METRICS_SUM, |sum: &mut Sum| {
        sum.written.at = now;
        left.iter().for_each(|(key, left)| sum.take_in(key, left));
        sum.taken_in.drain(..sum.taken_in.len().saturating_sub(NAMES_KEPT));
    })
    .await?;
    for (key, _) in &left {
        ports.delete(key).await?;
    }
    Ok(())
}
