//! Rules 1, 6 and 7: no oversell, the order of burning down, and leases that end.

use farebox_core::{
    journal::Closing,
    ledger::{
        Command, HEARD_WITHIN, HEARD_WITHIN_OF_LONG, LAPSE_AFTER, LONGEST_LEASE, Refusal,
        command::{AccountBatch, PackageTerms},
    },
    meter::{Meter, Usage},
    money::Micros,
    rate::{Price, Rate, Tier, TierMode},
    time::{DAY, MINUTE, SECOND},
};

use crate::book::{Book, calls, given, id, line, money, package, per_1000_calls, recharge};

#[test]
fn a_package_of_100_calls_is_100_calls_on_a_few_dozen_leases() {
    let mut book = Book::with_package(100);
    let (used, leases, refusal) = book.use_up(None, 1_000);
    assert_eq!((used, refusal), (100, Refusal::QuotaExhausted { leased: false }));
    assert!(leases <= 24, "{leases}");
}

#[test]
fn a_balance_of_1_00_at_2_00_per_1000_is_500_calls_and_then_nothing() {
    let mut book = Book::with_balance("1.00");
    let (used, leases, refusal) = book.use_up(Some(&per_1000_calls("2.00")), 1_000);
    assert_eq!((used, refusal), (500, Refusal::BalanceExhausted { leased: false }));
    assert_eq!((book.account.balance(), book.account.leased()), (Micros::ZERO, Micros::ZERO));
    assert!(leases <= 36, "{leases}");
}

#[test]
fn what_is_leased_out_is_leased_once() {
    let mut book = Book::with_balance("1.00");
    let rate = per_1000_calls("2.00");
    let mut leased = 0;
    while let Ok(lease) = book.lease(Some(&rate), calls(60)) {
        leased += lease.allowance.get(Meter::Calls).unwrap();
    }
    assert_eq!(leased, 500);
    assert_eq!((book.account.available(), book.account.leased()), (Micros::ZERO, money("1.00")));
    assert_eq!(book.lease(Some(&rate), calls(1)), Err(Refusal::BalanceExhausted { leased: true }));
}

#[test]
fn a_package_pays_before_the_balance_and_the_refusal_names_what_was_bought() {
    let mut book = Book::with_package(8);
    let rate = per_1000_calls("2.00");
    assert_eq!(book.use_up(Some(&rate), 100).2, Refusal::QuotaExhausted { leased: false });
    book.run(&given("0.002")).unwrap();
    assert_eq!(book.lease(Some(&rate), calls(5)).unwrap().policy, "balance");
    book.wait(31 * DAY);
    assert_eq!(book.lease(None, calls(1)), Err(Refusal::QuotaExpired));
    assert_eq!(Book::open().lease(None, calls(1)), Err(Refusal::QuotaExhausted { leased: false }));
}

#[test]
fn grants_burn_by_priority_then_end_then_age() {
    let mut book = Book::open();
    let terms = |offer: &str, priority, days: Option<i64>| PackageTerms {
        offer: id(offer),
        priority,
        valid: days.map(|days| days * DAY),
        ..package("0.00", &[(Meter::Calls, 1)])
    };
    for terms in [
        terms("for-ever", 0, None),
        terms("late", 0, Some(20)),
        terms("first", -1, Some(30)),
        terms("soon", 0, Some(10)),
        terms("soon-younger", 0, Some(10)),
        terms("last", 1, Some(1)),
    ] {
        book.run(&Command::Purchase(terms)).unwrap();
    }
    let order: Vec<String> = std::iter::from_fn(|| Some(book.lease(None, calls(1)).ok()?.policy)).collect();
    assert_eq!(order, ["first", "soon", "soon-younger", "late", "for-ever", "last"]);
}

#[test]
fn a_returned_lease_frees_its_rest_once_all_its_usage_is_in() {
    let mut book = Book::with_package(100);
    let lease = book.lease(None, calls(20)).unwrap().id;
    book.settle(lease, calls(3), Some(calls(9)));
    assert_eq!(book.account.leases().count(), 1, "six calls are still to come");
    book.settle(lease, calls(6), None);
    assert_eq!(book.account.leases().count(), 0);
    let row = book.account.grants().next().unwrap();
    assert_eq!((row.quota.remaining(), row.quota.leased), (91, 0));
}

#[test]
fn a_lost_lease_lapses_is_shown_and_its_late_usage_is_still_booked() {
    let mut book = Book::with_package(100);
    let lease = book.lease(None, calls(20)).unwrap();
    book.wait(30 * SECOND + LAPSE_AFTER - 1);
    assert_eq!(book.account.leases().count(), 1, "its last batch may still come");
    book.wait(1);
    let unaccounted = |book: &Book| *book.account.lapsed().next().unwrap().1.unaccounted().get(Meter::Calls).unwrap();
    assert_eq!((book.account.leases().count(), unaccounted(&book)), (0, 20));
    assert_eq!(book.account.grants().next().unwrap().quota.free(), 100);
    book.settle(lease.id, calls(15), None);
    assert_eq!((unaccounted(&book), book.account.grants().next().unwrap().quota.free()), (5, 85));
}

#[test]
fn a_holder_that_says_nothing_at_the_end_of_its_lease_is_gone() {
    let mut book = Book::with_package(100);
    let lease = book.lease(None, calls(20)).unwrap();
    book.settle(lease.id, calls(5), None);
    book.wait_and_hear(30 * SECOND + HEARD_WITHIN - 1);
    assert_eq!(book.account.leases().count(), 1, "what it says may still be on its way");
    book.wait_and_hear(1);
    assert_eq!(book.account.leases().count(), 0);
    assert_eq!(book.account.grants().next().unwrap().quota.free(), 95, "what was not accounted for came back");
}

#[test]
fn the_holder_of_a_long_lease_may_wait_for_its_next_batch() {
    let mut book = Book::with_package(10_000);
    let (product, writer, want) = (id("p"), id("w"), calls(20));
    let (lasting, while_plenty) = (20 * SECOND, LONGEST_LEASE);
    book.run(&Command::Lease {
        product,
        writer,
        rate: None,
        want,
        units_of_call: 0,
        lasting,
        while_plenty,
        limited: None,
    })
    .unwrap();
    book.wait_and_hear(LONGEST_LEASE + HEARD_WITHIN_OF_LONG - 1);
    assert_eq!(book.account.leases().count(), 1, "what it says may still be on its way");
    book.wait_and_hear(1);
    assert_eq!(book.account.leases().count(), 0);
}

#[test]
fn a_holder_that_says_that_calls_are_under_way_keeps_what_they_may_use() {
    let mut book = Book::with_package(100);
    let lease = book.lease(None, calls(20)).unwrap();
    // Twelve were answered, and three are under way: in the end no more than 15.
    book.settle(lease.id, calls(12), Some(calls(16)));
    book.wait_and_hear(30 * SECOND + HEARD_WITHIN);
    assert_eq!(book.account.grants().next().unwrap().quota.leased, 8, "the holder lives");
    book.settle(lease.id, calls(3), None);
    assert_eq!(book.account.leases().count(), 1, "only the holder knows that the last call has ended");
    book.settle(lease.id, calls(0), Some(calls(15)));
    assert_eq!(book.account.leases().count(), 0);
    book.wait(LAPSE_AFTER);
    assert_eq!(book.account.lapsed().count(), 0, "it was accounted for to the last call");
}

#[test]
fn closings_of_a_lease_say_the_same_in_whichever_order_they_come() {
    for reversed in [false, true] {
        let mut book = Book::with_package(100);
        let lease = book.lease(None, calls(20)).unwrap().id;
        let said = [(calls(12), calls(16)), (calls(2), calls(14))];
        let batches = said.map(|(usage, total)| {
            let closings = vec![Closing { account: id("a"), lease, total }];
            AccountBatch { closings, ..book.batch(vec![line(lease, usage)]) }
        });
        let mut batches = Vec::from(batches);
        if reversed {
            batches.reverse();
        }
        for batch in batches.clone() {
            book.settle_all(vec![batch]);
        }
        assert_eq!(book.account.leases().count(), 0, "one after the other; reversed: {reversed}");
        let mut book = Book::with_package(100);
        assert_eq!(book.lease(None, calls(20)).unwrap().id, lease);
        book.settle_all(batches);
        assert_eq!(book.account.leases().count(), 0, "together; reversed: {reversed}");
    }
}

#[test]
fn late_usage_takes_only_what_is_free_and_the_rest_is_forgiven() {
    let mut book = Book::with_balance("1.00");
    let rate = per_1000_calls("2.00");
    let lost = book.lease(Some(&rate), calls(100)).unwrap();
    book.wait(30 * SECOND + LAPSE_AFTER);
    assert_eq!(book.use_up(Some(&rate), 100).0, 500);
    book.settle(lost.id, calls(40), None);
    let (_, line) = book.account.lines().next().unwrap();
    assert_eq!((line.charged, line.forgiven, book.account.balance()), (money("1.00"), money("0.08"), Micros::ZERO));
}

#[test]
fn bytes_pass_the_end_only_by_what_was_in_flight() {
    let mut book = Book::open();
    book.run(&Command::Purchase(package("0.00", &[(Meter::TotalBytes, 1_000), (Meter::Calls, 50)]))).unwrap();
    let lease = book.lease(None, calls(1)).unwrap();
    let used = Usage { calls: 1, ingress_bytes: 400, egress_bytes: 900, ..Usage::NONE };
    book.settle(lease.id, used, Some(used));
    let row = book.account.grants().find(|row| row.meter == Meter::TotalBytes).unwrap();
    assert_eq!((row.quota.remaining(), row.quota.overrun()), (0, 300));
    assert_eq!(
        book.lease(None, calls(1)),
        Err(Refusal::QuotaExhausted { leased: false }),
        "calls are left, bytes are not"
    );
}

#[test]
fn an_overdrawn_balance_pays_for_nothing_though_one_byte_rounds_to_nothing() {
    let mut book = Book::with_balance("0.01");
    let price = Price { mode: TierMode::Graduated, tiers: vec![Tier { up_to: None, per_block: money("0.09") }] };
    let rate = Rate { prices: [(Meter::EgressBytes, price)].into_iter().collect(), minimum: Micros::ZERO };
    let lease = book.lease(Some(&rate), calls(1)).unwrap();
    let used = Usage { calls: 1, ingress_bytes: 0, egress_bytes: 1 << 30, ..Usage::NONE };
    book.settle(lease.id, used, Some(used));
    assert_eq!(book.account.balance(), money("-0.08"));
    assert_eq!(book.lease(Some(&rate), calls(1)), Err(Refusal::BalanceExhausted { leased: false }));
}

#[test]
fn late_usage_never_makes_what_is_leased_out_dearer_than_there_is_money() {
    let mut book = Book::with_balance("0.10");
    let tiers =
        vec![Tier { up_to: Some(100), per_block: money("0.10") }, Tier { up_to: None, per_block: money("5.00") }];
    let prices = [(Meter::Calls, Price { mode: TierMode::Graduated, tiers })].into_iter().collect();
    let rate = Rate { prices, minimum: Micros::ZERO };
    let lost = book.lease(Some(&rate), calls(60)).unwrap();
    book.wait(30 * SECOND + LAPSE_AFTER);
    let mut open = Vec::new();
    while let Ok(lease) = book.lease(Some(&rate), calls(100)) {
        open.push((lease.id, calls(*lease.allowance.get(Meter::Calls).unwrap())));
    }
    book.settle(lost.id, calls(60), None);
    for (lease, used) in open {
        book.settle(lease, used, Some(used));
    }
    assert!(book.account.balance() >= Micros::ZERO, "{}", book.account.balance());
    let (_, line) = book.account.lines().next().unwrap();
    assert_eq!(line.unrated, calls(60));
}

#[test]
fn a_cheaper_tier_further_on_does_not_pay_for_the_way_to_it() {
    let mut book = Book::with_balance("0.20");
    let tiers =
        vec![Tier { up_to: Some(100), per_block: money("3.00") }, Tier { up_to: None, per_block: money("0.10") }];
    let prices = [(Meter::Calls, Price { mode: TierMode::Volume, tiers })].into_iter().collect();
    let rate = Rate { prices, minimum: Micros::ZERO };
    assert_eq!(
        book.use_up(Some(&rate), 500).0,
        66,
        "a lease of 200 calls costs less than one of 100, if it is used up"
    );
}

#[test]
fn a_clock_that_runs_backwards_does_not_revive_what_has_ended() {
    let mut book = Book::with_package(100);
    book.now = book.now.plus(30 * DAY + MINUTE);
    book.run(&recharge("1.00")).unwrap();
    book.now = book.now.plus(-2 * DAY);
    assert_eq!(book.lease(None, calls(1)), Err(Refusal::QuotaExpired));
}
