//! What an entry does to an account.
//!
//! Invariant: this is all that ever changes an account, it cannot fail, and it asks nothing but the entry.

use std::collections::BTreeMap;

use super::{
    account::{Account, BookedLease},
    books::{Book, Posting},
    command::Answer,
    entry::Entry,
    event::{Event, Leased, Notice, Rest, Settlement, Source, UsageLine, WriterBatches},
    grant::{Grant, Quota},
    line::RatingLine,
};
use crate::{
    id::{GrantId, LeaseId, LineId, WriterId},
    journal::Window,
    meter::PerMeter,
    money::Micros,
    time::{DAY, Millis, Month, Timestamp},
};

/// How long after its end a lease that lapsed is known, so that what was used on it can still be booked: as long as any call
/// takes. Every other batch has been settled before its lease lapses.
const LAPSED_KNOWN: Millis = DAY;

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
    /// Books `entry`, which must be the one after the last that was booked.
    pub fn evolve(&mut self, entry: &Entry) {
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
            Event::BatchesForgotten { before } => self.forget_batches(*before),
            Event::Purchased { terms, until } => self.add_grant(Grant::of_package(entry, terms, *until)),
            Event::Leased(leased) => self.add_lease(entry.seq, leased, entry.at),
            Event::Settled(settlement) => self.settle(settlement),
            Event::Lapsed { leases } => self.lapse(leases, entry.at),
            Event::GrantExpired { grant, forfeited } => self.expire(*grant, *forfeited),
            Event::Noticed(notice) => self.notice(notice),
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

    pub(super) fn add_grant(&mut self, grant: Grant) {
        self.grants.insert(grant.id, grant);
    }

    fn add_lease(&mut self, seq: u64, leased: &Leased, at: Timestamp) {
        if let Some(terms) = &leased.begins {
            self.forget_lines(Month::of(at));
            self.lines.insert(LineId(seq), RatingLine::new(leased.product.clone(), terms.clone()));
        }
        let lease = BookedLease {
            product: leased.product.clone(),
            writer: leased.writer.clone(),
            source: leased.source,
            allowance: leased.allowance.clone(),
            until: leased.until,
            used: Default::default(),
            announced: None,
        };
        self.leases.insert(LeaseId(seq), lease);
        self.set_aside(leased.source, &PerMeter::default(), &leased.allowance);
    }

    /// Drops the lines of earlier months that no lease names: nothing can be rated on them any more.
    fn forget_lines(&mut self, month: Month) {
        let open = self.leases.values().map(|lease| lease.source);
        let lapsed = self.lapsed.values().map(|lease| lease.source);
        let named: Vec<Source> = open.chain(lapsed).collect();
        self.lines.retain(|id, line| line.terms.month >= month || named.contains(&Source::Balance(*id)));
    }

    /// Changes what a source has set aside for one lease from `before` to `after`.
    fn set_aside(&mut self, source: Source, before: &PerMeter<u64>, after: &PerMeter<u64>) {
        let change = |held: u64, meter| {
            let of = |amounts: &PerMeter<u64>| amounts.get(meter).copied().unwrap_or(0);
            held.saturating_sub(of(before)).saturating_add(of(after))
        };
        match source {
            Source::Grant(id) => {
                let Some(grant) = self.grants.get_mut(&id) else { return };
                grant.quotas = grant.quotas.map(|meter, quota| Quota { leased: change(quota.leased, meter), ..*quota });
            }
            Source::Balance(id) => {
                let Some(line) = self.lines.get_mut(&id) else { return };
                let metered: PerMeter<u64> = line
                    .terms
                    .rate
                    .prices
                    .map(|meter, _| change(line.outstanding.get(meter).copied().unwrap_or(0), meter));
                line.outstanding = metered;
                line.refresh();
            }
        }
    }

    fn settle(&mut self, settlement: &Settlement) {
        self.add_batches(settlement);
        for line in &settlement.usage {
            self.add_usage(line);
        }
        for (id, total) in &settlement.announced {
            if let Some(lease) = self.leases.get_mut(id).or_else(|| self.lapsed.get_mut(id)) {
                lease.announced = Some(lease.announced_with(total));
            }
        }
        for rest in &settlement.returned {
            if let Some(lease) = self.leases.remove(&rest.lease) {
                self.set_aside(lease.source, &lease.outstanding(), &PerMeter::default());
            }
        }
        for charge in &settlement.charges {
            if let Some(line) = self.lines.get_mut(&charge.line) {
                line.charged = line.charged.saturating_add(charge.charged);
                line.forgiven = line.forgiven.saturating_add(charge.forgiven);
                line.usage = line.usage.less(&charge.unrated);
                line.unrated.add(&charge.unrated);
                line.refresh();
            }
        }
        for burn in &settlement.burns {
            if let Some(grant) = self.grants.get_mut(&burn.grant) {
                grant.earned = grant.earned.saturating_add(burn.earned);
            }
        }
    }

    /// Remembers the batches of a settlement, each with the youngest lease that it may have named.
    fn add_batches(&mut self, settlement: &Settlement) {
        let used = settlement.usage.iter().map(|line| line.lease);
        let mut youngest: BTreeMap<&WriterId, LeaseId> = BTreeMap::new();
        for lease in used.chain(settlement.announced.iter().map(|(lease, _)| *lease)) {
            let Some(booked) = self.leases.get(&lease).or_else(|| self.lapsed.get(&lease)) else { continue };
            let youngest = youngest.entry(&booked.writer).or_insert(lease);
            *youngest = lease.max(*youngest);
        }
        for WriterBatches { writer, batches } in &settlement.batches {
            let lease = youngest.get(writer).copied().unwrap_or(LeaseId(0));
            for (sequence, window) in batches {
                self.applied.add(writer, *sequence, *window, lease);
            }
        }
    }

    fn forget_batches(&mut self, before: Window) {
        let mut applied = std::mem::take(&mut self.applied);
        applied.forget(before, &self.oldest_leases());
        self.applied = applied;
    }

    fn add_usage(&mut self, line: &UsageLine) {
        let (source, before, after) = if let Some(lease) = self.leases.get_mut(&line.lease) {
            let before = lease.outstanding();
            lease.used.add(&line.usage);
            (lease.source, before, lease.outstanding())
        } else if let Some(lapsed) = self.lapsed.get_mut(&line.lease) {
            lapsed.used.add(&line.usage);
            (lapsed.source, PerMeter::default(), PerMeter::default())
        } else {
            return;
        };
        match source {
            Source::Grant(id) => {
                if let Some(grant) = self.grants.get_mut(&id) {
                    grant.burn(&line.usage);
                }
            }
            Source::Balance(id) => {
                if let Some(rated) = self.lines.get_mut(&id) {
                    rated.usage.add(&line.usage);
                }
            }
        }
        self.set_aside(source, &before, &after);
    }

    fn lapse(&mut self, leases: &[Rest], at: Timestamp) {
        // Ids rise with time, so the oldest come first, and one that stays keeps the younger ones a little longer.
        while self.lapsed.first_key_value().is_some_and(|(_, lease)| at.since(lease.until) > LAPSED_KNOWN) {
            self.lapsed.pop_first();
        }
        for rest in leases {
            let Some(lease) = self.leases.remove(&rest.lease) else { continue };
            self.set_aside(lease.source, &lease.outstanding(), &PerMeter::default());
            self.lapsed.insert(rest.lease, lease);
        }
    }

    pub(super) fn expire(&mut self, id: GrantId, forfeited: Micros) {
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
        }
    }
}
