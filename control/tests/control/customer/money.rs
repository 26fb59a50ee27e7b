//! What a customer buys, by session or seen by the call credential itself.
//!
//! Broken on purpose, each seen to fail here: a package that is sold once was booked under the customer's key; a recharge was booked
//! under a new key with each confirmation.

use serde_json::{Value, json};

use super::market::{Browser, Market, Sent, sent};
use crate::admin::shop::code;

fn keyed(key: &str, body: Value) -> Sent<'_> {
    Sent { key: Some(key), ..sent(body) }
}

#[test]
fn a_recharge_that_an_operator_confirms_is_booked_once_and_buys() {
    let market = Market::open();
    let (owner, account) = market.sign_in("owner@example.com");
    let of = |path: &str| format!("accounts/{account}/{path}");
    let ask = || market.send(&owner, "POST", &of("recharge-requests"), &keyed("r-1", json!({ "amount": "1.00" })));
    let made = ask().body;
    assert_eq!((&made["amount"], &made["status"]), (&json!("1.00"), &json!("open")));
    assert_eq!(ask().body["reference"], made["reference"], "sent again, it is the same");
    let other = market.send(&owner, "POST", &of("recharge-requests"), &keyed("r-1", json!({ "amount": "2.00" })));
    assert_eq!(code(&other), (422, "idempotency_key.reused"));
    let wrong = market.send(&owner, "POST", &of("recharge-requests"), &keyed("r-2", json!({ "amount": "-1.00" })));
    assert_eq!(code(&wrong), (422, "amount.invalid"));
    let package = json!({ "product": "echo", "package": "echo-100" });
    let buy = |key: &str| market.send(&owner, "POST", &of("purchases"), &keyed(key, package.clone()));
    assert_eq!(code(&buy("b-1")), (402, "balance.insufficient"));

    assert_eq!(market.shop.get("recharge-requests").body["items"][0]["reference"], made["reference"]);
    let confirm = format!("recharge-requests/{}/confirmation", made["reference"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(market.shop.call("POST", &confirm, None, &Value::Null).body["status"], "confirmed");
    }
    let unknown = market.shop.call("POST", "recharge-requests/rr_none/confirmation", None, &Value::Null);
    assert_eq!(code(&unknown), (404, "recharge_request.unknown"));
    assert_eq!(market.get(&owner, &of("balance")).body["balance"], "1.00");
    assert_eq!(market.get(&owner, &of("recharge-requests")).body["items"][0]["status"], "confirmed");
    assert_eq!((buy("b-2").status, buy("b-2").body["balance"].as_str()), (201, Some("0.85")));
    assert_eq!(market.get(&owner, &of("balance")).body["balance"], "0.85");
}

#[test]
fn what_is_sold_once_is_bought_once_whatever_key_it_is_bought_under() {
    let market = Market::open();
    let (owner, account) = market.sign_in("owner@example.com");
    let of = |path: &str| format!("accounts/{account}/{path}");
    let offers = market.get(&owner, &of("offers")).body;
    let ids: Vec<&str> =
        offers["items"].as_array().unwrap().iter().map(|offer| offer["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["echo-100", "large", "small"], "what was given is not offered again");
    let welcome = json!({ "product": "echo", "package": "welcome" });
    for key in ["a", "b"] {
        let got = market.send(&owner, "POST", &of("purchases"), &keyed(key, welcome.clone()));
        assert_eq!(code(&got), (409, "offer.once"), "{}", got.body);
    }
    assert_eq!(market.get(&owner, &of("grants")).body["items"].as_array().unwrap().len(), 1);
    let secret = json!({ "product": "secret", "package": "secret-1" });
    let got = market.send(&owner, "POST", &of("purchases"), &keyed("s", secret));
    assert_eq!(code(&got), (422, "product.forbidden"));
}

#[test]
fn no_customer_uses_an_idempotency_key_of_the_providers() {
    let market = Market::open();
    let (owner, account) = market.sign_in("owner@example.com");
    assert_eq!(market.shop.recharge(&account, "k", "20.00").status, 201);
    let plan = json!({ "product": "planned", "plan": "small" });
    let path = format!("accounts/{account}/subscriptions");
    let got = market.send(&owner, "POST", &path, &keyed("k", plan));
    assert_eq!(got.status, 201, "{}", got.body);
    let one = format!("{path}/{}", got.body["subscription"].as_str().unwrap());
    let at_once = market.send(&owner, "DELETE", &format!("{one}?at_once=true"), &keyed("c", Value::Null));
    assert_eq!(at_once.status, 400, "a customer ends it with its period");
    assert_eq!(market.send(&owner, "DELETE", &one, &keyed("c", Value::Null)).status, 200);
}

#[test]
fn a_call_credential_sees_its_own_account_until_it_is_revoked() {
    let market = Market::open();
    let (owner, account) = market.sign_in("owner@example.com");
    let (_, other) = market.sign_in("other@example.com");
    let made = market.post(&owner, &format!("accounts/{account}/credentials"), json!({ "name": "CI" })).body;
    let key = made["api_key"].as_str().unwrap();
    let nobody = Browser::default();
    let by_key = |path: &str| market.send(&nobody, "GET", path, &Sent { bearer: Some(key), ..Sent::default() });
    assert_eq!(by_key("accounts/mine/balance").body["currency"], "USD");
    assert_eq!(by_key(&format!("accounts/{account}/grants")).body["items"][0]["remaining"], 50);
    let me = by_key("me").body;
    assert_eq!((&me["person"], &me["accounts"][0]["id"]), (&json!(null), &json!(account)));
    assert_eq!(code(&by_key(&format!("accounts/{other}/balance"))), (404, "account.unknown"));
    assert_eq!(code(&by_key(&format!("accounts/{account}/members"))), (403, "session.needed"));
    assert_eq!(code(&by_key(&format!("accounts/{account}/credentials"))), (403, "session.needed"));
    let one = format!("accounts/{account}/credentials/{}", made["key"].as_str().unwrap());
    assert_eq!(market.send(&owner, "DELETE", &one, &sent(Value::Null)).status, 204);
    assert_eq!(code(&by_key("accounts/mine/balance")), (401, "session.missing"));
}
