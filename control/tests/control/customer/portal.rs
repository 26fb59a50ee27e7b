//! Ways in that the provider makes, and what everybody may see.
//!
//! Broken on purpose, seen to fail here: a link that opens twice.

use farebox_core::time::MINUTE;
use farebox_ports::Host;
use serde_json::json;

use super::market::{Browser, HOST, Market, Sent};
use crate::admin::shop::code;

#[test]
fn a_link_of_the_provider_opens_once_and_leads_to_the_portal() {
    let market = Market::of_mode("closed");
    let account = market.shop.account("Bob");
    let make = |email: &str| {
        let path = format!("/_farebox/admin/v1/accounts/{account}/portal-sessions");
        let body = json!({ "email": email }).to_string();
        let request = farebox_control::Request { host: HOST, ..market.shop.request("POST", &path, body.as_bytes()) };
        let got = market.shop.send(request);
        assert_eq!(got.status, 201, "{}", got.body);
        got.body["url"].as_str().unwrap().split_once("/_farebox/v1/").unwrap().1.to_owned()
    };
    let (browser, path) = (Browser::default(), make("bob@example.com"));
    assert_eq!(market.get(&browser, &path).status, 303);
    let me = market.get(&browser, "me").body;
    assert_eq!((&me["accounts"][0]["id"], &me["accounts"][0]["role"]), (&json!(account), &json!("owner")));
    assert_eq!(code(&market.get(&Browser::default(), &path)), (404, "portal_session.over"));
    let late = make("bob@example.com");
    market.shop.memory.set_now(market.shop.memory.now().plus(15 * MINUTE));
    assert_eq!(code(&market.get(&Browser::default(), &late)), (404, "portal_session.over"));
}

#[test]
fn what_everybody_sees_is_the_storefront_and_nothing_that_is_sold_to_some() {
    let market = Market::open();
    let nobody = Browser::default();
    let shown = market.get(&nobody, "storefront").body;
    assert_eq!(
        (&shown["name"], &shown["sign_up"], &shown["sign_in"]),
        (&json!("Acme"), &json!("open"), &json!(["mail"]))
    );
    let ids: Vec<_> = shown["products"].as_array().unwrap().iter().map(|product| &product["id"]).collect();
    assert_eq!(ids, ["echo", "planned"]);
    assert_eq!(code(&market.get(&nobody, "products/secret")), (404, "product.unknown"));
    let echo = market.get(&nobody, "products/echo").body;
    assert_eq!((&echo["schemes"], &echo["packages"][0]["price"]), (&json!(["x-ca"]), &json!("0.15")));
    assert_eq!(code(&market.get(&nobody, "dev/mailbox")), (404, "development.only"));
}

#[test]
fn a_quote_is_what_would_be_charged() {
    let market = Market::open();
    let quote = |product: &str, calls: u64| {
        let sent = Sent { body: json!({ "calls": calls }), ..Sent::default() };
        market.send(&Browser::default(), "POST", &format!("products/{product}/quote"), &sent).body
    };
    // 250 calls: 250 x 2.00 / 1,000 at the rate, or three packages of 100.
    let echo = quote("echo", 250);
    assert_eq!(echo["lines"][0], json!({ "kind": "rate", "offer": null, "count": 1, "price": "0.50" }));
    assert_eq!(echo["lines"][1], json!({ "kind": "package", "offer": "echo-100", "count": 3, "price": "0.45" }));
    assert_eq!((&echo["cheapest"], &echo["lines"][2]), (&json!(1), &json!(null)));
    let planned = quote("planned", 5_000);
    assert_eq!(planned["lines"], json!([{ "kind": "plan", "offer": "large", "count": 1, "price": "30.00" }]));
    assert_eq!(quote("planned", 50_000)["cheapest"], json!(null), "no plan covers it");
}
