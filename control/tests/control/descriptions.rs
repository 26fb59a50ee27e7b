//! What both APIs say of themselves, whole: who changes an operation sees what a client's generator will see of it.
//!
//! Broken on purpose, each seen to fail here: a choice of constants in place of an enum.

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

/// Walks a description. Generators leave arrays of anything and schemas that are booleans out of a client; an object that says nothing
/// of its members has none in TypeScript.
fn left_out(at: &str, part: &serde_json::Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let says_nothing = part["properties"].is_null() && part["additionalProperties"].is_null();
    if (part["type"] == "array" && !part["items"].is_object()) || (part["type"] == "object" && says_nothing) {
        wrong.push(at.to_owned());
    }
    // A choice of constants: clients in Python take the first alone.
    if part["oneOf"].as_array().is_some_and(|choices| choices.iter().any(|choice| !choice["const"].is_null())) {
        wrong.push(at.to_owned());
    }
    for (name, inner) in part.as_object().into_iter().flatten() {
        let inner_at = format!("{at}/{name}");
        if at.ends_with("/properties") && !inner.is_object() {
            wrong.push(inner_at.clone());
        }
        wrong.extend(left_out(&inner_at, inner));
    }
    for inner in part.as_array().into_iter().flatten() {
        wrong.extend(left_out(at, inner));
    }
    wrong
}

#[test]
fn generators_of_clients_leave_nothing_out() {
    let shop = Shop::empty();
    let admin = shop.send(Request { path: "/_farebox/openapi.json", ..shop.request("GET", "", b"") }).body;
    let customer = Market::of_mode("open").get(&Browser::default(), "openapi.json").body;
    for (api, description) in [("admin", admin), ("customer", customer)] {
        assert_eq!(left_out(api, &description), Vec::<String>::new());
    }
}
