//! Rules 2, 4 and 5: no double charge, balanced books, no drift.

use farebox_core::{
    journal::TIME_TO_LIVE,
    ledger::{Account, Answer, Book as Of, Command, LAPSE_AFTER, Refusal},
    meter::{Meter, Usage},
    money::Micros,
    rate::{Price, Rate, Tier, TierMode},
    time::{DAY, HOUR, SECOND},
};
use proptest::prelude::*;

use crate::book::{Book, calls, line, money, package, per_1000_calls, recharge};

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
fn a_batch_of_an_unknown_lease_or_of_long_ago_is_refused_whole() {
    let mut book = Book::with_package(100);
    let lease = book.lease(None, calls(20)).unwrap().id;
    let strange = book.batch(vec![line(lease, calls(7)), line(farebox_core::id::LeaseId(77), calls(1))]);
    let old = book.batch(vec![line(lease, calls(7))]);
    assert_eq!(book.settle_all(vec![strange]).refused.len(), 1);
    // Others come and are forgotten; then one of that time cannot be told any more from one that was booked.
    for _ in 0..2 {
        book.now = book.now.plus(TIME_TO_LIVE + HOUR);
        let other = book.batch(Vec::new());
        assert_eq!(book.settle_all(vec![other]).applied, 1);
    }
    assert_eq!(book.settle_all(vec![old]).refused.len(), 1);
    assert_eq!(book.account.grants().next().unwrap().quota.used, 0);
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
            let usage = Usage { calls, ingress_bytes, egress_bytes };
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

    /// A replay of all entries, or of a snapshot and what came after it, is the account.
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
        prop_assert_eq!(replayed, book.account);
    }
}
