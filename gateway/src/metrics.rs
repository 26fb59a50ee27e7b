//! The counters of a running instance, and when it shows them.
//!
//! Invariant: nothing here is in the way of a call; a counter that is not written is lost, and no usage.

use farebox_core::{
    id::ProductId,
    time::{HOUR, Millis, Timestamp},
};
use farebox_ports::{
    counters::{Counters, Outcome, Written, ended, entry},
    stored::write,
};

use crate::{
    instance::{Gateway, State},
    ports::EdgePorts,
};

/// In how many intervals an instance writes its counters once while it is called. Each write costs as much as 17 calls.
const BUSY_TIMES: Millis = 5;

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

impl Metrics {
    /// Whether the counters are to be written: what is new, `every` so often at first and once nobody calls, and seldom between.
    fn is_due(&self, every: Millis, is_idle: bool, now: Timestamp) -> bool {
        let times = if self.is_shown && !is_idle { BUSY_TIMES } else { 1 };
        every > 0 && self.is_changed && now.since(self.written) >= every * times
    }
}

impl<P: EdgePorts> Gateway<P> {
    /// Writes the counters down, where that is due and there is something new. A failure waits for the next time.
    pub(crate) async fn publish_metrics(&self) {
        let every = self.settings.metrics_every;
        let now = self.ports.now();
        let (entry, written) = {
            let mut state = self.state();
            let is_idle = now.since(state.busy_at) >= self.settings.flush_every;
            if !state.metrics.is_due(every, is_idle, now) {
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

#[cfg(test)]
mod tests {
    use farebox_ports::counters::Histogram;

    use super::*;

    #[test]
    fn counters_are_written_seldom_only_while_calls_come_and_once_they_are_shown() {
        let (begin, every) = (Timestamp::default(), 60_000);
        let mut metrics = Metrics::new(begin);
        assert!(!metrics.is_due(every, true, begin.plus(HOUR)), "nothing was counted");
        metrics.rejected("quota.exhausted");
        for (is_shown, is_idle, due) in [(false, false, every), (true, false, 5 * every), (true, true, every)] {
            metrics.is_shown = is_shown;
            let is_due = |after| metrics.is_due(every, is_idle, begin.plus(after));
            assert_eq!((is_due(due - 1), is_due(due)), (false, true), "shown: {is_shown}, idle: {is_idle}");
        }
        assert!(!metrics.is_due(0, true, begin.plus(HOUR)), "they are not to be written");
    }

    #[test]
    fn what_happens_is_counted_by_what_became_of_it() {
        let product: ProductId = "echo".parse().unwrap();
        let now = Timestamp::from_millis(1_000_000);
        let mut metrics = Metrics::new(now);
        let (mut gateway, mut upstream) = (Histogram::default(), Histogram::default());
        for (answered, took) in [(true, 3), (true, 70_000), (false, 250)] {
            metrics.waited(0);
            metrics.ended(&product, answered, took, now);
            gateway.observe(0);
            upstream.observe(took);
        }
        metrics.rejected("quota.exhausted");
        metrics.rejected("quota.exhausted");
        metrics.leased(Outcome::Refused);
        metrics.written(false, false);
        let expected = Counters {
            calls: [(product, [2, 1])].into(),
            rejections: [("quota.exhausted".to_owned(), 2)].into(),
            gateway,
            upstream,
            leases: [0, 1, 0],
            batches: [0, 1],
        };
        assert_eq!(metrics.counters, expected);
        assert_eq!(metrics.waiting_since, Some(now), "what could not be written still waits");
    }
}
