//! Who may do what, who did what, and which accounts may call.

use farebox_control::Request;
use farebox_core::time::DAY;
use farebox_ports::KeyValue;
use serde_json::{Value, json};

use super::shop::{Shop, code, ready};

fn issue(shop: &Shop, name: &str, role: &str, expires: Option<&str>) -> (String, String) {
    let got = shop.call("POST", "admin-tokens", None, &json!({ "name": name, "role": role, "expires": expires }));
    assert_eq!((got.status, &got.body["role"]), (201, &json!(role)));
    let text = |member: &str| got.body[member].as_str().unwrap().to_owned();
    (text("id"), text("token"))
}

#[test]
fn a_token_does_what_its_role_lets_it_and_no_more() {
    let shop = Shop::open();
    let (_, reader) = issue(&shop, "Auditor", "read-only", None);
    let (_, operator) = issue(&shop, "Back office", "operator", None);
    let (_, owner) = issue(&shop, "Boss", "owner", None);
    let name = json!({ "name": "Bob" });
    let tokens = json!({ "name": "X", "role": "read-only" });
    for (token, reads, makes, issues) in [(reader, 200, 403, 403), (operator, 200, 201, 403), (owner, 200, 201, 201)] {
        assert_eq!(shop.call_as(&token, "GET", "accounts", &Value::Null).status, reads);
        assert_eq!(shop.call_as(&token, "POST", "accounts", &name).status, makes);
        assert_eq!(shop.call_as(&token, "POST", "admin-tokens", &tokens).status, issues);
        assert_eq!(shop.call_as(&token, "GET", "admin-tokens", &Value::Null).status == 200, issues == 201);
    }
    let (_, reader) = issue(&shop, "Auditor", "read-only", None);
    let refused = shop.call_as(&reader, "POST", "accounts", &name);
    assert_eq!(code(&refused), (403, "admin.forbidden"));
    assert!(refused.body["detail"].as_str().unwrap().contains("the role operator"));
}

#[test]
fn a_token_ends_when_it_is_revoked_or_expires() {
    let shop = Shop::open();
    let (id, revoked) = issue(&shop, "Bob", "operator", None);
    let (_, expiring) = issue(&shop, "Eve", "operator", Some("2026-11-02T00:00:00Z"));
    let get = |token: &str| shop.call_as(token, "GET", "accounts", &Value::Null).status;
    assert_eq!((get(&revoked), get(&expiring)), (200, 200));
    for _ in 0..2 {
        assert_eq!(shop.call("DELETE", &format!("admin-tokens/{id}"), None, &Value::Null).status, 204);
    }
    assert_eq!((get(&revoked), get(&expiring)), (401, 200));
    shop.memory.set_now("2026-11-02T00:00:00Z".parse().unwrap());
    assert_eq!(get(&expiring), 401);
    for wrong in ["fat_", "fat__", "fat_x_y", "deployment", &format!("{expiring}x"), &format!("fat_{id}_")] {
        assert_eq!(get(wrong), 401, "{wrong}");
    }
    for wrong in
        [json!({ "name": "X" }), json!({ "name": "X", "role": "god" }), json!({ "name": " ", "role": "owner" })]
    {
        assert_eq!(code(&shop.call("POST", "admin-tokens", None, &wrong)), (400, "request.malformed"));
    }
    let past = json!({ "name": "X", "role": "owner", "expires": "2026-11-01T00:00:00Z" });
    assert_eq!(code(&shop.call("POST", "admin-tokens", None, &past)), (400, "request.malformed"));
    assert_eq!(code(&shop.call("DELETE", "admin-tokens/nobody", None, &Value::Null)), (404, "admin_token.unknown"));
}

#[test]
fn a_token_cannot_be_read_back() {
    let shop = Shop::open();
    let (id, token) = issue(&shop, "Bob", "operator", None);
    let listed = shop.get("admin-tokens").body;
    let row = json!({ "id": id, "name": "Bob", "role": "operator", "created": "2026-11-01T00:00:00Z", "expires": null, "revoked": null });
    assert_eq!(listed, json!({ "items": [row] }));
    let secret = token.rsplit('_').next().unwrap();
    for key in ready(shop.memory.list("", None, 1_000)).unwrap().items {
        let value = ready(shop.memory.get(&key)).unwrap().unwrap();
        assert!(!format!("{key}{}", String::from_utf8_lossy(&value)).contains(secret), "{key}");
    }
}

#[test]
fn the_audit_log_says_who_did_what_and_who_tried() {
    let shop = Shop::open();
    let (id, reader) = issue(&shop, "Auditor", "read-only", None);
    shop.memory.set_now(shop_time(1));
    let bob = shop.account("Bob");
    shop.memory.set_now(shop_time(2));
    shop.call_as(&reader, "PATCH", &format!("accounts/{bob}?a=b"), &json!({ "status": "suspended" }));
    shop.get("accounts");
    shop.call_as("nobody", "POST", "accounts", &json!({ "name": "Eve" }));
    let log = shop.get("audit?limit=2").body;
    let tried = &log["items"][0];
    assert_eq!((&tried["token"], &tried["name"], &tried["role"]), (&json!(id), &json!("Auditor"), &json!("read-only")));
    assert_eq!((&tried["status"], &tried["code"]), (&json!(403), &json!("admin.forbidden")));
    assert_eq!(tried["path"], format!("/_farebox/admin/v1/accounts/{bob}?a=b"));
    let did = &log["items"][1];
    assert_eq!((&did["token"], &did["method"], &did["status"]), (&json!("deployment"), &json!("POST"), &json!(201)));
    assert_eq!((&did["body"], &did["at"]), (&json!({ "name": "Bob" }), &json!("2026-11-02T00:00:00Z")));
    let rest = shop.get(&format!("audit?cursor={}", log["cursor"].as_str().unwrap())).body;
    let rest: Vec<_> =
        rest["items"].as_array().unwrap().iter().map(|record| record["path"].as_str().unwrap()).collect();
    assert_eq!(rest.len(), 2, "the token and the catalog: {rest:?}");
}

#[test]
fn the_audit_log_shows_of_an_address_only_whose_it_is() {
    let shop = Shop::open();
    let url = "https://acme.example:8443/hooks/T0k3n?key=s3cret";
    shop.memory.set_now(shop_time(1));
    assert_eq!(shop.call("POST", "webhooks", None, &json!({ "url": url })).status, 201);
    shop.memory.set_now(shop_time(2));
    let with_user = json!({ "url": "https://user:s3cret@acme.example/", "more": ["https://a.example/s3cret"] });
    assert_eq!(shop.call("POST", "webhooks", None, &with_user).status, 400);
    let log = shop.get("audit").body;
    let bodies: Vec<_> = log["items"].as_array().unwrap().iter().map(|record| &record["body"]).collect();
    let shown = json!({ "url": "https://acme.example/…", "more": ["https://a.example/…"] });
    assert_eq!(bodies[..2], [&shown, &json!({ "url": "https://acme.example:8443/…" })]);
    for key in ready(shop.memory.list("audit/", None, 1_000)).unwrap().items {
        let kept = String::from_utf8(ready(shop.memory.get(&key)).unwrap().unwrap()).unwrap();
        assert!(!kept.contains("s3cret") && !kept.contains("T0k3n"), "{kept}");
    }
}

fn shop_time(days: i64) -> farebox_core::time::Timestamp {
    "2026-11-01T00:00:00Z".parse::<farebox_core::time::Timestamp>().unwrap().plus(days * DAY)
}

#[test]
fn an_account_is_suspended_and_let_in_again() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    let path = format!("accounts/{bob}");
    let set = |body: Value| shop.call("PATCH", &path, None, &body);
    assert_eq!(set(json!({ "status": "suspended" })).body["status"], "suspended");
    assert_eq!(set(json!({ "name": "Robert" })).body["status"], "suspended", "what is left out stays");
    assert_eq!(shop.get(&path).body["name"], "Robert");
    assert_eq!(code(&set(json!({ "status": "closed" }))), (400, "request.malformed"));
    assert_eq!(set(json!({ "status": "active" })).body["status"], "active");
    assert_eq!(set(json!({ "status": "active" })).status, 200);
    let entries = shop.get(&format!("{path}/entries")).body;
    let events: Vec<_> = entries["items"].as_array().unwrap().iter().map(|entry| entry["event"].clone()).collect();
    let set = |suspended: bool| json!({ "status_set": { "suspended": suspended } });
    assert_eq!(events[1..], [set(true), set(false)]);
}

#[test]
fn no_secret_is_ever_logged() {
    let shop = Shop::open();
    let bob = shop.account("Bob");
    let (_, token) = issue(&shop, "Auditor", "operator", None);
    let made = shop.call("POST", &format!("accounts/{bob}/credentials"), Some("c-1"), &json!({})).body;
    let hook = shop.call("POST", "webhooks", None, &json!({ "url": "https://acme.example/" })).body;
    shop.memory.set_down(true);
    for (method, path) in [("GET", "accounts"), ("POST", "accounts"), ("POST", "settlements"), ("PUT", "catalog")] {
        let path = format!("/_farebox/admin/v1/{path}");
        let secrets = [&made["secret"], &made["app_code"], &hook["secret"]].map(|secret| secret.as_str().unwrap());
        for secret in secrets.into_iter().chain([token.as_str(), "right-token"]) {
            let authorization = format!("Bearer {secret}");
            let body = json!({ "name": "x" }).to_string();
            let request = shop.request(method, &path, body.as_bytes());
            shop.send(Request { authorization: Some(&authorization), ..request });
            let logged = shop.memory.log_lines();
            assert!(!logged.iter().any(|line| line.contains(secret)), "{logged:?}");
        }
    }
    assert!(!shop.memory.log_lines().is_empty());
}
