//! Refunds, corrections, credit and notices.

use farebox_core::{
    ledger::{Book as Of, Command, Event, Notice, Refusal, command::AccountTerms},
    meter::Meter,
    money::Micros,
    time::{DAY, SECOND},
};

use crate::book::{Book, calls, money, package, per_1000_calls, recharge, usd};

fn notices(book: &Book) -> Vec<Notice> {
    let notice = |event: &Event| match event {
        Event::Noticed(notice) => Some(notice.clone()),
        _ => None,
    };
    book.entries.iter().filter_map(|entry| notice(&entry.event)).collect()
}

#[test]
fn only_money_that_is_there_and_not_leased_is_paid_back() {
    let mut book = Book::with_balance("1.00");
    book.run(&Command::SetTerms(AccountTerms { credit_limit: money("5.00"), ..AccountTerms::default() })).unwrap();
    book.lease(Some(&per_1000_calls("2.00")), calls(100)).unwrap();
    let refund = |amount: &str| Command::Refund { amount: money(amount), reference: None };
    let refusal = Refusal::Balance { available: money("0.80"), needed: money("0.81") };
    assert_eq!(book.run(&refund("0.81")), Err(refusal));
    book.run(&refund("0.80")).unwrap();
    assert_eq!((book.account.balance(), book.account.books().get(Of::Payments)), (money("0.20"), money("-0.20")));
    assert_eq!(book.run(&refund("0.00")), Err(Refusal::Amount));
}

#[test]
fn no_more_is_paid_back_than_was_received() {
    let mut book = Book::with_balance("1.00");
    book.run(&Command::Adjust { amount: money("5.00"), reason: "goodwill".into() }).unwrap();
    let refund = |amount: &str| Command::Refund { amount: money(amount), reference: None };
    let refusal = Refusal::Balance { available: money("1.00"), needed: money("1.01") };
    assert_eq!(book.run(&refund("1.01")), Err(refusal));
    book.run(&refund("0.75")).unwrap();
    let refusal = Refusal::Balance { available: money("0.25"), needed: money("0.26") };
    assert_eq!(book.run(&refund("0.26")), Err(refusal));
}

#[test]
fn a_correction_goes_both_ways_and_never_out_of_range() {
    let mut book = Book::with_balance("1.00");
    let adjust = |amount: Micros| Command::Adjust { amount, reason: "goodwill".into() };
    book.run(&adjust(money("0.50"))).unwrap();
    book.run(&adjust(money("-2.00"))).unwrap();
    assert_eq!((book.account.balance(), book.account.books().get(Of::Adjustments)), (money("-0.50"), money("1.50")));
    for amount in [i64::MAX, i64::MIN, 0] {
        assert_eq!(book.run(&adjust(Micros::new(amount))), Err(Refusal::Amount));
    }
    let huge = Command::Recharge { amount: Micros::new(i64::MAX), currency: usd(), reference: None };
    assert_eq!(book.run(&huge), Err(Refusal::Amount));
}

#[test]
fn credit_is_spent_after_the_balance_and_no_further() {
    let mut book = Book::with_balance("1.00");
    book.run(&Command::SetTerms(AccountTerms { credit_limit: money("0.50"), ..AccountTerms::default() })).unwrap();
    assert_eq!(book.use_up(Some(&per_1000_calls("2.00")), 100).0, 750);
    assert_eq!(book.account.balance(), money("-0.50"));
    let refused = book.run(&Command::Purchase(package("0.01", &[(Meter::Calls, 1)])));
    assert_eq!(refused, Err(Refusal::Balance { available: Micros::ZERO, needed: money("0.01") }));
}

#[test]
fn a_notice_is_raised_once_per_crossing() {
    let mut book = Book::with_balance("1.00");
    let terms = AccountTerms { low_balance: Some(money("0.50")), low_quota: Some(20), ..AccountTerms::default() };
    book.run(&Command::SetTerms(terms)).unwrap();
    let spend = |book: &mut Book| {
        book.use_up(Some(&per_1000_calls("2.00")), 100);
        book.wait(SECOND);
        book.wait(SECOND);
    };
    spend(&mut book);
    let low = Notice::LowBalance { balance: Micros::ZERO, limit: money("0.50") };
    assert_eq!(notices(&book), [low, Notice::BalanceExhausted { balance: Micros::ZERO }]);
    book.run(&recharge("2.00")).unwrap();
    book.wait(SECOND);
    assert_eq!(notices(&book).len(), 2);
    spend(&mut book);
    assert_eq!(notices(&book).len(), 4);

    book.run(&Command::Purchase(package("0.00", &[(Meter::Calls, 100)]))).unwrap();
    for used in [80, 1, 1, 18] {
        for _ in 0..used {
            let lease = book.lease(None, calls(1)).unwrap();
            book.settle(lease.id, calls(1), Some(calls(1)));
        }
        book.wait(SECOND);
    }
    book.wait(SECOND);
    let [low, exhausted] = &notices(&book)[4..] else { panic!("{:?}", notices(&book)) };
    assert!(matches!(low, Notice::LowQuota { remaining: 19, meter: Meter::Calls, .. }));
    assert!(matches!(exhausted, Notice::QuotaExhausted { meter: Meter::Calls, .. }));
}

#[test]
fn a_balance_that_is_leased_out_is_not_exhausted_yet() {
    let mut book = Book::with_given("0.005");
    let rate = per_1000_calls("2.00");
    let lease = book.lease(Some(&rate), calls(1)).unwrap();
    book.lease(Some(&rate), calls(1)).unwrap();
    assert!(book.lease(Some(&rate), calls(1)).is_err());
    book.wait(SECOND);
    assert_eq!(notices(&book), []);
    book.settle(lease.id, calls(1), Some(calls(1)));
    book.wait(SECOND);
    assert_eq!(notices(&book), [], "the other lease may come back");
    book.wait(DAY);
    book.use_up(Some(&rate), 1);
    book.wait(SECOND);
    let left = Notice::BalanceExhausted { balance: money("0.001") };
    assert_eq!(notices(&book), [left], "something is left, and pays for no call");
}

#[test]
fn a_suspended_account_gets_no_lease_until_it_is_active_again() {
    let mut book = Book::with_package(10);
    let set = |book: &mut Book, suspended| book.run(&Command::SetStatus { suspended }).unwrap();
    set(&mut book, true);
    let entries = book.entries.len();
    set(&mut book, true);
    assert_eq!(book.entries.len(), entries, "it was suspended already");
    assert_eq!(book.lease(None, calls(1)), Err(Refusal::Suspended));
    book.run(&recharge("1.00")).unwrap();
    set(&mut book, false);
    book.lease(None, calls(1)).unwrap();
}

#[test]
fn each_month_that_is_over_is_closed_once() {
    let mut book = Book::open();
    let closed = |book: &Book| -> Vec<String> {
        let month = |event: &Event| match event {
            Event::StatementClosed { month } => Some(month.to_string()),
            _ => None,
        };
        book.entries.iter().filter_map(|entry| month(&entry.event)).collect()
    };
    book.wait(29 * DAY);
    assert!(closed(&book).is_empty());
    book.wait(DAY);
    book.wait(SECOND);
    assert_eq!(closed(&book), ["2026-11"]);
    book.wait(90 * DAY);
    book.wait(SECOND);
    assert_eq!(closed(&book), ["2026-11", "2026-12", "2027-01", "2027-02"]);
}
