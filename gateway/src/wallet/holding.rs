//! One lease in the hands of an instance, with what was used of it since the last batch.
//!
//! Invariant: what is noted here is handed to a batch once, and the ledger is told once that calls outlast the lease.

use std::rc::Rc;

use farebox_core::{
    id::{AccountId, CredentialKey, LeaseId, ProductId},
    journal::{Closing, Line, Share},
    lease::Held,
    meter::Usage,
    statuses::Statuses,
    time::Timestamp,
};

use super::LEASE_LASTS_WHILE_PLENTY;

/// Who used something, and by which route.
#[derive(Debug, Clone, Copy)]
pub(crate) struct User<'a> {
    pub(crate) credential: &'a CredentialKey,
    /// Its name. There is one text for all calls of a route, so two of them are told apart by where they are.
    pub(crate) route: &'a Rc<str>,
}

/// What one of them used since the last batch.
#[derive(Debug)]
pub(super) struct Unsent {
    credential: CredentialKey,
    route: Rc<str>,
    pub(super) usage: Usage,
    statuses: Statuses,
}

/// A lease with what was used of it since the last batch.
#[derive(Debug)]
pub(super) struct Holding {
    pub(super) held: Held,
    pub(super) unsent: Vec<Unsent>,
    pub(super) since: Timestamp,
    /// Whether the ledger was told that calls are under way on it beyond its end.
    pub(super) is_told: bool,
}

impl Holding {
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
    pub(super) fn note(&mut self, user: User<'_>, usage: &Usage, statuses: &Statuses) {
        if usage.is_zero() && statuses.is_zero() {
            return;
        }
        let User { credential, route } = user;
        let is_theirs = |unsent: &&mut Unsent| {
            (Rc::ptr_eq(&unsent.route, route) || unsent.route == *route) && unsent.credential == *credential
        };
        if let Some(unsent) = self.unsent.iter_mut().find(is_theirs) {
            unsent.usage.add(usage);
            unsent.statuses.add(statuses);
        } else {
            let (credential, route) = (credential.clone(), Rc::clone(route));
            self.unsent.push(Unsent { credential, route, usage: *usage, statuses: *statuses });
        }
    }

    /// Hands out what was kept: a line for each credential.
    pub(super) fn take_lines(&mut self, account: &AccountId, product: &ProductId) -> Vec<Line> {
        let lease: LeaseId = self.held.lease().id;
        let mut lines: Vec<Line> = Vec::new();
        for Unsent { credential, route, usage, statuses } in self.unsent.drain(..) {
            let share = Share { route: route.to_string(), usage, statuses };
            if let Some(line) = lines.iter_mut().find(|line| line.credential == credential) {
                line.usage.add(&usage);
                line.shares.push(share);
            } else {
                let (account, product) = (account.clone(), product.clone());
                lines.push(Line { account, credential, product, lease, usage, shares: vec![share] });
            }
        }
        lines
    }
}
