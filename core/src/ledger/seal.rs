//! Usage that is added up until it is sealed: the form in which the chain holds it.
//!
//! Invariant: it is a sum. In whatever pieces usage is booked, the entry says the same. It does to an account what its pieces
//! would have done one by one.
#![deny(clippy::float_arithmetic)]

use serde::{Deserialize, Serialize};

use super::usage::{Burn, Charge, LineTerms, Rest, Source};
use crate::{
    id::{CredentialKey, GrantId, LeaseId, LineId, ProductId, WriterId},
    journal::Window,
    meter::Usage,
    money::Micros,
    time::Timestamp,
};

/// Minutes of an hour.
const MINUTES: i64 = 60;

/// What was used since usage was last sealed, and what it cost. In text formats without the lists that are empty: a statement
/// has one for each hour.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct UsageSealed {
    /// How much, by what paid, product, credential and hour, in this order.
    pub usage: Vec<SealedUsage>,
    /// What it moved out of the balance, by rating line.
    pub charges: Vec<Charge>,
    /// What it burned, by grant.
    pub burns: Vec<Burn>,
    /// Rating lines that began.
    pub begun: Vec<BegunLine>,
    /// Rating lines of earlier months that nothing can be rated on any more.
    pub ended: Vec<LineId>,
    /// The batches that were booked, by instance.
    pub batches: Vec<WriterRanges>,
    /// What was left of leases that lapsed: nobody knows whether it was used.
    pub lapsed: Vec<Rest>,
    /// Usage on leases that had lapsed, which came late: so much less is unknown of them.
    pub late: Vec<LateUsage>,
    /// The last number that was given to a lease or a rating line.
    pub issued: u64,
}

/// Usage of one hour that one source paid for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedUsage {
    /// What paid.
    pub source: Source,
    /// What was called.
    pub product: ProductId,
    /// Who called.
    pub credential: CredentialKey,
    /// The first minute of the hour in which the batches were begun.
    pub hour: Window,
    /// When the youngest of the leases was given that it was used on.
    pub leased: Timestamp,
    /// How much.
    pub usage: Usage,
}

/// A rating line that began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BegunLine {
    /// Its id.
    pub line: LineId,
    /// Its product.
    pub product: ProductId,
    /// Period and rate.
    pub terms: LineTerms,
}

/// Batches of one instance. In text formats as the instance's id and the runs: `id:3-182,190`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriterRanges {
    /// The instance.
    pub writer: WriterId,
    /// Their sequence numbers, as the first and the last of each unbroken run.
    pub ranges: Vec<(u64, u64)>,
}

/// Batches by instance, in the order of the instances' ids.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Batches(pub(super) Vec<WriterRanges>);

/// Usage on one lease that had lapsed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LateUsage {
    /// Which lease.
    pub lease: LeaseId,
    /// How much.
    pub usage: Usage,
}

/// The first minute of the hour that holds `window`.
pub(super) const fn hour_of(window: Window) -> Window {
    Window(window.0.saturating_sub(window.0.rem_euclid(MINUTES)))
}

impl UsageSealed {
    /// Whether there is nothing to seal.
    pub fn is_empty(&self) -> bool {
        self.usage.is_empty()
            && self.charges.is_empty()
            && self.burns.is_empty()
            && (self.begun.is_empty() && self.ended.is_empty())
            && (self.batches.is_empty() && self.lapsed.is_empty() && self.late.is_empty())
    }

    /// What was charged to the balance in all.
    pub fn charged(&self) -> Micros {
        self.charges.iter().fold(Micros::ZERO, |sum, charge| sum.saturating_add(charge.charged))
    }

    pub(super) fn add_usage(&mut self, new: SealedUsage) {
        let place = |known: &SealedUsage| {
            let key = (known.source, &known.product, &known.credential, known.hour);
            key.cmp(&(new.source, &new.product, &new.credential, new.hour))
        };
        match self.usage.binary_search_by(place) {
            Ok(at) => {
                self.usage[at].usage.add(&new.usage);
                self.usage[at].leased = self.usage[at].leased.max(new.leased);
            }
            Err(at) => self.usage.insert(at, new),
        }
    }

    pub(super) fn add_charge(&mut self, new: &Charge) {
        match self.charges.binary_search_by_key(&new.line, |known| known.line) {
            Ok(at) => {
                let known = &mut self.charges[at];
                known.charged = known.charged.saturating_add(new.charged);
                known.forgiven = known.forgiven.saturating_add(new.forgiven);
                known.unrated.add(&new.unrated);
            }
            Err(at) => self.charges.insert(at, new.clone()),
        }
    }

    pub(super) fn add_burn(&mut self, new: &Burn) {
        match self.burns.binary_search_by_key(&new.grant, |known| known.grant) {
            Ok(at) => {
                self.burns[at].usage.add(&new.usage);
                self.burns[at].earned = self.burns[at].earned.saturating_add(new.earned);
            }
            Err(at) => self.burns.insert(at, new.clone()),
        }
    }

    pub(super) fn add_late(&mut self, lease: LeaseId, usage: &Usage) {
        match self.late.binary_search_by_key(&lease, |known| known.lease) {
            Ok(at) => self.late[at].usage.add(usage),
            Err(at) => self.late.insert(at, LateUsage { lease, usage: *usage }),
        }
    }

    /// The rating lines that it names.
    pub(super) fn lines(&self) -> impl Iterator<Item = LineId> {
        let used = self.usage.iter().filter_map(|used| match used.source {
            Source::Balance(line) => Some(line),
            Source::Grant(_) => None,
        });
        let charged = self.charges.iter().map(|charge| charge.line);
        used.chain(charged).chain(self.begun.iter().map(|begun| begun.line)).chain(self.ended.iter().copied())
    }

    /// The grants that it names.
    pub(super) fn grants(&self) -> impl Iterator<Item = GrantId> {
        let used = self.usage.iter().filter_map(|used| match used.source {
            Source::Grant(grant) => Some(grant),
            Source::Balance(_) => None,
        });
        used.chain(self.burns.iter().map(|burn| burn.grant))
    }
}

impl Batches {
    pub(super) fn add(&mut self, writer: &WriterId, sequence: u64) {
        let at = self.0.binary_search_by(|known| known.writer.cmp(writer)).unwrap_or_else(|at| {
            self.0.insert(at, WriterRanges { writer: writer.clone(), ranges: Vec::new() });
            at
        });
        let ranges = &mut self.0[at].ranges;
        let after = ranges.partition_point(|(first, _)| *first <= sequence);
        let joins_before = after > 0 && ranges[after - 1].1.checked_add(1) == Some(sequence);
        let joins_after = ranges.get(after).is_some_and(|(first, _)| sequence.checked_add(1) == Some(*first));
        match (joins_before, joins_after) {
            (true, true) => ranges[after - 1].1 = ranges.remove(after).1,
            (true, false) => ranges[after - 1].1 = sequence,
            (false, true) => ranges[after].0 = sequence,
            (false, false) => ranges.insert(after, (sequence, sequence)),
        }
    }
}
