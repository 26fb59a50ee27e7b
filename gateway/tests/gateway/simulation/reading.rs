//! What a book and its tills say, write by write, and what must hold after each of them.

use std::collections::{BTreeMap, BTreeSet};

use farebox_core::{
    credential_limit::LimitPeriod,
    id::{AccountId, BatchId, GrantId, LeaseId, LineId},
    ledger::{Account, Book, BookedLease, Entry, Event, Source, UsageSealed, WriterRanges},
    meter::{Meter, PerMeter, Usage},
    money::Micros,
    rate::{Rate, TierMode, block},
    time::Timestamp,
};
use farebox_memory::Written;

use super::{
    catalog::{COUNTED, DEAREST_GIB},
    faulty::Offered,
    opening::{CALLS_A_DAY, LIMITED},
};

/// What a book and its tills say, write by write.
#[derive(Default)]
pub(crate) struct Reading {
    pub(crate) account: Account,
    /// The chain alone.
    chain: Account,
    /// Every lease that was ever given, as it was when it was last seen.
    pub(crate) leases: BTreeMap<LeaseId, BookedLease>,
    pub(crate) bought: BTreeMap<&'static str, u64>,
    pub(crate) given_back: BTreeMap<&'static str, u64>,
    pub(crate) ended: BTreeMap<LeaseId, PerMeter<u64>>,
    pub(crate) booked: BTreeSet<BatchId>,
    pub(crate) used: BTreeMap<LeaseId, Usage>,
    /// All that instances say they used of a lease.
    closed: BTreeMap<LeaseId, Usage>,
    over: BTreeMap<Source, BTreeMap<LeaseId, u64>>,
    pub(crate) late: BTreeMap<GrantId, Usage>,
    rates: BTreeMap<LineId, Rate>,
    rated: BTreeMap<LineId, Usage>,
    unrated: BTreeMap<LineId, Usage>,
    charged: BTreeMap<LineId, i64>,
    forgiven: BTreeMap<LineId, i64>,
    taken: i64,
    sealed: Sealed,
    /// Calls of the credential with a limit, by the day in which their leases were given; and those booked after these had lapsed.
    limited: BTreeMap<Timestamp, [u64; 2]>,
}

/// What the chain says was used.
#[derive(Default)]
struct Sealed {
    batches: BTreeSet<BatchId>,
    usage: BTreeMap<Source, Usage>,
    charged: BTreeMap<LineId, i64>,
    lapsed: BTreeMap<LeaseId, PerMeter<u64>>,
}

/// The calls among some amounts.
pub(crate) fn calls(amounts: &PerMeter<u64>) -> u64 {
    amounts.get(Meter::Calls).copied().unwrap_or(0)
}

fn counted(product: &str) -> Option<&'static str> {
    COUNTED.into_iter().find(|counted| *counted == product)
}

fn batches(ranges: &[WriterRanges]) -> impl Iterator<Item = BatchId> {
    let of = |writer: &WriterRanges| {
        let (id, ranges) = (writer.writer.clone(), writer.ranges.clone());
        let all = ranges.into_iter().flat_map(|(first, last)| first..=last);
        all.map(move |sequence| BatchId { writer: id.clone(), sequence })
    };
    ranges.iter().flat_map(of)
}

impl Reading {
    /// Reads what one write has put into the store.
    pub(crate) fn read(&mut self, new: &[Entry], written: Written, id: &AccountId, offered: &Offered) {
        new.iter().for_each(|entry| self.read_entry(entry));
        let Written { till, register, .. } = written;
        self.account.advance(new, till, register);
        assert_eq!(self.chain, self.account.without_till(), "the chain alone gives the book");
        self.read_leases();
        self.read_batches(id, offered);
        self.read_ends();
        for (id, line) in self.account.lines() {
            self.rates.insert(id, line.terms.rate.clone());
            self.charged.insert(id, line.charged.get());
            self.forgiven.insert(id, line.forgiven.get());
            self.unrated.insert(id, line.unrated);
        }
        self.check();
    }

    fn read_entry(&mut self, entry: &Entry) {
        match &entry.event {
            Event::Purchased { terms, .. } => {
                if let Some(product) = counted(terms.product.as_str()) {
                    *self.bought.entry(product).or_default() += calls(&terms.quantities);
                }
            }
            Event::UsageSealed(sealed) => self.sealed.read(sealed),
            Event::Adjusted { amount, .. } => self.taken += amount.get().min(0),
            Event::TermsSet(terms) => {
                // Whoever gives less credit than is used or leased out already accepts that it is used.
                let spent = self.account.balance().saturating_sub(self.account.leased());
                self.taken = self.taken.min(spent.get() + terms.credit_limit.get());
            }
            _ => {}
        }
        self.chain.evolve(entry);
    }

    fn read_leases(&mut self) {
        let open: Vec<_> = self.account.leases().map(|(id, lease)| (id, lease.clone())).collect();
        for (id, lease) in open {
            assert!(!self.ended.contains_key(&id), "{id} has lapsed, and is out again");
            if let Some(known) = self.leases.insert(id, lease.clone()) {
                let same = |lease: BookedLease| (lease.writer, lease.since, lease.source, lease.allowance);
                assert_eq!(same(known), same(lease), "{id} was given twice");
            }
        }
        let lapsed: Vec<_> = self.account.lapsed().map(|(id, lease)| (id, lease.clone())).collect();
        for (id, lease) in lapsed.into_iter().filter(|(id, _)| !self.ended.contains_key(id)).collect::<Vec<_>>() {
            let left = lease.unaccounted();
            if let Some(product) = counted(lease.product.as_str()) {
                *self.given_back.entry(product).or_default() += calls(&left);
            }
            self.ended.insert(id, left);
        }
    }

    /// Batches that are booked with this write.
    fn read_batches(&mut self, account: &AccountId, offered: &Offered) {
        let mut seen = BTreeSet::new();
        for batch in batches(self.account.register().batches()) {
            assert!(seen.insert(batch.clone()) && !self.sealed.batches.contains(&batch), "{batch} is booked twice");
        }
        for batch in seen.into_iter().filter(|batch| !self.booked.contains(batch)).collect::<Vec<_>>() {
            let part = (account.clone(), batch.clone());
            let lines = offered.lines.get(&part);
            for line in lines.unwrap_or_else(|| panic!("{batch} was booked for {account}, and nobody wrote it")) {
                self.used.entry(line.lease).or_default().add(&line.usage);
                self.book(line.lease, &line.usage);
                if line.credential.as_str().ends_with(LIMITED) {
                    let [all, late] = self.limited.entry(self.day(line.lease)).or_default();
                    *all += line.usage.calls;
                    *late += if self.ended.contains_key(&line.lease) { line.usage.calls } else { 0 };
                }
            }
            for closing in &offered.closings[&part] {
                let total = self.closed.entry(closing.lease).or_insert(closing.total);
                *total = total.corrected_by(&closing.total);
            }
            self.booked.insert(batch);
        }
        assert!(self.sealed.batches.is_subset(&self.booked), "what is sealed was booked before");
    }

    /// The day in which a lease was given.
    fn day(&self, lease: LeaseId) -> Timestamp {
        LimitPeriod::Day.bounds(self.leases[&lease].since).0
    }

    /// A lease is gone only once it has lapsed or was returned.
    fn read_ends(&self) {
        let open: BTreeSet<LeaseId> = self.account.leases().map(|(id, _)| id).collect();
        for id in self.leases.keys().filter(|id| !open.contains(id) && !self.ended.contains_key(id)) {
            let used = self.used.get(id).copied().unwrap_or_default();
            let total = self.closed.get(id).unwrap_or_else(|| panic!("{id} is lost"));
            let is_booked = Meter::ALL.into_iter().all(|meter| used.get(meter) >= total.get(meter));
            assert!(is_booked, "{id} is gone at {used:?} of {total:?}");
        }
    }

    /// Once all is sealed, the chain holds what was booked.
    pub(crate) fn judge_seals(&self) {
        assert_eq!(self.account.unsealed(), &UsageSealed::default());
        assert_eq!(self.sealed.batches, self.booked, "each batch is sealed");
        let mut used: BTreeMap<Source, Usage> = BTreeMap::new();
        for (lease, usage) in self.used.iter().filter(|(_, usage)| !usage.is_zero()) {
            used.entry(self.leases[lease].source).or_default().add(usage);
        }
        assert_eq!(self.sealed.usage, used, "the usage of each source is sealed");
        let lapsed: BTreeMap<_, _> = self.ended.iter().map(|(id, left)| (*id, left.clone())).collect();
        assert_eq!(self.sealed.lapsed, lapsed, "what lapsed is sealed, and what came late of it");
        let charged = |amounts: &BTreeMap<LineId, i64>| amounts.values().sum::<i64>();
        assert_eq!(charged(&self.sealed.charged), charged(&self.charged), "what was charged is sealed");
        assert_eq!(self.chain.books(), self.account.books());
        let mut earned: BTreeMap<GrantId, i128> = BTreeMap::new();
        for row in self.chain.grants().filter(|row| !row.grant.expired) {
            let used = i128::from(row.quota.used.min(row.quota.quantity));
            let part = i128::from(row.grant.price.get()) * used / i128::from(row.quota.quantity);
            let most = earned.entry(row.grant.id).or_default();
            *most = part.max(*most);
        }
        for (id, earned) in earned {
            let sealed = i128::from(self.chain.grant(id).unwrap().earned.get());
            assert_eq!(sealed, earned, "what {id} has earned is sealed");
        }
    }

    fn book(&mut self, lease: LeaseId, usage: &Usage) {
        let BookedLease { source, allowance, .. } = &self.leases[&lease];
        match source {
            Source::Balance(line) => self.rated.entry(*line).or_default().add(usage),
            Source::Grant(grant) if self.ended.contains_key(&lease) => self.late.entry(*grant).or_default().add(usage),
            Source::Grant(_) => {}
        }
        if let Some(left) = self.ended.get_mut(&lease) {
            *left = left.map(|meter, left| left.saturating_sub(usage.get(meter)));
        }
        let bytes = allowance.iter().filter(|(meter, _)| *meter != Meter::Calls);
        let over = bytes.map(|(meter, allowed)| self.used[&lease].get(meter).saturating_sub(*allowed)).sum();
        self.over.entry(*source).or_default().insert(lease, over);
    }

    /// Bytes that leases of some sources used beyond what they allowed.
    fn in_flight(&self, source: impl Fn(&Source) -> bool) -> u64 {
        let over = self.over.iter().filter(|(from, _)| source(from));
        over.flat_map(|(_, leases)| leases.values()).sum()
    }

    fn check(&self) {
        for row in self.account.grants() {
            let late = self.late.get(&row.grant.id).map_or(0, |usage| usage.get(row.meter));
            let taken = row.quota.used + row.quota.leased;
            if taken > row.quota.quantity + late {
                let over = self.in_flight(|source| *source == Source::Grant(row.grant.id));
                assert!(taken <= row.quota.quantity + late + over, "{row:?}: {late} late, {over} in flight");
            }
            assert!(Micros::ZERO <= row.grant.earned && row.grant.earned <= row.grant.price, "{row:?}");
        }
        for (day, [all, late]) in &self.limited {
            assert!(*all <= CALLS_A_DAY + late, "{all} calls passed on {day}, {late} of them late, of {CALLS_A_DAY}");
        }
        let books = [Book::Balance, Book::DeferredRevenue, Book::Revenue, Book::Payments, Book::Adjustments];
        assert_eq!(books.iter().map(|book| self.account.books().get(*book).get()).sum::<i64>(), 0);
        let floor = self.taken - self.account.terms().credit_limit.get();
        if self.account.balance().get() < floor {
            let over = self.in_flight(|source| matches!(source, Source::Balance(_)));
            let owed = i64::try_from(over * DEAREST_GIB / (1 << 30)).unwrap() + i64::from(over > 0);
            assert!(self.account.balance().get() >= floor - owed, "{} is below {floor}", self.account.balance());
        }
    }

    pub(crate) fn judge_money(&self, paid: i64, corrected: i64) {
        let of = |amounts: &BTreeMap<LineId, i64>, line| amounts.get(line).copied().unwrap_or(0);
        for (line, rate) in &self.rates {
            let unrated = self.unrated.get(line).copied().unwrap_or_default();
            let usage = self.rated.get(line).copied().unwrap_or_default().less(&unrated);
            let (charged, forgiven) = (of(&self.charged, line), of(&self.forgiven, line));
            assert_eq!(charged + forgiven, unit_by_unit(rate, &usage), "{line} at {usage:?}");
            assert!(forgiven >= 0 && charged >= 0, "{line}: {charged} charged, {forgiven} forgiven");
        }
        let held = |book| self.account.books().get(book).get();
        assert_eq!(held(Book::Payments), -paid, "each payment is booked once");
        assert_eq!(held(Book::Adjustments), -corrected, "each correction is booked once");
        assert!(paid >= 0, "no more is paid back than was paid");
    }
}

impl Sealed {
    fn read(&mut self, sealed: &UsageSealed) {
        for batch in batches(&sealed.batches) {
            assert!(self.batches.insert(batch.clone()), "{batch} is sealed twice");
        }
        for used in &sealed.usage {
            self.usage.entry(used.source).or_default().add(&used.usage);
        }
        for charge in &sealed.charges {
            *self.charged.entry(charge.line).or_default() += charge.charged.get();
        }
        self.lapsed.extend(sealed.lapsed.iter().map(|rest| (rest.lease, rest.left.clone())));
        for late in &sealed.late {
            let left = self.lapsed.get_mut(&late.lease).unwrap();
            *left = left.map(|meter, left| left.saturating_sub(late.usage.get(meter)));
        }
    }
}

/// The cost of `usage`, added up one unit at a time where there are few, and by the tiers' edges where there are many.
fn unit_by_unit(rate: &Rate, usage: &Usage) -> i64 {
    let cost = |(meter, price): (Meter, &farebox_core::rate::Price)| {
        let units = i128::from(usage.get(meter));
        let price_of = |unit: i128| {
            let tier = price.tiers.iter().find(|tier| tier.up_to.is_none_or(|end| unit <= i128::from(end))).unwrap();
            i128::from(tier.per_block.get())
        };
        let sum = match price.mode {
            TierMode::Volume => units * price_of(units),
            TierMode::Graduated if units <= 1_000 => (1..=units).map(price_of).sum(),
            TierMode::Graduated => {
                let edges =
                    price.tiers.iter().filter_map(|tier| tier.up_to).map(i128::from).filter(|edge| *edge < units);
                let edges: Vec<i128> = std::iter::once(0).chain(edges).chain([units]).collect();
                edges.windows(2).map(|edge| (edge[1] - edge[0]) * price_of(edge[1])).sum()
            }
        };
        i64::try_from(sum / i128::from(block(meter))).unwrap()
    };
    let sum: i64 = rate.prices.iter().map(cost).sum();
    if usage.is_free() { 0 } else { sum.max(rate.minimum.get()) }
}
