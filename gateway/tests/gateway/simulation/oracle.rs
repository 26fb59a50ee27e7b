//! What must hold whatever went wrong. The model is plain: it adds up what instances answered and tried to write.
//!
//! After every write to every book, with till and register as the store held them then:
//! - the book is what a replay of the chain alone gives, whatever the till adds to it (rule 4);
//! - a lease that somebody was told of is in a till. It leaves it only once it has lapsed, or all that its instance says it
//!   used is booked; no number is given twice (rules 1 and 7);
//! - what was used and what is leased of a grant is no more than its quantity, but for usage that came after its lease had
//!   lapsed, and bytes beyond what a lease allowed (rule 1);
//! - of a credential with a limit no more calls are booked on the leases of a day than it says, but for those that came late (rule 1);
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
//! - once usage is sealed, the chain holds every batch once, the usage of all of them by what paid, and all that lapsed, and its
//!   balance is the account's (rules 2, 3 and 4);
//! - an instance that lives has put all that it answered into batches, and what any instance answered is booked or on the
//!   statement as unaccounted (rule 3);
//! - what was charged and forgiven is what the whole usage of each rating line costs, worked out unit by unit (rule 5);
//! - what is shown by time is what is shown in all, product by product (rule 2);
//! - no lease is open and nothing is set aside (rule 7), and another settlement run changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use farebox_billing::settlement;
use farebox_books::{Accounts, EntryStore, ask};
use farebox_core::{
    id::{AccountId, LeaseId, WriterId},
    ledger::{Answer, Command, Step, verify},
    meter::Usage,
    money::Micros,
    time::{DAY, Timestamp},
};
use farebox_ports::{
    KeyValue, Ledger, UsageJournal, keys,
    reports::{Query, Report, Reports, SeriesAsked, SeriesBy, UsageRow, UsageSeries},
};

use super::{
    catalog::COUNTED,
    faulty::{Faulty, now},
    instance::{Answered, Instance},
    reading::{Reading, calls},
};

/// What is known of the world beside the books.
#[derive(Default)]
pub(crate) struct Oracle {
    paid: BTreeMap<AccountId, i64>,
    corrected: BTreeMap<AccountId, i64>,
    answered: BTreeMap<WriterId, Answered>,
    /// Calls whose callers have left: charged once their instance has noticed it.
    left: BTreeMap<WriterId, Answered>,
    dead: BTreeSet<WriterId>,
    /// Whether nothing fails but instances.
    is_steady: bool,
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
            self.left.insert(writer.clone(), instance.left.clone());
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
        let heard = ports.real().plus(-ports.shown_as_a_rule_within());
        for id in accounts {
            let account = now(ask(&ports.memory, &Accounts::default(), id, Clone::clone)).unwrap();
            for (lease, booked) in account.leases() {
                let is_silent = booked.announced.is_none() && booked.heard_by() <= heard;
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
                let product = super::catalog::PRODUCTS.into_iter().find(|product| *product == line.product.as_str());
                offered.entry((account.clone(), product.unwrap())).or_default().add(&line.usage);
            }
        }
        let mut counted = instance.answered.clone();
        for (of, usage) in &instance.left {
            counted.entry(of.clone()).or_default().add(usage);
        }
        assert_eq!(offered, counted, "what {writer} answered, or nobody waited for, is in its batches");
    }

    pub(crate) fn judge(&self, ports: &Faulty, accounts: &[AccountId]) {
        let memory = &ports.memory;
        for id in accounts {
            let done = now(memory.execute(id, None, &Command::Seal));
            assert!(matches!(done, Ok(Ok(Answer::Ticked { .. }))), "{done:?}");
            let entries = now(memory.entries(id, 0, usize::MAX)).unwrap();
            assert_eq!(verify(0, Default::default(), &entries), Ok(entries.last().unwrap().hash));
            let (mut reading, mut read) = (Reading::default(), entries.as_slice());
            for written in memory.writes(id) {
                let count = usize::try_from(written.version - reading.account.version()).unwrap();
                let (new, rest) = read.split_at(count);
                reading.read(new, written, id, &ports.offered.borrow());
                read = rest;
            }
            assert_eq!(read, [], "every entry was seen when it was written");
            reading.judge_seals();
            judge_batches(ports, id, &reading);
            if self.is_steady {
                self.judge_steady(&reading);
            }
            self.judge_usage(id, &reading);
            judge_series(ports, id);
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
                let of = |counted: &Answered| counted.get(&(id.clone(), product)).map_or(0, |usage| usage.calls);
                let (answered, left) = (of(answered), self.left.get(writer).map_or(0, of));
                let ours = |lease: &&LeaseId| {
                    let leased = &reading.leases[lease];
                    leased.writer == *writer && leased.product.as_str() == product
                };
                let booked: u64 =
                    reading.used.iter().filter(|(lease, _)| ours(lease)).map(|(_, used)| used.calls).sum();
                let shown: u64 =
                    reading.ended.iter().filter(|(lease, _)| ours(lease)).map(|(_, left)| calls(left)).sum();
                assert!(
                    booked <= answered + left && answered <= booked + shown,
                    "{writer} answered {answered} calls of {product} for {id}, and {left} callers left: {booked} are booked, \
                     {shown} unaccounted"
                );
                total += answered;
            }
            let of = |amounts: &BTreeMap<&str, u64>| amounts.get(product).copied().unwrap_or(0);
            let (bought, back) = (of(&reading.bought), of(&reading.given_back));
            assert!(product != "pack" || total <= bought + back, "{total} answered of {bought}, {back} given back");
        }
    }
}

/// What is shown of usage by time is what is shown of it in all.
fn judge_series(ports: &Faulty, id: &AccountId) {
    let ask = |query: &Query| now(ports.memory.report(id, query)).unwrap().unwrap();
    let (from, until) = (Timestamp::default(), ports.real().plus(400 * DAY));
    let Report::Usage(rows) = ask(&Query::Usage { from, until: Timestamp::MAX }) else { panic!() };
    let all: BTreeMap<String, [u64; 5]> = rows
        .iter()
        .map(|UsageRow { product, usage: used }| {
            (product.to_string(), [used.calls, used.ingress_bytes, used.egress_bytes, used.units, used.uncharged])
        })
        .collect();
    for every in [Step::Hour, Step::Day] {
        let by = SeriesBy::Product;
        let asked = SeriesAsked { every, from, until, by, product: None, route: None, credential: None };
        let Report::Series(series) = ask(&Query::Series(asked)) else { panic!() };
        let mut shown: BTreeMap<String, [u64; 5]> = BTreeMap::new();
        for UsageSeries { product, points, .. } in series {
            let sum = shown.entry(product.unwrap()).or_default();
            for used in points {
                let used = [used.calls, used.ingress_bytes, used.egress_bytes, used.units, used.uncharged];
                sum.iter_mut().zip(used).for_each(|(sum, more)| *sum += more);
            }
        }
        assert_eq!(shown, all, "what {id} is shown by the {every:?}");
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
    let told = offered.told.iter().filter(|(account, _)| account == id);
    let unknown: Vec<_> = told.filter(|(_, lease)| !reading.leases.contains_key(lease)).collect();
    assert!(unknown.is_empty(), "{unknown:?} were given, and are in no till");
    let refused = now(ports.memory.list(keys::REFUSED, None, u32::MAX)).unwrap().items;
    let missing = offered.sure.iter().filter(|(account, batch)| account == id && !reading.booked.contains(batch));
    // What only closes leases that are over says nothing.
    for part in missing.filter(|part| !offered.lines[part].is_empty()) {
        let (_, batch) = part;
        let is_kept = refused.iter().any(|entry| entry.ends_with(&format!("{batch}/{id}")));
        let is_late = offered.lines[part].iter().any(|line| reading.ended.contains_key(&line.lease));
        assert!(is_kept && is_late, "{batch} is not booked for {id}; kept: {is_kept}, on a lapsed lease: {is_late}");
    }
}
