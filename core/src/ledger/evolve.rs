//! What an entry does to a book.
//!
//! Invariant: this is all that ever changes a book, it cannot fail, and it asks nothing but the entry. What old entries say of
//! leases and batches makes a till that no store holds, as if each had been followed by a seal.

use super::{
    account::{Account, BookedLease},
    books::{Book, Posting},
    command::Answer,
    entry::Entry,
    event::{Event, Notice},
    grant::Grant,
    rollover::roll_over,
    till::Desk,
    usage::{Leased, Source},
};
use crate::{
    id::{GrantId, LeaseId, LineId},
    money::Micros,
    time::Month,
};

/// What a command that moved money answers, when it is the first time and when it is repeated.
pub(super) fn booked(balance: Micros, seq: u64, event: &Event) -> Answer {
    let grants =
        matches!(event, Event::Purchased { .. } | Event::Subscribed(_) | Event::Renewed { .. } | Event::PlanChanged(_));
    let grant = grants.then_some(GrantId(seq));
    Answer::Booked { entry: seq, balance, grant }
}

/// What `postings` do to the balance.
pub(super) fn on_balance(postings: &[Posting]) -> Micros {
    let ours = postings.iter().filter(|posting| posting.book == Book::Balance);
    ours.fold(Micros::ZERO, |sum, posting| sum.saturating_add(posting.amount))
}

impl Account {
    /// Books `entry`, which must be the one after the last that was booked, on a book without its till.
    pub(super) fn book(&mut self, entry: &Entry, desk: &mut Desk) {
        debug_assert_eq!(entry.seq, self.version + 1, "entries are booked in order");
        self.version = entry.seq;
        self.last = entry.at;
        self.head = entry.hash;
        self.books.post(&entry.postings);
        match &entry.event {
            Event::Opened { currency } => {
                self.currency = Some(*currency);
                self.closed = Some(Month(Month::of(entry.at).0.saturating_sub(1)));
            }
            Event::Recharged { .. } | Event::Refunded { .. } | Event::Adjusted { .. } => {}
            Event::TermsSet(terms) => {
                self.terms = terms.clone();
                self.exhausted = false;
            }
            Event::StatusSet { suspended } => self.suspended = *suspended,
            Event::StatementClosed { month } => self.closed = Some(*month),
            Event::Purchased { terms, until } => self.add_grant(Grant::of_package(entry, terms, *until)),
            Event::GrantExpired { grant, forfeited } => self.expire(*grant, *forfeited),
            Event::Noticed(notice) => self.notice(notice),
            Event::TillBegun { issued } => (*desk, self.issued) = (Desk::default(), Some(*issued)),
            Event::UsageSealed(sealed) => {
                self.issued = Some(sealed.issued);
                self.add_sealed(sealed);
            }
            Event::RolledOver(rolled) => roll_over(&mut self.grants, rolled),
            Event::Leased(_) | Event::Settled(_) | Event::Lapsed { .. } | Event::BatchesForgotten { .. } => {
                self.book_as_before_tills(entry, desk);
            }
            of_subscription => self.evolve_subscription(entry.seq, of_subscription),
        }
        if self.terms.low_balance.is_none_or(|limit| self.balance() >= limit) {
            self.noticed = false;
        }
        if on_balance(&entry.postings).is_positive() {
            self.exhausted = false;
        }
        if let Some(cause) = &entry.cause {
            self.keys.remember(cause, booked(self.balance(), entry.seq, &entry.event), entry.at);
        }
    }

    /// Books what old entries say of leases and batches. Nothing of it waits to be sealed: the entry itself holds it.
    fn book_as_before_tills(&mut self, entry: &Entry, desk: &mut Desk) {
        match &entry.event {
            Event::Leased(leased) => {
                let Leased { product, writer, source, allowance, until, begins } = leased.clone();
                if begins.is_some() {
                    desk.till.unsealed.ended = self.lines_before(Month::of(entry.at), desk);
                }
                let lease = BookedLease {
                    product,
                    writer,
                    source,
                    allowance,
                    since: entry.at,
                    until,
                    used: Default::default(),
                    announced: None,
                };
                desk.till.open_lease(LeaseId(entry.seq), lease, begins);
            }
            Event::Settled(settlement) => desk.settle(settlement, entry.at),
            Event::Lapsed { leases } => desk.lapse(leases, entry.at),
            Event::BatchesForgotten { before } => desk.forget_batches(*before),
            _ => {}
        }
        self.add_sealed(&desk.take_usage());
    }

    pub(super) fn add_grant(&mut self, grant: Grant) {
        self.grants.insert(grant.id, grant);
    }

    /// The lines of months before `month` that nothing can be rated on any more.
    pub(super) fn lines_before(&self, month: Month, desk: &Desk) -> Vec<LineId> {
        let old = self.lines.iter().filter(|(_, line)| line.terms.month < month).map(|(id, _)| *id);
        old.filter(|id| !desk.names(Source::Balance(*id))).collect()
    }

    pub(super) fn expire(&mut self, id: GrantId, forfeited: Micros) {
        for subscription in self.subscriptions.values_mut() {
            subscription.rolls.retain(|(from, _)| *from != id);
        }
        if let Some(grant) = self.grants.get_mut(&id) {
            grant.expired = true;
            grant.earned = grant.earned.saturating_add(forfeited);
        }
    }

    fn notice(&mut self, notice: &Notice) {
        match notice {
            Notice::LowBalance { .. } => self.noticed = true,
            Notice::LowQuota { grant, .. } => {
                if let Some(grant) = self.grants.get_mut(grant) {
                    grant.noticed = true;
                }
            }
            Notice::QuotaExhausted { grant, .. } => {
                if let Some(grant) = self.grants.get_mut(grant) {
                    grant.exhausted = true;
                }
            }
            Notice::BalanceExhausted { .. } => self.exhausted = true,
            // That it was told of stands beside what was counted, in the till.
            Notice::LimitReached { .. } => {}
        }
    }
}
