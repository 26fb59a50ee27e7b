//! The table of operations, walked row by row as the API describes it: what asks changes nothing, and each failure that a row
//! names is one that somebody meets.
//!
//! Broken on purpose, each seen to fail here: an operation under GET that revokes; a failure that a row names and nobody meets; a
//! row for which this test has no request.

use std::collections::{BTreeMap, BTreeSet};

use farebox_books::EntryStore;
use farebox_control::{BODY_LIMIT, Request};
use farebox_core::{catalog::CATALOG_ENTRY, time::DAY};
use farebox_ports::{
    Documents, Host, KeyValue,
    keys::{RECHARGE_REQUESTS, STORED},
};
use serde_json::{Value, json};

use super::shop::{CATALOG, Shop, ready};

/// Something of each kind that a path can name, by what stands for it in a path.
struct World {
    shop: Shop,
    names: BTreeMap<&'static str, String>,
    reader: String,
}

impl World {
    fn new() -> Self {
        let mut shop = Shop::open();
        shop.settings.clock_moves = true;
        let text = |body: &Value, member: &str| body[member].as_str().unwrap().to_owned();
        let account = shop.account("Bob");
        let post = |path: &str, key, body| shop.call("POST", path, key, &body).body;
        let credential = post(&format!("accounts/{account}/credentials"), None, json!({}));
        shop.recharge(&account, "r", "10.00");
        let subscribe = json!({ "product": "planned", "plan": "small" });
        let subscription = post(&format!("accounts/{account}/subscriptions"), Some("s"), subscribe);
        let webhook = post("webhooks", None, json!({ "url": "https://acme.example/hook" }));
        let token = post("admin-tokens", None, json!({ "name": "Eve", "role": "read-only" }));
        let names = BTreeMap::from([
            ("{id}", account),
            ("{key}", text(&credential, "key")),
            ("{subscription}", text(&subscription, "subscription")),
            ("{period}", "2026-11".to_owned()),
            ("{token}", text(&token, "id")),
            ("{webhook}", text(&webhook, "id")),
            ("{request}", "rr_1".to_owned()),
            ("{invoice}", "live-000000000001".to_owned()),
        ]);
        let request = json!({
            "reference": "rr_1", "account": names["{id}"], "amount": "1.00", "currency": "USD", "status": "open",
            "created": "2026-11-01T00:00:00Z"
        });
        let entry = format!("{RECHARGE_REQUESTS}rr_1");
        assert!(ready(shop.memory.exchange(&entry, None, Some(&request.to_string()))).unwrap());
        Self { shop, names, reader: text(&token, "token") }
    }

    /// The path that `pattern` describes, here.
    fn path(&self, pattern: &str) -> String {
        let pattern = pattern.replace("/products/{id}", "/products/echo");
        self.names.iter().fold(pattern, |path, (name, value)| path.replace(name, value))[1..].to_owned()
    }

    /// Every row: method and pattern.
    fn rows(&self) -> Vec<(String, String)> {
        let paths = self.shop.description()["paths"].as_object().unwrap();
        let rows = |(pattern, methods): (&String, &Value)| {
            let methods: Vec<_> = methods.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
            methods.into_iter().map(|method| (method, pattern.clone())).collect::<Vec<_>>()
        };
        paths.iter().flat_map(rows).collect()
    }

    /// Everything that is stored, but for the audit log: who is shown a secret is written down.
    fn stored(&self) -> BTreeMap<String, Vec<u8>> {
        let memory = &self.shop.memory;
        let keys = ready(memory.list("", None, 10_000)).unwrap().items;
        let keys = keys.into_iter().filter(|key| !key.starts_with("audit/"));
        let documents = keys.map(|key| (key.clone(), ready(memory.get(&key)).unwrap().unwrap_or_default()));
        let account = self.names["{id}"].parse().unwrap();
        let book = ready(memory.entries(&account, 0, 10_000)).unwrap();
        documents.chain([("the book".to_owned(), serde_json::to_vec(&book).unwrap())]).collect()
    }

    /// A request that the row's operation carries out, as far as its body goes.
    fn body(method: &str, pattern: &str) -> Value {
        match (method, pattern) {
            ("GET" | "DELETE", _) | ("POST", "/settlements" | "/recharge-requests/{request}/confirmation") => {
                Value::Null
            }
            ("POST", "/accounts/{id}/portal-sessions") => json!({ "email": "bob@example.com" }),
            ("POST", "/accounts/{id}/credentials/imports") => json!({ "hashes": ["0".repeat(64)] }),
            ("PUT", "/products/{id}/openapi") => json!({ "openapi": "3.1.0", "paths": {} }),
            ("PUT", "/upstream-credentials/{id}") => json!({ "secret": "hush" }),
            ("PUT", "/catalog") | ("POST", "/repricings") => json!(CATALOG),
            ("POST", "/accounts") | ("PATCH", "/accounts/{id}") => json!({ "name": "Bob" }),
            ("POST", "/accounts/{id}/credentials" | "/accounts/{id}/credentials/{key}/rotations")
            | ("PATCH", "/accounts/{id}/credentials/{key}")
            | ("PUT", "/accounts/{id}/terms") => json!({}),
            ("POST", "/accounts/{id}/recharges") => json!({ "amount": "1.00", "currency": "USD" }),
            ("POST", "/accounts/{id}/refunds") => json!({ "amount": "1.00" }),
            ("POST", "/accounts/{id}/adjustments") => json!({ "amount": "1.00", "reason": "x" }),
            ("POST", "/accounts/{id}/purchases") => json!({ "product": "echo", "package": "echo-100" }),
            ("POST", "/accounts/{id}/subscriptions") => json!({ "product": "planned", "plan": "small" }),
            ("PATCH", "/accounts/{id}/subscriptions/{subscription}") => {
                json!({ "product": "planned", "plan": "large" })
            }
            ("POST", "/accounts/{id}/invoices") => json!({ "month": "2026-11" }),
            ("POST", "/accounts/{id}/entries") => json!({ "name": "Bob", "items": [] }),
            ("POST", "/clock") => json!({ "advance_ms": 0 }),
            ("POST", "/admin-tokens") => json!({ "name": "Eve", "role": "operator" }),
            ("POST", "/webhooks") => json!({ "url": "https://acme.example/other" }),
            ("POST", "/webhooks/{webhook}/resends") => json!({}),
            other => panic!("{other:?} is in the table, and this test has no request for it"),
        }
    }

    /// Sends a request, and says what was answered.
    fn send(&self, method: &str, path: &str, sent: &Sent<'_>) -> u16 {
        let path = format!("/_farebox/admin/v1/{path}");
        let body = match &sent.body {
            Value::Null => Vec::new(),
            Value::String(text) => text.clone().into_bytes(),
            body => body.to_string().into_bytes(),
        };
        let authorization = sent.token.map(|token| format!("Bearer {token}"));
        let (authorization, idempotency_key) = (authorization.as_deref(), sent.key);
        let (if_match, length) = (sent.if_match, sent.length);
        let request = self.shop.request(method, &path, &body);
        let request = Request { authorization, idempotency_key, if_match, length, ..request };
        self.shop.answer(request).status
    }
}

/// What of a request is its own.
#[derive(Clone)]
struct Sent<'a> {
    token: Option<&'a str>,
    key: Option<&'a str>,
    if_match: Option<&'a str>,
    length: Option<u64>,
    body: Value,
}

fn sent<'a>(key: &'a str, body: Value) -> Sent<'a> {
    Sent { token: Some("right-token"), key: Some(key), if_match: None, length: None, body }
}

#[test]
fn get_on_every_path_changes_nothing() {
    let world = World::new();
    let before = world.stored();
    let mut asked = 0;
    for (method, pattern) in world.rows() {
        for (sent_method, query) in [("GET", ""), ("HEAD", ""), ("GET", "?at_once=true")] {
            let path = format!("{}{query}", world.path(&pattern));
            let status = world.send(sent_method, &path, &sent("k", World::body(&method, &pattern)));
            assert!(matches!(status, 200 | 400 | 404 | 405), "{sent_method} {pattern}: {status}");
            asked += usize::from(status == 200);
        }
    }
    assert!(asked > 40, "{asked} answered");
    assert_eq!(world.stored(), before);
}

#[test]
fn every_key_that_is_stored_is_in_the_list_of_keys() {
    let world = World::new();
    for (method, pattern) in world.rows() {
        world.send(&method, &world.path(&pattern), &sent("k", World::body(&method, &pattern)));
    }
    let keys = ready(world.shop.memory.list("", None, 10_000)).unwrap().items;
    assert!(keys.len() > 20, "{keys:?}");
    for key in keys {
        assert!(STORED.iter().any(|stored| stored.is_of(&key)), "{key} is not in farebox_ports::keys::STORED");
    }
}

#[test]
fn what_asks_with_a_body_changes_nothing() {
    let world = World::new();
    let before = world.stored();
    assert_eq!(world.send("POST", "repricings?from=2026-11-01T00:00:00Z", &sent("k", json!(CATALOG))), 200);
    assert_eq!(world.stored(), before);
}

/// What each row was seen to answer.
#[derive(Default)]
struct Seen(BTreeMap<(String, String), BTreeSet<u16>>);

impl Seen {
    fn send(&mut self, world: &World, (method, pattern): (&str, &str), query: &str, sent: &Sent<'_>) -> u16 {
        let status = world.send(method, &format!("{}{query}", world.path(pattern)), sent);
        self.note((method, pattern), status);
        status
    }

    fn note(&mut self, (method, pattern): (&str, &str), status: u16) {
        self.0.entry((method.to_owned(), pattern.to_owned())).or_default().insert(status);
    }
}

/// What can be sent wrong of any request.
fn sent_wrong(seen: &mut Seen) {
    let mut world = World::new();
    for (method, pattern) in world.rows() {
        let row = (method.as_str(), pattern.as_str());
        let good = sent("k-1", World::body(&method, &pattern));
        seen.send(&world, row, "?unheard=1", &good);
        seen.send(&world, row, "", &Sent { token: None, ..good.clone() });
        seen.send(&world, row, "", &Sent { token: Some(&world.reader), ..good.clone() });
        seen.send(&world, row, "", &Sent { length: Some(BODY_LIMIT as u64 + 1), ..good.clone() });
        let nowhere = pattern.split('/').map(|part| if part.starts_with('{') { "nobody" } else { part });
        let nowhere = nowhere.collect::<Vec<_>>().join("/");
        seen.note(row, world.send(&method, &nowhere[1..], &good));
        world.shop.memory.set_down(true);
        seen.send(&world, row, "", &good);
        world.shop.memory.set_down(false);
    }
    world.shop.settings.clock_moves = false;
    seen.send(&world, ("POST", "/clock"), "", &sent("k", json!({ "advance_ms": 1 })));
}

const IMPORTS: (&str, &str) = ("POST", "/accounts/{id}/credentials/imports");

/// An import for a product that is not for sale.
fn import_for_an_unheard_product() -> Value {
    json!({ "hashes": ["0".repeat(64)], "products": ["unheard"] })
}

/// What is asked of a gateway without a catalog.
fn without_a_catalog(seen: &mut Seen) {
    let world = World::new();
    ready(world.shop.memory.delete(CATALOG_ENTRY)).unwrap();
    for row in [("GET", "/catalog"), ("GET", "/products/{id}/upstream-secret"), ("POST", "/repricings")]
        .into_iter()
        .chain([("POST", "/accounts"), ("POST", "/accounts/{id}/purchases"), ("POST", "/accounts/{id}/subscriptions")])
        .chain([("PATCH", "/accounts/{id}/subscriptions/{subscription}"), ("POST", "/accounts/{id}/portal-sessions")])
    {
        assert_eq!(seen.send(&world, row, "", &sent("other", World::body(row.0, row.1))), 409, "{row:?}");
    }
    assert_eq!(seen.send(&world, IMPORTS, "", &sent("k", import_for_an_unheard_product())), 409);
}

/// What is sent twice under one key, the second time otherwise, or too late.
fn sent_again(seen: &mut Seen) {
    let world = World::new();
    let makers = [
        ("/accounts", json!({ "name": "Eve" })),
        ("/accounts/{id}/credentials", json!({ "name": "CI" })),
        ("/accounts/{id}/credentials/{key}/rotations", json!({ "overlap_seconds": 60 })),
        ("/admin-tokens", json!({ "name": "Eve", "role": "owner" })),
        ("/webhooks", json!({ "url": "https://acme.example/third" })),
        ("/accounts/{id}/recharges", json!({ "amount": "2.00", "currency": "USD" })),
        ("/accounts/{id}/adjustments", json!({ "amount": "2.00", "reason": "x" })),
        ("/accounts/{id}/refunds", json!({ "amount": "2.00" })),
        ("/accounts/{id}/purchases", json!({ "product": "echo", "package": "unheard" })),
        ("/accounts/{id}/subscriptions", json!({ "product": "planned", "plan": "unheard" })),
    ];
    for (number, (pattern, other)) in makers.iter().enumerate() {
        let key = format!("again-{number}");
        seen.send(&world, ("POST", pattern), "", &sent(&key, World::body("POST", pattern)));
        assert_eq!(seen.send(&world, ("POST", pattern), "", &sent(&key, other.clone())), 422, "{pattern}");
    }
    let subscription = "/accounts/{id}/subscriptions/{subscription}";
    for method in ["PATCH", "DELETE"] {
        let row = (method, subscription);
        assert_eq!(seen.send(&world, row, "", &sent("again-5", World::body(method, subscription))), 422, "{method}");
    }
    world.shop.memory.set_now(world.shop.memory.now().plus(2 * DAY));
    for (number, (pattern, _)) in makers.iter().enumerate().take(5).skip(1) {
        let key = format!("again-{number}");
        assert_eq!(
            seen.send(&world, ("POST", pattern), "", &sent(&key, World::body("POST", pattern))),
            409,
            "{pattern}"
        );
    }
}

/// What an account cannot pay for.
fn beyond_the_balance(seen: &mut Seen) {
    let world = World::new();
    for (method, pattern) in [
        ("POST", "/accounts/{id}/purchases"),
        ("POST", "/accounts/{id}/subscriptions"),
        ("PATCH", "/accounts/{id}/subscriptions/{subscription}"),
        ("POST", "/accounts/{id}/refunds"),
    ] {
        let key = format!("{method}{pattern}");
        assert_eq!(seen.send(&world, (method, pattern), "", &sent(&key, World::body(method, pattern))), 402, "{key}");
    }
}

/// What is not as it was, or cannot be as it is asked for.
fn not_as_it_is(seen: &mut Seen) {
    let world = World::new();
    let catalog = ("PUT", "/catalog");
    assert_eq!(seen.send(&world, catalog, "", &sent("k", json!("[provider]"))), 422);
    assert_eq!(seen.send(&world, catalog, "", &Sent { if_match: Some("\"x\""), ..sent("k", json!(CATALOG)) }), 412);
    let without_plans = CATALOG.split("[[products]]\nid = \"planned\"").next().unwrap();
    assert_eq!(seen.send(&world, catalog, "", &sent("k", json!(without_plans))), 409);
    let operator = json!({ "name": "Other", "role": "operator" });
    let operator = world.shop.call("POST", "admin-tokens", None, &operator).body["token"].as_str().unwrap().to_owned();
    assert_eq!(seen.send(&world, catalog, "", &Sent { token: Some(&operator), ..sent("k", json!(CATALOG)) }), 428);
    assert_eq!(seen.send(&world, ("POST", "/repricings"), "", &sent("k", json!("[provider]"))), 422);
    let early = ("POST", "/accounts/{id}/invoices");
    assert_eq!(seen.send(&world, early, "", &sent("k", World::body(early.0, early.1))), 409);
    let terms = ("PUT", "/accounts/{id}/terms");
    assert_eq!(seen.send(&world, terms, "", &sent("k", json!({ "time_zone": "Mars/Olympus" }))), 422);
    assert_eq!(seen.send(&world, terms, "", &Sent { if_match: Some("\"x\""), ..sent("k", json!({})) }), 412);
    let one = "/accounts/{id}/credentials/{key}";
    assert_eq!(seen.send(&world, ("PATCH", one), "", &sent("k", json!({ "products": ["unheard"] }))), 422);
    assert_eq!(seen.send(&world, IMPORTS, "", &sent("k", import_for_an_unheard_product())), 422);
    let path = world.path(one);
    world.shop.call("DELETE", &path, None, &Value::Null);
    assert_eq!(seen.send(&world, ("PATCH", one), "", &sent("k", json!({ "name": "Late" }))), 409);
    let elsewhere = World::new();
    elsewhere.shop.recharge(&elsewhere.names["{id}"], "other", "3.00");
    let entries = elsewhere.shop.get(&format!("accounts/{}/entries", elsewhere.names["{id}"])).body["items"].clone();
    let copied = json!({ "name": "Bob", "items": [entries[2]] });
    let fresh = World { names: BTreeMap::from([("{id}", "acc_nobody".to_owned())]), ..World::new() };
    let entries = ("POST", "/accounts/{id}/entries");
    assert_eq!(seen.send(&fresh, entries, "", &sent("k", copied.clone())), 409);
    fresh.shop.memory.set_down(true);
    assert_eq!(seen.send(&fresh, entries, "", &sent("k", copied.clone())), 503);
    let no_id = World { names: BTreeMap::from([("{id}", "!".to_owned())]), ..World::new() };
    assert_eq!(seen.send(&no_id, entries, "", &sent("k", copied)), 404);
}

#[test]
fn each_failure_that_a_row_names_is_met() {
    let mut seen = Seen::default();
    for meet in [sent_wrong, without_a_catalog, sent_again, beyond_the_balance, not_as_it_is] {
        meet(&mut seen);
    }
    let world = World::new();
    let mut unmet = Vec::new();
    for (method, pattern) in world.rows() {
        let responses = &world.shop.description()["paths"][&pattern][method.to_lowercase()]["responses"];
        let named = responses.as_object().unwrap().keys().map(|status| status.parse::<u16>().unwrap());
        // 500 is for what the gateway itself cannot write: nothing that is sent brings it about.
        let failures: BTreeSet<u16> = named.filter(|status| *status >= 400 && *status != 500).collect();
        let met = seen.0.get(&(method.clone(), pattern.clone())).cloned().unwrap_or_default();
        unmet.extend(failures.difference(&met).map(|status| format!("{method} {pattern}: {status}")));
        let unnamed = met.iter().filter(|status| **status >= 400 && !failures.contains(status) && **status != 413);
        unmet.extend(unnamed.map(|status| format!("{method} {pattern}: {status} is not named")));
    }
    assert!(unmet.is_empty(), "{unmet:#?}");
}
