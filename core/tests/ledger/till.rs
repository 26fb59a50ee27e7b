//! Leases and usage beside the chain: nothing of them is an entry each, and nothing of them is lost or counted twice.

use farebox_core::{
    id::{BatchId, LeaseId},
    journal::{Closing, Line, Window},
    ledger::{
        Account, Answer, BrokenChain, Command, Event, LONGEST_LEASE, LineTerms, Refusal, StatementWriter, UsageSealed,
        command::{AccountBatch, Seen},
    },
    meter::Meter,
    money::Micros,
    time::{DAY, HOUR, MINUTE, Month, SECOND},
};
use proptest::prelude::*;

use crate::{
    book::{Book, START, calls, id, line, money, package, per_1000_calls, recharge},
    canonical::book_before_tills,
};

fn sealed(book: &Book) -> Vec<&UsageSealed> {
    let seals = book.entries.iter().filter_map(|entry| match &entry.event {
        Event::UsageSealed(sealed) => Some(sealed),
        _ => None,
    });
    seals.collect()
}

#[test]
fn leases_and_settlements_are_no_entries_and_usage_is_sealed_once_an_hour() {
    let mut book = Book::with_package(100_000);
    let first = book.lease(None, calls(10)).unwrap().id;
    book.settle(first, calls(10), Some(calls(10)));
    let begun = book.entries.len();
    assert!(matches!(book.entries[begun - 1].event, Event::TillBegun { .. }));
    for minute in 0..180 {
        let lease = book.lease(None, calls(10)).unwrap().id;
        book.settle(lease, calls(10), Some(calls(10)));
        book.wait(MINUTE);
        assert_eq!(sealed(&book).len(), (minute + 1) / 60, "after minute {minute}");
    }
    assert_eq!(book.entries.len(), begun + 3);
    let used: u64 = sealed(&book).iter().flat_map(|sealed| &sealed.usage).map(|used| used.usage.calls).sum();
    assert_eq!((used, book.account.grants().next().unwrap().quota.used), (1_810, 1_810));
    assert_eq!(sealed(&book)[1].usage.len(), 1, "an hour of one credential is one line");
    assert_eq!(sealed(&book)[1].batches[0].ranges, [(62, 121)]);
}

#[test]
fn an_hour_in_which_nobody_calls_any_more_is_sealed_all_the_same() {
    let mut book = Book::with_package(100);
    let lease = book.lease(None, calls(10)).unwrap().id;
    book.settle(lease, calls(10), Some(calls(10)));
    assert_eq!(book.account.next_tick(), Some(START.plus(HOUR)));
    book.wait(HOUR);
    assert_eq!((sealed(&book).len(), book.account.unsealed().is_empty()), (1, true));
}

#[test]
fn usage_is_sealed_before_money_moves() {
    let mut book = Book::with_balance("1.00");
    let lease = book.lease(Some(&per_1000_calls("2.00")), calls(10)).unwrap().id;
    book.settle(lease, calls(10), Some(calls(10)));
    let Ok(Answer::Booked { entry, balance, .. }) = book.run(&recharge("1.00")) else { panic!() };
    assert_eq!((entry, balance), (5, money("1.98")));
    let [.., seal, recharged] = book.entries.as_slice() else { panic!() };
    assert!(matches!(&seal.event, Event::UsageSealed(sealed) if sealed.charged() == money("0.02")));
    assert!(matches!(recharged.event, Event::Recharged { .. }));
    let mut replayed = Account::default();
    book.entries[..4].iter().for_each(|entry| replayed.evolve(entry));
    assert_eq!(replayed.balance(), money("0.98"), "what was there when it was recharged");
}

#[test]
fn a_seal_is_in_the_month_of_what_it_seals() {
    let mut book = Book::with_balance("1.00");
    book.now = START.plus(30 * DAY - MINUTE);
    let lease = book.lease(Some(&per_1000_calls("2.00")), calls(10)).unwrap().id;
    book.settle(lease, calls(10), Some(calls(10)));
    book.wait(2 * MINUTE);
    let mut writer = StatementWriter::new(START, START.plus(30 * DAY));
    let _ = book.entries.iter().all(|entry| writer.add(entry));
    let statement = writer.finish(id("a")).unwrap();
    assert_eq!((statement.closing, statement.charges[0].charged), (money("0.98"), money("0.02")));
    let last = &book.entries.last().unwrap().event;
    assert_eq!(*last, Event::StatementClosed { month: Month::of(START) });
}

/// What a world of commands does to one account.
#[derive(Debug, Clone)]
enum Step {
    Lease(bool, u64),
    Settle(usize, u64, bool),
    Pay,
    Buy,
    Wait(i64),
    Silence(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (any::<bool>(), 1u64..60).prop_map(|(paid, want)| Step::Lease(paid, want)),
        6 => (any::<usize>(), 0u64..9, any::<bool>()).prop_map(|(lease, used, ends)| Step::Settle(lease, used, ends)),
        1 => Just(Step::Pay),
        1 => Just(Step::Buy),
        2 => (0i64..90).prop_map(Step::Wait),
        1 => (0i64..5).prop_map(Step::Silence),
    ]
}

proptest! {
    /// The chain alone gives the book at any moment, and all of the account but its leases right after a seal.
    #[test]
    fn a_replay_of_the_chain_alone_is_what_was_live(steps in proptest::collection::vec(step(), 1..60)) {
        let mut book = Book::with_balance("0.50");
        let mut leases: Vec<LeaseId> = Vec::new();
        for step in steps {
            match step {
                Step::Lease(paid, want) => {
                    let rate = paid.then(|| per_1000_calls("2.00"));
                    leases.extend(book.lease(rate.as_ref(), calls(want)).ok().map(|lease| lease.id));
                }
                Step::Settle(at, used, ends) if !leases.is_empty() => {
                    let lease = leases[at % leases.len()];
                    book.settle(lease, calls(used), ends.then_some(calls(used)));
                }
                Step::Settle(..) => {}
                Step::Pay => drop(book.run(&recharge("0.01"))),
                Step::Buy => drop(book.run(&Command::Purchase(package("0.02", &[(Meter::Calls, 30)])))),
                Step::Wait(minutes) => book.wait(minutes * MINUTE),
                Step::Silence(minutes) => book.wait_and_hear(minutes * MINUTE),
            }
            prop_assert_eq!(&book.replayed(), &book.account.without_till());
        }
        let live = book.account.clone();
        book.seal();
        prop_assert_eq!(book.account.unsealed(), &UsageSealed::default());
        prop_assert_eq!((book.account.balance(), book.account.leased()), (live.balance(), live.leased()));
        let alone = book.replayed();
        prop_assert_eq!(alone.books(), live.books());
        for (row, there) in alone.grants().zip(live.grants()) {
            prop_assert_eq!((row.quota.used, row.grant.earned), (there.quota.used, there.grant.earned));
        }
        for ((_, line), (_, there)) in alone.lines().zip(live.lines()) {
            prop_assert_eq!((line.usage, line.charged, line.forgiven), (there.usage, there.charged, there.forgiven));
        }
        prop_assert_eq!(alone.lines().count(), live.lines().count());
    }
}

/// An upgrade: the book was written by a version without tills, and this one goes on.
fn upgraded() -> Book {
    let mut book = Book::open();
    book.entries = book_before_tills();
    book.account = book.replayed();
    book.now = START.plus(2 * MINUTE);
    book
}

fn from(writer: &str, sequence: u64, lines: Vec<Line>) -> AccountBatch {
    let id = BatchId { writer: id(writer), sequence };
    AccountBatch { id, window: Window::of(START.plus(2 * MINUTE)), lines, closings: Vec::new() }
}

#[test]
fn a_book_of_before_there_were_tills_is_folded_as_it_was() {
    let account = upgraded().account;
    assert_eq!((account.balance(), account.leased()), (money("4.836"), money("0.086")));
    let row = account.grants().next().unwrap();
    assert_eq!((row.quota.used, row.quota.leased, row.grant.earned), (9, 15, money("0.0135")));
    assert_eq!(account.leases().map(|(id, lease)| (id.0, lease.used.calls)).collect::<Vec<_>>(), [(8, 5), (10, 7)]);
    assert_eq!(account.lapsed().map(|(id, _)| id.0).collect::<Vec<_>>(), [4]);
    let (_, line) = account.lines().next().unwrap();
    assert_eq!((line.usage.calls, line.charged, line.reserved), (7, money("0.014"), money("0.086")));
}

#[test]
fn a_book_of_before_there_were_tills_goes_on_with_its_leases_and_batches() {
    let mut book = upgraded();
    // What was booked before is known, and what is out is still out.
    let q = |usage| Line { product: id("q"), ..line(LeaseId(10), usage) };
    let again = vec![from("w", 1, vec![line(LeaseId(6), calls(4))]), from("w", 3, vec![q(calls(7))])];
    assert_eq!(book.settle_all(again).known, 2);
    assert_eq!(book.entries.len(), 11, "nothing new is nothing booked");
    let closing = |lease, total| Closing { account: id("a"), lease, total };
    let ends = AccountBatch { closings: vec![closing(LeaseId(10), calls(10))], ..from("w", 4, vec![q(calls(3))]) };
    let late = from("w", 5, vec![line(LeaseId(4), calls(2)), line(LeaseId(8), calls(15))]);
    assert_eq!(book.settle_all(vec![ends, late]).applied, 2);
    assert!(matches!(book.entries[11].event, Event::TillBegun { issued: 11 }), "{:?}", book.entries[11].event);
    assert_eq!((book.account.balance(), book.account.leased()), (money("4.83"), Micros::ZERO));
    let row = book.account.grants().next().unwrap();
    assert_eq!((row.quota.used, row.quota.leased), (26, 0));
    assert_eq!(book.lease(None, calls(5)).unwrap().id, LeaseId(12), "no number is given twice");
    book.seal();
    assert_eq!(book.replayed(), book.account.without_till());
    assert_eq!(book.replayed().balance(), money("4.83"));
}

#[test]
fn money_moves_in_a_book_of_before_there_were_tills_as_ever() {
    let mut book = upgraded();
    book.run(&recharge("1.00")).unwrap();
    assert_eq!((book.entries.len(), book.account.leases().count()), (12, 2));
    assert_eq!(book.account.available(), money("5.75"));
    let taken = Account::from_snapshot(&book.account.to_snapshot()).unwrap();
    assert_eq!(taken, book.account, "a snapshot holds the leases that only entries know");
    book.wait(30 * SECOND + HOUR);
    assert_eq!((book.account.leases().count(), book.account.leased()), (0, Micros::ZERO));
}

#[test]
fn a_book_that_was_put_back_gives_no_lease_while_older_ones_may_be_out_and_no_number_twice() {
    let mut lost = Book::with_package(100);
    let before = lost.lease(None, calls(10)).unwrap().id;
    lost.settle(before, calls(4), None);
    lost.seal();
    let copy: Vec<_> = lost.entries.iter().map(|entry| entry.to_bytes()).collect();
    let after = lost.lease(None, calls(10)).unwrap().id;
    let mut book = Book::open();
    (book.account, book.entries, book.now) = (Account::default(), Vec::new(), lost.now);
    // In two pages, each sent twice.
    for page in [&copy[..2], &copy[..2], &copy[2..], &copy[1..]] {
        book.run(&Command::Restore { entries: page.to_vec() }).unwrap();
    }
    assert_eq!(book.replayed(), lost.account.without_till());
    assert_eq!(book.lease(None, calls(1)), Err(Refusal::QuotaExhausted { leased: true }));
    book.now = book.now.plus(LONGEST_LEASE);
    let next = book.lease(None, calls(1)).unwrap().id;
    assert!(next > after, "{next} after {after}");
    // What was used on leases that nobody knows is charged to nobody.
    let unknown = vec![from("w", 1, vec![line(before, calls(4))]), from("w", 9, vec![line(after, calls(5))])];
    assert_eq!(book.settle_all(unknown).refused.len(), 2);
    assert_eq!(book.account.grants().next().unwrap().quota.used, 4);
}

#[test]
fn a_copy_is_not_put_behind_what_was_used_since() {
    let mut book = Book::with_package(100);
    let lease = book.lease(None, calls(10)).unwrap().id;
    let mut longer = Book::open();
    (longer.account, longer.entries) = (book.account.clone(), book.entries.clone());
    longer.run(&recharge("1.00")).unwrap();
    let copy = Command::Restore { entries: vec![longer.entries.last().unwrap().to_bytes()] };
    let other = Err(Refusal::OtherBook(BrokenChain::Link(4)));
    assert_eq!(book.run(&copy), other, "a lease is out");
    book.settle(lease, calls(4), Some(calls(4)));
    assert_eq!(book.run(&copy), other, "usage is not sealed");
}

#[test]
fn a_line_of_a_month_that_is_over_ends_once_nothing_names_it() {
    let mut book = Book::with_balance("1.00");
    let rate = per_1000_calls("2.00");
    let lease = book.lease(Some(&rate), calls(10)).unwrap().id;
    book.settle(lease, calls(10), Some(calls(10)));
    book.wait(31 * DAY);
    book.wait(MINUTE);
    assert_eq!(book.account.lines().count(), 0);
    let lease = book.lease(Some(&rate), calls(10)).unwrap().id;
    book.settle(lease, calls(10), Some(calls(10)));
    book.seal();
    let ended: Vec<_> = sealed(&book).iter().flat_map(|sealed| &sealed.ended).collect();
    let begun: Vec<&LineTerms> =
        sealed(&book).iter().flat_map(|sealed| &sealed.begun).map(|line| &line.terms).collect();
    assert_eq!((ended.len(), begun.len()), (1, 2));
    assert_eq!(book.replayed().lines().count(), 1);
}

#[test]
fn a_command_that_needs_the_register_says_so() {
    let mut book = Book::with_package(100);
    let lease = book.lease(None, calls(10)).unwrap().id;
    book.settle(lease, calls(4), None);
    let till = book.account.till().clone();
    let mut account = book.replayed();
    account.advance(&[], Some(till), None);
    let now = book.now;
    let seen = Seen { settled_until: now, heard_until: now, read_from: now };
    let lease = |product: &str| Command::Lease {
        product: id(product),
        writer: id("w"),
        rate: None,
        want: calls(1),
        units_of_call: 0,
        lasting: SECOND,
        while_plenty: 0,
        limited: None,
    };
    let batches = vec![from("w", 7, Vec::new())];
    for (command, lacks) in [
        (lease("p"), false),
        (Command::Settle { batches: Vec::new() }, false),
        (Command::Settle { batches }, true),
        (Command::Tick { seen, gone: Vec::new() }, true),
        (recharge("1.00"), true),
        (Command::Seal, true),
    ] {
        assert_eq!(account.lacks_register(&command, now), lacks, "{command:?}");
        assert!(!book.account.lacks_register(&command, now));
    }
}
