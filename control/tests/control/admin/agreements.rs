//! Corrections, subscriptions and what else is agreed with an account.

use farebox_core::ledger::Statement;
use serde_json::{Value, json};

use super::shop::{CATALOG, Shop, code};

#[test]
fn money_goes_back_and_mistakes_are_corrected() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    shop.recharge(&bob, "r-1", "5.00");
    let refund = |key, amount: &str| {
        shop.call("POST", &format!("accounts/{bob}/refunds"), Some(key), &json!({ "amount": amount }))
    };
    assert_eq!(refund("b-1", "2.00").body, json!({ "entry": 3, "balance": "3.00" }));
    assert_eq!(refund("b-1", "2.00").status, 201);
    assert_eq!(code(&refund("b-2", "3.01")), (402, "balance.insufficient"));
    let adjust = |key, body: Value| shop.call("POST", &format!("accounts/{bob}/adjustments"), key, &body);
    let correction = json!({ "amount": "-1.00", "reason": "charged twice by us" });
    assert_eq!(adjust(Some("a-1"), correction.clone()).body["balance"], "2.00");
    assert_eq!(code(&adjust(None, correction)), (400, "idempotency_key.missing"));
    assert_eq!(code(&adjust(Some("a-2"), json!({ "amount": "1.00" }))), (400, "request.malformed"));
    assert_eq!(shop.get(&format!("accounts/{bob}/balance")).body["balance"], "2.00");
}

#[test]
fn a_statement_can_be_checked_by_whoever_gets_it() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    shop.recharge(&bob, "r-1", "5.00");
    shop.memory.set_now("2026-12-15T00:00:00Z".parse().unwrap());
    shop.buy(&bob, "p-1", "echo", "echo-100");
    let months = shop.get(&format!("accounts/{bob}/statements")).body;
    let periods: Vec<_> = months["items"].as_array().unwrap().iter().map(|month| month["period"].as_str()).collect();
    assert_eq!(periods, [Some("2026-12"), Some("2026-11")]);
    let statement = shop.get(&format!("accounts/{bob}/statements/2026-12"));
    assert_eq!((&statement.body["opening"], &statement.body["closing"]), (&json!("5.00"), &json!("4.85")));

    let path = format!("/_farebox/admin/v1/accounts/{bob}/statements/2026-12");
    let text = shop.text(&path);
    Statement::from_json(&text).unwrap().verify().unwrap();
    assert!(Statement::from_json(&text.replace("\"4.85\"", "\"4.84\"")).and_then(|it| it.verify()).is_err());
    assert!(shop.text(&format!("{path}?format=csv")).lines().count() > 1);
    assert_eq!(code(&shop.get(&format!("accounts/{bob}/statements/december"))), (404, "statement.unknown"));
    assert_eq!(code(&shop.get("accounts/acc_nobody/statements/2026-12")), (404, "account.unknown"));
}

#[test]
fn a_month_without_a_statement_says_why_it_has_none() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    let detail = |month: &str| {
        let answer = shop.get(&format!("accounts/{bob}/statements/{month}"));
        assert_eq!(code(&answer), (404, "statement.unknown"), "{month}");
        answer.body["detail"].as_str().unwrap().to_owned()
    };
    let opened = shop.get(&format!("accounts/{bob}")).body["created"].as_str().unwrap()[..10].to_owned();
    let early = format!("{bob} was opened on {opened}; its first statement is {}.", &opened[..7]);
    assert_eq!((detail("2025-01"), detail("1999-12")), (early.clone(), early));
    assert_eq!(detail("2027-05"), "2027-05 has not begun, so it has no statement yet.");
    for late in ["2027-05", "2025-01"] {
        assert_eq!(code(&shop.get(&format!("accounts/acc_nobody/statements/{late}"))), (404, "account.unknown"));
    }
}

#[test]
fn a_question_about_nobody_is_not_answered_as_if_it_booked_something() {
    let shop = Shop::open();
    let questions = ["balance", "grants", "leases", "subscriptions", "terms", "usage", "entries", "statements/2026-11"];
    for question in questions {
        let answer = shop.get(&format!("accounts/acc_nobody/{question}"));
        assert_eq!(code(&answer), (404, "account.unknown"), "{question}");
        assert_eq!(answer.body["detail"], "There is no account with this id.", "{question}");
    }
}

#[test]
fn what_is_not_sold_is_answered_with_what_is() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    let package = json!({ "product": "echo", "package": "nonsense" });
    let answer = shop.call("POST", &format!("accounts/{bob}/purchases"), Some("p-1"), &package);
    assert_eq!(code(&answer), (422, "package.unknown"));
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.starts_with("The product has no package `nonsense`. There is: echo-100"), "{detail}");
    let plan = json!({ "product": "planned", "plan": "huge" });
    let answer = shop.call("POST", &format!("accounts/{bob}/subscriptions"), Some("s-1"), &plan);
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.starts_with("The product has no plan `huge`. There is: small, large"), "{detail}");
    let plan = json!({ "product": "echo", "plan": "huge" });
    let answer = shop.call("POST", &format!("accounts/{bob}/subscriptions"), Some("s-2"), &plan);
    assert_eq!(answer.body["detail"], "The product has no plan `huge`. There is none.");
}

#[test]
fn a_book_is_read_from_a_moment_on() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    shop.recharge(&bob, "r-1", "5.00");
    shop.memory.set_now("2026-12-15T00:00:00Z".parse().unwrap());
    shop.recharge(&bob, "r-2", "7.00");
    let numbers = |query: &str| -> Vec<u64> {
        let entries = shop.get(&format!("accounts/{bob}/entries{query}")).body;
        entries["items"].as_array().unwrap().iter().map(|entry| entry["seq"].as_u64().unwrap()).collect()
    };
    let all = numbers("");
    let last = all.last().copied().unwrap();
    assert_eq!(numbers("?from=2026-12-15T00:00:00Z"), [last]);
    assert_eq!(numbers("?from=2026-12-15T00:00:01Z"), [0; 0]);
    assert_eq!(numbers(&format!("?from=2026-12-01T00:00:00Z&cursor={last}")), [0; 0]);
    assert_eq!(code(&shop.get(&format!("accounts/{bob}/entries?from=yesterday"))), (400, "request.malformed"));
}

#[test]
fn a_subscription_is_begun_changed_and_ended() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    let all = format!("accounts/{bob}/subscriptions");
    let retired = || shop.put_catalog("", &CATALOG.replace("\"small\"", "\"tiny\"")).status;
    let plan = |plan: &str| json!({ "product": "planned", "plan": plan });
    assert_eq!(code(&shop.call("POST", &all, Some("s-0"), &plan("small"))), (402, "balance.insufficient"));
    shop.recharge(&bob, "r-1", "100.00");
    assert_eq!(code(&shop.call("POST", &all, Some("s-1"), &plan("huge"))), (422, "plan.unknown"));

    let begun = shop.call("POST", &all, Some("s-2"), &plan("small"));
    let expected = json!({ "subscription": "subscription-3", "entry": 3, "grant": "grant-3", "balance": "90.00" });
    assert_eq!((begun.status, &begun.body), (201, &expected));
    assert_eq!(shop.call("POST", &all, Some("s-2"), &plan("small")), begun);
    assert_eq!(retired(), 200);
    assert_eq!(shop.call("POST", &all, Some("s-2"), &plan("small")), begun, "the plan left the catalog");
    assert_eq!(code(&shop.call("POST", &all, Some("s-1"), &plan("small"))), (422, "plan.unknown"));
    let row = json!({
        "id": "subscription-3", "product": "planned", "plan": "small", "price": "10.00", "every": "1 month",
        "from": "2026-11-01T00:00:00Z", "until": "2026-12-01T00:00:00Z", "grant": "grant-3", "renews": true,
        "grace_until": null
    });
    assert_eq!(shop.get(&all).body, json!({ "items": [row] }));

    let one = format!("{all}/subscription-3");
    assert_eq!(shop.call("PATCH", &one, Some("s-3"), &plan("large")).body["balance"], "70.00");
    assert_eq!(shop.call("DELETE", &one, Some("s-4"), &Value::Null).status, 200);
    let left = shop.get(&all).body;
    assert_eq!((&left["items"][0]["plan"], &left["items"][0]["renews"]), (&json!("large"), &json!(false)));
    assert_eq!(
        shop.call("DELETE", &format!("{one}?at_once=true"), Some("s-5"), &Value::Null).body["balance"],
        "100.00"
    );
    assert_eq!(shop.get(&all).body, json!({ "items": [] }));
    for unknown in ["subscription-3", "subscription-", "3"] {
        let got = shop.call("DELETE", &format!("{all}/{unknown}"), Some("s-6"), &Value::Null);
        assert_eq!(code(&got), (404, "subscription.unknown"), "{unknown}");
    }
}

#[test]
fn what_is_agreed_is_kept() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    let path = format!("accounts/{bob}/terms");
    let nothing = json!({ "credit_limit": "0.00", "low_balance": null, "low_quota": null, "time_zone": null });
    assert_eq!(shop.get(&path).body, nothing);
    let agreed = json!({ "credit_limit": "10.00", "low_balance": "1.00", "low_quota": 20, "time_zone": "UTC" });
    assert_eq!(shop.call("PUT", &path, None, &agreed).status, 204);
    assert_eq!(shop.get(&path).body, agreed);
    assert_eq!(shop.get(&format!("accounts/{bob}/balance")).body["available"], "10.00");
    assert_eq!(code(&shop.call("PUT", &path, None, &json!({ "credit_limit": "-1.00" }))), (422, "amount.invalid"));
    assert_eq!(code(&shop.call("PUT", &path, None, &json!({ "low_quota": 101 }))), (400, "request.malformed"));
    assert_eq!(code(&shop.call("PUT", &path, None, &json!({ "time_zone": "Mars/Base" }))), (422, "time_zone.unknown"));
    assert_eq!(shop.get(&path).body, agreed);
    assert_eq!(shop.call("PUT", &path, None, &json!({})).status, 204);
    assert_eq!(shop.get(&path).body, nothing);
}
