//! What is left of a period goes over into the next: no less than the plan says, and never a call twice.

use farebox_core::{
    id::SubscriptionId,
    ledger::{Answer, Beyond, Command, Event, Every, LAPSE_AFTER, PlanTerms},
    meter::Meter,
    money::Micros,
    time::{DAY, MINUTE},
};
use proptest::prelude::*;

use crate::book::{Book, calls, id, money};

fn plan(quantity: u64, rollover: u64) -> PlanTerms {
    PlanTerms {
        product: id("p"),
        offer: id("pro"),
        price: money("1.00"),
        every: Every::Days(30),
        quantities: [(Meter::Calls, quantity)].into_iter().collect(),
        beyond: Beyond::Reject,
        priority: 0,
        grace: 3 * DAY,
        setup_fee: Micros::ZERO,
        trial: None,
        rollover: [(Meter::Calls, rollover)].into_iter().collect(),
    }
}

fn subscribe(book: &mut Book, terms: PlanTerms) -> SubscriptionId {
    match book.run(&Command::Subscribe(terms)) {
        Ok(Answer::Booked { entry, .. }) => SubscriptionId(entry),
        other => panic!("{other:?}"),
    }
}

fn rolled(book: &Book) -> Vec<String> {
    let text = |event: &Event| match event {
        Event::RolledOver(rolled) => Some(rolled.to_string()),
        _ => None,
    };
    book.entries.iter().filter_map(|entry| text(&entry.event)).collect()
}

/// Uses `count` calls, or what there is.
fn call(book: &mut Book, count: u64) -> u64 {
    let mut used = 0;
    while used < count {
        let Ok(lease) = book.lease(None, calls(count - used)) else { break };
        let some = calls((*lease.allowance.get(Meter::Calls).unwrap()).min(count - used));
        book.settle(lease.id, some, Some(some));
        used += some.calls;
    }
    used
}

#[test]
fn what_is_left_goes_over_once_and_no_further_than_the_plan_says() {
    let mut book = Book::with_balance("50.00");
    subscribe(&mut book, plan(10, 15));
    assert_eq!(call(&mut book, 3), 3);
    book.wait(30 * DAY + LAPSE_AFTER);
    assert_eq!(rolled(&book), ["7 calls from grant-3 into grant-6"], "{:?}", book.entries);
    book.wait(MINUTE);
    assert_eq!(rolled(&book).len(), 1, "once");
    assert_eq!(call(&mut book, 100), 17);
    book.wait(30 * DAY);
    assert_eq!((rolled(&book).len(), call(&mut book, 1)), (1, 1), "nothing was left");
    for _ in 0..4 {
        book.wait(30 * DAY);
    }
    assert_eq!(call(&mut book, 100), 25, "no more than 15 go over, however many periods go by");
    assert_eq!(book.replayed(), book.account.without_till());
}

#[test]
fn what_is_leased_out_at_the_end_goes_over_as_far_as_it_comes_back() {
    let mut book = Book::with_balance("50.00");
    subscribe(&mut book, plan(10, 10));
    book.now = book.now.plus(30 * DAY - MINUTE);
    let lease = book.lease(None, calls(8)).unwrap();
    book.now = book.now.plus(2 * MINUTE);
    assert!(book.lease(None, calls(1)).is_ok(), "the next period is paid for");
    assert_eq!(rolled(&book), Vec::<String>::new(), "who knows what is left?");
    let used = calls(lease.allowance.get(Meter::Calls).copied().unwrap() - 1);
    book.settle(lease.id, used, Some(used));
    book.wait(LAPSE_AFTER);
    let left = 10 - used.calls;
    assert_eq!(rolled(&book)[0].split(' ').next(), Some(&*left.to_string()));
}

#[test]
fn nothing_goes_over_from_a_trial_nor_from_a_plan_that_was_changed_or_has_ended() {
    let mut book = Book::with_balance("50.00");
    let tried = PlanTerms { trial: Some(14 * DAY), ..plan(10, 10) };
    let subscription = subscribe(&mut book, tried);
    book.wait(15 * DAY);
    assert_eq!((rolled(&book).len(), call(&mut book, 100)), (0, 10));
    book.run(&Command::ChangePlan { subscription, terms: plan(20, 20) }).unwrap();
    book.wait(30 * DAY);
    let after_change = rolled(&book).len();
    book.run(&Command::Cancel { subscription, at_once: false }).unwrap();
    for _ in 0..3 {
        book.wait(30 * DAY);
    }
    assert_eq!((after_change, rolled(&book).len()), (1, 1), "{:?}", rolled(&book));
    assert_eq!(call(&mut book, 1), 0);
}

#[test]
fn periods_that_nobody_settled_in_time_roll_over_all_the_same() {
    let mut book = Book::with_balance("50.00");
    subscribe(&mut book, plan(10, 100));
    book.now = book.now.plus(95 * DAY);
    book.wait(0);
    assert_eq!(call(&mut book, 100), 40, "{:?}", rolled(&book));
}

proptest! {
    /// A sheet that knows nothing of grants: what there is in a period is what the plan includes and what went over.
    #[test]
    fn every_period_has_what_a_sheet_says(
        quantity in 1u64..30, rollover in 1u64..40, wanted in proptest::collection::vec(0u64..60, 1..9), lost in 0u64..4,
    ) {
        let mut book = Book::with_balance("500.00");
        subscribe(&mut book, plan(quantity, rollover));
        let (mut went_over, mut in_all) = (0, 0);
        for (at, wanted) in wanted.iter().enumerate() {
            let held = quantity + went_over;
            // Of some leases nothing is heard: what they held is free again when they lapse.
            let leased = if lost == 0 { 0 } else { book.lease(None, calls(lost)).map_or(0, |lease| *lease.allowance.get(Meter::Calls).unwrap()) };
            let used = call(&mut book, *wanted);
            prop_assert_eq!(used, (*wanted).min(held - leased), "period {} of {:?}", at, rolled(&book));
            in_all += used;
            went_over = (held - used).min(rollover);
            // Each period is looked at a little later in it.
            book.wait(30 * DAY + LAPSE_AFTER);
        }
        prop_assert!(in_all <= quantity * wanted.len() as u64, "no more than was paid for");
        prop_assert_eq!(book.replayed(), book.account.without_till());
    }
}
