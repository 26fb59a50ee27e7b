//! How wrong the clock of an instance is, as far as it can tell, and whether it was set back.
//!
//! Decides when nothing that was timed may be believed any more, and what time the ledger has. Invariant: however wrong the clock
//! is, usage is journaled in a minute that the settlement will read. An instance knows how far its clock was set back as exactly
//! as it looked at it before: every few seconds while its upkeep goes on. An idle instance whose clock was set back can write
//! behind what is settled. It must have been idle for longer than the journal may show a batch late. The statement shows that
//! usage as unaccounted. A clock that was set back and then ahead, with no lease in between to compare it by, dates batches as
//! far into the future. Their usage is settled when that time comes.

use farebox_core::{
    lease::Lease,
    time::{MINUTE, Millis, SECOND, Timestamp},
};

/// How far a clock steps back without having been set.
const STEPS_BACK: Millis = 5 * SECOND;

/// How far from the ledger's clock ours is taken for wrong. Less than that may be the way of an answer.
const WRONG: Millis = MINUTE;

/// What an instance knows of its clock.
#[derive(Debug)]
pub(crate) struct Skew {
    latest: Timestamp,
    /// How far the ledger's clock is ahead of ours, where ours is wrong.
    behind: Millis,
}

impl Skew {
    pub(crate) const fn new(now: Timestamp) -> Self {
        Self { latest: now, behind: 0 }
    }

    /// Whether the clock was set back since it was last looked at. The ledger's was not.
    pub(crate) fn was_set_back(&mut self, now: Timestamp) -> bool {
        let is_back = !is_on(now, self.latest);
        if is_back {
            self.behind = self.behind.saturating_add(self.latest.since(now));
            self.latest = now;
        }
        self.latest = self.latest.max(now);
        is_back
    }

    /// Compares it with the ledger's, by a lease that was asked for at `asked`.
    pub(crate) fn compare(&mut self, lease: &Lease, asked: Timestamp) {
        let behind = lease.until.plus(-lease.lasts).since(asked);
        self.behind = if behind.abs() < WRONG { 0 } else { behind };
    }

    /// The time that the ledger has when ours is `now`.
    pub(crate) const fn ledgers(&self, now: Timestamp) -> Timestamp {
        now.plus(self.behind)
    }
}

/// Whether the clock has not been set back from `earlier` to `now`.
pub(crate) fn is_on(now: Timestamp, earlier: Timestamp) -> bool {
    now.since(earlier) >= -STEPS_BACK
}
