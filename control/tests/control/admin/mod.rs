//! The admin API from the outside, over the platform in memory.

mod access;
mod agreements;
mod amounts;
mod at_once;
mod credential_limits;
mod made_once;
mod pages;
mod plain_keys;
mod prices;
mod publishing;
mod restore;
mod series;
pub(crate) mod shop;
mod table;
mod webhooks;

use self::shop::{CATALOG, Shop, code, master_key, ready};
use farebox_control::{BODY_LIMIT, Request};
use farebox_core::{
    credential::{Credential, credential_entry},
    time::{DAY, Timestamp},
};
use farebox_ports::KeyValue;
use proptest::prelude::*;
use serde_json::{Value, json};

#[test]
fn the_shapes_that_programs_rely_on() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    assert!(bob.starts_with("acc_") && bob.len() == 20);

    let made = shop.call("POST", &format!("accounts/{bob}/credentials"), None, &json!({}));
    assert_eq!(made.status, 201);
    let text = |member: &str| made.body[member].as_str().unwrap_or_default();
    assert!(text("key").starts_with("ak_"));
    assert_eq!((text("secret").len(), text("api_key").len()), (43, 45));
    assert_eq!(text("api_key"), text("app_code"));

    let recharged = shop.recharge(&bob, "r-1", "5.00");
    assert_eq!((recharged.status, &recharged.body), (201, &json!({ "entry": 2, "balance": "5.00" })));
    let bought = shop.buy(&bob, "p-1", "echo", "echo-100");
    assert_eq!((bought.status, &bought.body), (201, &json!({ "entry": 3, "grant": "grant-3", "balance": "4.85" })));

    let balance = shop.get(&format!("accounts/{bob}/balance")).body;
    assert_eq!(balance, json!({ "balance": "4.85", "available": "4.85", "leased": "0.00", "currency": "USD" }));
    let grants = shop.get(&format!("accounts/{bob}/grants")).body;
    let grant = json!({
        "id": "grant-3", "product": "echo", "package": "echo-100", "meter": "calls", "quantity": 100, "remaining": 100,
        "leased": 0, "priority": 0, "from": "2026-11-01T00:00:00Z", "until": "2026-12-01T00:00:00Z"
    });
    assert_eq!(grants, json!({ "items": [grant] }));
    assert_eq!(shop.get(&format!("accounts/{bob}/usage")).body, json!({ "items": [] }));
    let offset = shop.get(&format!("accounts/{bob}/usage?from=2026-11-01T00:00:00+01:00"));
    assert_eq!((offset.status, offset.body), (200, json!({ "items": [] })));
    assert_eq!(shop.get(&format!("accounts/{bob}/leases")).body, json!({ "items": [] }));

    let settled = shop.call("POST", "settlements", None, &json!({}));
    assert_eq!(settled.status, 200);
    for member in ["windows", "batches", "applied", "known", "refused", "left"] {
        assert!(settled.body[member].is_u64(), "{member}");
    }
    assert_eq!(shop.get("settlements").body["items"][0], settled.body);
    assert_eq!(shop.get("settlements/refused").body, json!({ "items": [] }));
    assert_eq!(shop.get("health").body["status"], "ok");
}

#[test]
fn the_book_is_read_in_pages() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    for number in 0..4 {
        shop.recharge(&bob, &format!("r-{number}"), "1.00");
    }
    let (mut read, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        pages += 1;
        let page = shop.get(&format!("accounts/{bob}/entries?limit=2{cursor}")).body;
        read.extend(page["items"].as_array().unwrap().iter().map(|entry| entry["seq"].as_u64().unwrap()));
        let Some(next) = page["cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!((read, pages), (vec![1, 2, 3, 4, 5], 3));
}

#[test]
fn accounts_and_credentials_are_listed_in_pages() {
    let shop = Shop::open();
    let made: Vec<String> = (0..3).map(|number| shop.account(&format!("Bob {number}"))).collect();
    let first = shop.get("accounts?limit=2").body;
    let rest = shop.get(&format!("accounts?cursor={}", first["cursor"].as_str().unwrap())).body;
    assert_eq!((first["items"].as_array().unwrap().len(), rest["items"].as_array().unwrap().len()), (2, 1));
    assert!(rest.get("cursor").is_none());
    for strange in
        ["x", ".", "acc_1.0000000000000000", first["cursor"].as_str().unwrap().trim_end_matches(|c| c != '.')]
    {
        assert_eq!(code(&shop.get(&format!("accounts?cursor={strange}"))), (400, "request.malformed"), "{strange}");
    }
    let elsewhere = shop.get(&format!("audit?cursor={}", first["cursor"].as_str().unwrap()));
    assert_eq!(code(&elsewhere), (400, "request.malformed"), "of another list");
    shop.recharge(&made[0], "r", "9.00");
    (0..3).for_each(|number| drop(shop.buy(&made[0], &format!("p-{number}"), "echo", "echo-100")));
    let grants = format!("accounts/{}/grants", made[0]);
    let first = shop.get(&format!("{grants}?limit=2")).body;
    let rest = shop.get(&format!("{grants}?limit=2&cursor={}", first["cursor"].as_str().unwrap())).body;
    assert_eq!((&first["items"][1]["id"], &rest["items"][0]["id"]), (&json!("grant-4"), &json!("grant-5")));
    assert_eq!((rest["items"].as_array().unwrap().len(), rest.get("cursor")), (1, None));
    let renamed = shop.call("PATCH", &format!("accounts/{}", made[0]), None, &json!({ "name": "Eve" }));
    assert_eq!((renamed.status, &renamed.body["name"]), (200, &json!("Eve")));
    assert_eq!(shop.get(&format!("accounts/{}", made[0])), renamed);
}

#[test]
fn without_the_token_nothing_is_told() {
    let mut shop = Shop::open();
    let paths = ["accounts", "catalog", "settlements", "accounts/acc_1/balance", "clock"];
    for authorization in [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer "),
        Some("Bearer right-tokem"),
        Some("Bearer right-token2"),
        Some("Basic right-token"),
    ] {
        for path in paths {
            let path = format!("/_farebox/admin/v1/{path}");
            let got = shop.send(Request { authorization, ..shop.request("GET", &path, b"") });
            assert_eq!(code(&got), (401, "admin.unauthorized"), "{authorization:?}");
        }
    }
    let got = shop.send(Request {
        authorization: Some("bearer  right-token"),
        ..shop.request("GET", "/_farebox/admin/v1/accounts", b"")
    });
    assert_eq!(got.status, 200);
    shop.settings.token = String::new();
    let got = shop
        .send(Request { authorization: Some("Bearer "), ..shop.request("GET", "/_farebox/admin/v1/accounts", b"") });
    assert_eq!(got.status, 401);
    let got = shop.send(Request { authorization: None, ..shop.request("GET", "/_farebox/admin/v1/health", b"") });
    assert_eq!(got.status, 200);
}

#[test]
fn money_moves_once_for_each_idempotency_key() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    let first = shop.recharge(&bob, "r-1", "1.00");
    assert_eq!((0..9).map(|_| shop.recharge(&bob, "r-1", "1.00")).filter(|again| *again == first).count(), 9);
    assert_eq!(code(&shop.recharge(&bob, "r-1", "2.00")), (422, "idempotency_key.reused"));
    let bought = shop.buy(&bob, "p-1", "echo", "echo-100");
    assert_eq!(shop.buy(&bob, "p-1", "echo", "echo-100"), bought);
    assert_eq!(shop.put_catalog("", &CATALOG.replace("0.15", "0.75")).status, 200);
    assert_eq!(shop.buy(&bob, "p-1", "echo", "echo-100"), bought, "whatever the catalog says by now");
    assert_eq!(code(&shop.buy(&bob, "p-1", "echo", "echo-200")), (422, "idempotency_key.reused"));
    assert_eq!(code(&shop.buy(&bob, "p-2", "echo", "echo-200")), (422, "package.unknown"));
    assert_eq!(shop.put_catalog("", &CATALOG.replace("echo-100", "echo-101")).status, 200);
    assert_eq!(shop.buy(&bob, "p-1", "echo", "echo-100"), bought, "the package left the catalog");
    assert_eq!(code(&shop.buy(&bob, "p-2", "echo", "echo-100")), (422, "package.unknown"));
    assert_eq!(shop.get(&format!("accounts/{bob}/balance")).body["balance"], "0.85");

    let body = json!({ "amount": "1.00", "currency": "USD" });
    for key in [None, Some(""), Some("  "), Some("caf\u{e9}"), Some(&"k".repeat(256)[..])] {
        let got = shop.call("POST", &format!("accounts/{bob}/recharges"), key, &body);
        assert_eq!(code(&got), (400, "idempotency_key.missing"), "{key:?}");
    }
    assert_eq!(shop.get(&format!("accounts/{bob}/balance")).body["balance"], "0.85");
}

#[test]
fn what_cannot_be_booked_is_refused_and_moves_nothing() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    assert_eq!(code(&shop.buy(&bob, "1", "echo", "echo-100")), (402, "balance.insufficient"));
    shop.recharge(&bob, "r", "1.00");
    assert_eq!(code(&shop.buy(&bob, "2", "nothing", "echo-100")), (422, "product.unknown"));
    assert_eq!(code(&shop.buy(&bob, "3", "echo", "nothing")), (422, "package.unknown"));
    assert_eq!(code(&shop.buy(&bob, "4", "secret", "secret-1")), (422, "product.forbidden"));
    assert_eq!(code(&shop.buy("acc_nobody", "5", "echo", "echo-100")), (404, "account.unknown"));
    assert_eq!(code(&shop.buy("not an id", "5", "echo", "echo-100")), (404, "account.unknown"));
    for amount in ["0.00", "-1.00"] {
        assert_eq!(code(&shop.recharge(&bob, amount, amount)), (422, "amount.invalid"), "{amount}");
    }
    for amount in ["", "1e3", "0.0000001", "10000000000000"] {
        assert_eq!(code(&shop.recharge(&bob, "r-x", amount)), (400, "request.malformed"), "{amount}");
    }
    let euros = json!({ "amount": "1.00", "currency": "EUR" });
    let got = shop.call("POST", &format!("accounts/{bob}/recharges"), Some("r-e"), &euros);
    assert_eq!(code(&got), (422, "currency.mismatch"));
    assert_eq!(shop.get(&format!("accounts/{bob}/balance")).body["balance"], "1.00");
    for path in [
        "",
        "/balance",
        "/grants",
        "/leases",
        "/entries",
        "/usage",
        "/usage/series",
        "/credentials",
        "/subscriptions",
        "/terms",
        "/statements",
    ] {
        assert_eq!(code(&shop.get(&format!("accounts/acc_nobody{path}"))), (404, "account.unknown"), "{path}");
    }
}

#[test]
fn a_catalog_that_is_wrong_changes_nothing_and_says_where() {
    let shop = Shop::open();
    let before = shop.get("catalog");
    assert_eq!((before.status, before.body["source"].as_str()), (200, Some(CATALOG)));
    let got = shop.put_catalog("", &CATALOG.replace("0.15", "cheap").replace("/secret", "secret"));
    assert_eq!(code(&got), (422, "catalog.invalid"));
    let places: Vec<_> = got.body["problems"].as_array().unwrap().iter().map(|it| it["line"].as_u64()).collect();
    assert_eq!(places, [Some(15), Some(24)]);
    assert!(got.body["detail"].as_str().unwrap().starts_with("line 15, column 11: products[0].packages[0].price: "));
    assert_eq!(
        code(&shop.send(shop.request("PUT", "/_farebox/admin/v1/catalog", b"\xff"))),
        (400, "request.malformed")
    );
    let large = vec![b'#'; BODY_LIMIT + 1];
    assert_eq!(code(&shop.send(shop.request("PUT", "/_farebox/admin/v1/catalog", &large))), (413, "body.too_large"));
    assert_eq!(shop.get("catalog"), before);
}

#[test]
fn a_dry_run_shows_what_would_change() {
    let shop = Shop::open();
    let dearer = CATALOG.replace("0.15", "0.20");
    let tried = shop.put_catalog("?dry_run=true", &dearer);
    let change = json!({
        "change": "changed", "subject": "package echo-100 of echo", "aspect": "price", "before": "0.15", "after": "0.20"
    });
    assert_eq!(
        (tried.status, &tried.body["published"], &tried.body["changes"]),
        (200, &json!(false), &json!([change]))
    );
    assert_eq!(shop.get("catalog").body["source"], CATALOG);
    assert_eq!(shop.put_catalog("?dry_run=maybe", &dearer).status, 400);
    let published = shop.put_catalog("", &dearer);
    assert_eq!((&published.body["published"], &published.body["version"]), (&json!(true), &tried.body["version"]));
    assert_eq!(shop.get("catalog").body["source"], dearer);
}

#[test]
fn nothing_works_without_a_catalog() {
    let shop = Shop::empty();
    assert_eq!(code(&shop.get("catalog")), (409, "catalog.missing"));
    assert_eq!(shop.get("health").body, json!({ "status": "ok", "catalog": null }));
}

#[test]
fn a_secret_is_shown_once_and_stored_sealed() {
    let shop = Shop::open();
    let (bob, eve) = (shop.account("Bob"), shop.account("Eve"));
    let made = shop.call("POST", &format!("accounts/{bob}/credentials"), None, &json!({ "products": ["echo"] })).body;
    let text = |member: &str| made[member].as_str().unwrap_or_default();
    let key = text("key").parse().unwrap();
    let stored = ready(shop.memory.get(&credential_entry(&key))).unwrap().unwrap();
    let credential: Credential = serde_json::from_slice(&stored).unwrap();
    assert_eq!(master_key().open(&key, &credential.sealed_secret).unwrap().reveal(), text("secret"));
    assert!(credential.may_use(&"echo".parse().unwrap()) && !credential.may_use(&"secret".parse().unwrap()));
    for entry in ready(shop.memory.list("", None, 1_000)).unwrap().items {
        let value = String::from_utf8(ready(shop.memory.get(&entry)).unwrap().unwrap()).unwrap();
        for hidden in [text("secret"), text("app_code")] {
            assert!(!entry.contains(hidden) && !value.contains(hidden), "{entry}");
        }
    }
    let listed = shop.get(&format!("accounts/{bob}/credentials")).body;
    assert_eq!(listed["items"][0]["products"], json!(["echo"]));
    assert!(!listed.to_string().contains("sealed"));

    let of = |account: &str| format!("accounts/{account}/credentials/{key}");
    assert_eq!(code(&shop.call("DELETE", &of(&eve), None, &Value::Null)), (404, "credential.unknown"));
    assert_eq!(shop.call("DELETE", &of(&bob), None, &Value::Null).status, 204);
    let revoked = shop.get(&format!("accounts/{bob}/credentials")).body["items"][0]["revoked"].clone();
    assert_eq!(revoked, "2026-11-01T00:00:00Z");
    shop.memory.set_now(Timestamp::from_millis(0).plus(30_000 * DAY));
    assert_eq!(shop.call("DELETE", &of(&bob), None, &Value::Null).status, 204);
    assert_eq!(shop.get(&format!("accounts/{bob}/credentials")).body["items"][0]["revoked"], revoked);
    let unheard = shop.call("POST", &format!("accounts/{bob}/credentials"), None, &json!({ "products": ["unheard"] }));
    assert_eq!(code(&unheard), (422, "product.unknown"));
}

#[test]
fn a_fault_goes_to_the_log_and_not_to_the_caller() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    shop.memory.set_down(true);
    let got = shop.recharge(&bob, "r-1", "1.00");
    assert_eq!(code(&got), (503, "service.unavailable"));
    assert!(!got.body.to_string().contains("it is down"));
    let logged = shop.memory.log_lines();
    let request_id = got.body["request_id"].as_str().unwrap();
    let lines: Vec<Value> = logged.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let is_told = |line: &Value| line["request_id"] == request_id && line["detail"] == "ledger: it is down";
    assert!(lines.iter().any(is_told), "{logged:?}");
    assert_eq!(shop.get("health").status, 503);
    shop.memory.set_down(false);
    assert_eq!(shop.recharge(&bob, "r-1", "1.00").body["balance"], "1.00");
}

#[test]
fn what_cannot_be_understood_is_said_to_be_so() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    for (method, path, body) in [
        ("POST", "accounts", "{}"),
        ("POST", "accounts", "{\"name\": \"\"}"),
        ("POST", "accounts", "{\"name\": \"a\\nb\"}"),
        ("POST", "accounts", "{\"name\": \"Bob\", \"colour\": 1}"),
        ("POST", "accounts", "name=Bob"),
        ("POST", &format!("accounts/{bob}/credentials"), "{\"products\": \"echo\"}"),
        ("GET", &format!("accounts/{bob}/usage?from=yesterday"), ""),
        ("GET", &format!("accounts/{bob}/usage?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z"), ""),
        ("GET", &format!("accounts/{bob}/usage/series?every=week"), ""),
        ("GET", &format!("accounts/{bob}/usage/series?by=colour"), ""),
        ("GET", &format!("accounts/{bob}/usage/series?product=a+b"), ""),
        ("GET", &format!("accounts/{bob}/usage/series?credential=a+b"), ""),
        ("GET", "accounts?limit=0", ""),
        ("GET", &format!("accounts/{bob}/entries?cursor=x"), ""),
    ] {
        let path = format!("/_farebox/admin/v1/{path}");
        let got = shop.send(shop.request(method, &path, body.as_bytes()));
        assert_eq!(code(&got), (400, "request.malformed"), "{method} {path} {body}");
    }
    assert_eq!(code(&shop.get("nothing")), (404, "route.unknown"));
    assert_eq!(code(&shop.call("DELETE", "accounts", None, &Value::Null)), (405, "method.unsupported"));
}

#[test]
fn the_clock_moves_only_where_it_may_and_only_forward() {
    let mut shop = Shop::open();
    let advance = |shop: &Shop, ms: i64| shop.call("POST", "clock", None, &json!({ "advance_ms": ms }));
    assert_eq!(code(&advance(&shop, 1)), (403, "clock.fixed"));
    shop.settings.clock_moves = true;
    assert_eq!(advance(&shop, DAY).body, json!({ "now": "2026-11-02T00:00:00Z", "advanced_ms": DAY }));
    assert_eq!(advance(&shop, DAY).body["advanced_ms"], 2 * DAY);
    assert_eq!(code(&advance(&shop, -1)), (400, "request.malformed"));
    assert_eq!(code(&advance(&shop, i64::MAX)), (400, "request.malformed"));
    assert_eq!(shop.get("clock").body["advanced_ms"], 2 * DAY);
}

proptest! {
    /// Whatever is sent with the right token, there is an answer with a described or a well-known status, and no 5xx.
    #[test]
    fn nothing_that_is_sent_breaks_it(
        method in "GET|PUT|POST|PATCH|DELETE|HEAD|OPTIONS|[A-Z]{0,3}",
        path in "(_farebox|admin|v1|accounts|acc_1|credentials|recharges|purchases|balance|entries|usage|catalog|clock|settlements|[a-z%./]{0,4}|/){0,8}",
        query in "((limit|cursor|from|to|dry_run)=[-0-9a-zT:%&+.]{0,12}){0,3}",
        body in prop_oneof!["\\PC{0,40}", "\\{\"(name|amount|product|advance_ms)\": ?(1|\"[a-z0-9.]{0,4}\"|null|\\[\\])\\}"],
    ) {
        let shop = Shop::open();
        for path in [format!("/_farebox/admin/v1/{path}"), format!("/{path}")] {
            let request = Request { method: &method, path: &path, query: &query, ..shop.request("GET", "", body.as_bytes()) };
            let request = Request { idempotency_key: Some("k"), ..request };
            prop_assert!(shop.send(request).status < 500);
        }
    }
}
