//! The counters of instances that have ended, where a platform ends them by the dozen: each leaves what it counted, and a
//! settlement run adds that to one sum, so that a scrape reads a few of them however many there were.
//!
//! Invariant: what an instance leaves is counted in one place at a time. A run that is interrupted between removing and
//! adding loses a few counters, and counts none twice.

use farebox_core::{id::WriterId, time::Timestamp};

use super::{Counters, Histogram, Written};
use crate::{
    ports::{Fault, KeyValue},
    stored::{read, write},
};

/// Where instances leave their counters.
const LEFT: &str = "metrics-left/";

/// Where their sum is.
const SUM: &str = "metrics-sum";

/// The most that are added, or shown one by one, at once.
const AT_ONCE: u32 = 1_000;

/// Where an instance leaves what it has counted since the last time it did so.
pub(super) fn entry(writer: &WriterId, time: u64) -> String {
    format!("{LEFT}{writer}-{time}")
}

/// What all ended instances counted.
pub(super) async fn sum(ports: &impl KeyValue, now: Timestamp) -> Result<Option<Written>, Fault> {
    let mut sum: Option<Written> = read(ports, SUM).await?;
    for key in ports.list(LEFT, None, AT_ONCE).await?.items {
        if let Some(left) = read::<Written>(ports, &key).await? {
            add(&mut sum, left, now);
        }
    }
    Ok(sum)
}

/// Adds what was left to the sum.
pub(super) async fn add_up(ports: &impl KeyValue, now: Timestamp) -> Result<(), Fault> {
    let left = ports.list(LEFT, None, AT_ONCE).await?.items;
    if left.is_empty() {
        return Ok(());
    }
    let mut sum: Option<Written> = read(ports, SUM).await?;
    for key in left {
        let left = read::<Written>(ports, &key).await?;
        ports.delete(&key).await?;
        left.into_iter().for_each(|left| add(&mut sum, left, now));
    }
    match sum {
        Some(sum) => write(ports, SUM, &sum).await,
        None => Ok(()),
    }
}

fn add(sum: &mut Option<Written>, left: Written, now: Timestamp) {
    let sum = sum.get_or_insert_with(Written::default);
    sum.at = now;
    sum.counters.add(&left.counters);
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
