//! What must hold whatever went wrong. The model is plain: it adds up what instances answered and wrote.
//!
//! At every entry of every book, replayed from the beginning:
//! - what was used and what is leased of a grant is no more than its quantity, but for usage that came after its lease had
//!   lapsed, and bytes beyond what a lease allowed (rule 1);
//! - the balance is not below the credit limit, but for such bytes (rule 1);
//! - books sum to zero, nothing is earned twice, and the chain holds (rule 4).
//!
//! At the end, when everything written was shown and settled:
//! - every batch that was written is booked once: usage per lease is what was written (rule 2);
//! - what an instance answered and took to its grave is on the statement as unaccounted (rule 3);
//! - what was charged and forgiven is what the whole usage of each rating line costs, worked out unit by unit (rule 5);
//! - no lease is open and nothing is set aside (rule 7), and another settlement run changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use farebox_core::{
    id::{AccountId, BatchId, GrantId, LeaseId, LineId},
    journal::Batch,
    ledger::{Account, Book, Entry, Event, Source, verify},
    meter::{Meter, PerMeter, Usage},
    money::Micros,
    rate::{Rate, TierMode, block},
};
use farebox_gateway::{
    ledger::{EntryRange, EntryStore},
    ports::Host,
    settlement,
};
use farebox_memory::Memory;

use crate::{faulty::now, instance::Instance};

/// What the instances know.
#[derive(Default)]
pub(crate) struct Oracle {
    recharged: BTreeMap<AccountId, i64>,
    batches: BTreeSet<BatchId>,
    written: BTreeMap<(AccountId, LeaseId), Usage>,
    buried: BTreeMap<(AccountId, LeaseId), Usage>,
}

/// What a book says, entry by entry.
#[derive(Default)]
struct Reading {
    account: Account,
    sources: BTreeMap<LeaseId, (Source, PerMeter<u64>)>,
    ended: BTreeMap<LeaseId, PerMeter<u64>>,
    used: BTreeMap<LeaseId, Usage>,
    late: BTreeMap<GrantId, Usage>,
    rates: BTreeMap<LineId, Rate>,
    rated: BTreeMap<LineId, Usage>,
    charged: BTreeMap<LineId, i64>,
    forgiven: BTreeMap<LineId, i64>,
}

impl Oracle {
    pub(crate) fn recharged(&mut self, account: &AccountId, amount: Micros) {
        *self.recharged.entry(account.clone()).or_default() += amount.get();
    }

    pub(crate) fn journaled(&mut self, id: &BatchId, batch: &Batch) {
        if self.batches.insert(id.clone()) {
            for line in &batch.lines {
                self.written.entry((line.account.clone(), line.lease)).or_default().add(&line.usage);
            }
        }
    }

    pub(crate) fn died(&mut self, instance: &Instance) {
        self.buried.extend(instance.answered());
    }

    pub(crate) fn judge(&self, memory: &Memory, accounts: &[AccountId]) {
        for id in accounts {
            let entries = now(memory.entries(id, &EntryRange::after(0, usize::MAX))).unwrap();
            assert_eq!(verify(0, Default::default(), &entries), Ok(entries.last().unwrap().hash));
            let mut reading = Reading::default();
            entries.iter().for_each(|entry| reading.read(entry));
            self.judge_usage(id, &reading);
            reading.judge_money(self.recharged.get(id).copied().unwrap_or(0));
            assert_eq!(reading.account.leases().count(), 0, "every lease has ended");
            assert_eq!(reading.account.leased(), Micros::ZERO);
            now(settlement::run(memory, memory.now())).unwrap();
            let after = now(memory.entries(id, &EntryRange::after(0, usize::MAX))).unwrap();
            assert_eq!(after.len(), entries.len(), "settling once more changes nothing");
        }
    }

    fn judge_usage(&self, id: &AccountId, reading: &Reading) {
        let written = self.written.iter().filter(|((account, _), _)| account == id);
        let written: BTreeMap<LeaseId, Usage> = written.map(|((_, lease), usage)| (*lease, *usage)).collect();
        assert_eq!(reading.used, written, "what was written is booked once");
        for ((_, lease), answered) in self.buried.iter().filter(|((account, _), _)| account == id) {
            let booked = reading.used.get(lease).copied().unwrap_or_default();
            let (_, allowance) = &reading.sources[lease];
            let lost = answered.calls.saturating_sub(booked.calls);
            if allowance.get(Meter::Calls).is_some() && lost > 0 {
                let unaccounted = reading.ended.get(lease).and_then(|left| left.get(Meter::Calls)).copied();
                assert!(unaccounted >= Some(lost), "{lease}: {lost} calls were lost, {unaccounted:?} are shown");
            }
        }
    }
}

impl Reading {
    fn read(&mut self, entry: &Entry) {
        match &entry.event {
            Event::Leased(leased) => {
                self.sources.insert(LeaseId(entry.seq), (leased.source, leased.allowance.clone()));
                if let Some(terms) = &leased.begins {
                    self.rates.insert(LineId(entry.seq), terms.rate.clone());
                }
            }
            Event::Lapsed { leases } => {
                self.ended.extend(leases.iter().map(|rest| (rest.lease, rest.left.clone())));
            }
            Event::Settled(settlement) => {
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
            _ => {}
        }
        self.account.evolve(entry);
        self.check();
    }

    fn book(&mut self, lease: LeaseId, usage: &Usage) {
        let (source, _) = &self.sources[&lease];
        match source {
            Source::Balance(line) => self.rated.entry(*line).or_default().add(usage),
            Source::Grant(grant) if self.ended.contains_key(&lease) => self.late.entry(*grant).or_default().add(usage),
            Source::Grant(_) => {}
        }
        if let Some(left) = self.ended.get_mut(&lease) {
            *left = left.map(|meter, left| left.saturating_sub(usage.get(meter)));
        }
    }

    /// Bytes that leases of `source` used beyond what they allowed.
    fn in_flight(&self, source: impl Fn(&Source) -> bool) -> u64 {
        let of = |(lease, (from, allowance)): (&LeaseId, &(Source, PerMeter<u64>))| {
            let used = self.used.get(lease).filter(|_| source(from))?;
            let bytes = allowance.iter().filter(|(meter, _)| *meter != Meter::Calls);
            Some(bytes.map(|(meter, allowed)| used.get(meter).saturating_sub(*allowed)).sum::<u64>())
        };
        self.sources.iter().filter_map(of).sum()
    }

    fn check(&self) {
        for row in self.account.grants() {
            let late = self.late.get(&row.grant.id).map_or(0, |usage| usage.get(row.meter));
            let over = self.in_flight(|source| *source == Source::Grant(row.grant.id));
            let taken = row.quota.used + row.quota.leased;
            assert!(taken <= row.quota.quantity + late + over, "{row:?}: {late} late, {over} in flight");
            assert!(Micros::ZERO <= row.grant.earned && row.grant.earned <= row.grant.price, "{row:?}");
        }
        let books = [Book::Balance, Book::DeferredRevenue, Book::Revenue, Book::Payments, Book::Adjustments];
        assert_eq!(books.iter().map(|book| self.account.books().get(*book).get()).sum::<i64>(), 0);
        let over = self.in_flight(|source| matches!(source, Source::Balance(_)));
        // No tier of the simulation costs more than 20.00 for a GiB.
        let owed = i64::try_from(over * 20_000_000 / (1 << 30)).unwrap() + i64::from(over > 0);
        let floor = -self.account.terms().credit_limit.get() - owed;
        assert!(self.account.balance().get() >= floor, "{} is below {floor}", self.account.balance());
    }

    fn judge_money(&self, recharged: i64) {
        let of = |amounts: &BTreeMap<LineId, i64>, line| amounts.get(line).copied().unwrap_or(0);
        for (line, rate) in &self.rates {
            let usage = self.rated.get(line).copied().unwrap_or_default();
            let (charged, forgiven) = (of(&self.charged, line), of(&self.forgiven, line));
            assert_eq!(charged + forgiven, unit_by_unit(rate, &usage), "{line} at {usage:?}");
            assert!(forgiven >= 0 && charged >= 0, "{line}: {charged} charged, {forgiven} forgiven");
        }
        assert_eq!(self.account.books().get(Book::Payments).get(), -recharged, "each recharge is booked once");
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
    rate.prices.iter().map(cost).sum()
}
