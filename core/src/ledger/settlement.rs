//! What a set of batches is worth: which of them are new, what their usage costs, and which leases they complete.
//!
//! Invariant: a batch is booked once, whole or not at all, and only on leases of the instance that wrote it. The charge depends
//! on the cumulative usage only. So it does not matter how usage was split into batches or in which order they came.
//!
//! Usage on an open lease was set aside for, and is charged in full. Usage on a lease that lapsed was not any more: the
//! grant or the balance may have been leased to somebody else since. It is charged as far as the balance is free, and
//! the rest is forgiven and shown.
#![deny(clippy::float_arithmetic)]

use std::collections::{BTreeMap, BTreeSet};

use super::{
    account::{Account, BookedLease},
    command::{AccountBatch, Settled},
    line::RatingLine,
    series::{Hours, Step},
    usage::{Burn, Charge, Rest, Settlement, Source, UsageLine, WriterBatches},
};
use crate::{
    id::{BatchId, CredentialKey, GrantId, LeaseId, LineId, WriterId},
    journal::Window,
    meter::{Meter, PerMeter, Usage},
    money::Micros,
};

/// The most of any meter that one line of a batch can have counted: a pebibyte. More is not usage but a broken batch, and
/// would take the books out of their range.
const MOST_IN_A_LINE: u64 = 1 << 50;

/// The new batches of one command, added up.
#[derive(Default)]
struct Sum<'a> {
    batches: BTreeMap<&'a WriterId, BTreeMap<u64, Window>>,
    usage: BTreeMap<(LeaseId, &'a CredentialKey, Window), Usage>,
    announced: BTreeMap<LeaseId, Usage>,
    hours: Hours,
}

/// What the new usage does to the sources that pay for it.
#[derive(Default)]
struct Sources {
    grants: BTreeMap<GrantId, Usage>,
    lines: BTreeMap<LineId, OnLine>,
}

/// New usage on one rating line.
#[derive(Default)]
struct OnLine {
    /// On open leases.
    regular: Usage,
    /// On leases that lapsed.
    late: Usage,
    /// How much less is outstanding afterwards.
    freed: PerMeter<u64>,
}

/// Decides about `batches`. Beside the settlement stands what it holds by the hour. It is `None` when none of them is new.
pub(super) fn settle(account: &Account, batches: &[AccountBatch]) -> (Option<(Settlement, Hours)>, Settled) {
    let (mut sum, settled) = take_new(account, batches);
    if sum.batches.is_empty() {
        return (None, settled);
    }
    let mut sources = Sources::default();
    let mut returned = Vec::new();
    for (id, usage) in per_lease(&sum) {
        match account.desk.till.leases.get(&id) {
            Some(lease) => {
                let left = lease.outstanding_with(&usage);
                let announced = sum.announced.get(&id).map(|total| lease.announced_with(total)).or(lease.announced);
                let is_done = announced.is_some_and(|total| covers(lease, &usage, &total));
                sources.book(lease, &usage, &left, is_done);
                if is_done {
                    returned.push(Rest { lease: id, left });
                }
            }
            None => sources.book_late(account, id, &usage),
        }
    }
    let hours = std::mem::take(&mut sum.hours);
    let settlement = Settlement {
        charges: charges(account, &sources.lines),
        burns: burns(account, &sources.grants),
        usage: usage_lines(account, &sum),
        batches: writer_batches(sum.batches),
        announced: sum.announced.into_iter().collect(),
        returned,
    };
    (Some((settlement, hours)), settled)
}

/// Sorts out batches that are known, too old, or name a lease that this account never gave.
fn take_new<'a>(account: &Account, batches: &'a [AccountBatch]) -> (Sum<'a>, Settled) {
    let (mut sum, mut settled) = (Sum::default(), Settled::default());
    let mut taken: BTreeSet<&BatchId> = BTreeSet::new();
    for batch in batches {
        let BatchId { writer, sequence } = &batch.id;
        if account.desk.register.applied.contains(writer, *sequence) || !taken.insert(&batch.id) {
            settled.known += 1;
            continue;
        }
        if let Some(reason) = flaw(account, batch) {
            settled.refused.push((batch.id.clone(), reason));
            continue;
        }
        let closes = batch.closings.iter().any(|closing| account.desk.lease(closing.lease).is_some());
        if batch.lines.is_empty() && !closes {
            // It only closes leases that are over, so it was booked before, or comes too late to say anything.
            settled.known += 1;
            continue;
        }
        settled.applied += 1;
        sum.batches.entry(writer).or_default().insert(*sequence, batch.window);
        let hour = Step::Hour.number(batch.window.start());
        for line in &batch.lines {
            if let Some(lease) = account.desk.lease(line.lease) {
                sum.hours.entry(hour).or_default().count(&lease.product, line);
            }
            sum.usage.entry((line.lease, &line.credential, batch.window)).or_default().add(&line.usage);
        }
        for closing in batch.closings.iter().filter(|closing| account.desk.lease(closing.lease).is_some()) {
            let total = sum.announced.entry(closing.lease).or_insert(closing.total);
            *total = total.corrected_by(&closing.total);
        }
    }
    (sum, settled)
}

/// Why a batch cannot be booked.
fn flaw(account: &Account, batch: &AccountBatch) -> Option<String> {
    let is_absurd = |usage: &Usage| {
        Meter::ALL.into_iter().any(|meter| usage.get(meter) > MOST_IN_A_LINE) || usage.uncharged > MOST_IN_A_LINE
    };
    if batch.lines.iter().any(|line| is_absurd(&line.usage)) {
        return Some("it counts more than any instance can have seen".to_owned());
    }
    let closed = batch.closings.iter().map(|closing| closing.lease);
    for lease in batch.lines.iter().map(|line| line.lease).chain(closed) {
        if account.desk.lease(lease).is_some_and(|lease| lease.writer != batch.id.writer) {
            return Some(format!("it names {lease}, which another instance holds"));
        }
    }
    let strange = batch.lines.iter().map(|line| line.lease).find(|lease| account.desk.lease(*lease).is_none())?;
    Some(format!("it names {strange}, which is not open and did not lapse lately"))
}

fn per_lease(sum: &Sum<'_>) -> BTreeMap<LeaseId, Usage> {
    let mut leases: BTreeMap<LeaseId, Usage> = sum.announced.keys().map(|lease| (*lease, Usage::default())).collect();
    for ((lease, ..), usage) in &sum.usage {
        leases.entry(*lease).or_default().add(usage);
    }
    leases
}

/// Whether `usage` completes what the instance said it used in all.
fn covers(lease: &BookedLease, usage: &Usage, total: &Usage) -> bool {
    let booked = |meter| lease.used.get(meter).saturating_add(usage.get(meter));
    let uncharged = lease.used.uncharged.saturating_add(usage.uncharged);
    Meter::ALL.into_iter().all(|meter| booked(meter) >= total.get(meter)) && uncharged >= total.uncharged
}

impl Sources {
    fn book(&mut self, lease: &BookedLease, usage: &Usage, left: &PerMeter<u64>, is_done: bool) {
        match lease.source {
            Source::Grant(grant) => self.grants.entry(grant).or_default().add(usage),
            Source::Balance(line) => {
                let line = self.lines.entry(line).or_default();
                line.regular.add(usage);
                for (meter, before) in lease.outstanding().iter() {
                    let after = left.get(meter).copied().filter(|_| !is_done).unwrap_or(0);
                    let freed = line.freed.get(meter).copied().unwrap_or(0);
                    line.freed.set(meter, freed.saturating_add(before.saturating_sub(after)));
                }
            }
        }
    }

    fn book_late(&mut self, account: &Account, id: LeaseId, usage: &Usage) {
        match account.desk.register.lapsed.get(&id).map(|lease| lease.source) {
            Some(Source::Grant(grant)) => self.grants.entry(grant).or_default().add(usage),
            Some(Source::Balance(line)) => self.lines.entry(line).or_default().late.add(usage),
            None => {}
        }
    }
}

fn burns(account: &Account, grants: &BTreeMap<GrantId, Usage>) -> Vec<Burn> {
    let burn = |(id, usage): (&GrantId, &Usage)| {
        let grant = account.grants.get(id).filter(|_| !usage.is_free())?;
        Some(Burn { grant: *id, usage: *usage, earned: grant.earned_with(usage).saturating_sub(grant.earned) })
    };
    grants.iter().filter_map(burn).collect()
}

/// Charges regular usage of all lines first, and late usage from what is free after that.
fn charges(account: &Account, lines: &BTreeMap<LineId, OnLine>) -> Vec<Charge> {
    let lines = lines.iter().filter_map(|(id, new)| Some((*id, account.lines.get(id)?, new)));
    let mut ratings: Vec<Rating<'_>> = lines.map(|(id, line, new)| Rating::new(id, line, new)).collect();
    let mut free = account.available();
    for rating in &mut ratings {
        free = free.saturating_sub(rating.book_regular());
    }
    for rating in &mut ratings {
        free = free.saturating_sub(rating.book_late(free));
    }
    ratings.iter().map(Rating::charge).filter(|charge| !charge.is_nothing()).collect()
}

/// A rating line while new usage is booked on it.
struct Rating<'a> {
    id: LineId,
    line: &'a RatingLine,
    new: &'a OnLine,
    /// What open leases may still use afterwards.
    outstanding: PerMeter<u64>,
    usage: Usage,
    charged: Micros,
    unrated: Usage,
}

impl<'a> Rating<'a> {
    fn new(id: LineId, line: &'a RatingLine, new: &'a OnLine) -> Self {
        let freed = |meter| new.freed.get(meter).copied().unwrap_or(0);
        let outstanding = line.outstanding.map(|meter, held| held.saturating_sub(freed(meter)));
        let (usage, charged) = (line.usage, line.charged);
        Self { id, line, new, outstanding, usage, charged, unrated: Usage::default() }
    }

    fn cost(&self, usage: &Usage) -> Micros {
        self.line.terms.rate.charge(usage)
    }

    /// Books usage that was set aside for. Returns what that takes of what is free.
    fn book_regular(&mut self) -> Micros {
        let usage = with(&self.usage, &self.new.regular);
        self.charged = raised(self.charged, self.cost(&self.usage), self.cost(&usage), Micros::new(i64::MAX));
        self.usage = usage;
        let reserved = self.line.reserve(&usage, &self.outstanding);
        self.charged.saturating_sub(self.line.charged).saturating_add(reserved).saturating_sub(self.line.reserved)
    }

    /// Books usage that is not set aside for any more, for at most what is free. Returns what that takes.
    fn book_late(&mut self, free: Micros) -> Micros {
        let usage = with(&self.usage, &self.new.late);
        // Late usage may move what is leased out into a dearer tier, and that must stay covered.
        let reserve = |usage| self.line.reserve(usage, &self.outstanding);
        let dearer = reserve(&usage).saturating_sub(reserve(&self.usage));
        if dearer > free.max(Micros::ZERO) {
            self.unrated = self.new.late;
            return Micros::ZERO;
        }
        let room = free.saturating_sub(dearer).max(Micros::ZERO);
        let charged = raised(self.charged, self.cost(&self.usage), self.cost(&usage), room);
        let taken = charged.saturating_sub(self.charged).saturating_add(dearer);
        (self.usage, self.charged) = (usage, charged);
        taken
    }

    fn charge(&self) -> Charge {
        let forgiven = self.cost(&self.usage).saturating_sub(self.charged);
        Charge {
            line: self.id,
            charged: self.charged.saturating_sub(self.line.charged),
            forgiven: forgiven.saturating_sub(self.line.forgiven),
            unrated: self.unrated,
        }
    }
}

/// What is charged in all once the cost rises `from` one amount `to` another and at most `room` more is charged. When
/// the cost falls, what was forgiven falls first.
fn raised(charged: Micros, from: Micros, to: Micros, room: Micros) -> Micros {
    if to < from { charged.min(to) } else { charged.saturating_add(to.saturating_sub(from).min(room)) }
}

fn with(usage: &Usage, more: &Usage) -> Usage {
    let mut sum = *usage;
    sum.add(more);
    sum
}

fn usage_lines(account: &Account, sum: &Sum<'_>) -> Vec<UsageLine> {
    let used = sum.usage.iter().filter(|(_, usage)| !usage.is_zero());
    let line = |((lease, credential, window), usage): (&(LeaseId, &CredentialKey, Window), &Usage)| {
        let (lease, window, usage) = (*lease, *window, *usage);
        let product = account.desk.lease(lease)?.product.clone();
        Some(UsageLine { lease, product, credential: (*credential).clone(), window, usage })
    };
    used.filter_map(line).collect()
}

fn writer_batches(batches: BTreeMap<&WriterId, BTreeMap<u64, Window>>) -> Vec<WriterBatches> {
    let of = |(writer, batches): (&WriterId, BTreeMap<u64, Window>)| WriterBatches {
        writer: writer.clone(),
        batches: batches.into_iter().collect(),
    };
    batches.into_iter().map(of).collect()
}
