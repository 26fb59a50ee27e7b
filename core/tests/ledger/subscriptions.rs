//! Subscriptions: what a period includes exists once it is paid for, and money back is no more than what is left of it.

use farebox_core::{
    id::SubscriptionId,
    ledger::{
        Answer, Beyond, Book as Of, Command, Ending, Event, Every, LAPSE_AFTER, PlanTerms, Refusal,
        command::AccountTerms,
    },
    meter::Meter,
    money::Micros,
    time::{DAY, HOUR, MINUTE},
};
use proptest::prelude::*;

use crate::book::{Book, calls, id, money, package, per_1000_calls, recharge};

fn plan(offer: &str, price: &str, calls: u64) -> PlanTerms {
    PlanTerms {
        product: id("p"),
        offer: id(offer),
        price: money(price),
        every: Every::Days(30),
        quantities: [(Meter::Calls, calls)].into_iter().collect(),
        beyond: Beyond::Reject,
        priority: 0,
        grace: 3 * DAY,
        setup_fee: Micros::ZERO,
        trial: None,
        rollover: Default::default(),
    }
}

fn subscribe(book: &mut Book, terms: PlanTerms) -> SubscriptionId {
    match book.run(&Command::Subscribe(terms)) {
        Ok(Answer::Booked { entry, .. }) => SubscriptionId(entry),
        other => panic!("a subscription was answered with {other:?}"),
    }
}

fn endings(book: &Book) -> Vec<Ending> {
    let ending = |event: &Event| match event {
        Event::SubscriptionEnded { ending, .. } => Some(*ending),
        _ => None,
    };
    book.entries.iter().filter_map(|entry| ending(&entry.event)).collect()
}

#[test]
fn the_first_call_after_a_period_renews_it_without_waiting_for_the_settlement() {
    let mut book = Book::with_balance("50.00");
    subscribe(&mut book, plan("pro", "20.00", 10));
    assert_eq!(book.use_up(None, 100).0, 10);
    book.now = book.now.plus(30 * DAY);
    assert_eq!(book.use_up(None, 100).0, 10);
    assert_eq!(book.account.balance(), money("10.00"));
}

#[test]
fn an_unpaid_renewal_waits_for_money_and_then_the_subscription_ends() {
    let mut book = Book::with_balance("25.00");
    subscribe(&mut book, plan("pro", "20.00", 10));
    book.wait(30 * DAY);
    assert_eq!(book.lease(None, calls(1)), Err(Refusal::QuotaExpired), "nothing is paid for");
    book.run(&recharge("20.00")).unwrap();
    assert_eq!(book.use_up(None, 100).0, 10, "money within the grace renews it");
    book.wait(30 * DAY);
    book.wait(3 * DAY - MINUTE);
    assert_eq!((book.account.subscriptions().count(), endings(&book)), (1, vec![]));
    book.wait(MINUTE);
    assert_eq!((book.account.subscriptions().count(), endings(&book)), (0, vec![Ending::Unpaid]));
    assert_eq!(book.account.balance(), money("5.00"));
}

#[test]
fn a_late_payment_does_not_shift_the_periods() {
    let mut book = Book::with_balance("20.00");
    subscribe(&mut book, plan("pro", "20.00", 10));
    let end = book.now.plus(60 * DAY);
    book.wait(32 * DAY);
    book.run(&recharge("20.00")).unwrap();
    book.wait(0);
    assert_eq!(book.account.subscriptions().next().unwrap().period.until, end);
}

#[test]
fn periods_are_counted_from_the_beginning_and_not_from_the_one_before() {
    let mut book = Book::with_balance("100.00");
    book.now = "2027-01-31T09:00:00Z".parse().unwrap();
    subscribe(&mut book, PlanTerms { every: Every::Months(1), ..plan("monthly", "1.00", 10) });
    book.wait(40 * DAY);
    let until = book.account.subscriptions().next().unwrap().period.until;
    assert_eq!(until.to_string(), "2027-03-31T09:00:00Z", "and not the 28th, after February");
}

#[test]
fn a_plan_that_rejects_keeps_calls_off_the_balance_and_one_that_does_not_goes_on_at_the_rate() {
    for (beyond, more) in [(Beyond::Reject, 0), (Beyond::Rate, 500)] {
        let mut book = Book::with_balance("21.00");
        subscribe(&mut book, PlanTerms { beyond, ..plan("pro", "20.00", 10) });
        assert_eq!(book.use_up(Some(&per_1000_calls("2.00")), 100).0, 10 + more);
    }
}

#[test]
fn a_cancelled_plan_ends_with_its_period_or_at_once_with_the_rest_paid_back() {
    let mut book = Book::with_balance("40.00");
    let subscription = subscribe(&mut book, plan("pro", "20.00", 10));
    book.run(&Command::Cancel { subscription, at_once: false }).unwrap();
    assert_eq!(book.use_up(None, 100).0, 10);
    book.wait(30 * DAY + LAPSE_AFTER);
    assert_eq!((book.account.balance(), endings(&book)), (money("20.00"), vec![Ending::AtPeriodEnd]));

    let subscription = subscribe(&mut book, plan("pro", "20.00", 10));
    book.now = book.now.plus(6 * DAY);
    book.run(&Command::Cancel { subscription, at_once: true }).unwrap();
    assert_eq!(book.account.balance(), money("16.00"), "24 of 30 days");
    assert_eq!(book.lease(None, calls(1)), Err(Refusal::QuotaExpired));
    assert_eq!(book.run(&Command::Cancel { subscription, at_once: true }), Err(Refusal::NoSubscription));
    assert_eq!(book.account.books().get(Of::DeferredRevenue), Micros::ZERO);
}

#[test]
fn a_suspended_account_is_not_renewed() {
    let mut book = Book::with_balance("100.00");
    subscribe(&mut book, plan("pro", "20.00", 10));
    book.run(&Command::SetStatus { suspended: true }).unwrap();
    book.wait(30 * DAY);
    book.run(&Command::SetStatus { suspended: false }).unwrap();
    assert_eq!(book.account.balance(), money("80.00"));
    book.wait(0);
    assert_eq!((book.account.balance(), endings(&book)), (money("60.00"), vec![]), "let in again within the grace");

    book.run(&Command::SetStatus { suspended: true }).unwrap();
    for _ in 0..12 {
        book.wait(30 * DAY);
    }
    assert_eq!((book.account.balance(), endings(&book)), (money("60.00"), vec![Ending::Suspended]));
    book.run(&Command::SetStatus { suspended: false }).unwrap();
    book.wait(30 * DAY);
    assert_eq!(book.account.balance(), money("60.00"), "and not for the time that is over");
}

#[test]
fn a_suspension_that_nothing_met_for_months_is_not_paid_for_when_it_ends() {
    let mut book = Book::with_balance("100.00");
    subscribe(&mut book, plan("pro", "20.00", 10));
    book.run(&Command::SetStatus { suspended: true }).unwrap();
    book.now = book.now.plus(200 * DAY);
    book.run(&Command::SetStatus { suspended: false }).unwrap();
    book.wait(30 * DAY);
    assert_eq!((book.account.balance(), endings(&book)), (money("80.00"), vec![Ending::Suspended]));
}

#[test]
fn a_subscription_of_a_product_that_is_gone_ends_with_its_period() {
    let other = |offer: &str| PlanTerms { product: id("other"), ..plan(offer, "1.00", 10) };
    let mut book = Book::with_balance("100.00");
    subscribe(&mut book, plan("pro", "20.00", 10));
    subscribe(&mut book, other("stays"));
    book.gone = vec![id("p")];
    book.wait(DAY);
    let cancelled =
        |book: &Book| book.entries.iter().filter(|entry| matches!(entry.event, Event::CancellationSet { .. })).count();
    assert_eq!(cancelled(&book), 1);
    book.wait(DAY);
    assert_eq!(cancelled(&book), 1, "once");
    assert_eq!(book.lease(None, calls(1)).map(|_| ()), Ok(()), "what is paid for is there until its end");
    book.wait(60 * DAY);
    assert_eq!((book.account.balance(), endings(&book)), (money("77.00"), vec![Ending::AtPeriodEnd]));

    // The settlement comes to this account only after the period is over.
    let mut book = Book::with_balance("100.00");
    subscribe(&mut book, plan("pro", "20.00", 10));
    subscribe(&mut book, other("stays"));
    book.gone = vec![id("p")];
    book.wait(31 * DAY);
    assert_eq!((book.account.balance(), endings(&book)), (money("78.00"), vec![Ending::AtPeriodEnd]));
}

#[test]
fn a_command_that_does_not_know_whether_a_product_is_sold_renews_nothing_of_it() {
    let mut book = Book::with_balance("100.00");
    let subscription = subscribe(&mut book, plan("pro", "20.00", 10));
    book.now = book.now.plus(30 * DAY);
    book.run(&recharge("1.00")).unwrap();
    book.run(&Command::SetTerms(AccountTerms::default())).unwrap();
    book.settle_all(Vec::new());
    let renewed = |book: &Book| book.entries.iter().any(|entry| matches!(entry.event, Event::Renewed { .. }));
    assert!(!renewed(&book));
    book.run(&Command::Purchase(package("1.00", &[(Meter::Calls, 1)]))).unwrap();
    assert!(renewed(&book), "who buys of the product knows that it is sold");
    let mut book = Book::with_balance("100.00");
    assert_eq!(subscribe(&mut book, PlanTerms { product: id("x"), ..plan("pro", "20.00", 10) }), subscription);
    book.now = book.now.plus(30 * DAY);
    book.run(&recharge("1.00")).unwrap();
    book.run(&Command::Cancel { subscription, at_once: false }).unwrap();
    book.wait(0);
    assert_eq!((book.account.balance(), endings(&book)), (money("81.00"), vec![Ending::AtPeriodEnd]));
}

#[test]
fn whoever_has_used_a_period_up_gets_nothing_back_for_its_time() {
    let mut book = Book::with_balance("20.00");
    let subscription = subscribe(&mut book, plan("pro", "20.00", 10));
    let lease = book.lease(None, calls(2)).unwrap();
    book.settle(lease.id, calls(2), Some(calls(2)));
    book.lease(None, calls(1)).unwrap();
    book.run(&Command::Cancel { subscription, at_once: true }).unwrap();
    assert_eq!(book.account.balance(), money("14.00"), "two of ten calls are used and one is leased out");
}

#[test]
fn an_upgrade_in_mid_period_costs_the_difference_for_what_is_left() {
    let mut book = Book::with_balance("50.00");
    let subscription = subscribe(&mut book, plan("pro", "20.00", 1_000));
    book.now = book.now.plus(15 * DAY);
    book.run(&Command::ChangePlan { subscription, terms: plan("max", "60.00", 9_000) }).unwrap();
    assert_eq!(book.account.balance(), money("10.00"), "30.00 for half a period, less the 10.00 that were left");
    let row = book.account.grants().last().unwrap();
    assert_eq!((row.grant.offer.as_str(), row.quota.quantity), ("max", 4_501));
    book.run(&recharge("60.00")).unwrap();
    book.wait(15 * DAY);
    let row = book.account.grants().last().unwrap();
    assert_eq!((row.quota.quantity, book.account.balance()), (9_000, money("10.00")));
}

#[test]
fn a_change_that_the_balance_does_not_cover_changes_nothing() {
    let mut book = Book::with_balance("20.00");
    let subscription = subscribe(&mut book, plan("pro", "20.00", 1_000));
    let before = book.account.clone();
    let refused = book.run(&Command::ChangePlan { subscription, terms: plan("max", "60.00", 9_000) });
    assert_eq!(refused, Err(Refusal::Balance { available: Micros::ZERO, needed: money("40.00") }));
    assert_eq!(book.account, before);
}

#[test]
fn a_subscription_is_renewed_at_the_accounts_own_midnight() {
    let mut book = Book::with_balance("100.00");
    let zone = |name: &str| Command::SetTerms(AccountTerms { time_zone: Some(name.into()), ..AccountTerms::default() });
    assert_eq!(book.run(&zone("Mars/Olympus")), Err(Refusal::Calendar));
    book.run(&zone("America/New_York")).unwrap();
    // 2026-11-01 00:00 in UTC is 20:00 on the day before in New York, which leaves summer time six hours later.
    subscribe(&mut book, PlanTerms { every: Every::Days(1), ..plan("daily", "1.00", 10) });
    assert_eq!(book.account.subscriptions().next().unwrap().period.until, book.now.plus(25 * HOUR));
}

proptest! {
    /// Whatever is bought, changed and cancelled in whatever order: no money appears, and what was paid for and has
    /// ended is not on the books any more.
    #[test]
    fn no_sequence_of_changes_makes_money(steps in proptest::collection::vec((0u8..6, 0i64..20, 1u64..300), 1..40)) {
        let mut book = Book::with_balance("500.00");
        let mut spent = 0;
        for (step, days, amount) in steps {
            let current = book.account.subscriptions().next().map(|subscription| subscription.id);
            let price = Micros::new(i64::try_from(amount).unwrap() * 333_333).to_string();
            let terms = plan("any", &price, amount);
            let command = match (step, current) {
                (0, None) => Command::Subscribe(terms),
                (1, Some(subscription)) => Command::ChangePlan { subscription, terms },
                (2, Some(subscription)) => Command::Cancel { subscription, at_once: amount % 2 == 0 },
                (3, _) => Command::Purchase(package("0.37", &[(Meter::Calls, amount)])),
                _ => { book.wait(days * DAY); continue },
            };
            let _ = book.run(&command);
            if let Ok(lease) = book.lease(None, calls(amount)) {
                book.settle(lease.id, calls(1), Some(calls(1)));
                spent += 1;
            }
            prop_assert!(book.account.balance() >= Micros::ZERO);
            for grant in book.account.grants().map(|row| row.grant) {
                prop_assert!(grant.earned <= grant.price && grant.earned >= Micros::ZERO, "{:?}", grant);
            }
        }
        let held = |of| book.account.books().get(of).get();
        prop_assert_eq!(held(Of::Balance) + held(Of::DeferredRevenue) + held(Of::Revenue), 500_000_000);
        prop_assert!(held(Of::DeferredRevenue) >= 0 && held(Of::Revenue) >= 0);
        prop_assert!(spent == 0 || held(Of::Balance) < 500_000_000);
    }
}
