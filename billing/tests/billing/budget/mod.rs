//! Settlement by a platform that allows a run only so many operations, and refuses the next one.
//!
//! | rule | broken on purpose | seen to fail |
//! | --- | --- | --- |
//! | each batch is handed in once | `walk` that takes known batches | `each_batch_is_read_and_handed_in_once` |
//! | a batch is remembered once every ledger has answered | `sort` that remembers it | `a_batch_is_remembered_once_all_its_accounts_have_answered` |
//! | what a run could not do is taken up by the next | `put_aside` that writes nothing | the same |
//! | time passes where something is due | `note_due` that notes nothing | `a_lease_of_an_instance_that_is_gone_ends_without_a_sweep` |
//! | a run keeps enough for its end | `Shares` that keep nothing | `all_accounts_are_settled_after_an_outage` |

pub(crate) mod limited;

use std::collections::BTreeMap;

use farebox_billing::settlement::{self, Report};
use farebox_books::{Accounts, ask};
use farebox_core::{
    id::{AccountId, BatchId, LeaseId, WriterId},
    journal::{Batch, Line, Window},
    ledger::{Account, Answer, Command, HEARD_WITHIN_OF_LONG, IdempotencyKey, LONGEST_LEASE, command::AccountTerms},
    meter::{Meter, Usage},
    money::Micros,
    rate::{Price, Rate, Tier, TierMode},
    time::{MINUTE, SECOND, Timestamp},
};
use farebox_memory::Memory;
use farebox_ports::{Host, KeyValue, Ledger, UsageJournal};

use self::limited::{Limited, now};

/// 2026-11-10, so that no month ends.
const BEGIN: Timestamp = Timestamp::from_millis(1_794_268_800_000);

/// What Workers allow one invocation.
const ALLOWED: u32 = 1_000;

/// A deployment of instances that write down what they counted three times a minute.
struct Shop {
    ports: Limited,
    accounts: Vec<AccountId>,
    instances: Vec<Instance>,
    /// Calls so far, of which each goes to another account and instance.
    calls: usize,
    /// What was journaled of each account.
    used: BTreeMap<AccountId, u64>,
}

/// What an instance holds: its leases until they end.
struct Instance {
    writer: WriterId,
    sequence: u64,
    leases: BTreeMap<AccountId, (LeaseId, Timestamp)>,
}

impl Shop {
    fn new(accounts: usize, instances: usize) -> Self {
        let ports = Limited::new(BEGIN, ALLOWED);
        let name = |number: usize| format!("acc_{:016x}", (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let accounts: Vec<AccountId> = (0..accounts).map(|number| name(number).parse().unwrap()).collect();
        for account in &accounts {
            let memory = &ports.memory;
            now(memory.put(&format!("account/{account}"), b"{}")).unwrap();
            now(memory.execute(account, None, &Command::Open { currency: "USD".parse().unwrap() })).unwrap().unwrap();
            let terms = AccountTerms { credit_limit: Micros::new(1_000_000_000), ..AccountTerms::default() };
            let key = IdempotencyKey("terms".to_owned());
            now(memory.execute(account, Some(&key), &Command::SetTerms(terms))).unwrap().unwrap();
        }
        let instance = |number| Instance {
            writer: format!("w{number:012}").parse().unwrap(),
            sequence: 0,
            leases: BTreeMap::new(),
        };
        Self { ports, accounts, instances: (0..instances).map(instance).collect(), calls: 0, used: BTreeMap::new() }
    }

    /// A minute passes with so many calls a second, and every instance writes three batches.
    fn minute(&mut self, calls_per_second: usize) {
        for _ in 0..3 {
            let mut lines: Vec<BTreeMap<AccountId, u64>> = vec![BTreeMap::new(); self.instances.len()];
            for _ in 0..calls_per_second * 20 {
                // A step that has no divisor in common with either number meets every pair.
                let account = &self.accounts[self.calls.wrapping_mul(7_919) % self.accounts.len()];
                let instance = (self.calls / self.accounts.len() + self.calls) % self.instances.len();
                *lines[instance].entry(account.clone()).or_default() += 1;
                self.calls += 1;
            }
            self.ports.memory.set_now(self.ports.memory.now().plus(20 * SECOND));
            for (instance, lines) in lines.into_iter().enumerate() {
                self.write(instance, lines);
            }
        }
    }

    fn write(&mut self, instance: usize, lines: BTreeMap<AccountId, u64>) {
        let memory = &self.ports.memory;
        let (at, instance) = (memory.now(), &mut self.instances[instance]);
        let mut batch = Batch::default();
        for (account, calls) in lines {
            let held = instance.leases.get(&account).filter(|(_, until)| at < *until).copied();
            let held = held.unwrap_or_else(|| (lease(memory, &account, &instance.writer), at.plus(LONGEST_LEASE)));
            instance.leases.insert(account.clone(), held);
            *self.used.entry(account.clone()).or_default() += calls;
            batch.lines.push(Line {
                credential: format!("ak_{:.16}", &account.as_str()[4..]).parse().unwrap(),
                account,
                product: "use".parse().unwrap(),
                lease: held.0,
                usage: Usage { calls, ..Usage::default() },
                shares: Vec::new(),
            });
        }
        let id = BatchId { writer: instance.writer.clone(), sequence: instance.sequence };
        instance.sequence += 1;
        now(memory.write(Window::of(at), &id, &batch)).unwrap();
    }

    /// A settlement run, which may ask for what a platform allows and has asked for no more.
    fn settle(&self) -> Report {
        self.ports.begin();
        let report = now(settlement::run(&self.ports, self.ports.memory.now())).unwrap();
        let asked = self.ports.begin();
        assert_eq!(self.ports.refused.get(), 0, "{report:?} asked for {asked} operations");
        report
    }

    /// The accounts of which something that was journaled is not booked.
    fn unsettled(&self) -> usize {
        let booked = |account: &AccountId| {
            let calls = |account: &Account| account.lines().map(|(_, line)| line.usage.calls).sum::<u64>();
            now(ask(&self.ports.memory, &Accounts::default(), account, calls)).unwrap()
        };
        self.used.iter().filter(|(account, used)| booked(account) != **used).count()
    }
}

fn lease(memory: &Memory, account: &AccountId, writer: &WriterId) -> LeaseId {
    let tiers = vec![Tier { up_to: None, per_block: Micros::new(1_000) }];
    let price = Price { mode: TierMode::Graduated, tiers };
    let rate = Rate { prices: [(Meter::Calls, price)].into_iter().collect(), ..Rate::default() };
    let want = Usage { calls: 32, ..Usage::default() };
    let (product, writer) = ("use".parse().unwrap(), writer.clone());
    let ask = Command::Lease {
        product,
        writer,
        rate: Some(rate),
        want,
        units_of_call: 0,
        lasting: LONGEST_LEASE,
        while_plenty: 0,
        limited: None,
    };
    match now(memory.execute(account, None, &ask)).unwrap() {
        Ok(Answer::Leased(lease)) => lease.id,
        other => panic!("{other:?}"),
    }
}

/// 100 calls a second of 100 accounts, and 10 of 10,000, on ten instances.
const CELLS: [(usize, usize); 2] = [(100, 100), (10, 10_000)];

/// How many minutes pass, and in full.
fn minutes(few: i64, in_full: i64) -> i64 {
    let is_thorough = std::env::var_os("FAREBOX_THOROUGH").is_some_and(|value| !value.is_empty());
    if is_thorough { in_full } else { few }
}

#[test]
fn each_batch_is_read_and_handed_in_once() {
    let mut shop = Shop::new(100, 10);
    for _ in 0..20 {
        shop.minute(100);
        shop.settle();
    }
    let (handed, loaded) = (shop.ports.handed.borrow(), shop.ports.loaded.borrow());
    // 20 minutes, three batches of each of ten instances, each of all 100 accounts.
    assert_eq!((handed.len(), loaded.len()), (20 * 3 * 10 * 100, 20 * 3 * 10));
    assert!(handed.values().chain(loaded.values()).all(|times| *times == 1));
}

#[test]
fn all_accounts_are_settled_within_a_few_runs_of_a_limited_platform() {
    for (calls_per_second, accounts) in CELLS {
        let mut shop = Shop::new(accounts, 10);
        for minute in 0..minutes(8, 30) {
            shop.minute(calls_per_second);
            let report = shop.settle();
            assert!(report.lag_seconds < 180, "{accounts} accounts, minute {minute}: {report:?}");
        }
        for _ in 0..2 {
            shop.ports.memory.set_now(shop.ports.memory.now().plus(MINUTE));
            shop.settle();
        }
        assert_eq!(shop.unsettled(), 0, "{accounts} accounts");
    }
}

/// An outage of three hours in full, and of ten minutes else.
#[test]
fn all_accounts_are_settled_after_an_outage() {
    for (calls_per_second, accounts) in CELLS {
        let mut shop = Shop::new(accounts, 10);
        shop.settle();
        (0..minutes(10, 180)).for_each(|_| shop.minute(calls_per_second));
        let mut runs = 0;
        loop {
            shop.minute(calls_per_second);
            let report = shop.settle();
            runs += 1;
            if report.lag_seconds < 180 {
                break;
            }
            assert!(runs < 90, "{accounts} accounts: {report:?}");
        }
        println!("{accounts} accounts: {runs} runs");
        for _ in 0..2 {
            shop.ports.memory.set_now(shop.ports.memory.now().plus(MINUTE));
            shop.settle();
        }
        assert_eq!(shop.unsettled(), 0, "{accounts} accounts");
        assert!(shop.ports.handed.borrow().values().all(|times| *times == 1), "nothing was handed in twice");
    }
}

#[test]
fn a_batch_is_remembered_once_all_its_accounts_have_answered() {
    for is_full in [false, true] {
        let mut shop = Shop::new(2, 1);
        shop.settle();
        shop.minute(10);
        let silent = shop.accounts[0].clone();
        shop.ports.silent.borrow_mut().insert(silent.clone());
        shop.ports.is_full.set(is_full);
        let report = shop.settle();
        assert_eq!((report.left, shop.unsettled()), (3, 1), "{report:?}");
        shop.ports.silent.borrow_mut().clear();
        let report = shop.settle();
        assert_eq!((report.left, shop.unsettled()), (0, 0), "{report:?}");
        let handed =
            |account| shop.ports.handed.borrow().iter().filter(|((of, _), _)| of == account).map(|(_, n)| *n).max();
        assert_eq!(handed(&silent), Some(2));
        // Where nothing can be set aside, the journal is where it stays, and all are asked again.
        assert_eq!(handed(&shop.accounts[1]), Some(if is_full { 2 } else { 1 }));
    }
}

#[test]
fn idle_accounts_cost_a_run_nothing() {
    let operations = |idle: usize| {
        let mut shop = Shop::new(idle, 1);
        let used = shop.accounts.split_off(idle - 20);
        let idle = std::mem::replace(&mut shop.accounts, used);
        // The first runs sweep over all accounts in turn, and an hour later the next ones.
        for _ in 0..20 {
            shop.settle();
        }
        let operations = (0..30).map(|_| {
            shop.minute(1);
            shop.settle().operations
        });
        let operations: u32 = operations.sum();
        assert_eq!(shop.unsettled(), 0, "beside {} idle accounts", idle.len());
        operations
    };
    let (few, many) = (operations(120), operations(1_820));
    // Which account with usage is told the time in which minute depends on its name.
    assert!(many.abs_diff(few) < 30, "{few} operations in 30 runs beside 100 idle accounts, {many} beside 1,800");
}

#[test]
fn a_lease_of_an_instance_that_is_gone_ends_without_a_sweep() {
    let shop = Shop::new(500, 1);
    for _ in 0..10 {
        shop.settle();
    }
    let (account, writer) = (shop.accounts[250].clone(), "gone".parse().unwrap());
    lease(&shop.ports.memory, &account, &writer);
    let open =
        || now(ask(&shop.ports.memory, &Accounts::default(), &account, |account| account.leases().count())).unwrap();
    shop.ports.ticks.set(0);
    let until =
        shop.ports.memory.now().plus(LONGEST_LEASE + HEARD_WITHIN_OF_LONG + shop.ports.shown_as_a_rule_within());
    while shop.ports.memory.now() < until {
        assert_eq!(open(), 1);
        shop.ports.memory.set_now(shop.ports.memory.now().plus(MINUTE));
        shop.settle();
    }
    assert_eq!((open(), shop.ports.ticks.get()), (0, 1), "it is looked after once, and no other account is");
}

#[test]
fn an_account_that_is_silent_for_hours_costs_each_run_the_same() {
    let mut shop = Shop::new(10, 10);
    shop.settle();
    shop.ports.silent.borrow_mut().insert(shop.accounts[0].clone());
    let mut most = Vec::new();
    for minute in 0..minutes(60, 180) {
        shop.minute(10);
        let report = shop.settle();
        assert!((report.lag_seconds - minute * 60).abs() < 180, "{report:?}");
        most.push(report.operations);
        let others = shop.unsettled();
        assert_eq!(others, 1, "minute {minute}: the others are settled");
    }
    let (early, late) = (most[10..20].iter().max().unwrap(), most[50..].iter().max().unwrap());
    // What waits is kept by 2,000 lines: 30 of a minute are 5,400 after three hours, three more pages to read and to write.
    assert!(*late <= early + 12, "{early} operations, and {late} after three hours");
    shop.ports.silent.borrow_mut().clear();
    shop.settle();
    assert_eq!(shop.unsettled(), 0);
}
