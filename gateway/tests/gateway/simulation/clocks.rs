//! Clocks that are wrong: of an instance, and of a settlement run.
//!
//! | rule | broken on purpose | seen to fail |
//! | --- | --- | --- |
//! | a lease ends as soon by a wrong clock | `Held::new` that ends at the ledger's `until` | `a_lease_is_over_in_time_on_an_instance_whose_clock_is_wrong` |
//! | what was timed is not believed when the clock is set back | `State::look` that does nothing | `a_clock_that_is_set_back_revives_nothing…` |
//! | usage is journaled where the settlement reads | `Clock::ledgers` that is `now` | `usage_of_an_instance_whose_clock_is_wrong_is_settled` |
//! | a run whose clock was ahead loses nothing | `first_window` that believes the checkpoint | `a_run_whose_clock_was_ahead_passes_over_nothing` |
//! | one account that is out of order holds up no other | one time for all ticks | `an_account_that_does_not_answer_holds_up_no_other` |

use farebox_billing::settlement;
use farebox_books::{Accounts, ask};
use farebox_core::{
    id::AccountId,
    ledger::{Account, Command, HEARD_WITHIN, IdempotencyKey, LAPSE_AFTER},
    meter::{Meter, Usage},
    time::{DAY, HOUR, MINUTE, SECOND},
};
use farebox_ports::{Ledger, UsageJournal};

use super::{
    faulty::{Faulty, now},
    instance::Instance,
    opening::{BEGIN, open, publish},
};

const ANSWER: Usage = Usage { calls: 1, ingress_bytes: 0, egress_bytes: 0, ..Usage::NONE };

/// A deployment on which nothing fails, with accounts that have bought 100 calls each.
fn deployment(accounts: &[&str]) -> (Faulty, Vec<AccountId>) {
    let ports = Faulty::new(BEGIN, 0);
    ports.calm.set(true);
    publish(&ports);
    let accounts: Vec<AccountId> = accounts.iter().map(|account| account.parse().unwrap()).collect();
    for account in &accounts {
        open(&ports, account);
        let terms = farebox_core::ledger::command::PackageTerms {
            product: "pack".parse().unwrap(),
            offer: "hundred".parse().unwrap(),
            price: farebox_core::money::Micros::ZERO,
            quantities: [(Meter::Calls, 100)].into_iter().collect(),
            valid: None,
            priority: 0,
            also_for: Vec::new(),
            once: false,
        };
        let key = IdempotencyKey("buy".to_owned());
        now(ports.execute(account, Some(&key), &Command::Purchase(terms))).unwrap().unwrap();
    }
    (ports, accounts)
}

fn answer_all(instance: &mut Instance) {
    instance.answer(|| Some(ANSWER));
}

/// Used, leased out, and the number of open leases.
fn held(ports: &Faulty, account: &AccountId) -> (u64, u64, usize) {
    let of = |account: &Account| {
        let quota = account.grants().next().unwrap().quota;
        (quota.used, quota.leased, account.leases().count())
    };
    now(ask(&ports.memory, &Accounts::default(), account, of)).unwrap()
}

fn settle(ports: &Faulty) -> settlement::Report {
    now(settlement::run(ports, ports.real())).unwrap()
}

#[test]
fn a_lease_is_over_in_time_on_an_instance_whose_clock_is_wrong() {
    for wrong in [-3 * DAY, 3 * DAY] {
        let (ports, accounts) = deployment(&["a"]);
        let mut instance = Instance::new(&ports, wrong, 1);
        assert!(instance.call(&accounts[0], "pack"), "a lease can be used");
        answer_all(&mut instance);
        ports.pass(19 * SECOND, 0);
        now(ports.execute(&accounts[0], None, &Command::SetStatus { suspended: true })).unwrap().unwrap();
        assert!(instance.call(&accounts[0], "pack"));
        ports.pass(SECOND, 0);
        assert!(!instance.call(&accounts[0], "pack"), "and no longer than it lasts");
    }
}

#[test]
fn a_clock_that_is_set_back_revives_nothing_and_stops_nothing() {
    let (ports, accounts) = deployment(&["a"]);
    let mut instance = Instance::new(&ports, 0, 1);
    assert!(instance.call(&accounts[0], "pack"));
    answer_all(&mut instance);
    now(ports.execute(&accounts[0], None, &Command::SetStatus { suspended: true })).unwrap().unwrap();
    instance.set_skew(-HOUR);
    assert!(!instance.call(&accounts[0], "pack"), "nobody knows how long the lease has been held");
    now(ports.execute(&accounts[0], None, &Command::SetStatus { suspended: false })).unwrap().unwrap();
    instance.set_skew(-2 * HOUR);
    assert!(instance.call(&accounts[0], "pack"), "nor how long ago the ledger refused");
    answer_all(&mut instance);
    ports.pass(30 * SECOND, 0);
    instance.work();
    assert_eq!(settle(&ports).left, 0);
    assert_eq!(held(&ports, &accounts[0]), (2, 0, 0), "what was used is written, and the leases are given back");
}

#[test]
fn an_instance_that_was_stopped_spends_nothing_that_came_back() {
    let (ports, accounts) = deployment(&["a"]);
    let (mut stopped, mut other) = (Instance::new(&ports, 0, 1), Instance::new(&ports, 0, 2));
    assert!(stopped.call(&accounts[0], "pack"));
    answer_all(&mut stopped);
    // From here on it does nothing, and so is not heard of.
    ports.pass(20 * SECOND + HEARD_WITHIN + ports.shown_as_a_rule_within(), 0);
    assert_eq!(settle(&ports).left, 0);
    assert_eq!(held(&ports, &accounts[0]), (0, 0, 0), "what it held came back");
    let mut used = 0;
    while other.call(&accounts[0], "pack") {
        answer_all(&mut other);
        used += 1;
    }
    assert_eq!(used, 100, "and can be used");
    assert!(!stopped.call(&accounts[0], "pack"), "by others alone");
}

#[test]
fn usage_of_an_instance_whose_clock_is_wrong_is_settled() {
    for wrong in [-3 * DAY, -15 * MINUTE, 15 * MINUTE, 3 * DAY] {
        let (ports, accounts) = deployment(&["a"]);
        settle(&ports);
        let mut instance = Instance::new(&ports, wrong, 1);
        assert!(instance.call(&accounts[0], "pack") && instance.call(&accounts[0], "pack"));
        instance.answer({
            let mut answers = [Some(ANSWER), None].into_iter();
            move || answers.next().flatten()
        });
        // The other call keeps the lease open, so that the journal is the only way.
        instance.flush();
        ports.pass(MINUTE, 0);
        assert_eq!(settle(&ports).applied, 1, "{wrong}");
        assert_eq!(held(&ports, &accounts[0]).0, 1);
    }
}

#[test]
fn a_run_whose_clock_was_ahead_passes_over_nothing() {
    let (ports, accounts) = deployment(&["a"]);
    now(settlement::run(&ports, BEGIN.plus(DAY))).unwrap();
    let mut instance = Instance::new(&ports, 0, 1);
    assert!(instance.call(&accounts[0], "pack") && instance.call(&accounts[0], "pack"));
    let mut answers = [Some(ANSWER), None].into_iter();
    instance.answer(move || answers.next().flatten());
    instance.flush();
    ports.pass(30 * MINUTE, 0);
    assert_eq!(settle(&ports).applied, 1);
}

#[test]
fn an_account_that_does_not_answer_holds_up_no_other() {
    let (ports, accounts) = deployment(&["a", "b"]);
    let mut lost = Instance::new(&ports, 0, 1);
    assert!(accounts.iter().all(|account| lost.call(account, "pack")));
    answer_all(&mut lost);
    lost.flush();
    drop(lost);
    ports.silence.borrow_mut().insert(accounts[0].clone());
    ports.pass(LAPSE_AFTER + 20 * SECOND + ports.shown_within() + MINUTE, 0);
    assert_eq!(settle(&ports).left, 1);
    ports.silence.borrow_mut().clear();
    assert_eq!(held(&ports, &accounts[1]), (1, 0, 0), "its lease has lapsed");
    assert_eq!(held(&ports, &accounts[0]).2, 1, "what is left may be of this one");
    assert_eq!(settle(&ports).left, 0);
    assert_eq!(held(&ports, &accounts[0]), (1, 0, 0));
}
