//! A process that ends anywhere on the way of an event: what was told is told again, and the book has it once.
//!
//! Broken on purpose, each seen to fail here: a payment is remembered as booked before the ledger has it; what is not sold any more is
//! refused when it is told again.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use farebox_control::Request;
use farebox_memory::WriteFault;
use payment_service::{Paying, Sent as Event, signature};
use serde_json::json;

use super::{INTAKE, SECRET, Till, package};

/// How many turns a process has before it ends: more than an event takes.
const TURNS: usize = 48;

/// Tells an event to a process that ends after so many turns, and starts another. Says whether the event was answered before.
fn is_answered_within(till: &Till, event: &Event, turns: usize) -> bool {
    let header = signature(SECRET, till.now(), &event.body);
    let memory = &till.market.shop.memory;
    memory.take_turns(true);
    let is_answered = {
        let request = till.market.shop.request("POST", INTAKE, event.body.as_bytes());
        let request = Request { authorization: None, stripe_signature: Some(&header), ..request };
        let mut answering = pin!(till.market.shop.asking(request));
        let mut context = Context::from_waker(Waker::noop());
        (0..turns).any(|_| matches!(answering.as_mut().poll(&mut context), Poll::Ready(_)))
    };
    memory.take_turns(false);
    memory.restart();
    is_answered
}

#[test]
fn an_event_whose_process_ended_anywhere_is_booked_once_when_it_is_told_again() {
    let mut ended = 0;
    for (turns, which) in (0..TURNS).flat_map(|turns| [(turns, 0), (turns, 1)]) {
        let till = Till::open();
        let (order, session) = till.order("k", package());
        till.pay(&session, Paying::Card).unwrap();
        // Of one payment both the intent and the session are told.
        let event = till.events().remove(which);
        ended += usize::from(!is_answered_within(&till, &event, turns));
        assert_eq!(till.tell(&event).body, json!({ "outcome": "booked", "order": order }), "after {turns} turns");
        assert_eq!((till.booked().len(), till.balance().as_str()), (1, "0.00"), "after {turns} turns");
        let grants = till.market.get(&till.owner, &till.of("grants")).body;
        let bought = grants["items"].as_array().unwrap().iter().filter(|grant| grant["package"] == "echo-100").count();
        assert_eq!(bought, 1, "after {turns} turns");
        assert_eq!(till.market.get(&till.owner, &till.of("invoices")).body["items"].as_array().unwrap().len(), 1);
    }
    assert!((15..2 * TURNS).contains(&ended), "{ended} of {} ended on the way", 2 * TURNS);
}

#[test]
fn an_answer_of_the_ledger_that_is_lost_is_asked_for_again() {
    for fault in [WriteFault::Lost, WriteFault::Unanswered] {
        let till = Till::open();
        let (order, session) = till.order("k", package());
        till.pay(&session, Paying::Card).unwrap();
        let event = till.events().remove(0);
        till.market.shop.memory.fail_next_write(Some(fault));
        assert_eq!(till.tell(&event).status, 503);
        assert_eq!(till.tell(&event).body, json!({ "outcome": "booked", "order": order }), "{fault:?}");
        assert_eq!((till.booked().len(), till.balance().as_str()), (1, "0.00"), "{fault:?}");
    }
}

#[test]
fn a_product_that_is_removed_on_the_way_of_its_payment_leaves_no_order_taken() {
    let catalog = crate::customer::market::catalog("open");
    let without = catalog.split("[[products]]\nid = \"planned\"").next().unwrap().to_owned();
    let mut bought = Vec::new();
    for turns in 0..TURNS {
        let till = Till::open();
        let (order, session) = till.order("k", json!({ "product": "planned", "plan": "small" }));
        till.pay(&session, Paying::Card).unwrap();
        let event = till.events().remove(0);
        is_answered_within(&till, &event, turns);
        assert_eq!(till.market.shop.put_catalog("?remove_held=true", &without).status, 200);
        assert_eq!(till.tell(&event).body, json!({ "outcome": "booked", "order": order }), "after {turns} turns");
        assert_eq!(till.status(&order), "paid", "after {turns} turns");
        // It was bought before the product went, or the money is in the balance; never both, never neither.
        let shown = till.market.get(&till.owner, &till.of(&format!("orders/{order}"))).body;
        let is_bought = shown["grant"].is_string();
        assert_eq!(till.balance(), if is_bought { "0.00" } else { "10.00" }, "after {turns} turns");
        bought.push(is_bought);
    }
    assert!(bought.is_sorted() && bought.contains(&true) && bought.contains(&false), "{bought:?}");
}
