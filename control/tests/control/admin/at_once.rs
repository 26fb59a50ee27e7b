//! Changes that are made at once, or from what a store shows late: none of them is lost, and nothing comes back that was
//! revoked, removed, suspended or restricted.

use std::task::Context;

use farebox_control::Request;
use farebox_core::{
    credential::{Credential, credential_entry},
    time::HOUR,
};
use farebox_ports::{Host, KeyValue};
use serde_json::{Value, json};

use super::shop::{CATALOG, Shop, code, ready};

/// How many orders of the same requests are tried.
const ORDERS: u64 = 300;

/// A request that is sent together with others.
struct Asked {
    method: &'static str,
    path: String,
    key: Option<&'static str>,
    if_match: Option<String>,
    body: String,
}

fn asked(method: &'static str, path: &str, body: &Value) -> Asked {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    Asked { method, path: format!("/_farebox/admin/v1/{path}"), key: None, if_match: None, body }
}

/// The statuses of the requests, which go on in an order that `seed` makes.
fn at_once(shop: &Shop, seed: u64, requests: &[Asked]) -> Vec<u16> {
    let requests = requests.iter().map(|asked| {
        let request = shop.request(asked.method, &asked.path, asked.body.as_bytes());
        Request { idempotency_key: asked.key, if_match: asked.if_match.as_deref(), ..request }
    });
    shop.at_once(seed, requests.collect()).iter().map(|answer| answer.status).collect()
}

fn stored(shop: &Shop, key: &Value) -> Credential {
    let entry = credential_entry(&key.as_str().unwrap().parse().unwrap());
    serde_json::from_slice(&ready(shop.memory.get(&entry)).unwrap().unwrap()).unwrap()
}

fn text<'a>(body: &'a Value, member: &str) -> &'a str {
    body[member].as_str().unwrap()
}

#[test]
fn what_is_revoked_stays_revoked_whatever_is_changed_at_the_same_time() {
    let shop = Shop::open();
    let all = format!("accounts/{}/credentials", shop.account("Bob"));
    let mut met = 0;
    for seed in 0..ORDERS {
        let key = shop.call("POST", &all, None, &json!({})).body["key"].clone();
        let one = format!("{all}/{}", key.as_str().unwrap());
        let requests = [
            asked("DELETE", &one, &Value::Null),
            asked("PATCH", &one, &json!({ "name": "renamed" })),
            asked("PATCH", &one, &json!({ "expires": null })),
            asked("POST", &format!("{one}/rotations"), &json!({ "overlap_seconds": 60 })),
        ];
        let statuses = at_once(&shop, seed, &requests);
        assert_eq!(statuses[0], 204, "seed {seed}: {statuses:?}");
        assert!(stored(&shop, &key).revoked.is_some(), "seed {seed}: {statuses:?}");
        met += u32::from(statuses[1] == 200);
    }
    assert!(met > 20, "a change succeeds beside a revocation in some orders: {met}");
}

#[test]
fn of_two_changes_at_once_none_is_lost() {
    let shop = Shop::open();
    let all = format!("accounts/{}/credentials", shop.account("Bob"));
    for seed in 0..ORDERS {
        let key = shop.call("POST", &all, None, &json!({})).body["key"].clone();
        let one = format!("{all}/{}", key.as_str().unwrap());
        let requests = [
            asked("PATCH", &one, &json!({ "addresses": ["192.0.2.0/24"] })),
            asked("PATCH", &one, &json!({ "name": "renamed" })),
            asked("PATCH", &one, &json!({ "products": ["echo"] })),
            asked("POST", &format!("{one}/rotations"), &json!({ "overlap_seconds": 60 })),
        ];
        assert_eq!(at_once(&shop, seed, &requests), [200, 200, 200, 201], "seed {seed}");
        let Credential { name, addresses, products, expires, .. } = stored(&shop, &key);
        let kept = (name.as_deref(), addresses.is_some(), products.is_some(), expires.is_some());
        assert_eq!(kept, (Some("renamed"), true, true, true), "seed {seed}");
    }
}

/// Whether instances are told that what has this name changes.
fn is_announced(shop: &Shop, name: &str) -> bool {
    let recent = ready(shop.memory.get("recent-changes")).unwrap().unwrap();
    let recent: Value = serde_json::from_slice(&recent).unwrap();
    recent["changed"].get(name).is_some()
}

#[test]
fn instances_are_told_of_a_change_before_it_is_made() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    let all = format!("accounts/{bob}/credentials");
    let make = || text(&shop.call("POST", &all, None, &json!({})).body, "key").to_owned();
    let [revoked, changed, rotated] = [make(), make(), make()];
    let of = |key: &str| format!("{all}/{key}");
    let requests = [
        (revoked.clone(), asked("DELETE", &of(&revoked), &Value::Null)),
        (changed.clone(), asked("PATCH", &of(&changed), &json!({ "products": ["echo"] }))),
        (rotated.clone(), asked("POST", &format!("{}/rotations", of(&rotated)), &json!({ "overlap_seconds": 60 }))),
        (bob.clone(), asked("PATCH", &format!("accounts/{bob}"), &json!({ "status": "suspended" }))),
    ];
    // What an instance could see of it: the credential, or the account's entries.
    let seen = |name: &str| match name.parse() {
        Ok(key) if name != bob => ready(shop.memory.get(&credential_entry(&key))).unwrap(),
        _ => Some(shop.get(&format!("accounts/{bob}/entries")).body.to_string().into_bytes()),
    };
    for (name, Asked { method, path, body, .. }) in requests {
        let before = seen(&name);
        let mut answering = Box::pin(shop.asking(shop.request(method, &path, body.as_bytes())));
        let mut waker = Context::from_waker(std::task::Waker::noop());
        loop {
            shop.memory.take_turns(true);
            let answer = answering.as_mut().poll(&mut waker);
            shop.memory.take_turns(false);
            assert!(seen(&name) == before || is_announced(&shop, &name), "{name}");
            if answer.is_ready() {
                break;
            }
        }
        assert!(seen(&name) != before, "{name} was changed");
    }
}

#[test]
fn a_suspension_is_in_the_record_and_in_the_book_or_in_neither() {
    let shop = Shop::open();
    for seed in 0..ORDERS {
        let path = format!("accounts/{}", shop.account("Bob"));
        let status = |status: &str| asked("PATCH", &path, &json!({ "status": status }));
        let requests = [status("suspended"), asked("PATCH", &path, &json!({ "name": "Robert" })), status("active")];
        assert_eq!(at_once(&shop, seed, &requests), [200; 3], "seed {seed}");
        let record = shop.get(&path).body;
        let entries = shop.get(&format!("{path}/entries")).body;
        let set = entries["items"].as_array().unwrap().iter().rev().find_map(|entry| entry["event"].get("status_set"));
        let is_suspended = set.is_some_and(|set| set["suspended"] == true);
        assert_eq!((&record["name"], record["status"] == "suspended"), (&json!("Robert"), is_suspended), "seed {seed}");
    }
}

#[test]
fn settlements_at_once_count_each_ended_instance_and_each_run_once() {
    let shop = Shop::open();
    let histogram = json!({ "buckets": vec![0; 13], "sum": 0 });
    let left = json!({ "at": shop.memory.now(), "leases_open": 0, "journal_age": 0, "counters": {
        "calls": { "echo": [3, 0] }, "rejections": {}, "gateway": histogram, "upstream": histogram,
        "leases": [0, 0, 0], "batches": [0, 0],
    } });
    for seed in 0..ORDERS {
        for instance in ["a", "b"] {
            let entry = format!("metrics-left/w{seed}-{instance}");
            ready(shop.memory.put(&entry, left.to_string().as_bytes())).unwrap();
        }
        shop.memory.set_now(shop.memory.now().plus(HOUR));
        let settlement = || asked("POST", "settlements", &json!({}));
        assert_eq!(at_once(&shop, seed, &[settlement(), settlement(), settlement()]), [200; 3], "seed {seed}");
        let metrics = shop.text("/_farebox/admin/v1/metrics");
        let counted = format!(
            "farebox_calls_total{{instance=\"ended\",product=\"echo\",outcome=\"answered\"}} {}",
            6 * (seed + 1)
        );
        assert!(metrics.lines().any(|line| line == counted), "seed {seed}: {counted} is not in\n{metrics}");
        let runs = shop.get("settlements?limit=100").body["items"].as_array().unwrap().len() as u64;
        assert_eq!(runs, (3 * (seed + 1)).min(50), "seed {seed}");
    }
}

#[test]
fn a_repetition_brings_back_nothing_that_was_revoked_or_removed() {
    let shop = Shop::open();
    let token = json!({ "name": "Eve", "role": "operator" });
    let hook = json!({ "url": "https://acme.example/hook" });
    for seed in 0..ORDERS {
        let key: &'static str = Box::leak(format!("k-{seed}").into_boxed_str());
        let made = |path: &str, body: &Value| shop.call("POST", path, Some(key), body).body;
        let (token_id, hook_id) = (made("admin-tokens", &token)["id"].clone(), made("webhooks", &hook)["id"].clone());
        let (token_path, hook_path) =
            (format!("admin-tokens/{}", token_id.as_str().unwrap()), format!("webhooks/{}", hook_id.as_str().unwrap()));
        let requests = [
            asked("DELETE", &token_path, &Value::Null),
            Asked { key: Some(key), ..asked("POST", "admin-tokens", &token) },
            asked("DELETE", &hook_path, &Value::Null),
            Asked { key: Some(key), ..asked("POST", "webhooks", &hook) },
        ];
        let statuses = at_once(&shop, seed, &requests);
        assert_eq!((statuses[0], statuses[1], statuses[2]), (204, 201, 204), "seed {seed}");
        assert!(matches!(statuses[3], 201 | 409), "seed {seed}: {statuses:?}");
        assert_eq!(code(&shop.call("POST", "webhooks", Some(key), &hook)), (409, "idempotency_key.expired"));
        assert_eq!(shop.get(&hook_path).status, 404, "seed {seed}");
        let stored = ready(shop.memory.get(&format!("admin-token/{}", token_id.as_str().unwrap()))).unwrap().unwrap();
        let stored: Value = serde_json::from_slice(&stored).unwrap();
        assert!(!stored["revoked"].is_null(), "seed {seed}");
    }
}

#[test]
fn what_a_store_shows_late_undoes_nothing() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    let all = format!("accounts/{bob}/credentials");
    let made = |body: Value| shop.call("POST", &all, None, &body).body;
    let (revoked, restricted) = (made(json!({})), made(json!({})));
    let (ends, of) = (made(json!({})), |body: &Value| format!("{all}/{}", text(body, "key")));
    let token = shop.call("POST", "admin-tokens", Some("t"), &json!({ "name": "Eve", "role": "operator" })).body;
    shop.memory.show_as_of_now(true);

    assert_eq!(shop.call("DELETE", &of(&revoked), None, &Value::Null).status, 204);
    assert_eq!(code(&shop.call("PATCH", &of(&revoked), None, &json!({ "name": "x" }))), (409, "credential.revoked"));
    let rotate = shop.call("POST", &format!("{}/rotations", of(&revoked)), None, &json!({}));
    assert_eq!(code(&rotate), (409, "credential.revoked"));

    let limits = json!({ "addresses": ["192.0.2.0/24"], "products": ["echo"] });
    assert_eq!(shop.call("PATCH", &of(&restricted), None, &limits).status, 200);
    assert_eq!(shop.call("PATCH", &of(&restricted), None, &json!({ "name": "x" })).status, 200);
    let rotated = shop.call("POST", &format!("{}/rotations", of(&restricted)), None, &json!({})).body;

    let now = json!({ "overlap_seconds": 0 });
    assert_eq!(shop.call("POST", &format!("{}/rotations", of(&ends)), None, &now).status, 201);
    assert_eq!(shop.call("PATCH", &of(&ends), None, &json!({ "name": "x" })).status, 200);

    assert_eq!(shop.call("DELETE", &format!("admin-tokens/{}", text(&token, "id")), None, &Value::Null).status, 204);
    shop.call("POST", "admin-tokens", Some("t"), &json!({ "name": "Eve", "role": "operator" }));
    let account = format!("accounts/{bob}");
    assert_eq!(shop.call("PATCH", &account, None, &json!({ "status": "suspended" })).status, 200);
    assert_eq!(shop.call("PATCH", &account, None, &json!({ "name": "Robert" })).body["status"], "suspended");

    shop.memory.show_as_of_now(false);
    assert!(stored(&shop, &revoked["key"]).revoked.is_some());
    for key in [&restricted["key"], &rotated["key"]] {
        let Credential { products, addresses, .. } = stored(&shop, key);
        assert!(products.is_some() && addresses.is_some(), "{key}: the new one is held to what the old one was");
    }
    assert!(!stored(&shop, &ends["key"]).is_active("2026-11-01T00:00:00Z".parse().unwrap()));
    let listed = shop.get("admin-tokens").body;
    assert!(!listed["items"][0]["revoked"].is_null(), "{listed}");
    assert_eq!(shop.get(&account).body["status"], "suspended");
}

#[test]
fn of_two_operators_who_saw_the_same_catalog_the_second_is_told() {
    for seed in 0..ORDERS / 10 {
        let shop = Shop::open();
        let version = shop.get("catalog").body["version"].as_str().unwrap().to_owned();
        let publish = |price: &str| {
            let mut asked = asked("PUT", "catalog", &Value::Null);
            asked.body = CATALOG.replace("0.15", price);
            asked.if_match = Some(format!("\"{version}\""));
            asked
        };
        let mut statuses = at_once(&shop, seed, &[publish("0.20"), publish("0.30")]);
        let first = statuses.iter().position(|status| *status == 200).unwrap();
        let source = CATALOG.replace("0.15", ["0.20", "0.30"][first]);
        assert_eq!(shop.get("catalog").body["source"], source, "seed {seed}");
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412], "seed {seed}");
    }
}
