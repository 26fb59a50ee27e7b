//! What an instance counts for the operator, and the form in which it is kept.
//!
//! Instances share no memory, and nobody can ask them one by one. So each writes its counters, as they stand since it began,
//! under a key of its own. A scrape reads them all; each is a series of its own (`instance`), so that one that ends takes nothing
//! from the others. Where a platform ends instances soon, those that ended are one series together ([`ended`]).

pub mod ended;

use std::collections::BTreeMap;

use farebox_core::{
    id::{ProductId, WriterId},
    time::{HOUR, Millis, Timestamp},
};
use serde::{Deserialize, Serialize};

use crate::keys::METRICS;

/// The upper bounds of the buckets of a histogram, in milliseconds.
pub const BOUNDS: [Millis; 12] = [1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000, 60_000];

/// How often something took how long.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    /// One per bound, and one for what took longer.
    pub buckets: [u64; BOUNDS.len() + 1],
    /// All of it together, in milliseconds.
    pub sum: u64,
}

impl Histogram {
    /// Adds something that took `millis`.
    pub fn observe(&mut self, millis: Millis) {
        let bucket = BOUNDS.iter().position(|bound| millis <= *bound).unwrap_or(BOUNDS.len());
        self.buckets[bucket] += 1;
        self.sum += millis.max(0).unsigned_abs();
    }
}

/// What became of asking for a lease.
#[derive(Debug, Clone, Copy)]
pub enum Outcome {
    /// It was given.
    Granted,
    /// The account has nothing left, or may not call.
    Refused,
    /// The ledger did not answer.
    Failed,
}

/// What one instance has counted since it began.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Calls that the upstream answered, and that it did not, by product.
    pub calls: BTreeMap<ProductId, [u64; 2]>,
    /// Rejections by their codes.
    pub rejections: BTreeMap<String, u64>,
    /// What a call waited for the gateway.
    pub gateway: Histogram,
    /// From the admission of a call until its upstream had answered: its head, or all of a large answer.
    pub upstream: Histogram,
    /// Leases that were given, refused, and not answered about.
    pub leases: [u64; 3],
    /// Batches that were written, and that could not be.
    pub batches: [u64; 2],
}

/// The counters as they are written down.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// When.
    pub at: Timestamp,
    /// What was counted.
    pub counters: Counters,
    /// Accounts and products that have a lease at hand.
    pub leases_open: u64,
    /// For how long the oldest usage has been waiting for the journal.
    pub journal_age: Millis,
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

/// Where the counters of the hour of `at` are.
pub fn hour(at: Timestamp) -> String {
    format!("{METRICS}{:08}/", at.millis().div_euclid(HOUR))
}

/// Where an instance keeps its counters in the hour of `at`.
pub fn entry(at: Timestamp, writer: &WriterId) -> String {
    format!("{}{writer}", hour(at))
}
