//! A statement says what happened, adds up, and shows when a byte of it was changed.

use std::sync::LazyLock;

use farebox_core::{
    id::SubscriptionId,
    ledger::{
        Answer, BadStatement, Beyond, BrokenChain, Command, Every, LAPSE_AFTER, PlanTerms, Statement, StatementWriter,
        verify,
    },
    meter::{Meter, Usage},
    money::Micros,
    rate::{Price, Rate, Tier, TierMode},
    time::{DAY, SECOND, Timestamp},
};
use proptest::prelude::*;
use serde_json::Value;

use crate::book::{Book, START, calls, id, money, package, per_1000_calls, recharge};

fn stated(book: &Book, from: Timestamp, until: Timestamp) -> Statement {
    let mut writer = StatementWriter::new(from, until);
    let _ = book.entries.iter().all(|entry| writer.add(entry));
    writer.finish(id("a")).unwrap()
}

fn plan(offer: &str, price: &str, calls: u64) -> PlanTerms {
    PlanTerms {
        product: id("p"),
        offer: id(offer),
        price: money(price),
        every: Every::Months(1),
        quantities: [(Meter::Calls, calls)].into_iter().collect(),
        beyond: Beyond::Rate,
        priority: 0,
        grace: 0,
        setup_fee: Micros::ZERO,
        trial: None,
        rollover: Default::default(),
    }
}

/// 1,000 calls free, then 2.00, from 3,000 calls on 1.00 for a thousand; egress at 0.09 for a GiB whatever the total.
fn tiered() -> Rate {
    let tier = |up_to, price: &str| Tier { up_to, per_block: money(price) };
    let calls = vec![tier(Some(1_000), "0.00"), tier(Some(3_000), "2.00"), tier(None, "1.00")];
    let egress = vec![tier(Some(1 << 30), "0.12"), tier(None, "0.09")];
    let prices = [
        (Meter::Calls, Price { mode: TierMode::Graduated, tiers: calls }),
        (Meter::EgressBytes, Price { mode: TierMode::Volume, tiers: egress }),
    ];
    Rate { prices: prices.into_iter().collect(), minimum: money("0.50") }
}

fn use_calls(book: &mut Book, rate: &Rate, mut want: u64) {
    while want > 0 {
        let bytes = want << 20;
        let Ok(lease) =
            book.lease(Some(rate), Usage { calls: want, ingress_bytes: 0, egress_bytes: bytes, ..Usage::NONE })
        else {
            break;
        };
        let used = want.min(*lease.allowance.get(Meter::Calls).unwrap());
        let usage = Usage { calls: used, ingress_bytes: 7 * used, egress_bytes: used << 19, ..Usage::NONE };
        book.settle(lease.id, usage, Some(usage));
        want -= used;
    }
}

/// A year with a subscription, two upgrades, three packages, tiers and a refund.
static YEAR: LazyLock<Book> = LazyLock::new(|| {
    let mut book = Book::with_balance("400.00");
    let rate = tiered();
    let subscription = match book.run(&Command::Subscribe(plan("small", "5.00", 1_000))) {
        Ok(Answer::Booked { entry, .. }) => SubscriptionId(entry),
        other => panic!("{other:?}"),
    };
    for day in 0..366 {
        match day {
            40 => drop(book.run(&Command::ChangePlan { subscription, terms: plan("medium", "9.00", 2_000) }).unwrap()),
            101 => drop(book.run(&Command::ChangePlan { subscription, terms: plan("large", "14.00", 4_000) }).unwrap()),
            20 | 21 | 200 => {
                drop(book.run(&Command::Purchase(package("3.33", &[(Meter::Calls, 700)]))).unwrap());
            }
            300 => drop(book.run(&Command::Refund { amount: money("12.34"), reference: Some("=1+1".into()) }).unwrap()),
            _ => {}
        }
        use_calls(&mut book, &rate, 40 + day % 7 * 60);
        book.wait(DAY);
    }
    book
});

/// The closing balance, worked out from the statement's JSON and nothing else, as one would in a spreadsheet.
fn recomputed(statement: &Value) -> i128 {
    let micros = |value: &Value| {
        let text = value.as_str().unwrap();
        let (whole, part) = text.trim_start_matches('-').split_once('.').unwrap();
        let digits = format!("{whole}{part:0<6}").parse::<i128>().unwrap();
        if text.starts_with('-') { -digits } else { digits }
    };
    let mut balance = micros(&statement["opening"]);
    for row in statement["entries"].as_array().unwrap() {
        let event = row["entry"]["event"].as_object().unwrap();
        let (name, event) = event.iter().next().unwrap();
        balance += match name.as_str() {
            "recharged" => micros(&event["amount"]),
            "refunded" => -micros(&event["amount"]),
            "purchased" | "subscribed" => -micros(&event["terms"]["price"]),
            "renewed" => -micros(&event["price"]),
            "plan_changed" => micros(&event["closed"]["credit"]) - micros(&event["price"]),
            _ => 0,
        };
    }
    for charge in statement["charges"].as_array().unwrap() {
        let (mut by_meter, per) = ([0i128; 2], [1_000i128, 1 << 30]);
        for tier in charge["tiers"].as_array().unwrap() {
            let meter = usize::from(tier["meter"] == "egress_bytes");
            by_meter[meter] += i128::from(tier["use"]["units"].as_u64().unwrap()) * micros(&tier["use"]["per_block"]);
        }
        let cost = by_meter.iter().zip(per).map(|(sum, per)| sum / per).sum::<i128>();
        balance -= cost.max(micros(&charge["minimum"]));
    }
    balance
}

#[test]
fn a_year_agrees_with_a_spreadsheet_and_its_chain_holds() {
    let book = &*YEAR;
    let statement = stated(book, START, START.plus(400 * DAY));
    statement.verify().unwrap();
    let json = serde_json::to_value(&statement).unwrap();
    assert_eq!(recomputed(&json), i128::from(book.account.balance().get()));
    assert!(statement.charges.len() >= 6 && statement.charges.iter().any(|charge| charge.tiers.len() == 4));
    let used: u64 = (0..366).map(|day| 40 + day % 7 * 60).sum();
    assert_eq!(
        statement.usage["p"],
        Usage { calls: used, ingress_bytes: 7 * used, egress_bytes: used << 19, ..Usage::NONE }
    );
    assert_eq!(verify(0, Default::default(), &book.entries), Ok(book.account.head()));
}

#[test]
fn each_statement_goes_on_where_the_one_before_ended() {
    let book = &*YEAR;
    let monthly: Vec<Statement> =
        (0..14).map(|month| stated(book, START.plus(month * 30 * DAY), START.plus((month + 1) * 30 * DAY))).collect();
    for pair in monthly.windows(2) {
        assert_eq!(
            (pair[0].closing, pair[0].entries.last().map(|last| last.entry.hash)),
            (pair[1].opening, Some(pair[1].link))
        );
        pair[1].verify().unwrap();
    }
    let charged =
        monthly.iter().flat_map(|statement| &statement.charges).map(|charge| charge.charged.get()).sum::<i64>();
    let whole = stated(book, START, START.plus(400 * DAY));
    assert_eq!(charged, whole.charges.iter().map(|charge| charge.charged.get()).sum::<i64>());
}

#[test]
fn what_was_lost_and_what_ran_over_is_on_the_statement() {
    let mut book = Book::with_balance("1.00");
    book.run(&Command::Purchase(package("0.00", &[(Meter::EgressBytes, 1_000), (Meter::Calls, 90)]))).unwrap();
    let lease = book.lease(None, calls(20)).unwrap();
    let usage = Usage { calls: 3, ingress_bytes: 0, egress_bytes: 1_500, ..Usage::NONE };
    book.settle(lease.id, usage, None);
    book.wait(30 * SECOND + LAPSE_AFTER);
    book.seal();
    let statement = stated(&book, START, START.plus(DAY));
    assert_eq!(statement.overruns.iter().map(|overrun| overrun.amount).collect::<Vec<_>>(), [500]);
    assert_eq!(statement.unaccounted[0].amount.get(Meter::Calls), Some(&17));
    book.settle(lease.id, calls(17), None);
    book.seal();
    assert_eq!(stated(&book, START, START.plus(DAY)).unaccounted, []);
}

#[test]
fn a_bill_in_csv_has_a_row_for_everything_and_no_formula() {
    let statement = stated(&YEAR, START, START.plus(400 * DAY));
    let csv = statement.to_csv();
    assert!(csv.lines().all(|line| line.split(',').count() >= 10));
    assert!(csv.contains("\" =1+1\""));
    let rows = |record: &str| csv.lines().filter(|line| line.starts_with(&format!("{record},"))).count();
    assert_eq!((rows("opening"), rows("closing"), rows("refunded"), rows("purchased")), (1, 1, 1, 3));
    assert_eq!(rows("charge"), statement.charges.len());
}

#[test]
fn an_entry_that_was_replaced_with_its_hash_breaks_the_chain_after_it() {
    let mut book = Book::with_balance("1.00");
    book.run(&recharge("2.00")).unwrap();
    book.run(&recharge("3.00")).unwrap();
    let mut entries = book.entries.clone();
    entries[2].at = entries[2].at.plus(1);
    entries[2].hash = entries[2].computed_hash();
    assert_eq!(verify(0, Default::default(), &entries), Err(BrokenChain::Link(4)));
    entries.remove(2);
    assert_eq!(verify(0, Default::default(), &entries), Err(BrokenChain::Gap { expected: 3, found: 4 }));
    let mut statement = stated(&book, START, START.plus(DAY));
    statement.entries.pop();
    statement.closing = money("3.00");
    assert_eq!(statement.verify(), Err(BadStatement::Seal));
}

proptest! {
    /// A statement with any one byte changed does not read or does not verify.
    #[test]
    fn a_single_changed_byte_is_found(at: prop::sample::Index, bit in 0u8..7) {
        let mut book = Book::with_balance("0.20");
        let rate = per_1000_calls("2.00");
        book.run_as(Some("key"), &Command::Purchase(package("0.15", &[(Meter::Calls, 9)]))).unwrap();
        book.use_up(Some(&rate), 1_000);
        book.lease(None, calls(1)).unwrap_err();
        book.seal();
        let text = serde_json::to_string(&stated(&book, START, START.plus(DAY))).unwrap();
        prop_assert!(Statement::from_json(&text).is_ok());
        let mut changed = text.into_bytes();
        let place = at.index(changed.len());
        changed[place] ^= 1 << bit;
        let changed = String::from_utf8(changed).unwrap();
        let around = &changed[place.saturating_sub(40)..changed.len().min(place + 40)];
        prop_assert!(Statement::from_json(&changed).is_err(), "changed in {}", around);
    }
}

#[test]
fn nothing_booked_is_a_statement_too() {
    let statement = stated(&Book::with_balance("1.00"), START.plus(DAY), START.plus(2 * DAY));
    assert_eq!((statement.opening, statement.closing, statement.entries.len()), (money("1.00"), money("1.00"), 0));
    assert_eq!(statement.overdrawn, Micros::ZERO);
    statement.verify().unwrap();
}
