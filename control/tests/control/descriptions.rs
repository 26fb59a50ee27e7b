//! What both APIs say of themselves, whole: who changes an operation sees what a client's generator will see of it.

use farebox_control::Request;

use crate::{
    admin::shop::Shop,
    customer::market::{Browser, Market},
};

/// A description as text; its version is the project's and no part of it.
fn text(mut description: serde_json::Value) -> String {
    description["info"]["version"] = "the version".into();
    format!("{description:#}")
}

#[test]
fn the_admin_api_is_described_as_before() {
    let shop = Shop::empty();
    let answer = shop.send(Request { path: "/_farebox/openapi.json", ..shop.request("GET", "", b"") });
    insta::assert_snapshot!("admin-api", text(answer.body));
}

#[test]
fn the_customer_api_is_described_as_before() {
    let answer = Market::of_mode("open").get(&Browser::default(), "openapi.json");
    insta::assert_snapshot!("customer-api", text(answer.body));
}
