//! Plain keys in the API: shown once, stored as hashes, imported from other gateways.

use farebox_core::{credential::plain_key_entry, plain_key};
use farebox_ports::KeyValue;
use serde_json::{Value, json};

use super::shop::{CATALOG, Shop, code, ready};

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn hash_of(key: &str) -> String {
    plain_key::hash(key)
}

#[test]
fn a_plain_key_is_shown_once_and_its_last_four_later() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    let credentials = format!("accounts/{bob}/credentials");
    let made = shop.call("POST", &credentials, Some("k-1"), &json!({}));
    let api_key = text(&made.body["api_key"]).to_owned();
    assert!(api_key.starts_with("fb_live_") && plain_key::is_of_form(&api_key), "{api_key}");
    assert_eq!(made.body["app_code"], made.body["api_key"], "one plain key, whatever carries it");
    assert_eq!(shop.call("POST", &credentials, Some("k-1"), &json!({})), made, "for who repeats the request");
    let listed = shop.get(&credentials);
    assert_eq!(listed.body["items"][0]["last_four"], api_key[api_key.len() - 4..]);
    assert!(!listed.body.to_string().contains(&api_key));
    let entry = plain_key_entry(&hash_of(&api_key));
    assert_eq!(ready(shop.memory.get(&entry)).unwrap(), Some(text(&made.body["key"]).as_bytes().to_vec()));
    let rotated = shop.call("POST", &format!("{credentials}/{}/rotations", text(&made.body["key"])), None, &json!({}));
    assert!(text(&rotated.body["api_key"]).starts_with("fb_live_") && rotated.body["api_key"] != made.body["api_key"]);
}

#[test]
fn a_test_credential_says_so_and_stays_one() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    let credentials = format!("accounts/{bob}/credentials");
    let made = shop.call("POST", &credentials, Some("t-1"), &json!({ "test": true }));
    assert!(text(&made.body["api_key"]).starts_with("fb_test_"), "{made:?}");
    assert_eq!(shop.call("POST", &credentials, Some("t-1"), &json!({ "test": true })), made);
    assert_eq!(shop.get(&credentials).body["items"][0]["test"], true);
    let one = format!("{credentials}/{}", text(&made.body["key"]));
    assert_eq!(code(&shop.call("PATCH", &one, None, &json!({ "test": false }))), (400, "request.malformed"));
    let rotated = shop.call("POST", &format!("{one}/rotations"), None, &json!({}));
    assert!(text(&rotated.body["api_key"]).starts_with("fb_test_"), "{rotated:?}");
}

#[test]
fn the_provider_says_what_keys_begin_with() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    let credentials = format!("accounts/{bob}/credentials");
    let before = shop.call("POST", &credentials, Some("k-1"), &json!({}));
    let catalog = CATALOG.replacen("currency", "key_prefix = \"acme\"\ncurrency", 1);
    assert_eq!(shop.put_catalog("", &catalog).status, 200);
    let after = shop.call("POST", &credentials, None, &json!({}));
    assert!(text(&before.body["api_key"]).starts_with("fb_live_"));
    assert!(text(&after.body["api_key"]).starts_with("acme_live_"));
    let again = shop.call("POST", &credentials, Some("k-1"), &json!({}));
    assert_eq!(code(&again), (409, "idempotency_key.expired"), "which key it was is not known any more");
}

#[test]
fn hashes_are_imported_once_whoever_sends_them() {
    let shop = Shop::open();
    let (bob, eve) = (shop.account("Bob"), shop.account("Eve"));
    let import = |account: &str, hashes: &[String]| {
        shop.call("POST", &format!("accounts/{account}/credentials/imports"), None, &json!({ "hashes": hashes }))
    };
    let hashes: Vec<String> = (0..200).map(|at| hash_of(&format!("sk-{at}"))).collect();
    let first = import(&bob, &hashes);
    let outcomes = |got: &Value| -> Vec<String> {
        got["items"].as_array().unwrap().iter().map(|item| text(&item["outcome"]).to_owned()).collect()
    };
    assert_eq!((first.status, outcomes(&first.body)), (200, vec!["imported".to_owned(); 200]));
    let keys: std::collections::BTreeSet<_> =
        first.body["items"].as_array().unwrap().iter().map(|item| text(&item["key"])).collect();
    assert_eq!(keys.len(), 200, "each has a credential of its own");
    assert_eq!(first.body["items"][7]["hash"], hashes[7]);
    let entry = ready(shop.memory.get(&plain_key_entry(&hashes[7]))).unwrap().unwrap();
    assert_eq!(entry, text(&first.body["items"][7]["key"]).as_bytes());

    let hex: String = hash_of("sk-7");
    let again = import(&bob, &[hex]);
    assert_eq!(outcomes(&again.body), ["known"]);
    assert_eq!(again.body["items"][0]["key"], first.body["items"][7]["key"]);
    let taken = import(&eve, &hashes[7..8]);
    assert_eq!((outcomes(&taken.body), &taken.body["items"][0]["key"]), (vec!["taken".to_owned()], &Value::Null));
    assert_eq!(shop.get(&format!("accounts/{eve}/credentials")).body["items"], json!([]));
    let listed = shop.get(&format!("accounts/{bob}/credentials?limit=100")).body;
    assert_eq!((listed["items"].as_array().unwrap().len(), &listed["items"][0]["last_four"]), (100, &Value::Null));
}

#[test]
fn a_key_that_was_made_here_is_nobodys_to_import() {
    let shop = Shop::open();
    let (bob, eve) = (shop.account("Bob"), shop.account("Eve"));
    let made = shop.call("POST", &format!("accounts/{bob}/credentials"), None, &json!({}));
    let hashes = json!({ "hashes": [hash_of(text(&made.body["api_key"]))] });
    let got = shop.call("POST", &format!("accounts/{eve}/credentials/imports"), None, &hashes);
    assert_eq!(got.body["items"][0]["outcome"], "taken");
    let entry = ready(shop.memory.get(&plain_key_entry(text(&hashes["hashes"][0])))).unwrap().unwrap();
    assert_eq!(entry, text(&made.body["key"]).as_bytes(), "it still has its own credential");
}

#[test]
fn a_revoked_import_stays_revoked_and_what_is_no_hash_imports_nothing() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    let path = format!("accounts/{bob}/credentials/imports");
    let import = |hashes: Value| shop.call("POST", &path, None, &json!({ "hashes": hashes, "name": "Old" }));
    let key = import(json!([hash_of("sk-1")])).body["items"][0]["key"].clone();
    let one = format!("accounts/{bob}/credentials/{}", text(&key));
    assert_eq!(shop.call("DELETE", &one, None, &Value::Null).status, 204);
    assert_eq!(import(json!([hash_of("sk-1")])).body["items"][0]["outcome"], "known");
    let listed = shop.get(&format!("accounts/{bob}/credentials")).body;
    assert!(listed["items"][0]["revoked"].is_string() && listed["items"][0]["name"] == "Old", "{listed}");
    let many = json!(vec![hash_of("sk-2"); 201]);
    for wrong in [json!([]), many, json!([hash_of("sk-2"), "sk-2"]), json!(["00"]), json!("sk-2")] {
        assert_eq!(code(&import(wrong)), (400, "request.malformed"));
    }
    assert_eq!(shop.get(&format!("accounts/{bob}/credentials")).body["items"].as_array().unwrap().len(), 1);
}
