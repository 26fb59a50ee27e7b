//! What an account comes to that is busy, and one that is old: entries, and the bytes of its book, its snapshot, its till, its
//! register and its statement.
//!
//! `FAREBOX_DAYS=30 cargo test --profile rig -p farebox-core --test ledger busy -- --nocapture` measures a whole month of the one;
//! with `FAREBOX_DAYS=3653` and `old` in place of `busy`, ten years of the other.

use farebox_core::{
    id::{BatchId, LeaseId},
    journal::{Closing, Line, Window},
    ledger::{
        Answer, Command, StatementWriter,
        command::{AccountBatch, Seen},
    },
    meter::{Meter, Usage},
    rate::{Price, Rate, Tier, TierMode},
    time::{DAY, HOUR, MINUTE, Millis, Month, SECOND},
};

use crate::book::{Book, START, calls, id, line, money, recharge};

/// The simulated account: 100 calls a second on ten instances, each on a lease of 20 s, with a batch for each.
const INSTANCES: u64 = 10;
const CALLS_OF_A_LEASE: u64 = 200;
const LEASES_A_MINUTE: u64 = 3;

/// What a busy account may have in a month of 744 hours.
const MOST_ENTRIES: usize = 1_000;
const MOST_STATED: usize = 1 << 20;
const HOURS: usize = 744;

fn rate() -> Rate {
    let tier = |up_to, price: &str| Tier { up_to, per_block: money(price) };
    let tiers = vec![tier(Some(1_000_000), "0.50"), tier(Some(50_000_000), "0.40"), tier(None, "0.30")];
    Rate {
        prices: [(Meter::Calls, Price { mode: TierMode::Graduated, tiers })].into_iter().collect(),
        minimum: money("0"),
    }
}

/// A minute of the account: leases are given, used and closed, and a settlement books it. Returns the bytes of the till when it
/// is largest: before that settlement.
fn live(book: &mut Book, rate: &Rate, minute: u64) -> usize {
    let mut batches = Vec::new();
    for turn in 0..LEASES_A_MINUTE {
        for instance in 0..INSTANCES {
            let writer = format!("0123456789abc{instance}");
            let command = Command::Lease {
                product: id("p"),
                writer: id(&writer),
                rate: Some(rate.clone()),
                want: calls(CALLS_OF_A_LEASE),
                units_of_call: 0,
                lasting: 20 * SECOND,
                while_plenty: 0,
                limited: None,
            };
            let Ok(Answer::Leased(lease)) = book.run(&command) else { panic!("no lease in minute {minute}") };
            let usage =
                Usage { calls: CALLS_OF_A_LEASE, ingress_bytes: 12_345, egress_bytes: 1_234_567, ..Usage::NONE };
            batches.push(batch(&writer, LEASES_A_MINUTE * minute + turn, book, lease.id, usage));
        }
        book.now = book.now.plus(20 * SECOND);
    }
    let till = book.account.till().to_bytes().len();
    assert!(
        matches!(book.run(&Command::Settle { batches }), Ok(Answer::Settled(settled)) if settled.refused.is_empty())
    );
    let seen = Seen { settled_until: book.now, heard_until: book.now, read_from: book.now };
    book.run(&Command::Tick { seen, gone: Vec::new() }).unwrap();
    till
}

fn batch(writer: &str, sequence: u64, book: &Book, lease: LeaseId, usage: Usage) -> AccountBatch {
    let lines = vec![Line { credential: id("ak_0123456789abcdef"), ..line(lease, usage) }];
    let closings = vec![Closing { account: id("a"), lease, total: usage }];
    AccountBatch { id: BatchId { writer: id(writer), sequence }, window: Window::of(book.now), lines, closings }
}

fn days(unless_set: i64) -> i64 {
    std::env::var("FAREBOX_DAYS").ok().and_then(|days| days.parse().ok()).unwrap_or(unless_set)
}

#[test]
fn a_busy_account_has_few_entries_and_its_statement_is_small() {
    let days = days(1);
    let (mut book, rate) = (Book::with_balance("0.01"), rate());
    book.run(&recharge("1000000.00")).unwrap();
    let (mut most_till, mut most_register) = (0, 0);
    for minute in 0..u64::try_from(days * DAY / MINUTE).unwrap() {
        most_till = most_till.max(live(&mut book, &rate, minute));
        most_register = most_register.max(book.account.register().to_bytes().len());
    }
    book.seal();
    let mut writer = StatementWriter::new(START, START.plus(31 * DAY));
    assert!(book.entries.iter().all(|entry| writer.add(entry)));
    let statement = writer.finish(id("a")).unwrap();
    statement.verify().unwrap();
    assert_eq!(statement.usage["p"].calls, 100 * u64::try_from(days * DAY / SECOND).unwrap());
    let hours = usize::try_from(days * DAY / HOUR).unwrap();
    let stated = serde_json::to_vec(&statement).unwrap().len();
    let bytes: usize = book.entries.iter().map(|entry| entry.to_bytes().len()).sum();
    println!(
        "{days} days: {} entries, {bytes} bytes of book, {} of snapshot, {most_till} of till, {most_register} of register, \
         {stated} of statement",
        book.entries.len(),
        book.account.to_snapshot().len(),
    );
    let others = book.entries.len() - hours;
    assert!(others + HOURS < MOST_ENTRIES, "{others} entries beside the seals of each hour");
    assert!(stated / hours * HOURS < MOST_STATED, "{stated} bytes of statement in {hours} hours");
    assert!(most_till < 4_096 && most_register < 8_192, "{most_till} bytes of till, {most_register} of register");
}

/// What an instance knows nothing of an account begins with: its snapshot and its till, in bytes. A seal is followed by a snapshot.
const MOST_OPENED: usize = 2_048;

/// The other account: a call a minute, for years, on leases of five minutes.
fn quiet_hour(book: &mut Book, rate: &Rate, hour: u64) {
    const LEASED: Millis = 5 * MINUTE;
    for turn in 0..12 {
        let (product, writer, rate) = (id("p"), id("0123456789abc"), Some(rate.clone()));
        let command = Command::Lease {
            product,
            writer,
            rate,
            want: calls(32),
            units_of_call: 0,
            lasting: 20 * SECOND,
            while_plenty: LEASED,
            limited: None,
        };
        let Ok(Answer::Leased(lease)) = book.run(&command) else { panic!("no lease in hour {hour}") };
        let mut batches = Vec::new();
        for minute in 0..5 {
            let sequence = 60 * hour + 5 * turn + minute;
            let usage = Usage { calls: 1, ingress_bytes: 200, egress_bytes: 2_000, ..Usage::NONE };
            let mut batch = batch("0123456789abc", sequence, book, lease.id, usage);
            let total = Usage { calls: 5, ingress_bytes: 1_000, egress_bytes: 10_000, ..Usage::NONE };
            batch.closings.iter_mut().for_each(|closing| closing.total = total);
            batches.push(batch);
            book.now = book.now.plus(MINUTE);
        }
        book.settle_all(batches);
    }
    let seen = Seen { settled_until: book.now, heard_until: book.now, read_from: book.now.plus(-HOUR) };
    book.run(&Command::Tick { seen, gone: Vec::new() }).unwrap();
}

#[test]
fn an_old_account_is_opened_and_stated_as_a_young_one() {
    let days = days(40);
    let (mut book, rate) = (Book::with_balance("0.01"), rate());
    book.run(&recharge("1000000.00")).unwrap();
    let opened = |book: &Book| book.account.to_snapshot().len() + book.account.till().to_bytes().len();
    let (hours, mut most, mut young) = (u64::try_from(days * DAY / HOUR).unwrap(), 0, 0);
    for hour in 0..hours {
        quiet_hour(&mut book, &rate, hour);
        most = most.max(opened(&book));
        if hour == hours / 2 {
            young = most;
        }
    }
    book.seal();
    // The last month that is over: whole, where there were two.
    let (from, until) = Month(Month::of(book.now).0 - 1).bounds();
    let mut writer = StatementWriter::new(from, until);
    assert!(!book.entries.iter().all(|entry| writer.add(entry)), "the month is over");
    let statement = writer.finish(id("a")).unwrap();
    statement.verify().unwrap();
    let stated = serde_json::to_vec(&statement).unwrap().len();
    let bytes: usize = book.entries.iter().map(|entry| entry.to_bytes().len()).sum();
    println!(
        "{days} days: {} entries, {bytes} bytes of book; {most} bytes to open it cold, {young} at half the age; {stated} of the last \
         statement",
        book.entries.len(),
    );
    let months = usize::try_from(Month::of(book.now).0 - Month::of(START).0).unwrap();
    let others = book.entries.len() - usize::try_from(hours).unwrap();
    assert!(others <= 8 + 2 * months, "{others} entries beside the seals of each hour");
    assert!(most <= young + 64 && most < MOST_OPENED, "{most} bytes to open it, {young} at half its age");
    assert!(stated < MOST_STATED, "{stated} bytes of statement");
}
