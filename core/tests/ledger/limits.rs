//! Rule 1 for a credential: what its limit allows in a day, a week or a month is what passes, and no call more.
//!
//! | broken on purpose | fails |
//! | --- | --- |
//! | what open leases may still spend is not taken off | `whatever_is_leased_used_and_lost…`; `what_is_leased_out_is_not_leased_again…` gave no result in 110 s |
//! | nobody notes what was told | `each_step_is_told_of_once_in_a_period` |

use std::collections::BTreeMap;

use farebox_core::{
    credential_limit::{CredentialLimit, LimitPeriod, LimitedBy, Spent},
    id::LeaseId,
    lease::Lease,
    ledger::{Answer, Command, Event, LAPSE_AFTER, Notice, Refusal, Till},
    meter::{Meter, Usage},
    money::Micros,
    rate::{Price, Rate, Tier, TierMode},
    time::{DAY, HOUR, MINUTE, Month, SECOND, Timestamp},
};
use proptest::prelude::*;

use crate::book::{Book, START, calls, id, money, package, per_1000_calls, recharge};

fn limit(per: LimitPeriod) -> CredentialLimit {
    CredentialLimit { per, calls: None, units: None, money: None }
}

fn calls_a_day(calls: u64) -> CredentialLimit {
    CredentialLimit { calls: Some(calls), ..limit(LimitPeriod::Day) }
}

/// That of the credential in whose name the book's batches are written.
fn by(limits: &[CredentialLimit]) -> LimitedBy {
    LimitedBy { credential: id("k"), limits: limits.to_vec() }
}

fn lease_of(book: &mut Book, by: &LimitedBy, rate: Option<&Rate>, want: Usage) -> Result<Lease, Refusal> {
    let (product, writer, rate) = (id("p"), id("w"), rate.cloned());
    let (units_of_call, lasting, while_plenty) = (want.units.min(1), 20 * SECOND, 5 * MINUTE);
    let limited = Some(by.clone());
    match book.run(&Command::Lease { product, writer, rate, want, units_of_call, lasting, while_plenty, limited })? {
        Answer::Leased(lease) => Ok(lease),
        answer => panic!("a lease was answered with {answer:?}"),
    }
}

/// Takes every lease there is and uses it to the end: calls, units and why there is no more.
fn use_up(book: &mut Book, by: &LimitedBy, rate: Option<&Rate>, want: Usage) -> (u64, u64, Refusal) {
    let (mut used, mut leases) = (Usage::NONE, 0);
    loop {
        let lease = match lease_of(book, by, rate, want) {
            Ok(lease) => lease,
            Err(refusal) => return (used.calls, used.units, refusal),
        };
        let of = |meter| lease.allowance.get(meter).copied().unwrap_or(0);
        let all = Usage { calls: of(Meter::Calls).max(1), units: of(Meter::Units), ..Usage::NONE };
        assert!(leases < 99, "{lease:?}");
        book.settle(lease.id, all, Some(all));
        used.add(&all);
        leases += 1;
    }
}

fn spent(book: &Book) -> Vec<Spent> {
    book.account.limit_counters().map(|(_, counter)| counter.spent).collect()
}

#[test]
fn a_limit_of_1000_calls_a_day_is_1000_calls_and_again_the_next_day() {
    let mut book = Book::with_package(1_000_000);
    let by = by(&[calls_a_day(1_000)]);
    for day in 1..=3 {
        let renews = START.plus(day * DAY);
        let expected = (1_000, 0, Refusal::LimitExhausted { renews, leased: false });
        assert_eq!(use_up(&mut book, &by, None, calls(300)), expected);
        assert!(book.lease(None, calls(1)).is_ok(), "other credentials of the account go on");
        book.now = renews;
    }
}

#[test]
fn what_is_leased_out_is_not_leased_again_and_comes_back() {
    let mut book = Book::with_package(1_000_000);
    let by = by(&[calls_a_day(100)]);
    let mut leases = Vec::new();
    let refusal = loop {
        match lease_of(&mut book, &by, None, calls(60)) {
            Ok(lease) => leases.push(lease),
            Err(refusal) => break refusal,
        }
    };
    let leased: u64 = leases.iter().map(|lease| lease.allowance.get(Meter::Calls).unwrap()).sum();
    assert_eq!((leased, refusal), (100, Refusal::LimitExhausted { renews: START.plus(DAY), leased: true }));
    book.settle(leases[0].id, calls(1), Some(calls(1)));
    let back = lease_of(&mut book, &by, None, calls(60)).unwrap();
    assert!(*back.allowance.get(Meter::Calls).unwrap() <= 24 && leases[0].allowance.get(Meter::Calls) == Some(&25));
    book.wait(20 * SECOND + LAPSE_AFTER);
    assert_eq!(use_up(&mut book, &by, None, calls(60)).0, 99, "what nobody accounts for comes back, as with a package");
}

#[test]
fn a_lease_ends_with_the_first_period_and_none_begins_in_its_last_second() {
    let mut book = Book::with_package(1_000_000);
    let by = by(&[calls_a_day(100), CredentialLimit { calls: Some(500), ..limit(LimitPeriod::Month) }]);
    book.now = START.plus(DAY - 3 * SECOND);
    let lease = lease_of(&mut book, &by, None, calls(10)).unwrap();
    assert_eq!((lease.until, lease.lasts), (START.plus(DAY), 3 * SECOND));
    book.now = START.plus(DAY - SECOND + 1);
    let at_once = Refusal::LimitExhausted { renews: START.plus(DAY), leased: true };
    assert_eq!(lease_of(&mut book, &by, None, calls(10)), Err(at_once));
}

#[test]
fn what_is_booked_after_midnight_counts_on_the_day_of_its_lease() {
    let mut book = Book::with_package(1_000_000);
    let by = by(&[calls_a_day(100), CredentialLimit { calls: Some(120), ..limit(LimitPeriod::Month) }]);
    book.now = START.plus(DAY - 2 * SECOND);
    let lease = lease_of(&mut book, &by, None, calls(25)).unwrap();
    book.now = START.plus(DAY + SECOND);
    assert_eq!(lease_of(&mut book, &by, None, calls(1)).unwrap().beside.get(Meter::Calls), Some(&94), "of 120 - 25");
    book.settle(lease.id, calls(25), Some(calls(25)));
    assert_eq!(spent(&book).iter().map(|spent| spent.calls).collect::<Vec<_>>(), [0, 25]);
    let (calls, _, refusal) = use_up(&mut book, &by, None, calls(60));
    assert!(calls == 94 && matches!(refusal, Refusal::LimitExhausted { leased: true, .. }), "{calls}, {refusal:?}");
}

#[test]
fn a_limit_in_units_leaves_room_for_a_whole_call() {
    let mut book = Book::open();
    book.run(&Command::Purchase(package("0.00", &[(Meter::Units, 1_000_000)]))).unwrap();
    let by = by(&[CredentialLimit { units: Some(1_000), ..limit(LimitPeriod::Week) }]);
    let (_, units, refusal) = use_up(&mut book, &by, None, Usage { calls: 100, units: 100, ..Usage::NONE });
    // 2026-11-01 is a Sunday.
    assert_eq!((units, refusal), (1_000, Refusal::LimitExhausted { renews: START.plus(DAY), leased: false }));
}

#[test]
fn a_limit_of_1_00_a_month_at_2_00_per_1000_is_500_calls_and_what_a_package_pays_for_goes_on() {
    let mut book = Book::with_balance("100.00");
    let rate = per_1000_calls("2.00");
    let by = by(&[CredentialLimit { money: Some(money("1.00")), ..limit(LimitPeriod::Month) }]);
    let renews = Month::of(START).bounds().1;
    let used_up = Refusal::LimitExhausted { renews, leased: false };
    assert_eq!(use_up(&mut book, &by, Some(&rate), calls(1_000)), (500, 0, used_up.clone()));
    assert_eq!(book.account.balance(), money("99.00"));
    book.run(&Command::Purchase(package("0.00", &[(Meter::Calls, 40)]))).unwrap();
    assert_eq!(use_up(&mut book, &by, Some(&rate), calls(1_000)), (40, 0, used_up));
    assert_eq!(book.account.balance(), money("99.00"));
}

#[test]
fn free_calls_take_nothing_of_a_limit_in_money() {
    let mut book = Book::with_balance("100.00");
    let tiers =
        vec![Tier { up_to: Some(1_000), per_block: Micros::ZERO }, Tier { up_to: None, per_block: money("2.00") }];
    let price = Price { mode: TierMode::Graduated, tiers };
    let rate = Rate { prices: [(Meter::Calls, price)].into_iter().collect(), minimum: Micros::ZERO };
    let by = by(&[CredentialLimit { money: Some(money("1.00")), ..limit(LimitPeriod::Month) }]);
    assert_eq!(use_up(&mut book, &by, Some(&rate), calls(1_000)).0, 1_500);
}

#[test]
fn a_limit_in_money_holds_where_calls_get_dearer() {
    for mode in [TierMode::Graduated, TierMode::Volume] {
        let mut book = Book::with_balance("100.00");
        let tiers =
            vec![Tier { up_to: Some(100), per_block: money("1.00") }, Tier { up_to: None, per_block: money("50.00") }];
        let price = Price { mode, tiers };
        let rate = Rate { prices: [(Meter::Calls, price)].into_iter().collect(), minimum: Micros::ZERO };
        let by = by(&[CredentialLimit { money: Some(money("8.00")), ..limit(LimitPeriod::Month) }]);
        // Two leases are out, and others bring the account into the dearer tier before either is used.
        let leases: Vec<Lease> =
            (0..2).filter_map(|_| lease_of(&mut book, &by, Some(&rate), calls(1_000)).ok()).collect();
        book.run(&Command::Seal).unwrap();
        let other = book.lease(Some(&rate), calls(150)).unwrap();
        book.settle_of(other.id, calls(150), "other");
        for lease in &leases {
            let all = calls(*lease.allowance.get(Meter::Calls).unwrap());
            book.settle(lease.id, all, Some(all));
        }
        use_up(&mut book, &by, Some(&rate), calls(1_000));
        let spent = spent(&book)[0].money;
        assert!(spent <= money("8.00") && spent > money("7.00"), "{mode:?}: {spent}");
    }
}

#[test]
fn limits_that_change_count_on() {
    let mut book = Book::with_package(1_000_000);
    assert_eq!(use_up(&mut book, &by(&[calls_a_day(10)]), None, calls(5)).0, 10);
    assert_eq!(use_up(&mut book, &by(&[calls_a_day(30)]), None, calls(5)).0, 20);
    assert_eq!(use_up(&mut book, &by(&[calls_a_day(5)]), None, calls(5)).0, 0);
}

#[test]
fn each_step_is_told_of_once_in_a_period() {
    let mut book = Book::with_package(1_000_000);
    let by = by(&[calls_a_day(100)]);
    let told = |book: &Book| -> Vec<u8> {
        let notices = book.entries.iter().filter_map(|entry| match &entry.event {
            Event::Noticed(Notice::LimitReached { percent, .. }) => Some(*percent),
            _ => None,
        });
        notices.collect()
    };
    let mut expected = Vec::new();
    for day in 1..=2 {
        for (used, step) in [(49, None), (1, Some(50)), (29, None), (6, Some(80)), (14, None), (1, Some(100))] {
            let mut left = used;
            while left > 0 {
                let lease = lease_of(&mut book, &by, None, calls(left)).unwrap();
                let all = left.min(*lease.allowance.get(Meter::Calls).unwrap());
                book.settle(lease.id, calls(all), Some(calls(all)));
                left -= all;
            }
            let is_due = book.account.next_due(book.now) == Some(Timestamp::default());
            assert_eq!(is_due, step.is_some(), "after {used} more");
            (0..2).for_each(|_| book.wait(SECOND));
            expected.extend(step);
            assert_eq!(told(&book), expected);
        }
        book.now = START.plus(day * DAY);
    }
    assert_eq!(book.replayed().version(), book.account.version());
}

#[test]
fn a_till_with_limits_reads_back_and_is_forgotten_with_their_periods() {
    let mut book = Book::with_package(1_000_000);
    let month = CredentialLimit { calls: Some(500), ..limit(LimitPeriod::Month) };
    let lease = lease_of(&mut book, &by(&[calls_a_day(100), month]), None, calls(10)).unwrap();
    book.settle(lease.id, calls(3), None);
    let bytes = book.account.till().to_bytes();
    assert_eq!((bytes[0], Till::from_bytes(&bytes).as_ref()), (2, Ok(book.account.till())));
    assert!(Till::from_bytes(&bytes[..bytes.len() - 1]).is_err());
    book.wait(31 * DAY);
    let lease = book.lease(None, calls(1)).map(|lease| lease.id);
    assert_eq!(lease, Err(Refusal::QuotaExpired));
    book.run(&recharge("1.00")).unwrap();
    let lease = book.lease(Some(&per_1000_calls("1.00")), calls(1)).unwrap().id;
    book.settle(lease, calls(1), Some(calls(1)));
    assert_eq!(book.account.limit_counters().count(), 0);
    assert_eq!(book.account.till().to_bytes()[0], 1, "as it was before there were limits");
}

/// What happens to an account with a limited credential.
#[derive(Debug, Clone)]
enum Step {
    Lease { want: u64, limited: bool },
    Use { nth: usize, calls: u64 },
    Settle { nth: usize, closes: bool },
    Wait { seconds: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1u64..40, prop::bool::weighted(0.8)).prop_map(|(want, limited)| Step::Lease { want, limited }),
        (0usize..8, 1u64..40).prop_map(|(nth, calls)| Step::Use { nth, calls }),
        (0usize..8, any::<bool>()).prop_map(|(nth, closes)| Step::Settle { nth, closes }),
        prop_oneof![Just(1i64), 1i64..60, Just(HOUR / SECOND), Just(10 * HOUR / SECOND)]
            .prop_map(|seconds| Step::Wait { seconds }),
    ]
}

/// A lease as its holder sees it.
struct Holding {
    lease: Lease,
    since: Timestamp,
    limited: bool,
    used: u64,
    settled: u64,
    is_closed: bool,
}

proptest! {
    /// Calls are counted where they are made, by the day of their lease: never more than the limit, whatever is under way.
    #[test]
    fn whatever_is_leased_used_and_lost_no_call_passes_beyond_the_limit(
        steps in prop::collection::vec(step(), 1..120),
        a_day in 1u64..60,
        a_month in 1u64..150,
        in_money in any::<bool>(),
    ) {
        let (mut book, rate) = if in_money {
            (Book::with_balance("1000.00"), Some(per_1000_calls("2.00")))
        } else {
            (Book::with_package(1_000_000), None)
        };
        let month = if in_money {
            let money = Micros::new(i64::try_from(a_month).unwrap() * 2_000);
            CredentialLimit { money: Some(money), ..limit(LimitPeriod::Month) }
        } else {
            CredentialLimit { calls: Some(a_month), ..limit(LimitPeriod::Month) }
        };
        let by = by(&[calls_a_day(a_day), month]);
        let mut held: Vec<Holding> = Vec::new();
        for step in steps {
            let count = held.len();
            match step {
                Step::Lease { want, limited } => {
                    let lease = if limited {
                        lease_of(&mut book, &by, rate.as_ref(), calls(want))
                    } else {
                        book.lease(rate.as_ref(), calls(want))
                    };
                    let since = book.now;
                    let holding = |lease| Holding { lease, since, limited, used: 0, settled: 0, is_closed: false };
                    held.extend(lease.ok().map(holding));
                }
                Step::Use { nth, calls } if count > 0 => {
                    let holding = &mut held[count - 1 - nth % count];
                    if !holding.is_closed && book.now < holding.lease.until {
                        let allowed = *holding.lease.allowance.get(Meter::Calls).unwrap();
                        holding.used = allowed.min(holding.used + calls);
                    }
                }
                Step::Settle { nth, closes } if count > 0 => settle(&mut book, &mut held[count - 1 - nth % count], closes),
                Step::Use { .. } | Step::Settle { .. } => {}
                Step::Wait { seconds } => {
                    // All that was used is booked before its lease may lapse; that some are not closed is what lapses.
                    held.iter_mut().for_each(|holding| settle(&mut book, holding, false));
                    book.wait(seconds * SECOND);
                }
            }
            let mut by_day: BTreeMap<(LimitPeriod, Timestamp), u64> = BTreeMap::new();
            for holding in held.iter().filter(|holding| holding.limited) {
                for per in [LimitPeriod::Day, LimitPeriod::Month] {
                    *by_day.entry((per, per.bounds(holding.since).0)).or_default() += holding.used;
                }
            }
            for ((per, from), used) in by_day {
                let most = if per == LimitPeriod::Day { a_day } else { a_month };
                prop_assert!(used <= most, "{used} calls passed in the {per:?} of {from}, of {most}");
            }
        }
    }
}

/// Books what was used on a lease since the last time. What others use is another credential's.
fn settle(book: &mut Book, holding: &mut Holding, closes: bool) {
    if holding.is_closed {
        return;
    }
    let (new, all) = (calls(holding.used - holding.settled), calls(holding.used));
    let id: LeaseId = holding.lease.id;
    match (holding.limited, closes) {
        (true, _) => drop(book.settle(id, new, closes.then_some(all))),
        (false, _) => book.settle_of(id, new, "other"),
    }
    (holding.settled, holding.is_closed) = (holding.used, closes && holding.limited);
}
