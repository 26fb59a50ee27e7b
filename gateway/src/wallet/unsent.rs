//! What was counted and not handed to a batch, and whether it should be now.
//!
//! Invariant: a crash takes at most the least of three, and what is counted until the next look. The three are a batch's time,
//! half of a lease, and what is worth [`MOST_UNWRITTEN`](crate::fetch::MOST_UNWRITTEN).

use farebox_core::meter::{Meter, PerMeter, Usage};

use super::{WANT, Wallet};

impl Wallet {
    /// Whether something was counted that was not handed to a batch.
    pub(crate) fn has_unsent(&self) -> bool {
        let mut holdings = self.current.iter().chain(&self.standby).chain(&self.retired);
        holdings.any(|holding| !holding.unsent.is_empty())
    }

    /// How much of each meter may be counted before it is written down, from now on.
    pub(crate) fn set_worth(&mut self, worth: PerMeter<u64>) {
        self.worth = worth;
    }

    /// Whether so much was counted since the last batch that a crash should not take it. That is half of a lease, unless it is a
    /// trifle, or as much money as a crash should not cost.
    pub(crate) fn owes_much(&self) -> bool {
        if !self.has_unsent() {
            return false;
        }
        let lease = self.current.as_ref().or(self.retired.last()).map(|holding| holding.held.lease());
        let allowed = lease.and_then(|lease| lease.allowance.get(Meter::Calls)).copied().unwrap_or(self.want);
        let mut unsent = Usage::NONE;
        let holdings = self.current.iter().chain(&self.standby).chain(&self.retired);
        holdings.flat_map(|holding| &holding.unsent).for_each(|line| unsent.add(&line.usage));
        self.unsent >= (allowed / 2).max(*WANT.start())
            || self.worth.iter().any(|(meter, worth)| unsent.get(meter) >= *worth)
    }
}
