//! One lease in the hands of an instance, with what was used of it since the last batch.
//!
//! Invariant: what is noted here is handed to a batch once, and the ledger is told once that calls outlast the lease.

use farebox_core::{
    id::{AccountId, CredentialKey},
    journal::Closing,
    lease::Held,
    meter::Usage,
    time::Timestamp,
};

use super::LEASE_LASTS_WHILE_PLENTY;

/// A lease with what was used of it since the last batch, by credential.
#[derive(Debug)]
pub(super) struct Pocket {
    pub(super) held: Held,
    pub(super) unsent: Vec<(CredentialKey, Usage)>,
    pub(super) since: Timestamp,
    /// Whether the ledger was told that calls are under way on it beyond its end.
    pub(super) is_told: bool,
}

impl Pocket {
    pub(super) fn new(held: Held, since: Timestamp) -> Self {
        Self { held, unsent: Vec::new(), since, is_told: false }
    }

    /// Whether it lasts for long, because there was plenty beside it.
    pub(super) fn is_long(&self) -> bool {
        self.held.lease().lasts >= LEASE_LASTS_WHILE_PLENTY
    }

    /// Whether the ledger waits to be told what became of it.
    pub(super) fn is_awaited(&self, now: Timestamp) -> bool {
        !self.held.lasts(now) && (self.held.in_flight() == 0 || !self.is_told)
    }

    /// Says that calls are under way on it, by a total that it cannot come to (see [`Closing`]).
    pub(super) fn tell(&mut self, account: &AccountId) -> Closing {
        self.is_told = true;
        let spent = self.held.spent();
        let total = Usage { calls: spent.calls.saturating_add(1), ..spent };
        Closing { account: account.clone(), lease: self.held.lease().id, total }
    }

    /// Keeps usage for the next batch.
    pub(super) fn note(&mut self, credential: &CredentialKey, usage: &Usage) {
        if usage.is_zero() {
            return;
        }
        match self.unsent.iter_mut().find(|(key, _)| key == credential) {
            Some((_, sum)) => sum.add(usage),
            None => self.unsent.push((credential.clone(), *usage)),
        }
    }
}
