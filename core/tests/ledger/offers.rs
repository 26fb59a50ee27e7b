//! Offers of every kind: trials, fees, base fees, plans without a limit or with a rate of their own, bundles, and what is sold once.
//!
//! Broken on purpose: see `tests/price_lists`, which sells each of them for a month beside a sheet.

use farebox_core::{
    lease::Lease,
    ledger::{Answer, Beyond, Book as Of, Command, Every, PlanTerms, Refusal, command::PackageTerms},
    meter::{Meter, PerMeter, Usage},
    money::Micros,
    rate::{Price, Rate, Tier, TierMode},
    time::{DAY, SECOND},
};

use crate::book::{Book, id, money, package, per_1000_calls};

fn plan(quantities: &[(Meter, u64)], beyond: Beyond) -> PlanTerms {
    PlanTerms {
        product: id("p"),
        offer: id("pro"),
        price: money("20.00"),
        every: Every::Days(30),
        quantities: quantities.iter().copied().collect(),
        beyond,
        priority: 0,
        grace: 3 * DAY,
        setup_fee: Micros::ZERO,
        trial: None,
        rollover: Default::default(),
    }
}

fn per_unit(price: &str) -> Rate {
    let price = Price { mode: TierMode::Graduated, tiers: vec![Tier { up_to: None, per_block: money(price) }] };
    Rate { prices: [(Meter::Units, price)].into_iter().collect(), minimum: Micros::ZERO }
}

/// A lease for calls of `product` that come to `units` each at most.
fn lease(book: &mut Book, product: &str, rate: Option<Rate>, units: u64) -> Result<Lease, Refusal> {
    let want = Usage { calls: 10, units: 10 * units, ..Usage::NONE };
    let (product, writer) = (id(product), id("w"));
    let lasting = 30 * SECOND;
    match book.run(&Command::Lease {
        product,
        writer,
        rate,
        want,
        units_of_call: units,
        lasting,
        while_plenty: 0,
        limited: None,
    })? {
        Answer::Leased(lease) => Ok(lease),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_trial_costs_nothing_and_each_account_has_one() {
    let mut book = Book::with_balance("50.00");
    let tried = PlanTerms { trial: Some(14 * DAY), ..plan(&[(Meter::Calls, 10)], Beyond::Reject) };
    let Ok(Answer::Booked { entry, .. }) = book.run(&Command::Subscribe(tried.clone())) else { panic!() };
    assert_eq!((book.account.balance(), book.use_up(None, 100).0), (money("50.00"), 10));
    book.now = book.now.plus(14 * DAY);
    assert_eq!(book.use_up(None, 100).0, 10, "the first period that is paid for");
    assert_eq!(book.account.balance(), money("30.00"));
    let period = book.account.subscriptions().next().unwrap().period;
    assert_eq!(period.until.since(period.from), 30 * DAY);
    book.run(&Command::Cancel { subscription: farebox_core::id::SubscriptionId(entry), at_once: true }).unwrap();
    book.run(&Command::Subscribe(tried)).unwrap();
    assert_eq!(book.account.balance(), money("10.00"), "there is no second trial");
    assert_eq!(book.replayed(), book.account.without_till());
}

#[test]
fn a_setup_fee_is_paid_once_and_earned_at_once() {
    let mut book = Book::with_balance("50.00");
    let terms = PlanTerms { setup_fee: money("5.00"), ..plan(&[(Meter::Calls, 10)], Beyond::Reject) };
    book.run(&Command::Subscribe(terms.clone())).unwrap();
    assert_eq!((book.account.balance(), book.account.books().get(Of::Revenue)), (money("25.00"), money("5.00")));
    book.now = book.now.plus(30 * DAY);
    assert_eq!(book.use_up(None, 100).0, 10);
    assert_eq!(book.account.balance(), money("5.00"), "a renewal costs the price alone");
    let mut poor = Book::with_balance("24.99");
    assert!(matches!(poor.run(&Command::Subscribe(terms)), Err(Refusal::Balance { .. })));
}

#[test]
fn a_base_fee_includes_nothing_and_every_call_has_the_plans_own_rate() {
    let mut book = Book::with_balance("20.03");
    book.run(&Command::Subscribe(plan(&[(Meter::Calls, 0)], Beyond::At(per_1000_calls("3.00"))))).unwrap();
    let (used, _, refusal) = book.use_up(Some(&per_1000_calls("9.00")), 100);
    assert_eq!((used, book.account.balance()), (10, Micros::ZERO), "{refusal:?}");
    book.wait(DAY);
    let told: Vec<_> = book.entries.iter().filter(|entry| entry.event.name() == "noticed").collect();
    assert!(told.iter().all(|entry| !format!("{:?}", entry.event).contains("QuotaExhausted")), "{told:?}");
}

#[test]
fn a_plan_without_quantities_has_no_limit() {
    let mut book = Book::with_balance("20.00");
    book.run(&Command::Subscribe(plan(&[], Beyond::Reject))).unwrap();
    let lease = lease(&mut book, "p", None, 500).unwrap();
    assert_eq!(lease.allowance, PerMeter::default());
    let used = Usage { calls: 1_000_000, units: 500_000_000, ..Usage::NONE };
    book.settle(lease.id, used, Some(used));
    assert_eq!(book.account.balance(), Micros::ZERO);
    let statement_of = |book: &Book| book.account.books().get(Of::DeferredRevenue);
    assert_eq!(statement_of(&book), money("20.00"), "it is earned with its period");
}

#[test]
fn a_bundle_pays_for_each_of_its_products() {
    let mut book = Book::with_balance("1.00");
    let terms = PackageTerms { also_for: vec![id("q")], ..package("1.00", &[(Meter::Units, 100)]) };
    book.run(&Command::Purchase(terms)).unwrap();
    let ours = lease(&mut book, "p", None, 1).unwrap();
    let theirs = lease(&mut book, "q", None, 8).unwrap();
    for (lease, units) in [(ours.id, 3), (theirs.id, 8)] {
        let used = Usage { calls: 1, units, ..Usage::NONE };
        book.settle(lease, used, Some(used));
    }
    assert_eq!(book.account.grants().next().unwrap().quota.remaining(), 89);
    assert!(matches!(lease(&mut book, "r", None, 1), Err(Refusal::QuotaExhausted { leased: false })));
    assert_eq!(book.replayed(), book.account.without_till());
}

#[test]
fn what_is_sold_once_is_sold_once() {
    let mut book = Book::with_balance("10.00");
    let terms = PackageTerms { once: true, ..package("0.00", &[(Meter::Calls, 5)]) };
    book.run(&Command::Purchase(terms.clone())).unwrap();
    assert_eq!(book.run(&Command::Purchase(terms.clone())), Err(Refusal::SoldOnce));
    book.wait(60 * DAY);
    assert_eq!(book.run(&Command::Purchase(terms)), Err(Refusal::SoldOnce), "not when it has ended either");
}

#[test]
fn a_lease_has_room_for_a_call_or_there_is_none() {
    let mut book = Book::with_balance("1.00");
    book.run(&Command::Purchase(package("0.00", &[(Meter::Units, 1_200)]))).unwrap();
    let first = lease(&mut book, "p", None, 500).unwrap();
    assert_eq!(first.allowance.get(Meter::Units), Some(&500), "a quarter would pay for no call");
    let second = lease(&mut book, "p", None, 500).unwrap();
    assert_eq!(second.allowance.get(Meter::Units), Some(&500));
    // 200 are free: they pay for smaller calls, and for this one the balance does.
    assert!(matches!(lease(&mut book, "p", None, 500), Err(Refusal::QuotaExhausted { leased: true })));
    assert_eq!(lease(&mut book, "p", None, 200).unwrap().allowance.get(Meter::Units), Some(&200));
    let paid = lease(&mut book, "p", Some(per_unit("1000.00")), 500).unwrap();
    assert_eq!((paid.policy.as_str(), paid.allowance.get(Meter::Units)), ("balance", Some(&500)));
    assert!(lease(&mut book, "p", Some(per_unit("1000.00")), 501).is_err(), "501 cost more than is left");
}
