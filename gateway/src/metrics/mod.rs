//! What an instance counts for the operator, and where it is read.
//!
//! Instances share no memory and are not asked one by one, so each writes its counters, as they stand since it began, under a
//! key of its own. A scrape reads them all; each is a series of its own (`instance`), so that one that ends takes nothing
//! from the others. Where a platform ends instances soon, those that ended are one series together. Invariant: nothing here is in the way of a call; a counter that is not written is lost, and no usage.

mod ended;
mod prometheus;

use std::collections::BTreeMap;

use farebox_core::{
    id::{ProductId, WriterId},
    time::{HOUR, MINUTE, Millis, Timestamp},
};
use serde::{Deserialize, Serialize};

pub(crate) use self::prometheus::text;
use crate::{
    instance::{Gateway, State},
    ports::{Documents, EdgePorts, Fault, KeyValue},
    settlement,
    stored::{read, write},
};

/// Where the counters are, by the hour and the instance.
const METRICS: &str = "metrics/";

/// The most counters of ended instances that are removed at once.
const REMOVED_AT_ONCE: u32 = 300;

/// The upper bounds of the buckets of a histogram, in milliseconds.
const BOUNDS: [Millis; 12] = [1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000, 60_000];

/// How often something took how long.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Histogram {
    /// One per bound, and one for what took longer.
    buckets: [u64; BOUNDS.len() + 1],
    /// All of it together, in milliseconds.
    sum: u64,
}

impl Histogram {
    fn observe(&mut self, millis: Millis) {
        let bucket = BOUNDS.iter().position(|bound| millis <= *bound).unwrap_or(BOUNDS.len());
        self.buckets[bucket] += 1;
        self.sum += millis.max(0).unsigned_abs();
    }
}

/// What became of asking for a lease.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    /// It was given.
    Granted,
    /// The account has nothing left, or may not call.
    Refused,
    /// The ledger did not answer.
    Failed,
}

/// What one instance has counted since it began.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counters {
    /// Calls that the upstream answered, and that it did not, by product.
    calls: BTreeMap<ProductId, [u64; 2]>,
    /// Rejections by their codes.
    rejections: BTreeMap<String, u64>,
    /// What a call waited for the gateway.
    gateway: Histogram,
    /// From the admission of a call until its upstream had answered: its head, or all of a large answer.
    upstream: Histogram,
    /// Leases that were given, refused, and not answered about.
    leases: [u64; 3],
    /// Batches that were written, and that could not be.
    batches: [u64; 2],
}

/// The counters as they are written down.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Written {
    at: Timestamp,
    counters: Counters,
    /// Accounts and products that have a lease at hand.
    leases_open: u64,
    /// For how long the oldest usage has been waiting for the journal.
    journal_age: Millis,
}

/// The counters of a running instance.
#[derive(Debug)]
pub(crate) struct Metrics {
    counters: Counters,
    /// When the oldest usage was counted that is not in the journal.
    waiting_since: Option<Timestamp>,
    written: Timestamp,
    is_changed: bool,
    /// Whether they are shown under the instance's own name.
    is_shown: bool,
    /// How often they were left for good.
    left: u64,
}

impl Metrics {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            counters: Counters::default(),
            waiting_since: None,
            written: now,
            is_changed: false,
            is_shown: false,
            left: 0,
        }
    }

    /// A call has ended.
    pub(crate) fn ended(&mut self, product: &ProductId, answered: bool, took: Millis, now: Timestamp) {
        self.is_changed = true;
        self.counters.upstream.observe(took);
        self.waiting_since.get_or_insert(now);
        let outcome = usize::from(!answered);
        // Looked for before it is made: an entry would take a copy of the name for each call.
        match self.counters.calls.get_mut(product) {
            Some(calls) => calls[outcome] += 1,
            None => self.counters.calls.entry(product.clone()).or_default()[outcome] += 1,
        }
    }

    /// A call was admitted after so long.
    pub(crate) fn waited(&mut self, millis: Millis) {
        self.counters.gateway.observe(millis);
    }

    /// A call was rejected.
    pub(crate) fn rejected(&mut self, code: &str) {
        self.is_changed = true;
        match self.counters.rejections.get_mut(code) {
            Some(count) => *count += 1,
            None => drop(self.counters.rejections.insert(code.to_owned(), 1)),
        }
    }

    /// The ledger was asked for a lease.
    pub(crate) fn leased(&mut self, outcome: Outcome) {
        self.is_changed = true;
        self.counters.leases[outcome as usize] += 1;
    }

    /// A batch was written, or could not be. `is_all`: nothing waits any more that was counted before.
    pub(crate) fn written(&mut self, is_written: bool, is_all: bool) {
        self.is_changed = true;
        self.counters.batches[usize::from(!is_written)] += 1;
        if is_all {
            self.waiting_since = None;
        }
    }
}

impl<P: EdgePorts> Gateway<P> {
    /// Writes the counters down, where that is due and there is something new. A failure waits for the next time.
    pub(crate) async fn publish_metrics(&self) {
        let every = self.settings.metrics_every;
        let now = self.ports.now();
        let (entry, written) = {
            let mut state = self.state();
            if every == 0 || !state.metrics.is_changed || now.since(state.metrics.written) < every {
                return;
            }
            state.metrics.is_shown = true;
            (entry(now, &state.writer), state.written(now))
        };
        // Nobody can be told where this fails: it is the telling itself.
        let _ = write(&self.ports, &entry, &written).await;
    }

    /// Whether something was counted that a scrape does not see yet, or sees under the name of an instance that will be ended.
    pub(crate) fn has_metrics_to_leave(&self, state: &State) -> bool {
        let metrics = &state.metrics;
        let is_seen_for_long = !metrics.is_changed && (!metrics.is_shown || self.settings.lifetime.is_none());
        self.settings.metrics_every > 0 && !is_seen_for_long
    }

    /// Leaves the counters of an instance that ends, and begins anew should it live on.
    pub(crate) async fn leave_metrics(&self) {
        let now = self.ports.now();
        let (is_shown, left, written) = {
            let mut state = self.state();
            if !self.has_metrics_to_leave(&state) {
                return;
            }
            let written = state.written(now);
            let metrics = &mut state.metrics;
            metrics.left += 1;
            metrics.counters = Counters::default();
            let left = ended::entry(&state.writer, state.metrics.left);
            (std::mem::take(&mut state.metrics.is_shown), left, written)
        };
        for shown in [now.plus(-HOUR), now].map(|at| entry(at, &self.state().writer)).iter().filter(|_| is_shown) {
            let _ = self.ports.delete(shown).await;
        }
        let _ = write(&self.ports, &left, &written).await;
    }
}

impl State {
    /// The counters as they are to be written now.
    fn written(&mut self, now: Timestamp) -> Written {
        self.metrics.written = now;
        self.metrics.is_changed = false;
        Written {
            at: now,
            counters: self.metrics.counters.clone(),
            leases_open: self.wallets.values().map(|wallets| wallets.len() as u64).sum(),
            journal_age: self.metrics.waiting_since.map_or(0, |since| now.since(since)),
        }
    }
}

fn hour(at: Timestamp) -> String {
    format!("{METRICS}{:08}/", at.millis().div_euclid(HOUR))
}

fn entry(at: Timestamp, writer: &WriterId) -> String {
    format!("{}{writer}", hour(at))
}

/// The counters of all instances that wrote them within the last hour, and of all that have ended.
async fn instances(ports: &impl KeyValue, now: Timestamp) -> Result<BTreeMap<String, Written>, Fault> {
    let mut instances = BTreeMap::new();
    for hour in [hour(now.plus(-HOUR)), hour(now)] {
        let mut cursor: Option<String> = None;
        loop {
            let page = ports.list(&hour, cursor.as_deref(), 1_000).await?;
            for key in &page.items {
                let writer = key.strip_prefix(&hour).unwrap_or(key).to_owned();
                if let Some(written) = read::<Written>(ports, key).await? {
                    instances.insert(writer, written);
                }
            }
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
    }
    instances.extend(ended::sum(ports, now).await?.map(|sum| ("ended".to_owned(), sum)));
    Ok(instances)
}

/// Adds up the counters of instances that ended, and removes those that nobody reads any more, with some `most` operations.
///
/// # Errors
/// [`Fault`] when the store does not answer.
pub(crate) async fn sweep(ports: &(impl KeyValue + Documents), now: Timestamp, most: u32) -> Result<(), Fault> {
    // An instance that is added up is read and removed. Half of the operations are for that, and what is left for the others.
    ended::add_up(ports, now, most / 4).await?;
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

/// All there is to be scraped at `now`, in Prometheus' text format.
///
/// # Errors
/// [`Fault`] when the store does not answer.
pub(crate) async fn scrape(ports: &impl KeyValue, now: Timestamp) -> Result<String, Fault> {
    let totals = settlement::totals(ports).await?;
    Ok(text(&instances(ports, now).await?, &totals, now))
}

/// How long the settlement may leave its totals as they are while there is nothing to settle.
pub(crate) const TOTALS_HOLD: Millis = 10 * MINUTE;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settlement::Totals;

    #[test]
    fn the_text_adds_up() {
        let product: ProductId = "echo".parse().unwrap();
        let now = Timestamp::from_millis(1_000_000);
        let mut metrics = Metrics::new(now);
        for (answered, took) in [(true, 3), (true, 70_000), (false, 250)] {
            metrics.waited(0);
            metrics.ended(&product, answered, took, now);
        }
        metrics.rejected("quota.exhausted");
        metrics.rejected("quota.exhausted");
        metrics.leased(Outcome::Refused);
        metrics.written(false, false);
        let written = Written { at: now, counters: metrics.counters, leases_open: 1, journal_age: 1_500 };
        let totals = Totals { whole: Some(now), applied: 7, known: 2, refused: 1, left: 0, told: None };
        let page = text(&BTreeMap::from([("w1".to_owned(), written)]), &totals, now.plus(2_250));
        for expected in [
            "farebox_calls_total{instance=\"w1\",product=\"echo\",outcome=\"answered\"} 2",
            "farebox_calls_total{instance=\"w1\",product=\"echo\",outcome=\"failed\"} 1",
            "farebox_rejections_total{instance=\"w1\",code=\"quota.exhausted\"} 2",
            "# TYPE farebox_upstream_seconds histogram",
            "farebox_upstream_seconds_bucket{instance=\"w1\",le=\"0.001\"} 0",
            "farebox_upstream_seconds_bucket{instance=\"w1\",le=\"0.005\"} 1",
            "farebox_upstream_seconds_bucket{instance=\"w1\",le=\"0.250\"} 2",
            "farebox_upstream_seconds_bucket{instance=\"w1\",le=\"+Inf\"} 3",
            "farebox_upstream_seconds_sum{instance=\"w1\"} 70.253",
            "farebox_upstream_seconds_count{instance=\"w1\"} 3",
            "farebox_gateway_seconds_bucket{instance=\"w1\",le=\"0.001\"} 3",
            "farebox_leases_total{instance=\"w1\",outcome=\"refused\"} 1",
            "farebox_batches_total{instance=\"w1\",outcome=\"failed\"} 1",
            "farebox_journal_age_seconds{instance=\"w1\"} 1.500",
            "farebox_settlement_batches_total{outcome=\"applied\"} 7",
            "farebox_settlement_batches_total{outcome=\"known\"} 2",
            "farebox_settlement_lag_seconds 2.250",
        ] {
            assert!(page.lines().any(|line| line == expected), "{expected} is not in\n{page}");
        }
    }
}
