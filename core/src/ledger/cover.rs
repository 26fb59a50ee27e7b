//! How a till is laid on the book that it belongs to, and lifted off it again.
//!
//! An account is used with its till laid on it: what the till added up counts, and what its leases hold is set aside. Entries are
//! booked on the book alone. Invariant: lifting the till gives back exactly the book, because what it covers is kept unchanged.
//! So the book is always what a replay of its entries gives.
#![deny(clippy::float_arithmetic)]

use std::{collections::BTreeMap, mem};

use super::{
    account::Account,
    books::{self, Books},
    entry::Entry,
    grant::{Grant, Quota},
    line::RatingLine,
    seal::UsageSealed,
    till::{Desk, Register, Till},
    usage::Source,
};
use crate::id::{GrantId, LineId};

/// The part of a book that a till covers, as it is in the book. `None` for a line that only the till has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Covered {
    books: Books,
    grants: BTreeMap<GrantId, Grant>,
    lines: BTreeMap<LineId, Option<RatingLine>>,
}

impl Account {
    /// Books `entries` that follow the last one, and puts a till and a register in place of those that were; `None` keeps them.
    pub fn advance(&mut self, entries: &[Entry], till: Option<Till>, register: Option<Register>) {
        let mut desk = self.lift();
        entries.iter().for_each(|entry| self.book(entry, &mut desk));
        let Desk { till: laid, register: known } = desk;
        self.lay(Desk { till: till.unwrap_or(laid), register: register.unwrap_or(known) });
    }

    /// Books `entry`, which must be the one after the last that was booked.
    pub fn evolve(&mut self, entry: &Entry) {
        self.advance(std::slice::from_ref(entry), None, None);
    }

    /// Takes the till off the book.
    pub(super) fn lift(&mut self) -> Desk {
        if let Some(Covered { books, grants, lines }) = self.covered.take() {
            self.books = books;
            self.grants.extend(grants);
            for (id, line) in lines {
                match line {
                    Some(line) => drop(self.lines.insert(id, line)),
                    None => drop(self.lines.remove(&id)),
                }
            }
        }
        mem::take(&mut self.desk)
    }

    /// Lays a till on the book, which must have none. One that is empty covers nothing.
    pub(super) fn lay(&mut self, desk: Desk) {
        let till = &desk.till;
        if till.leases.is_empty() && till.unsealed.is_empty() {
            self.desk = desk;
            return;
        }
        let held = till.set_aside();
        let mut covered = Covered { books: self.books.clone(), grants: BTreeMap::new(), lines: BTreeMap::new() };
        for line in till.unsealed.lines() {
            covered.lines.entry(line).or_insert_with(|| self.lines.get(&line).cloned());
        }
        for grant in till.unsealed.grants().filter_map(|grant| self.grants.get(&grant)) {
            covered.grants.entry(grant.id).or_insert_with(|| grant.clone());
        }
        for source in held.keys() {
            match source {
                Source::Balance(line) => {
                    covered.lines.entry(*line).or_insert_with(|| self.lines.get(line).cloned());
                }
                Source::Grant(grant) => {
                    if let Some(grant) = self.grants.get(grant) {
                        covered.grants.entry(grant.id).or_insert_with(|| grant.clone());
                    }
                }
            }
        }
        self.books.post(&books::of_usage(&till.unsealed.charges, &till.unsealed.burns));
        self.add_sealed(&till.unsealed);
        for (source, held) in held {
            match source {
                Source::Grant(grant) => {
                    let Some(grant) = self.grants.get_mut(&grant) else { continue };
                    let leased = |meter| held.get(meter).copied().unwrap_or(0);
                    grant.quotas = grant.quotas.map(|meter, quota| Quota { leased: leased(meter), ..*quota });
                }
                Source::Balance(line) => {
                    let Some(line) = self.lines.get_mut(&line) else { continue };
                    line.outstanding = line.terms.rate.prices.map(|meter, _| held.get(meter).copied().unwrap_or(0));
                    line.refresh();
                }
            }
        }
        (self.covered, self.desk) = (Some(covered), desk);
    }

    /// Adds what was used to what paid for it. The postings are not part of it.
    pub(super) fn add_sealed(&mut self, sealed: &UsageSealed) {
        for begun in &sealed.begun {
            self.lines.insert(begun.line, RatingLine::new(begun.product.clone(), begun.terms.clone()));
        }
        for used in &sealed.usage {
            match used.source {
                Source::Grant(grant) => {
                    if let Some(grant) = self.grants.get_mut(&grant) {
                        grant.burn(&used.usage);
                    }
                }
                Source::Balance(line) => {
                    if let Some(line) = self.lines.get_mut(&line) {
                        line.usage.add(&used.usage);
                    }
                }
            }
        }
        for charge in &sealed.charges {
            if let Some(line) = self.lines.get_mut(&charge.line) {
                line.charged = line.charged.saturating_add(charge.charged);
                line.forgiven = line.forgiven.saturating_add(charge.forgiven);
                line.usage = line.usage.less(&charge.unrated);
                line.unrated.add(&charge.unrated);
            }
        }
        for burn in &sealed.burns {
            if let Some(grant) = self.grants.get_mut(&burn.grant) {
                grant.earned = grant.earned.saturating_add(burn.earned);
            }
        }
        for ended in &sealed.ended {
            self.lines.remove(ended);
        }
    }
}
