//! What moves too often to be an entry of the chain each time: the till of an account, and its register.
//!
//! The till holds the leases that are out and the usage that is not sealed yet. Each lease changes it, so it is small. The register
//! holds which batches were booked and which leases lapsed lately. Only who settles needs it, and it grows with the instances.
//! A store keeps each as one row beside the book, and puts others in their place only if nobody else has.
//! Invariant: the book and the till together are the account. A seal moves what the till has added up into an entry and leaves
//! the sum of both as it is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    account::BookedLease,
    applied::{Applied, Oldest},
    credential_limits::Limits,
    seal::{Batches, BegunLine, SealedUsage, UsageSealed, WriterRanges, hour_of},
    series::{self, Hours},
    usage::{LineTerms, Rest, Settlement, Source, UsageLine, WriterBatches},
};
use crate::{
    id::{LeaseId, LineId, WriterId},
    journal::Window,
    meter::PerMeter,
    time::{DAY, HOUR, Millis, Timestamp},
};

/// How long after its end a lapsed lease is known, so that what was used on it can still be booked. It is as long as any call
/// takes. Every other batch has been settled before its lease lapses.
const LAPSED_KNOWN: Millis = DAY;

/// Names the fields of [`Till`] and of everything in it, in the stored form.
const FORM: u8 = 1;

/// Names the same of a till, and [`Limits`] behind it. A till without any is written as before, so that a version before there were limits
/// reads it.
const FORM_WITH_LIMITS: u8 = 2;

/// The same of [`Register`]. Form 1 had no hours.
const REGISTER_FORM: u8 = 2;
const REGISTER_FORM_WITHOUT_HOURS: u8 = 1;

/// A stored row that is not of a form that this version reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a stored till or register cannot be read: it is of no form that this version knows, or was cut")]
pub struct UnreadableTill;

/// The till of one account. The default is that of an account that never had one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Till {
    /// How often it was written; 0 where it never was.
    pub(super) number: u64,
    /// The number of the last entry of the book beside which it was written.
    pub(super) after: u64,
    /// The number with which the register was last written.
    pub(super) register: u64,
    /// When it was written.
    pub(super) at: Timestamp,
    /// The last number that was given to a lease or a rating line.
    pub(super) issued: u64,
    /// No lease is given before: the book was put back from a copy, and leases that it does not know may still be out.
    pub(super) withheld_until: Timestamp,
    pub(super) leases: BTreeMap<LeaseId, BookedLease>,
    /// What was used and is not sealed yet. Its batches are in the register.
    pub(super) unsealed: UsageSealed,
    /// Whether the register has batches that are not sealed yet. Some hold no usage.
    pub(super) has_batches: bool,
    /// When the last of all that was booked.
    pub(super) booked: Timestamp,
    /// What credentials with limits have spent. Stored behind all else, where there are any.
    #[serde(skip)]
    pub(super) limits: Limits,
}

/// The register of one account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Register {
    /// The number of the till with which it was written; 0 where it never was.
    pub(super) number: u64,
    pub(super) lapsed: BTreeMap<LeaseId, BookedLease>,
    pub(super) applied: Applied,
    /// The batches of the usage that is not sealed yet.
    pub(super) unsealed: Batches,
    /// What these and other batches hold, by the hour: those that no store was handed yet.
    pub(super) hours: Hours,
}

/// A register as it was before hours were counted.
#[derive(Deserialize)]
struct RegisterOfForm1 {
    number: u64,
    lapsed: BTreeMap<LeaseId, BookedLease>,
    applied: Applied,
    unsealed: Batches,
}

/// Both, as commands change them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Desk {
    pub(super) till: Till,
    pub(super) register: Register,
}

fn written<T: Serialize>(row: &T, form: u8) -> Vec<u8> {
    // Writing to memory cannot fail, and an empty row is not read.
    postcard::to_extend(row, vec![form]).unwrap_or_default()
}

fn read<T: DeserializeOwned>(bytes: &[u8], form: u8) -> Result<T, UnreadableTill> {
    let (_, bytes) = bytes.split_first().filter(|(first, _)| **first == form).ok_or(UnreadableTill)?;
    postcard::from_bytes(bytes).map_err(|_| UnreadableTill)
}

impl Till {
    /// How often it was written: what a store compares before it puts another in its place. 0 where it never was.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The number of the last entry of the book beside which it was written.
    pub const fn after(&self) -> u64 {
        self.after
    }

    /// The number that the register must have to go with it.
    pub const fn register(&self) -> u64 {
        self.register
    }

    /// When the last of the usage was booked that is not sealed yet; `None` where all is.
    pub fn booked(&self) -> Option<Timestamp> {
        (self.has_batches || !self.unsealed.is_empty()).then_some(self.booked)
    }

    /// Its leases by age.
    pub fn leases(&self) -> impl Iterator<Item = (LeaseId, &BookedLease)> {
        self.leases.iter().map(|(id, lease)| (*id, lease))
    }

    /// What was used and is not sealed yet.
    pub const fn unsealed(&self) -> &UsageSealed {
        &self.unsealed
    }

    /// The stored form: a number that names it, then postcard. Pinned by a test.
    pub fn to_bytes(&self) -> Vec<u8> {
        if self.limits.is_empty() { written(self, FORM) } else { written(&(self, &self.limits), FORM_WITH_LIMITS) }
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// The bytes are not those of a till of this form. There is nothing to take in its place: it is the only copy.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, UnreadableTill> {
        if bytes.first() == Some(&FORM_WITH_LIMITS) {
            let (till, limits): (Self, Limits) = read(bytes, FORM_WITH_LIMITS)?;
            return Ok(Self { limits, ..till });
        }
        read(bytes, FORM)
    }

    /// What each source has set aside for open leases.
    pub(super) fn set_aside(&self) -> BTreeMap<Source, PerMeter<u64>> {
        let mut held: BTreeMap<Source, PerMeter<u64>> = BTreeMap::new();
        for lease in self.leases.values() {
            let held = held.entry(lease.source).or_default();
            for (meter, left) in lease.outstanding().iter() {
                held.set(meter, held.get(meter).copied().unwrap_or(0).saturating_add(*left));
            }
        }
        held
    }

    /// Whether usage was added up in an hour before that of `at`.
    pub(super) fn has_older_usage(&self, at: Timestamp) -> bool {
        self.booked().is_some_and(|booked| hour_of(Window::of(booked)) < hour_of(Window::of(at)))
    }

    /// When the usage that it has added up is to be sealed.
    pub(super) fn seals_at(&self) -> Option<Timestamp> {
        self.booked().map(|booked| hour_of(Window::of(booked)).start().plus(HOUR))
    }

    fn forget_limits(&mut self, at: Timestamp) {
        self.limits.forget(&self.leases, at);
    }

    /// Adds a lease. Where it begins a rating line, that has the number of the lease.
    pub(super) fn open_lease(&mut self, id: LeaseId, lease: BookedLease, begins: Option<LineTerms>) {
        if let Some(terms) = begins {
            self.unsealed.begun.push(BegunLine { line: LineId(id.0), product: lease.product.clone(), terms });
            self.booked = self.booked.max(lease.since);
        }
        self.leases.insert(id, lease);
    }
}

impl Register {
    /// The batches of the usage that is not sealed yet, by instance.
    pub fn batches(&self) -> &[WriterRanges] {
        &self.unsealed.0
    }

    /// The number of the till with which it was written; 0 where it never was.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// What was counted in hours that no store was handed yet.
    pub const fn hours(&self) -> &Hours {
        &self.hours
    }

    /// The stored form, as that of a till.
    pub fn to_bytes(&self) -> Vec<u8> {
        written(self, REGISTER_FORM)
    }

    /// Reads what [`Self::to_bytes`] wrote, and a register of form 1.
    ///
    /// # Errors
    /// The bytes are not those of a register of these forms.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, UnreadableTill> {
        if bytes.first() == Some(&REGISTER_FORM_WITHOUT_HOURS) {
            let RegisterOfForm1 { number, lapsed, applied, unsealed } = read(bytes, REGISTER_FORM_WITHOUT_HOURS)?;
            return Ok(Self { number, lapsed, applied, unsealed, hours: Hours::new() });
        }
        read(bytes, REGISTER_FORM)
    }
}

impl Desk {
    /// A lease that is open or lapsed lately.
    pub(super) fn lease(&self, id: LeaseId) -> Option<&BookedLease> {
        self.till.leases.get(&id).or_else(|| self.register.lapsed.get(&id))
    }

    fn lease_mut(&mut self, id: LeaseId) -> Option<&mut BookedLease> {
        self.till.leases.get_mut(&id).or_else(|| self.register.lapsed.get_mut(&id))
    }

    /// The oldest lease of each instance that is open or lapsed lately.
    pub(super) fn oldest_leases(&self) -> Oldest<'_> {
        let mut oldest = Oldest::new();
        // By falling age, so that the oldest comes last.
        for (id, lease) in self.till.leases.iter().rev() {
            oldest.insert(&lease.writer, *id);
        }
        for (id, lease) in &self.register.lapsed {
            let known = oldest.entry(&lease.writer).or_insert(*id);
            *known = (*known).min(*id);
        }
        oldest
    }

    /// Whether a lease that is open or lapsed lately is paid for from `source`, or usage that is not sealed was.
    pub(super) fn names(&self, source: Source) -> bool {
        let unsealed = &self.till.unsealed;
        self.till.leases.values().chain(self.register.lapsed.values()).any(|lease| lease.source == source)
            || unsealed.usage.iter().any(|used| used.source == source)
            || unsealed.charges.iter().any(|charge| Source::Balance(charge.line) == source)
            || unsealed.begun.iter().any(|begun| Source::Balance(begun.line) == source)
    }

    /// Books usage.
    pub(super) fn settle(&mut self, settlement: &Settlement, at: Timestamp) {
        self.till.booked = self.till.booked.max(at);
        self.add_batches(settlement);
        for line in &settlement.usage {
            self.add_usage(line);
        }
        for (id, total) in &settlement.announced {
            if let Some(lease) = self.lease_mut(*id) {
                lease.announced = Some(lease.announced_with(total));
            }
        }
        for rest in &settlement.returned {
            self.till.leases.remove(&rest.lease);
        }
        settlement.charges.iter().for_each(|charge| self.till.unsealed.add_charge(charge));
        settlement.burns.iter().for_each(|burn| self.till.unsealed.add_burn(burn));
        self.till.forget_limits(at);
    }

    /// Remembers the batches of a settlement, each with the youngest lease that it may have named.
    fn add_batches(&mut self, settlement: &Settlement) {
        let used = settlement.usage.iter().map(|line| line.lease);
        let mut youngest: BTreeMap<WriterId, LeaseId> = BTreeMap::new();
        for lease in used.chain(settlement.announced.iter().map(|(lease, _)| *lease)) {
            let Some(booked) = self.lease(lease) else { continue };
            let youngest = youngest.entry(booked.writer.clone()).or_insert(lease);
            *youngest = lease.max(*youngest);
        }
        for WriterBatches { writer, batches } in &settlement.batches {
            let lease = youngest.get(writer).copied().unwrap_or(LeaseId(0));
            for (sequence, window) in batches {
                self.register.applied.add(writer, *sequence, *window, lease);
                self.register.unsealed.add(writer, *sequence);
                self.till.has_batches = true;
            }
        }
    }

    fn add_usage(&mut self, line: &UsageLine) {
        let lease = if let Some(lease) = self.till.leases.get_mut(&line.lease) {
            lease
        } else if let Some(lapsed) = self.register.lapsed.get_mut(&line.lease) {
            self.till.unsealed.add_late(line.lease, &line.usage);
            lapsed
        } else {
            return;
        };
        lease.used.add(&line.usage);
        self.till.unsealed.add_usage(SealedUsage {
            source: lease.source,
            product: line.product.clone(),
            credential: line.credential.clone(),
            hour: hour_of(line.window),
            leased: lease.since,
            usage: line.usage,
        });
    }

    /// Counts by the hour what batches hold that are booked.
    pub(super) fn count(&mut self, hours: &Hours) {
        for (hour, series) in hours {
            self.register.hours.entry(*hour).or_default().merge(series);
        }
    }

    /// Takes out the hours that are over, for the store.
    pub(super) fn take_hours(&mut self, at: Timestamp) -> Hours {
        series::take_over(&mut self.register.hours, at)
    }

    /// Ends leases that nobody accounts for any more.
    pub(super) fn lapse(&mut self, leases: &[Rest], at: Timestamp) {
        self.till.booked = self.till.booked.max(at);
        // Ids rise with time, so the oldest come first, and one that stays keeps the younger ones a little longer.
        while self.register.lapsed.first_key_value().is_some_and(|(_, lease)| at.since(lease.until) > LAPSED_KNOWN) {
            self.register.lapsed.pop_first();
        }
        for rest in leases {
            let Some(lease) = self.till.leases.remove(&rest.lease) else { continue };
            self.register.lapsed.insert(rest.lease, lease);
            self.till.unsealed.lapsed.push(rest.clone());
        }
        self.till.forget_limits(at);
    }

    /// Takes rating lines off the books that nothing can be rated on any more.
    pub(super) fn end_lines(&mut self, lines: Vec<LineId>, at: Timestamp) {
        self.till.booked = self.till.booked.max(at);
        self.till.unsealed.ended.extend(lines);
    }

    /// Forgets batches that were begun before a minute and whose leases are all over.
    pub(super) fn forget_batches(&mut self, before: Window) {
        let mut applied = std::mem::take(&mut self.register.applied);
        applied.forget(before, &self.oldest_leases());
        self.register.applied = applied;
    }

    /// Takes out the usage that was added up, to be sealed.
    pub(super) fn take_usage(&mut self) -> UsageSealed {
        let batches = std::mem::take(&mut self.register.unsealed).0;
        self.till.has_batches = false;
        UsageSealed { issued: self.till.issued, batches, ..std::mem::take(&mut self.till.unsealed) }
    }
}
