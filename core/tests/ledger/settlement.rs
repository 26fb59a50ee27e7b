//! Rules 2, 4 and 5: no double charge, balanced books, no drift.

use farebox_core::{
    id::{LeaseId, WriterId},
    journal::{Closing, Window},
    ledger::{Account, Answer, Book as Of, Command, LAPSE_AFTER, Refusal, Register, Till, command::AccountBatch},
    meter::{Meter, Usage},
    money::Micros,
    rate::{Price, Rate, Tier, TierMode},
    time::{DAY, HOUR, MINUTE, SECOND},
};
use proptest::prelude::*;

use crate::book::{Book, calls, id, line, money, package, per_1000_calls, recharge};

#[test]
fn a_key_moves_money_once_and_names_one_command() {
    let mut book = Book::open();
    let first = book.run_as(Some("k"), &recharge("5.00")).unwrap();
    assert_eq!(first, Answer::Booked { entry: 2, balance: money("5.00"), grant: None });
    book.run(&recharge("1.00")).unwrap();
    assert_eq!(book.run_as(Some("k"), &recharge("5.00")), Ok(first));
    assert_eq!(book.run_as(Some("k"), &recharge("5.01")), Err(Refusal::KeyReused));
    assert_eq!(book.account.balance(), money("6.00"));
}

#[test]
fn a_batch_is_booked_once_however_often_it_comes() {
    let mut book = Book::with_package(100);
    let lease = book.lease(None, calls(20)).unwrap().id;
    let batch = book.batch(vec![line(lease, calls(7))]);
    let twice = book.settle_all(vec![batch.clone(), batch.clone()]);
    assert_eq!((twice.applied, twice.known), (1, 1));
    assert_eq!(book.settle_all(vec![batch]).known, 1);
    assert_eq!(book.account.grants().next().unwrap().quota.used, 7);
}

#[test]
fn a_batch_that_no_instance_can_have_written_is_refused_whole() {
    let mut book = Book::with_package(100);
    let lease = book.lease(None, calls(20)).unwrap().id;
    let unknown = book.batch(vec![line(lease, calls(7)), line(LeaseId(77), calls(1))]);
    let mut foreign = book.batch(vec![line(lease, calls(7))]);
    foreign.id.writer = id("another");
    let absurd =
        book.batch(vec![line(lease, Usage { calls: 1, ingress_bytes: 0, egress_bytes: u64::MAX, ..Usage::NONE })]);
    assert_eq!(book.settle_all(vec![unknown, foreign, absurd]).refused.len(), 3);
    assert_eq!(book.account.grants().next().unwrap().quota.used, 0);
}

/// Whoever had a batch in his hands for however long, under whatever minute it was written again.
#[test]
fn a_batch_that_was_forgotten_is_refused_and_never_booked_again() {
    let mut book = Book::with_package(100);
    let (returned, lost) = (book.lease(None, calls(9)).unwrap().id, book.lease(None, calls(9)).unwrap().id);
    let closing = Closing { account: id("a"), lease: returned, total: calls(7) };
    let copies = [
        AccountBatch { closings: vec![closing], ..book.batch(vec![line(returned, calls(7))]) },
        book.batch(vec![line(lost, calls(3))]),
    ];
    assert_eq!(book.settle_all(copies.to_vec()).applied, 2);
    for (hours, known) in [(1, 2), (1, 2), (24, 2), (24, 0)] {
        book.wait(hours * HOUR);
        // Another lease lapses, so that those of long ago are looked at.
        book.lease(None, calls(1)).unwrap();
        let late = copies.each_ref().map(|copy| AccountBatch { window: Window::of(book.now), ..copy.clone() });
        let settled = book.settle_all(late.to_vec());
        assert_eq!((settled.applied, settled.known), (0, known), "{:?}", settled.refused);
        assert_eq!(settled.refused.len() as u64, 2 - known);
    }
    assert_eq!(book.account.grants().next().unwrap().quota.used, 10);
}

/// What an account knows of batches is bounded by what settlements may still read, however many instances are born.
#[test]
fn a_snapshot_does_not_grow_with_the_instances_that_have_ended() {
    let mut book = Book::with_package(1_000_000);
    let mut sizes = Vec::new();
    for hour in 0..6 {
        for minute in 0..60 {
            for instance in 0..3 {
                let writer: WriterId = id(&format!("w{hour}-{minute}-{instance}"));
                let command = Command::Lease {
                    product: id("p"),
                    writer: writer.clone(),
                    rate: None,
                    want: calls(2),
                    units_of_call: 0,
                    lasting: 20 * SECOND,
                    while_plenty: 0,
                    limited: None,
                };
                let Ok(Answer::Leased(lease)) = book.run(&command) else { panic!("no lease") };
                let closing = Closing { account: id("a"), lease: lease.id, total: calls(2) };
                let mut batch = book.batch(vec![line(lease.id, calls(2))]);
                (batch.id.writer, batch.closings) = (writer, vec![closing]);
                assert_eq!(book.settle_all(vec![batch]).applied, 1);
            }
            book.wait(MINUTE);
        }
        sizes.push(book.account.to_snapshot().len());
    }
    assert!(sizes[5] <= sizes[1] + sizes[1] / 4, "{sizes:?}");
}

#[test]
fn a_batch_that_waited_a_month_for_the_first_settlement_is_booked_once() {
    let mut book = Book::with_package(100);
    let lease = book.lease(None, calls(20)).unwrap().id;
    let waited = book.batch(vec![line(lease, calls(7))]);
    book.now = book.now.plus(31 * DAY);
    assert_eq!(book.settle_all(vec![waited.clone()]).applied, 1);
    assert_eq!(book.settle_all(vec![waited]).known, 1);
    assert_eq!(book.account.grants().next().unwrap().quota.used, 7);
}

#[test]
fn the_price_of_a_package_is_earned_as_it_is_used_and_the_rest_when_it_ends() {
    let mut book = Book::with_balance("0.15");
    book.run(&Command::Purchase(package("0.15", &[(Meter::Calls, 100)]))).unwrap();
    let lease = book.lease(None, calls(10)).unwrap().id;
    book.settle(lease, calls(10), Some(calls(10)));
    let held = |book: &Book| {
        [Of::Balance, Of::DeferredRevenue, Of::Revenue].map(|of| book.account.books().get(of).to_string())
    };
    assert_eq!(held(&book), ["0.00", "0.135", "0.015"]);
    book.wait(30 * DAY + LAPSE_AFTER);
    assert_eq!(held(&book), ["0.00", "0.00", "0.15"]);
    assert_eq!(book.account.next_tick(), None);
}

fn rates() -> impl Strategy<Value = Rate> {
    let mode = prop_oneof![Just(TierMode::Graduated), Just(TierMode::Volume)];
    let tiers = (proptest::collection::btree_set(1u64..200, 0..4), proptest::collection::vec(0i64..5_000_000, 5));
    let price = |meter: Meter| {
        move |(mode, (ends, costs)): (TierMode, (std::collections::BTreeSet<u64>, Vec<i64>))| {
            let scale = if meter == Meter::Calls { 1 } else { 1 << 26 };
            let ends = ends.into_iter().map(move |end| Some(end * scale)).chain([None]);
            let tiers = ends.zip(costs).map(|(up_to, cost)| Tier { up_to, per_block: Micros::new(cost) });
            (meter, Price { mode, tiers: tiers.collect() })
        }
    };
    let prices = Meter::ALL.map(|meter| proptest::option::of((mode.clone(), tiers.clone()).prop_map(price(meter))));
    (prices, 0i64..100).prop_map(|(prices, minimum)| Rate {
        prices: prices.into_iter().flatten().collect(),
        minimum: Micros::new(minimum),
    })
}

proptest! {
    /// Any split of the same usage into batches, in any order, over any number of leases, costs the same: for all kinds
    /// of tiers and all meters.
    #[test]
    fn no_split_and_no_order_changes_what_usage_costs(
        rate in rates(),
        parts in proptest::collection::vec((0usize..4, 0u64..20, 0u64..1 << 30, 0u64..1 << 30), 1..20),
        turn: prop::sample::Index,
    ) {
        let start = "1000000.00";
        let mut book = Book::with_balance(start);
        let leases: Vec<_> = (0..4).map(|_| book.lease(Some(&rate), calls(1_000)).unwrap().id).collect();
        let mut all = Usage::default();
        let mut batches: Vec<_> = parts.iter().map(|&(lease, calls, ingress_bytes, egress_bytes)| {
            let usage = Usage { calls, ingress_bytes, egress_bytes, ..Usage::NONE };
            all.add(&usage);
            book.batch(vec![line(leases[lease], usage)])
        }).collect();
        let turn = turn.index(batches.len());
        batches.rotate_left(turn);
        for batch in batches {
            book.settle_all(vec![batch]);
        }
        prop_assert_eq!(book.account.balance(), money(start).checked_sub(rate.charge(&all)).unwrap());
        book.wait(30 * SECOND + LAPSE_AFTER);
        prop_assert_eq!(book.account.leased(), Micros::ZERO);
    }

    /// A replay of all entries, or of a snapshot and what came after it, is the book; and with the till laid on it the account.
    #[test]
    fn a_replay_gives_the_same_account(uses in proptest::collection::vec((1u64..40, any::<bool>()), 1..30), cut: prop::sample::Index) {
        let rate = per_1000_calls("2.00");
        let mut book = Book::with_balance("0.10");
        book.run_as(Some("k"), &Command::Purchase(package("0.02", &[(Meter::Calls, 30)]))).unwrap();
        for (want, closes) in uses {
            book.now = book.now.plus(7 * SECOND);
            if let Ok(lease) = book.lease(Some(&rate), calls(want)) {
                book.settle(lease.id, calls(1), closes.then_some(calls(1)));
            }
            book.wait(SECOND);
        }
        let mut replayed = Account::default();
        for (done, entry) in book.entries.iter().enumerate() {
            prop_assert_eq!(entry.postings.iter().fold(0, |sum, posting| sum + posting.amount.get()), 0);
            if done == cut.index(book.entries.len()) {
                replayed = Account::from_snapshot(&replayed.to_snapshot()).unwrap();
            }
            replayed.evolve(entry);
        }
        prop_assert_eq!(&replayed, &book.account.without_till());
        let (till, register) = (Till::from_bytes(&book.account.till().to_bytes()), book.account.register().to_bytes());
        replayed.advance(&[], Some(till.unwrap()), Some(Register::from_bytes(&register).unwrap()));
        prop_assert_eq!(replayed, book.account);
    }
}
