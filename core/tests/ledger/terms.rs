//! A price change never touches what was sold before it. For packages and subscriptions see `control/tests/control/admin/prices.rs`.
//!
//! Broken on purpose: the line that a lease is rated on is looked up by product alone, and the test fails.

use farebox_core::meter::Meter;

use crate::book::{Book, calls, money, per_1000_calls};

#[test]
fn a_call_is_charged_by_the_rate_that_it_was_admitted_on() {
    let mut book = Book::with_balance("10.00");
    let before = book.lease(Some(&per_1000_calls("2.00")), calls(100)).unwrap();
    assert_eq!(before.allowance.get(Meter::Calls), Some(&100));
    let after = book.lease(Some(&per_1000_calls("500.00")), calls(1)).unwrap();
    book.settle(before.id, calls(100), Some(calls(100)));
    assert_eq!(book.account.balance(), money("9.80"), "admitted before the change, settled after it");
    book.settle(after.id, calls(1), Some(calls(1)));
    assert_eq!(book.account.balance(), money("9.30"), "admitted after it");
}
