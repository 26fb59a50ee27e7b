//! What must hold whatever went wrong. The model is plain: it adds up what instances answered and tried to write.
//!
//! At every entry of every book, replayed from the beginning:
//! - what was used and what is leased of a grant is no more than its quantity, but for usage that came after its lease had
//!   lapsed, and bytes beyond what a lease allowed (rule 1);
//! - the balance is not below the credit limit, but for such bytes and for corrections (rule 1);
//! - books sum to zero, nothing is earned twice, and the chain holds (rule 4).
//!
//! In steady worlds, where nothing fails but instances that die:
//! - what a dead instance held has come back with the first settlement after it should have been heard of (rule 7);
//! - nothing comes back of what a living one holds, however long its calls take, and no usage comes too late (rule 1).
//!
//! At the end, when everything that is in the journal was shown and settled:
//! - calls answered on packages are no more than were bought, but for what lapsed leases gave back (rule 1);
//! - every batch that is in the journal, or of which an instance was told that it is settled, is booked once, or kept as
//!   refused because a lease of it had lapsed a day before; and nothing is booked that no instance has counted (rule 2);
//! - an instance that lives has put all that it answered into batches, and what any instance answered is booked or on the
//!   statement as unaccounted (rule 3);
//! - what was charged and forgiven is what the whole usage of each rating line costs, worked out unit by unit (rule 5);
//! - no lease is open and nothing is set aside (rule 7), and another settlement run changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use farebox_core::{
    id::{AccountId, BatchId, GrantId, LeaseId, LineId, WriterId},
    ledger::{Account, Book, Entry, Event, HEARD_WITHIN, Leased, Source, verify},
    meter::{Meter, PerMeter, Usage},
    money::Micros,
    rate::{Rate, TierMode, block},
};
use farebox_gateway::{
    ledger::{Accounts, EntryStore, ask},
    ports::{KeyValue, UsageJournal},
    settlement,
};

use crate::{
    catalog::{COUNTED, DEAREST_GIB},
    faulty::{Faulty, now},
    instance::{Answered, Instance},
};

/// What is known of the world beside the books.
#[derive(Default)]
pub(crate) struct Oracle {
    paid: BTreeMap<AccountId, i64>,
    corrected: BTreeMap<AccountId, i64>,
    answered: BTreeMap<WriterId, Answered>,
    dead: BTreeSet<WriterId>,
    /// Whether nothing fails but instances.
    is_steady: bool,
}

/// What a book says, entry by entry.
#[derive(Default)]
struct Reading {
    account: Account,
    leases: BTreeMap<LeaseId, Leased>,
    bought: BTreeMap<&'static str, u64>,
    given_back: BTreeMap<&'static str, u64>,
    ended: BTreeMap<LeaseId, PerMeter<u64>>,
    booked: BTreeSet<BatchId>,
    used: BTreeMap<LeaseId, Usage>,
    over: BTreeMap<Source, BTreeMap<LeaseId, u64>>,
    late: BTreeMap<GrantId, Usage>,
    rates: BTreeMap<LineId, Rate>,
    rated: BTreeMap<LineId, Usage>,
    charged: BTreeMap<LineId, i64>,
    forgiven: BTreeMap<LineId, i64>,
    taken: i64,
}

impl Oracle {
    /// Of a world in which nothing fails but instances, or of one in which everything may.
    pub(crate) fn new(is_steady: bool) -> Self {
        Self { is_steady, ..Self::default() }
    }

    /// Money came in from the customer, or went back.
    pub(crate) fn paid(&mut self, account: &AccountId, amount: i64) {
        *self.paid.entry(account.clone()).or_default() += amount;
    }

    pub(crate) fn corrected(&mut self, account: &AccountId, amount: i64) {
        *self.corrected.entry(account.clone()).or_default() += amount;
    }

    /// An instance has ended, or the world has.
    pub(crate) fn ended(&mut self, instance: &Instance) {
        if let Some(writer) = instance.writer() {
            self.answered.insert(writer, instance.answered.clone());
        }
    }

    /// An instance has died, with all that it holds.
    pub(crate) fn died(&mut self, instance: &Instance) {
        self.ended(instance);
        self.dead.extend(instance.writer());
    }

    /// A settlement has just run: nobody waits any more for who should have been heard of.
    pub(crate) fn judge_silent(&self, ports: &Faulty, accounts: &[AccountId]) {
        let heard = ports.real().plus(-ports.shown_as_a_rule_within() - HEARD_WITHIN);
        for id in accounts {
            let account = now(ask(&ports.memory, &Accounts::default(), id, Clone::clone)).unwrap();
            for (lease, booked) in account.leases() {
                let is_silent = booked.announced.is_none() && booked.until <= heard;
                assert!(!is_silent, "{lease} of {} ended at {}, and is still set aside", booked.writer, booked.until);
            }
        }
    }

    /// Who lives keeps what he holds.
    fn judge_steady(&self, reading: &Reading) {
        for lease in reading.ended.keys() {
            let writer = &reading.leases[lease].writer;
            assert!(self.dead.contains(writer), "{lease} was taken from {writer}, who lives");
        }
        assert!(reading.late.is_empty(), "usage came too late: {:?}", reading.late);
    }

    /// Everything that an instance answered is in a batch.
    pub(crate) fn judge_living(&self, ports: &Faulty, instance: &Instance) {
        let Some(writer) = instance.writer() else { return };
        let mut offered = Answered::new();
        for ((account, id), lines) in &ports.offered.borrow().lines {
            for line in lines.iter().filter(|_| id.writer == writer) {
                let product = crate::catalog::PRODUCTS.into_iter().find(|product| *product == line.product.as_str());
                offered.entry((account.clone(), product.unwrap())).or_default().add(&line.usage);
            }
        }
        assert_eq!(offered, instance.answered, "what {writer} answered is in its batches");
    }

    pub(crate) fn judge(&self, ports: &Faulty, accounts: &[AccountId]) {
        let memory = &ports.memory;
        for id in accounts {
            let entries = now(memory.entries(id, 0, usize::MAX)).unwrap();
            assert_eq!(verify(0, Default::default(), &entries), Ok(entries.last().unwrap().hash));
            let mut reading = Reading::default();
            entries.iter().for_each(|entry| reading.read(entry));
            judge_batches(ports, id, &reading);
            if self.is_steady {
                self.judge_steady(&reading);
            }
            self.judge_usage(id, &reading);
            let of = |amounts: &BTreeMap<AccountId, i64>| amounts.get(id).copied().unwrap_or(0);
            reading.judge_money(of(&self.paid), of(&self.corrected));
            assert_eq!(reading.account.leases().count(), 0, "every lease has ended");
            assert_eq!(reading.account.leased(), Micros::ZERO);
            now(settlement::run(memory, ports.real())).unwrap();
            let after = now(memory.entries(id, 0, usize::MAX)).unwrap();
            assert_eq!(after.len(), entries.len(), "settling once more changes nothing");
        }
    }

    fn judge_usage(&self, id: &AccountId, reading: &Reading) {
        for product in COUNTED {
            let mut total = 0;
            for (writer, answered) in &self.answered {
                let answered = answered.get(&(id.clone(), product)).map_or(0, |usage| usage.calls);
                let ours = |lease: &&LeaseId| {
                    let leased = &reading.leases[lease];
                    leased.writer == *writer && leased.product.as_str() == product
                };
                let booked: u64 =
                    reading.used.iter().filter(|(lease, _)| ours(lease)).map(|(_, used)| used.calls).sum();
                let shown: u64 =
                    reading.ended.iter().filter(|(lease, _)| ours(lease)).map(|(_, left)| calls(left)).sum();
                assert!(
                    booked <= answered && answered <= booked + shown,
                    "{writer} answered {answered} calls of {product} for {id}: {booked} are booked, {shown} unaccounted"
                );
                total += answered;
            }
            let of = |amounts: &BTreeMap<&str, u64>| amounts.get(product).copied().unwrap_or(0);
            let (bought, back) = (of(&reading.bought), of(&reading.given_back));
            assert!(product != "pack" || total <= bought + back, "{total} answered of {bought}, {back} given back");
        }
    }
}

/// What was booked is what instances counted, once, and nothing that is sure is missing.
fn judge_batches(ports: &Faulty, id: &AccountId, reading: &Reading) {
    let offered = ports.offered.borrow();
    let mut expected: BTreeMap<LeaseId, Usage> = BTreeMap::new();
    for batch in &reading.booked {
        let lines = offered.lines.get(&(id.clone(), batch.clone()));
        for line in lines.unwrap_or_else(|| panic!("{batch} was booked for {id}, and nobody wrote it")) {
            expected.entry(line.lease).or_default().add(&line.usage);
        }
    }
    assert_eq!(reading.used, expected, "what is booked is what was counted");
    let refused = now(ports.memory.list(settlement::REFUSED, None, u32::MAX)).unwrap().items;
    let missing = offered.sure.iter().filter(|(account, batch)| account == id && !reading.booked.contains(batch));
    // What only closes leases that are over says nothing.
    for part in missing.filter(|part| !offered.lines[part].is_empty()) {
        let (_, batch) = part;
        let is_kept = refused.iter().any(|entry| entry.ends_with(&format!("{batch}/{id}")));
        let is_late = offered.lines[part].iter().any(|line| reading.ended.contains_key(&line.lease));
        assert!(is_kept && is_late, "{batch} is not booked for {id}; kept: {is_kept}, on a lapsed lease: {is_late}");
    }
}

fn calls(amounts: &PerMeter<u64>) -> u64 {
    amounts.get(Meter::Calls).copied().unwrap_or(0)
}

fn counted(product: &str) -> Option<&'static str> {
    COUNTED.into_iter().find(|counted| *counted == product)
}

impl Reading {
    fn read(&mut self, entry: &Entry) {
        match &entry.event {
            Event::Purchased { terms, .. } => {
                if let Some(product) = counted(terms.product.as_str()) {
                    *self.bought.entry(product).or_default() += calls(&terms.quantities);
                }
            }
            Event::Leased(leased) => {
                self.leases.insert(LeaseId(entry.seq), leased.clone());
                if let Some(terms) = &leased.begins {
                    self.rates.insert(LineId(entry.seq), terms.rate.clone());
                }
            }
            Event::Lapsed { leases } => {
                for rest in leases {
                    if let Some(product) = counted(self.leases[&rest.lease].product.as_str()) {
                        *self.given_back.entry(product).or_default() += calls(&rest.left);
                    }
                    self.ended.insert(rest.lease, rest.left.clone());
                }
            }
            Event::Settled(settlement) => {
                for writer in &settlement.batches {
                    for (sequence, _) in &writer.batches {
                        let id = BatchId { writer: writer.writer.clone(), sequence: *sequence };
                        assert!(self.booked.insert(id), "a batch of {} is booked twice", writer.writer);
                    }
                }
                for line in &settlement.usage {
                    self.used.entry(line.lease).or_default().add(&line.usage);
                    self.book(line.lease, &line.usage);
                }
                for charge in &settlement.charges {
                    *self.charged.entry(charge.line).or_default() += charge.charged.get();
                    *self.forgiven.entry(charge.line).or_default() += charge.forgiven.get();
                    let rated = self.rated.entry(charge.line).or_default();
                    *rated = rated.less(&charge.unrated);
                }
            }
            Event::Adjusted { amount, .. } => self.taken += amount.get().min(0),
            Event::TermsSet(terms) => {
                // Whoever gives less credit than is used or leased out already accepts that it is used.
                let spent = self.account.balance().saturating_sub(self.account.leased());
                self.taken = self.taken.min(spent.get() + terms.credit_limit.get());
            }
            _ => {}
        }
        self.account.evolve(entry);
        self.check();
    }

    fn book(&mut self, lease: LeaseId, usage: &Usage) {
        let Leased { source, allowance, .. } = &self.leases[&lease];
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
        let books = [Book::Balance, Book::DeferredRevenue, Book::Revenue, Book::Payments, Book::Adjustments];
        assert_eq!(books.iter().map(|book| self.account.books().get(*book).get()).sum::<i64>(), 0);
        let floor = self.taken - self.account.terms().credit_limit.get();
        if self.account.balance().get() < floor {
            let over = self.in_flight(|source| matches!(source, Source::Balance(_)));
            let owed = i64::try_from(over * DEAREST_GIB / (1 << 30)).unwrap() + i64::from(over > 0);
            assert!(self.account.balance().get() >= floor - owed, "{} is below {floor}", self.account.balance());
        }
    }

    fn judge_money(&self, paid: i64, corrected: i64) {
        let of = |amounts: &BTreeMap<LineId, i64>, line| amounts.get(line).copied().unwrap_or(0);
        for (line, rate) in &self.rates {
            let usage = self.rated.get(line).copied().unwrap_or_default();
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
    if usage.is_zero() { 0 } else { sum.max(rate.minimum.get()) }
}
