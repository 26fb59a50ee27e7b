//! Accounts and credentials under idempotency keys, and credentials in place of others.

use farebox_core::{
    credential::{Credential, credential_entry},
    time::{DAY, HOUR, Timestamp},
};
use farebox_ports::KeyValue;
use serde_json::{Value, json};

use super::shop::{Got, Shop, code, ready};

fn stored(shop: &Shop, key: &Value) -> Credential {
    let entry = credential_entry(&key.as_str().unwrap().parse().unwrap());
    serde_json::from_slice(&ready(shop.memory.get(&entry)).unwrap().unwrap()).unwrap()
}

#[test]
fn an_account_is_made_once_for_each_idempotency_key() {
    let shop = Shop::open();
    let make = |key, name: &str| shop.call("POST", "accounts", Some(key), &json!({ "name": name }));
    let bob = make("a-1", "Bob");
    let path = format!("accounts/{}", bob.body["id"].as_str().unwrap());
    shop.call("PATCH", &path, None, &json!({ "name": "Robert", "status": "suspended" }));
    assert_eq!(make("a-1", "Bob"), bob);
    assert_eq!(shop.get(&path).body["status"], "suspended", "a repetition changes nothing");
    assert_eq!(code(&make("a-1", "Eve")), (422, "idempotency_key.reused"));
    assert_ne!(make("a-2", "Bob").body["id"], bob.body["id"]);
    assert_eq!(shop.get("accounts").body["items"].as_array().unwrap().len(), 2);
    assert_eq!(code(&make("", "Bob")), (400, "idempotency_key.missing"));
}

#[test]
fn a_credential_is_made_once_for_each_idempotency_key_and_shown_for_a_day() {
    let shop = Shop::open();
    let (bob, eve) = (shop.account("Bob"), shop.account("Eve"));
    let make = |account: &str, key, body: Value| {
        shop.call("POST", &format!("accounts/{account}/credentials"), Some(key), &body)
    };
    let made = make(&bob, "c-1", json!({}));
    assert_eq!(made.status, 201);
    assert_eq!(make(&bob, "c-1", json!({})), made);
    assert_eq!(code(&make(&bob, "c-1", json!({ "products": ["echo"] }))), (422, "idempotency_key.reused"));
    let others = make(&eve, "c-1", json!({}));
    assert_ne!((&others.body["key"], &others.body["secret"]), (&made.body["key"], &made.body["secret"]));
    let other = make(&bob, "c-2", json!({}));
    assert_ne!((&other.body["key"], &other.body["secret"]), (&made.body["key"], &made.body["secret"]));
    shop.memory.set_now(shop_start().plus(DAY + 1));
    assert_eq!(code(&make(&bob, "c-1", json!({}))), (409, "idempotency_key.expired"));
    assert_eq!(shop.get(&format!("accounts/{bob}/credentials")).body["items"].as_array().unwrap().len(), 2);
}

/// The operations that make a secret, and what each is asked for with: found by what the API says that it answers.
fn makers(shop: &Shop, account: &str, key: &str) -> Vec<(String, Value)> {
    let description = shop.description();
    let paths = description["paths"].as_object().unwrap();
    let answers_with_a_secret = |operation: &Value| {
        let reference = operation["responses"]["201"]["content"]["application/json"]["schema"]["$ref"].as_str();
        let schema = reference.and_then(|reference| description.pointer(reference.trim_start_matches('#')));
        schema.is_some_and(|schema| {
            let members = schema["properties"].as_object().unwrap();
            ["secret", "token"].iter().any(|secret| members.contains_key(*secret))
        })
    };
    let makers = paths.iter().filter(|(_, operations)| answers_with_a_secret(&operations["post"]));
    let body = |pattern: &str| match pattern {
        "/admin-tokens" => json!({ "name": "Eve", "role": "operator" }),
        "/webhooks" => json!({ "url": "https://acme.example/hook" }),
        "/accounts/{id}/credentials" | "/accounts/{id}/credentials/{key}/rotations" => json!({}),
        other => panic!("{other} makes a secret, and this test does not know it"),
    };
    let path = |pattern: &str| pattern[1..].replace("{id}", account).replace("{key}", key);
    makers.map(|(pattern, _)| (path(pattern), body(pattern))).collect()
}

#[test]
fn what_makes_a_secret_makes_it_once_for_each_key_and_shows_it_to_nobody_else() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    let old = shop.call("POST", &format!("accounts/{bob}/credentials"), None, &json!({})).body;
    let owner = |name: &str| {
        let made = shop.call("POST", "admin-tokens", None, &json!({ "name": name, "role": "owner" })).body;
        made["token"].as_str().unwrap().to_owned()
    };
    let (one, other) = (owner("One"), owner("Other"));
    let makers = makers(&shop, &bob, old["key"].as_str().unwrap());
    assert_eq!(makers.len(), 4, "{makers:?}");
    for (path, body) in &makers {
        let secret = |got: &Got| [&got.body["secret"], &got.body["token"]].map(ToString::to_string);
        let make = |token: &str, key, body: &Value| shop.call_once_as(token, "POST", path, Some(key), body);
        let made = make(&one, "k-1", body);
        assert_eq!(made.status, 201, "{path}: {made:?}");
        assert_eq!(make(&one, "k-1", body), made, "{path}");
        assert_ne!(secret(&make(&one, "k-2", body)), secret(&made), "{path}: another key");
        let others = make(&other, "k-1", body);
        assert_eq!(others.status, 201, "{path}: {others:?}");
        assert_ne!(secret(&others), secret(&made), "{path}: another operator");
        let deployments = shop.call("POST", path, Some("k-1"), body);
        assert_ne!(secret(&deployments), secret(&made), "{path}: the deployment's own token");
        let changed = match path.as_str() {
            "admin-tokens" => json!({ "name": "Eve", "role": "owner" }),
            "webhooks" => json!({ "url": "https://acme.example/other" }),
            path if path.ends_with("rotations") => json!({ "overlap_seconds": 60 }),
            _ => json!({ "name": "CI" }),
        };
        assert_eq!(code(&make(&one, "k-1", &changed)), (422, "idempotency_key.reused"), "{path}");
        assert_eq!(code(&make(&one, "", body)), (400, "idempotency_key.missing"), "{path}");
    }
    assert_eq!(shop.get("webhooks").body["items"].as_array().unwrap().len(), 4, "k-1 of three, and k-2");
    shop.memory.set_now(shop_start().plus(DAY + 1));
    for (path, body) in &makers {
        let again = shop.call_once_as(&one, "POST", path, Some("k-1"), body);
        assert_eq!(code(&again), (409, "idempotency_key.expired"), "{path}");
    }
}

fn shop_start() -> Timestamp {
    "2026-11-01T00:00:00Z".parse().unwrap()
}

#[test]
fn a_rotated_credential_goes_on_beside_the_new_one_for_as_long_as_it_was_told() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    let all = format!("accounts/{bob}/credentials");
    let limits = json!({ "name": "CI", "products": ["echo"], "addresses": ["192.0.2.0/24"] });
    let old = shop.call("POST", &all, None, &limits).body;
    let rotate =
        |key, body: Value| shop.call("POST", &format!("{all}/{}/rotations", old["key"].as_str().unwrap()), key, &body);
    let hour = json!({ "overlap_seconds": 3_600 });
    let new = rotate(Some("r-1"), hour.clone());
    assert_eq!((new.status, &new.body["replaces"]), (201, &old["key"]));
    assert_eq!(new.body["replaced_until"], "2026-11-01T01:00:00Z");
    shop.memory.set_now(shop_start().plus(HOUR - 1));
    assert_eq!(rotate(Some("r-1"), hour.clone()), new, "and not an hour from now");
    let (before, after) = (stored(&shop, &old["key"]), stored(&shop, &new.body["key"]));
    assert!(before.is_active(shop_start().plus(HOUR - 1)) && !before.is_active(shop_start().plus(HOUR)));
    assert!(after.is_active(shop_start().plus(366 * DAY)));
    assert_eq!((after.products, after.addresses, after.name), (before.products, before.addresses, before.name));
    shop.memory.set_now(shop_start().plus(HOUR));
    assert_eq!(rotate(Some("r-1"), hour.clone()), new, "also when the old one has ended");
    assert_eq!(code(&rotate(Some("r-2"), hour)), (409, "credential.revoked"));
    assert_eq!(code(&rotate(Some("r-3"), json!({ "overlap_seconds": 40_000_000 }))), (400, "request.malformed"));
}

#[test]
fn a_credential_is_restricted_when_it_is_made() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    let all = format!("accounts/{bob}/credentials");
    let wanted = json!({
        "name": "CI", "products": ["echo"], "addresses": ["192.0.2.7/24", "2001:db8::1"], "expires": "2026-12-01T00:00:00Z"
    });
    let made = shop.call("POST", &all, None, &wanted).body;
    assert_eq!(made["expires"], "2026-12-01T00:00:00Z");
    let row = json!({
        "key": made["key"], "test": false, "last_four": made["api_key"].as_str().map(|key| &key[key.len() - 4..]), "name": "CI", "created": "2026-11-01T00:00:00Z", "revoked": null,
        "expires": "2026-12-01T00:00:00Z", "products": ["echo"], "addresses": ["192.0.2.0/24", "2001:db8::1/128"], "limits": []
    });
    assert_eq!(shop.get(&all).body, json!({ "items": [row] }));
    for wrong in [
        json!({ "addresses": ["here"] }),
        json!({ "expires": "2026-11-01T00:00:00Z" }),
        json!({ "name": "" }),
        json!({ "addresses": vec!["192.0.2.0/24"; 101] }),
    ] {
        assert_eq!(code(&shop.call("POST", &all, None, &wrong)), (400, "request.malformed"), "{wrong}");
    }
}

#[test]
fn the_restrictions_of_a_credential_are_changed_and_lifted() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    let all = format!("accounts/{bob}/credentials");
    let made = shop.call("POST", &all, None, &json!({ "products": ["echo"], "addresses": ["192.0.2.0/24"] })).body;
    let one = format!("{all}/{}", made["key"].as_str().unwrap());
    let change = |body: Value| shop.call("PATCH", &one, None, &body);
    let changed = change(json!({ "name": "CI", "addresses": null, "expires": "2026-12-01T00:00:00Z" })).body;
    let secret = stored(&shop, &made["key"]).sealed_secret;
    assert_eq!((&changed["name"], &changed["products"]), (&json!("CI"), &json!(["echo"])), "what is left out stays");
    assert_eq!((&changed["addresses"], &changed["expires"]), (&Value::Null, &json!("2026-12-01T00:00:00Z")));
    assert_eq!(shop.get(&all).body["items"][0], changed);
    assert_eq!(change(json!({ "products": null, "expires": null })).body["expires"], Value::Null);
    assert_eq!(stored(&shop, &made["key"]).sealed_secret, secret);
    for wrong in [json!({ "expires": "2026-11-01T00:00:00Z" }), json!({ "addresses": ["x"] }), json!({ "key": "x" })] {
        assert_eq!(code(&change(wrong)), (400, "request.malformed"));
    }
    assert_eq!(code(&change(json!({ "products": ["unheard"] }))), (422, "product.unknown"));
    shop.call("DELETE", &one, None, &Value::Null);
    assert_eq!(code(&change(json!({ "name": "Late" }))), (409, "credential.revoked"));
}
