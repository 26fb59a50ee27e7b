//! Settlement after nobody settled for a long time, by runs that are ended before they are through.
//!
//! | rule | broken on purpose | seen to fail |
//! | --- | --- | --- |
//! | a run that is ended was not in vain | `save` that saves nothing | `a_run_that_is_ended_has_brought_the_next_one_nearer` |
//! | nothing is passed over | `save` also where something was left | `what_an_account_did_not_take_is_not_passed_over` |

use farebox_billing::settlement;
use farebox_core::{
    id::{AccountId, BatchId, LeaseId, WriterId},
    journal::{Batch, Line, Window},
    ledger::{Answer, Command, IdempotencyKey, command::PackageTerms},
    meter::{Meter, Usage},
    money::Micros,
    time::{HOUR, MINUTE, SECOND},
};
use farebox_ports::{Ledger, UsageJournal};

use super::{
    faulty::{Faulty, now},
    opening::{BEGIN, open},
};

/// Pages of 1,000 batches, as every journal has them.
const PAGES: u64 = 5;

/// Enough for a page or two, and not for all.
const ACCESSES: u32 = 9;

/// A lease of a package that pays for every batch.
fn lease(ports: &Faulty, account: &AccountId, writer: &WriterId) -> LeaseId {
    let product = "pack".parse().unwrap();
    let terms = PackageTerms {
        product,
        offer: "many".parse().unwrap(),
        price: Micros::ZERO,
        quantities: [(Meter::Calls, PAGES * 1_000)].into_iter().collect(),
        valid: None,
        priority: 0,
        also_for: Vec::new(),
        once: false,
    };
    let (product, key) = (terms.product.clone(), IdempotencyKey("buy".to_owned()));
    now(ports.execute(account, Some(&key), &Command::Purchase(terms))).unwrap().unwrap();
    let want = Usage { calls: 1, ..Usage::default() };
    let ask = Command::Lease {
        product,
        writer: writer.clone(),
        rate: None,
        want,
        units_of_call: 0,
        lasting: 20 * SECOND,
        while_plenty: 0,
        limited: None,
    };
    match now(ports.execute(account, None, &ask)).unwrap() {
        Ok(Answer::Leased(lease)) => lease.id,
        other => panic!("{other:?}"),
    }
}

/// A deployment with a batch for each second of a while in which nobody settled.
fn behind(account: &AccountId) -> Faulty {
    let ports = Faulty::new(BEGIN, 0);
    ports.calm.set(true);
    open(&ports, account);
    now(settlement::run(&ports, ports.real())).unwrap();
    let writer: WriterId = "w".parse().unwrap();
    let line = Line {
        account: account.clone(),
        credential: "ak_a".parse().unwrap(),
        product: "pack".parse().unwrap(),
        lease: lease(&ports, account, &writer),
        usage: Usage { calls: 1, ..Usage::default() },
        shares: Vec::new(),
    };
    let batch = Batch { lines: vec![line], closings: Vec::new() };
    for sequence in 0..PAGES * 1_000 {
        let window = Window::of(BEGIN.plus(i64::try_from(sequence / 60).unwrap() * MINUTE));
        now(ports.memory.write(window, &BatchId { writer: writer.clone(), sequence }, &batch)).unwrap();
    }
    ports.pass(2 * HOUR, 0);
    ports
}

#[test]
fn a_run_that_is_ended_has_brought_the_next_one_nearer() {
    let ports = behind(&"acc_a".parse().unwrap());
    ports.die_after(Some(ACCESSES));
    now(settlement::run(&ports, ports.real())).unwrap_err();
    ports.die_after(None);
    let rest = now(settlement::run(&ports, ports.real())).unwrap();
    assert!(rest.batches < PAGES * 1_000, "{rest:?}");
    assert!(rest.applied > 0 && rest.known <= 1_000, "{rest:?}");
    let again = now(settlement::run(&ports, ports.real())).unwrap();
    assert_eq!((again.applied, again.left), (0, 0));
}

#[test]
fn what_an_account_did_not_take_is_not_passed_over() {
    let account = "acc_a".parse().unwrap();
    let ports = behind(&account);
    ports.silence.borrow_mut().insert(account.clone());
    assert_eq!(now(settlement::run(&ports, ports.real())).unwrap().left, PAGES * 1_000);
    ports.silence.borrow_mut().clear();
    assert_eq!(now(settlement::run(&ports, ports.real())).unwrap().applied, PAGES * 1_000);
}
