//! What an account was told: its own, page by page, and of the last month unless more is asked for.
//!
//! Broken on purpose, each seen to fail here: notices without a first moment where none is said.

use farebox_core::time::DAY;
use farebox_ports::Host;
use serde_json::{Value, json};

use super::market::{Browser, Market};
use crate::admin::shop::code;

fn types(body: &Value) -> Vec<&str> {
    body["items"].as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap()).collect()
}

#[test]
fn an_account_sees_what_it_was_told_and_nobody_elses() {
    let market = Market::open();
    let (browser, account) = market.sign_in("ann@example.com");
    let (other, _) = market.sign_in("bob@example.com");
    assert_eq!(market.shop.recharge(&account, "r", "5.00").status, 201);
    let at = |query: &str| format!("accounts/{account}/notices{query}");
    let all = market.get(&browser, &at("")).body;
    assert_eq!(types(&all), ["package.bought", "account.recharged"]);
    let recharged = &all["items"][1];
    assert_eq!((&recharged["data"]["amount"], &recharged["data"]["currency"]), (&json!("5.00"), &json!("USD")));
    assert!(recharged["data"]["account"].is_null() && recharged["id"].as_str().unwrap().starts_with("msg_"));

    let first = market.get(&browser, &at("?limit=1")).body;
    let cursor = first["cursor"].as_str().unwrap();
    let rest = market.get(&browser, &at(&format!("?cursor={cursor}"))).body;
    assert_eq!((types(&first), types(&rest)), (vec!["package.bought"], vec!["account.recharged"]));
    assert_eq!(code(&market.get(&browser, &at("?cursor=x"))), (400, "request.malformed"));

    assert_eq!(code(&market.get(&other, &at(""))), (404, "account.unknown"));
    assert_eq!(code(&market.get(&Browser::default(), &at(""))), (401, "session.missing"));

    let memory = &market.shop.memory;
    memory.set_now(memory.now().plus(31 * DAY));
    let (browser, _) = market.sign_in("ann@example.com");
    let later = market.get(&browser, &at("")).body;
    assert!(!types(&later).contains(&"account.recharged"), "{later}");
    assert!(types(&market.get(&browser, &at("?from=2026-01-01T00:00:00Z")).body).contains(&"account.recharged"));
}
