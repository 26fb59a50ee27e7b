//! Money that a payment service has received: booked once, with what it buys; and money that it has taken back.

use farebox_core::{
    ledger::{Answer, Book as Of, Bought, Command, Event, Paid, Refusal},
    meter::Meter,
};

use crate::book::{Book, id, money, package};

fn paid(payment: &str, amount: &str, buys: Option<Bought>) -> Command {
    let reference = format!("stripe {payment}");
    Command::Pay(Paid { order: id("ord_1"), reference, amount: money(amount), currency: id("USD"), buys })
}

fn bought(price: &str) -> Option<Bought> {
    Some(Bought::Package(package(price, &[(Meter::Calls, 100)])))
}

#[test]
fn a_payment_and_what_it_buys_are_booked_in_one_step_and_once() {
    let mut book = Book::open();
    let pay = paid("pi_1", "5.00", bought("5.00"));
    let first = book.run_as(Some("payment/stripe/pi_1"), &pay).unwrap();
    let Answer::Booked { entry: 3, balance, grant: Some(grant) } = first else { panic!("{first:?}") };
    assert_eq!((balance, grant.0), (money("0.00"), 3));
    let names: Vec<&str> = book.entries.iter().map(|entry| entry.event.name()).collect();
    assert_eq!(names, ["opened", "recharged", "purchased"]);
    for again in [pay, paid("pi_1", "5.00", None)] {
        assert_eq!(book.run_as(Some("payment/stripe/pi_1"), &again).as_ref(), Ok(&first), "told again");
    }
    let other = book.run_as(Some("payment/stripe/pi_1"), &paid("pi_1", "6.00", None));
    assert_eq!(other, Err(Refusal::KeyReused));
    assert_eq!(book.entries.len(), 3);
    assert_eq!(book.account, book.replayed());
}

#[test]
fn money_that_buys_nothing_any_more_stays_in_the_balance() {
    let mut book = Book::open();
    let once = |command: Option<Bought>| match command {
        Some(Bought::Package(terms)) => {
            Some(Bought::Package(farebox_core::ledger::command::PackageTerms { once: true, ..terms }))
        }
        other => other,
    };
    book.run_as(Some("payment/stripe/pi_1"), &paid("pi_1", "5.00", once(bought("5.00")))).unwrap();
    let second = book.run_as(Some("payment/stripe/pi_2"), &paid("pi_2", "5.00", once(bought("5.00")))).unwrap();
    let Answer::Booked { balance, grant: None, .. } = second else { panic!("{second:?}") };
    assert_eq!(balance, money("5.00"));
    assert_eq!(book.run(&paid("pi_3", "5.00", None)).map(|_| ()), Ok(()));
    let foreign = Command::Pay(Paid {
        order: id("ord_1"),
        reference: "stripe pi_4".to_owned(),
        amount: money("1.00"),
        currency: id("EUR"),
        buys: None,
    });
    assert_eq!(book.run(&foreign), Err(Refusal::Currency(id("USD"))));
}

#[test]
fn what_was_spent_of_money_that_is_taken_back_is_owed() {
    let mut book = Book::open();
    book.run(&paid("pi_1", "5.00", bought("3.00"))).unwrap();
    let reverse = |amount| Command::Reverse { amount: money(amount), reference: "stripe re_1".to_owned() };
    assert_eq!(book.run(&reverse("5.01")), Err(Refusal::Amount), "no more than was received");
    assert_eq!(book.run(&reverse("0.00")), Err(Refusal::Amount));
    let first = book.run_as(Some("refund/stripe/re_1"), &reverse("5.00"));
    assert_eq!(book.account.balance(), money("-3.00"));
    assert_eq!(book.run_as(Some("refund/stripe/re_1"), &reverse("5.00")), first, "told again");
    assert_eq!((book.account.balance(), book.account.books().get(Of::Payments)), (money("-3.00"), money("0.00")));
    assert!(matches!(book.entries.last().unwrap().event, Event::Refunded { .. }));
}
