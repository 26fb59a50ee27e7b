//! The counters of instances that have ended, where a platform ends them by the dozen: each leaves what it counted, and a
//! settlement run adds that to one sum, so that a scrape reads a few of them however many there were.
//!
//! Invariant: what an instance leaves is counted once. The sum names what it has taken in, and is changed by comparison; what it
//! has taken in is removed after that. So runs at once, and one that is interrupted, lose nothing and count nothing twice.

use farebox_core::{id::WriterId, time::Timestamp};
use serde::{Deserialize, Serialize};

use super::{Counters, Histogram, Written};
use crate::{
    ports::{Documents, Fault, KeyValue},
    stored::{self, read},
};

/// Where instances leave their counters.
const LEFT: &str = "metrics-left/";

/// Where their sum is.
const SUM: &str = "metrics-sum";

/// The most that are added, or shown one by one, at once.
const AT_ONCE: u32 = 1_000;

/// How many names the sum keeps of what it has taken in: those of two runs, of which one may have been interrupted.
const NAMES_KEPT: usize = 2 * AT_ONCE as usize;

/// What all ended instances counted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Sum {
    #[serde(flatten)]
    written: Written,
    /// Where the last of it was left, which may still be there.
    #[serde(default)]
    taken_in: Vec<String>,
}

impl Sum {
    fn take_in(&mut self, key: &str, left: &Written) {
        if !self.taken_in.iter().any(|taken| taken == key) {
            self.written.counters.add(&left.counters);
            self.taken_in.push(key.to_owned());
        }
    }
}

/// Where an instance leaves what it has counted since the last time it did so.
pub(super) fn entry(writer: &WriterId, time: u64) -> String {
    format!("{LEFT}{writer}-{time}")
}

/// What all ended instances counted.
pub(super) async fn sum(ports: &impl KeyValue, now: Timestamp) -> Result<Option<Written>, Fault> {
    let left = left(ports, AT_ONCE).await?;
    let sum: Option<Sum> = read(ports, SUM).await?;
    if sum.is_none() && left.is_empty() {
        return Ok(None);
    }
    let mut sum = sum.unwrap_or_default();
    left.iter().for_each(|(key, left)| sum.take_in(key, left));
    Ok(Some(Written { at: now, ..sum.written }))
}

/// Adds what was left to the sum, by so many instances at most.
pub(super) async fn add_up(ports: &(impl KeyValue + Documents), now: Timestamp, most: u32) -> Result<(), Fault> {
    if most == 0 {
        return Ok(());
    }
    let left = left(ports, most.min(AT_ONCE)).await?;
    if left.is_empty() {
        return Ok(());
    }
    stored::change(ports, SUM, |sum: &mut Sum| {
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

/// What instances have left, with where, of so many at most.
async fn left(ports: &impl KeyValue, most: u32) -> Result<Vec<(String, Written)>, Fault> {
    let mut all = Vec::new();
    for key in ports.list(LEFT, None, most).await?.items {
        if let Some(left) = read(ports, &key).await? {
            all.push((key, left));
        }
    }
    Ok(all)
}

impl Counters {
    fn add(&mut self, other: &Self) {
        for (product, [answered, failed]) in &other.calls {
            let calls = self.calls.entry(product.clone()).or_default();
            *calls = [calls[0] + answered, calls[1] + failed];
        }
        for (code, count) in &other.rejections {
            *self.rejections.entry(code.clone()).or_default() += count;
        }
        self.gateway.add(&other.gateway);
        self.upstream.add(&other.upstream);
        self.leases.iter_mut().zip(other.leases).for_each(|(sum, count)| *sum += count);
        self.batches.iter_mut().zip(other.batches).for_each(|(sum, count)| *sum += count);
    }
}

impl Histogram {
    fn add(&mut self, other: &Self) {
        self.buckets.iter_mut().zip(other.buckets).for_each(|(sum, count)| *sum += count);
        self.sum += other.sum;
    }
}
