//! What may be published, in whose place, and what that takes away from customers.

use std::cell::Cell;

use farebox_control::{BODY_LIMIT, LocalHosts, RANDOM_BYTES, Request, handle_head};
use farebox_core::time::DAY;
use farebox_ports::{Host, KeyValue, Unread};
use serde_json::{Value, json};

use super::shop::{CATALOG, Got, Shop, code, ready};

const PATH: &str = "/_farebox/admin/v1/catalog";

/// Publishes with `If-Match`, as somebody.
fn publish(shop: &Shop, token: &str, query: &str, if_match: Option<&str>, source: &str) -> Got {
    let authorization = format!("Bearer {token}");
    let request = shop.request("PUT", PATH, source.as_bytes());
    let got = shop.send(Request { query, if_match, authorization: Some(&authorization), ..request });
    assert!(shop.is_described("PUT", PATH, got.status), "{got:?}");
    got
}

/// A product less, and one more.
fn without(product: &str) -> String {
    assert!(CATALOG.contains(&format!("\"{product}\"")));
    CATALOG.replace(&format!("id = \"{product}\""), "id = \"another\"")
}

fn operator(shop: &Shop, name: &str) -> String {
    let made = shop.call("POST", "admin-tokens", None, &json!({ "name": name, "role": "operator" })).body;
    made["token"].as_str().unwrap().to_owned()
}

#[test]
fn nobody_replaces_a_catalog_that_they_did_not_see() {
    let shop = Shop::empty();
    let (one, other) = (operator(&shop, "One"), operator(&shop, "Other"));
    let dearer = |price: &str| CATALOG.replace("0.15", price);
    let first = publish(&shop, &one, "", Some("\"none\""), CATALOG);
    assert_eq!((first.status, &first.body["replaces"]), (200, &json!("none")));
    let tag = format!("\"{}\"", first.body["version"].as_str().unwrap());
    let shown = shop.answer(shop.request("GET", PATH, b""));
    assert!(shown.headers.contains(&("etag", tag.clone())), "{:?}", shown.headers);

    assert_eq!(code(&publish(&shop, &other, "", None, &dearer("0.20"))), (428, "version.required"));
    assert_eq!(code(&publish(&shop, &other, "", Some("\"none\""), &dearer("0.20"))), (412, "version.changed"));
    let tried = publish(&shop, &other, "dry_run=true", None, &dearer("0.20"));
    assert_eq!((tried.status, &tried.body["replaces"]), (200, &first.body["version"]), "to look at it is free");
    let second = publish(&shop, &other, "", Some(&tag), &dearer("0.20"));
    assert_eq!(second.status, 200);
    assert_eq!(code(&publish(&shop, &one, "", Some(&tag), &dearer("0.30"))), (412, "version.changed"));
    assert_eq!(code(&publish(&shop, &one, "dry_run=true", Some(&tag), CATALOG)), (412, "version.changed"));
    assert_eq!(shop.get("catalog").body["source"], dearer("0.20"));
    for right in [format!("\"x\", \"{}\"", second.body["version"].as_str().unwrap()), "*".to_owned()] {
        let again = publish(&shop, &one, "", Some(&right), &dearer("0.20"));
        assert_eq!(again.status, 200, "{right}");
    }
    for wrong in ["", "x", &format!("W/{tag}"), second.body["version"].as_str().unwrap()] {
        assert_eq!(code(&publish(&shop, &one, "", Some(wrong), CATALOG)), (412, "version.changed"), "{wrong}");
    }
    assert_eq!(publish(&shop, &one, "", None, &dearer("0.40")).status, 200, "who published last knows what is there");
}

#[test]
fn nobody_replaces_terms_that_they_did_not_see() {
    let shop = Shop::open();
    let path = format!("/_farebox/admin/v1/accounts/{}/terms", shop.account("Bob"));
    let tag = || {
        let shown = shop.answer(shop.request("GET", &path, b""));
        shown.headers.iter().find(|(name, _)| *name == "etag").unwrap().1.clone()
    };
    let put = |if_match: Option<&str>, terms: Value| {
        let body = terms.to_string();
        shop.send(Request { if_match, ..shop.request("PUT", &path, body.as_bytes()) })
    };
    let seen = tag();
    assert_eq!(put(Some(&seen), json!({ "credit_limit": "1.00" })).status, 204);
    assert_ne!(tag(), seen);
    assert_eq!(code(&put(Some(&seen), json!({ "credit_limit": "2.00" }))), (412, "version.changed"));
    assert_eq!(put(Some(&tag()), json!({ "credit_limit": "2.00" })).status, 204);
    assert_eq!(put(None, json!({})).status, 204, "who does not say what they saw means whatever there is");
    assert_eq!(tag(), seen, "the same terms are the same version");
    for too_much in ["1000000000.01", "999999999999.00"] {
        assert_eq!(code(&put(None, json!({ "credit_limit": too_much }))), (422, "amount.invalid"), "{too_much}");
    }
    assert_eq!(put(None, json!({ "credit_limit": "1000000000.00" })).status, 204);
}

#[test]
fn what_customers_hold_is_taken_away_only_when_that_is_said() {
    let shop = Shop::open();
    let (bob, eve) = (shop.account("Bob"), shop.account("Eve"));
    for (account, packages) in [(&bob, 2), (&eve, 1)] {
        shop.recharge(account, "r", "100.00");
        (0..packages).for_each(|number| drop(shop.buy(account, &format!("p-{number}"), "echo", "echo-100")));
    }
    let plan = json!({ "product": "planned", "plan": "small" });
    assert_eq!(shop.call("POST", &format!("accounts/{bob}/subscriptions"), Some("s"), &plan).status, 201);

    let token = "right-token";
    assert_eq!(publish(&shop, token, "", None, &without("secret")).status, 200, "nobody holds anything of it");
    assert_eq!(publish(&shop, token, "", None, CATALOG).status, 200);
    let tried = publish(&shop, token, "dry_run=true", None, &without("echo"));
    let held = json!([{
        "product": "echo", "accounts": 2, "grants": 3, "remaining": { "calls": 300 }, "subscriptions": 0
    }]);
    assert_eq!((tried.status, &tried.body["held"]), (200, &held));
    let refused = publish(&shop, token, "", None, &without("echo"));
    assert_eq!(code(&refused), (409, "catalog.held"));
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains("echo: 3 grants, 300 calls, 0 subscriptions, held by 2 accounts"), "{detail}");
    assert_eq!(shop.get("catalog").body["source"], CATALOG);
    let published = publish(&shop, token, "remove_held=true", None, &without("echo"));
    assert_eq!((published.status, &published.body["held"]), (200, &held));
    let refused = publish(&shop, token, "", None, &without("planned"));
    assert!(
        refused.body["detail"].as_str().unwrap().contains("planned: 1 grant, 1000 calls, 1 subscription, held by 1")
    );
}

#[test]
fn a_subscription_is_not_renewed_once_its_product_is_gone() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    shop.recharge(&bob, "r", "100.00");
    let plan = json!({ "product": "planned", "plan": "small" });
    assert_eq!(shop.call("POST", &format!("accounts/{bob}/subscriptions"), Some("s"), &plan).status, 201);
    assert_eq!(publish(&shop, "right-token", "remove_held=true", None, &without("planned")).status, 200);
    // Another catalog in between does not bring it back.
    assert_eq!(publish(&shop, "right-token", "", None, &without("planned").replace("0.15", "0.20")).status, 200);
    for _ in 0..70 {
        shop.memory.set_now(shop.memory.now().plus(DAY));
        assert_eq!(shop.call("POST", "settlements", None, &json!({})).status, 200);
    }
    assert_eq!(shop.get(&format!("accounts/{bob}/balance")).body["balance"], "90.00");
    assert_eq!(shop.get(&format!("accounts/{bob}/subscriptions")).body, json!({ "items": [] }));
}

#[test]
fn an_address_that_only_the_machine_reaches_is_refused_unless_it_is_named() {
    let mut shop = Shop::open();
    let metadata = CATALOG.replacen("https://origin.example", "http://169.254.169.254", 1);
    let loopback = CATALOG.replacen("https://origin.example", "http://127.0.0.1:8080", 1);
    let hook = |shop: &Shop, url: &str| shop.call("POST", "webhooks", None, &json!({ "url": url }));
    assert_eq!(code(&publish(&shop, "right-token", "", None, &metadata)), (422, "host.local"));
    assert_eq!(code(&hook(&shop, "https://169.254.169.254/x")), (422, "host.local"));
    assert_eq!(publish(&shop, "right-token", "dry_run=true", None, &loopback).status, 200, "in development");
    shop.settings.local_hosts = LocalHosts::default();
    for wrong in [&metadata, &loopback] {
        assert_eq!(code(&publish(&shop, "right-token", "dry_run=true", None, wrong)), (422, "host.local"));
    }
    for wrong in ["https://localhost/", "http://127.0.0.1:1/", "https://[::1]/x", "https://0x7f000001/"] {
        assert_eq!(code(&hook(&shop, wrong)), (422, "host.local"), "{wrong}");
    }
    shop.settings.local_hosts = LocalHosts::named("169.254.169.254");
    assert_eq!(publish(&shop, "right-token", "", None, &metadata).status, 200);
}

#[test]
fn the_secret_of_an_upstream_is_shown_to_owners_and_leaves_a_record() {
    let shop = Shop::open();
    let path = "products/echo/upstream-secret";
    let shown = shop.get(path).body;
    assert_eq!((&shown["product"], &shown["algorithm"]), (&json!("echo"), &json!("hmac-sha256")));
    assert_eq!(shown["secret"], super::shop::master_key().upstream_secret(&"echo".parse().unwrap()).reveal());
    assert_ne!(shop.get("products/secret/upstream-secret").body["secret"], shown["secret"]);
    for unknown in ["products/nothing/upstream-secret", "products/a%20b/upstream-secret"] {
        assert_eq!(code(&shop.get(unknown)), (404, "product.unknown"), "{unknown}");
    }
    let operator = operator(&shop, "Op");
    shop.memory.set_now(shop.memory.now().plus(DAY));
    assert_eq!(code(&shop.call_as(&operator, "GET", path, &Value::Null)), (403, "admin.forbidden"));
    let log = shop.get("audit?limit=1").body;
    assert_eq!((&log["items"][0]["name"], &log["items"][0]["status"]), (&json!("Op"), &json!(403)));
    assert!(!shop.get("audit").body.to_string().contains(shown["secret"].as_str().unwrap()));
}

#[test]
fn a_products_document_is_shown_to_everybody_with_the_gateway_as_its_server() {
    let shop = Shop::open();
    let key = "upstream = \"https://origin.example\"";
    let named = |catalog: &str, at: usize| {
        let (before, after) = catalog.split_at(catalog.match_indices(key).nth(at).unwrap().0);
        format!("{before}openapi = \"a.json\"\n{after}")
    };
    let document =
        json!({ "openapi": "3.1.0", "servers": [{ "url": "https://origin.example" }], "paths": { "/echo/x": {} } });
    let shown = |product: &str| {
        let path = format!("/_farebox/v1/products/{product}");
        (shop.send(shop.request("GET", &path, b"")), shop.send(shop.request("GET", &format!("{path}/openapi"), b"")))
    };
    let stored = || shop.call("GET", "products/echo/openapi", None, &Value::Null);
    assert_eq!(code(&stored()), (404, "product.unknown"));
    assert_eq!(shop.call("PUT", "products/echo/openapi", None, &document).status, 204);
    assert_eq!((stored().status, stored().body), (200, document.clone()), "the provider sees it as it was published");
    let (page, unnamed) = shown("echo");
    assert_eq!(
        (&page.body["openapi"], code(&unnamed)),
        (&json!(false), (404, "product.unknown")),
        "the catalog names none"
    );
    // The first product and the second, which some accounts only can see.
    assert_eq!(shop.put_catalog("", &named(&named(CATALOG, 1), 0)).status, 200);
    let (page, got) = shown("echo");
    assert_eq!((&page.body["openapi"], got.status), (&json!(true), 200));
    assert_eq!((&got.body["servers"], &got.body["paths"]), (&json!([{ "url": "/" }]), &document["paths"]));
    assert_eq!(shop.call("PUT", "products/secret/openapi", None, &document).status, 204);
    assert_eq!(
        code(&shown("secret").1),
        (404, "product.unknown"),
        "who may not see the product sees no document of it"
    );
    for wrong in [json!({ "swagger": "2.0", "paths": {} }), json!({ "openapi": "3.1.0" }), json!([])] {
        assert_eq!(
            code(&shop.call("PUT", "products/echo/openapi", None, &wrong)),
            (400, "request.malformed"),
            "{wrong}"
        );
    }
    assert_eq!(code(&shop.call("PUT", "products/nothing/openapi", None, &document)), (404, "product.unknown"));
}

#[test]
fn a_secret_of_an_upstream_goes_in_and_never_comes_out() {
    let shop = Shop::open();
    let (path, body) = ("upstream-credentials/maps", json!({ "secret": "sk-live-hush" }));
    let operator = operator(&shop, "Op");
    for method in ["PUT", "DELETE"] {
        assert_eq!(code(&shop.call_as(&operator, method, path, &body)), (403, "admin.forbidden"), "for owners");
    }
    assert_eq!(shop.call("PUT", path, None, &body).status, 204);
    let listed = shop.get("upstream-credentials").body;
    assert_eq!((&listed["items"][0]["name"], listed["items"].as_array().unwrap().len()), (&json!("maps"), 1));
    for wrong in ["", " x", "a\nb", "caf\u{e9}", &"x".repeat(4_097)] {
        let wrong = json!({ "secret": wrong });
        assert_eq!(code(&shop.call("PUT", path, None, &wrong)), (400, "request.malformed"), "{wrong}");
    }
    assert_eq!(code(&shop.call("PUT", "upstream-credentials/a%20b", None, &body)), (400, "request.malformed"));
    // Also of one who wraps it wrongly: what was tried is kept of every request, and what may be a secret is not.
    shop.call("PUT", path, None, &json!("sk-live-hush"));
    let log = shop.get("audit?limit=100").body.to_string();
    assert!(log.contains(path) && !log.contains("hush"), "{log}");
    for key in ready(shop.memory.list("", None, 1_000)).unwrap().items {
        let stored = ready(shop.memory.get(&key)).unwrap().unwrap_or_default();
        assert!(!String::from_utf8_lossy(&stored).contains("hush"), "{key}");
    }
    assert_eq!(shop.call("DELETE", path, None, &Value::Null).status, 204);
    assert_eq!(code(&shop.call("DELETE", path, None, &Value::Null)), (404, "upstream_credential.unknown"));
}

#[test]
fn publishing_names_the_secrets_that_nobody_has_set() {
    let shop = Shop::open();
    let more = "upstream_auth = \"bearer\"\n[products.stages.test]\nupstream = \"https://s.example\"\n\
        limits = { per_account = \"1/minute\" }\nupstream_auth = \"bearer\"\n";
    let product = "[[products]]\nid = \"resold\"\nupstream = \"https://r.example\"\nauth = [\"key\"]\n\
        rate = { per_1000_calls = \"1.00\" }\nroutes = [{ path = \"/resold\" }]\n";
    let missing = |lines: &str| {
        let answer = shop.put_catalog("", &format!("{CATALOG}\n{product}{lines}"));
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["missing_credentials"].clone()
    };
    assert_eq!(missing(""), Value::Null);
    assert_eq!(missing(more), json!(["resold", "resold.test"]));
    shop.call("PUT", "upstream-credentials/resold", None, &json!({ "secret": "hush" }));
    assert_eq!(missing(more), json!(["resold.test"]));
}

#[test]
fn nobodys_body_is_read_who_may_not_send_it() {
    let shop = Shop::open();
    let reader = shop.call("POST", "admin-tokens", None, &json!({ "name": "R", "role": "read-only" })).body;
    let (reader, read) = (format!("Bearer {}", reader["token"].as_str().unwrap()), Cell::new(0));
    let send = |authorization: Option<&str>, path: &str, length: Option<u64>, body: Option<Vec<u8>>| {
        read.set(0);
        let path = format!("/_farebox/admin/v1/{path}");
        let request = Request { authorization, length, ..shop.request("POST", &path, b"") };
        let reading = async |limit: usize| {
            assert_eq!(limit, BODY_LIMIT);
            read.set(read.get() + 1);
            body.ok_or(Unread::TooLong)
        };
        let now = shop.memory.now();
        ready(handle_head(&shop.memory, &shop.settings, request, reading, now, [7; RANDOM_BYTES])).status
    };
    let (right, bob) = (Some("Bearer right-token"), || Some(br#"{"name":"Bob"}"#.to_vec()));
    for (authorization, path, length, status) in [
        (None, "accounts", None, 401),
        (Some("Bearer x"), "accounts", None, 401),
        (Some(reader.as_str()), "accounts", None, 403),
        (right, "nothing", None, 404),
        (right, "balance", None, 404),
        (right, "accounts?x=y", None, 400),
        (None, "accounts", Some(BODY_LIMIT as u64 + 1), 413),
        (right, "accounts", Some(300 << 20), 413),
    ] {
        assert_eq!((send(authorization, path, length, bob()), read.get()), (status, 0), "{authorization:?} {path}");
    }
    assert_eq!((send(right, "accounts", Some(14), bob()), read.get()), (201, 1));
    assert_eq!(send(right, "accounts", None, None), 413, "longer than it said, or than is taken");
    assert_eq!(send(right, "accounts", None, Some(vec![b' '; BODY_LIMIT + 1])), 413);
}
