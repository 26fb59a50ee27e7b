//! The admin API and the descriptions: what they show, what they do, and what they refuse.

use super::{Case, odd::raw, world::World};

/// Requests in order: what comes later sees what came before. `{id}` is the rich account, `{poor}` the poor one.
/// Name, method, path below the API, idempotency key (empty for none), body.
const REQUESTS: [(&str, &str, &str, &str, &str); 66] = [
    ("an account", "GET", "accounts/{id}", "", ""),
    ("an account, HEAD", "HEAD", "accounts/{id}", "", ""),
    ("an unknown account", "GET", "accounts/acc_nobody", "", ""),
    ("an account id that can be none", "GET", "accounts/%20", "", ""),
    ("accounts, a page", "GET", "accounts?limit=2", "", ""),
    ("accounts, too large a page", "GET", "accounts?limit=1000", "", ""),
    ("accounts, a page of nothing", "GET", "accounts?limit=x", "", ""),
    ("accounts, a made-up cursor", "GET", "accounts?cursor=x", "", ""),
    ("make an account", "POST", "accounts", "parity-1", r#"{"name":"Bärbel 東京"}"#),
    ("make it again", "POST", "accounts", "parity-1", r#"{"name":"Bärbel 東京"}"#),
    ("make another under the same key", "POST", "accounts", "parity-1", r#"{"name":"Other"}"#),
    ("broken JSON", "POST", "accounts", "parity-2", r#"{"name":"#),
    ("JSON of another shape", "POST", "accounts", "parity-3", r#"{"nome":"x"}"#),
    ("JSON of another type", "POST", "accounts", "parity-4", "[1,2]"),
    ("an empty name", "POST", "accounts", "parity-5", r#"{"name":" "}"#),
    ("no body", "POST", "accounts", "parity-6", ""),
    ("text for JSON", "POST", "accounts", "parity-7", "name=x"),
    ("rename an account", "PATCH", "accounts/{poor}", "parity-8", r#"{"name":"Poorer"}"#),
    ("an unknown status", "PATCH", "accounts/{poor}", "parity-9", r#"{"status":"gone"}"#),
    ("a method that is not taken", "DELETE", "accounts/{id}", "parity-10", ""),
    ("a method of nobody", "BREW", "accounts", "", ""),
    ("OPTIONS", "OPTIONS", "accounts", "", ""),
    ("an unknown path", "GET", "nothing", "", ""),
    ("the API itself", "GET", "", "", ""),
    ("a slash at the end", "GET", "health/", "", ""),
    ("a path with dots", "GET", "accounts/../health", "", ""),
    ("a coded path", "GET", "he%61lth", "", ""),
    ("two slashes", "GET", "accounts//credentials", "", ""),
    ("recharge", "POST", "accounts/{poor}/recharges", "parity-11", r#"{"amount":"5.00","currency":"USD"}"#),
    ("recharge again", "POST", "accounts/{poor}/recharges", "parity-11", r#"{"amount":"5.00","currency":"USD"}"#),
    ("recharge otherwise", "POST", "accounts/{poor}/recharges", "parity-11", r#"{"amount":"6.00","currency":"USD"}"#),
    ("recharge without a key", "POST", "accounts/{poor}/recharges", "", r#"{"amount":"5.00","currency":"USD"}"#),
    ("recharge nothing", "POST", "accounts/{poor}/recharges", "parity-12", r#"{"amount":"0","currency":"USD"}"#),
    ("recharge less", "POST", "accounts/{poor}/recharges", "parity-13", r#"{"amount":"-1","currency":"USD"}"#),
    ("recharge a float", "POST", "accounts/{poor}/recharges", "parity-14", r#"{"amount":5.5,"currency":"USD"}"#),
    ("recharge in EUR", "POST", "accounts/{poor}/recharges", "parity-15", r#"{"amount":"5","currency":"EUR"}"#),
    ("recharge nobody", "POST", "accounts/acc_nobody/recharges", "parity-16", r#"{"amount":"5","currency":"USD"}"#),
    ("refund", "POST", "accounts/{poor}/refunds", "parity-17", r#"{"amount":"1.00","currency":"USD"}"#),
    ("refund too much", "POST", "accounts/{poor}/refunds", "parity-18", r#"{"amount":"100","currency":"USD"}"#),
    ("buy", "POST", "accounts/{poor}/purchases", "parity-19", r#"{"product":"packed","package":"one"}"#),
    ("buy no package", "POST", "accounts/{poor}/purchases", "parity-20", r#"{"product":"packed","package":"x"}"#),
    ("buy no product", "POST", "accounts/{poor}/purchases", "parity-21", r#"{"product":"x","package":"one"}"#),
    (
        "buy what is not sold to it",
        "POST",
        "accounts/{poor}/purchases",
        "parity-22",
        r#"{"product":"closed","package":"x"}"#,
    ),
    ("the balance", "GET", "accounts/{poor}/balance", "", ""),
    ("the grants", "GET", "accounts/{poor}/grants", "", ""),
    ("the entries", "GET", "accounts/{poor}/entries", "", ""),
    ("the entries, a page", "GET", "accounts/{poor}/entries?limit=1", "", ""),
    ("the usage", "GET", "accounts/{poor}/usage", "", ""),
    ("the usage of no time", "GET", "accounts/{poor}/usage?from=yesterday", "", ""),
    ("the statements", "GET", "accounts/{poor}/statements", "", ""),
    ("a statement of no month", "GET", "accounts/{poor}/statements/2026-13", "", ""),
    ("the leases", "GET", "accounts/{poor}/leases", "", ""),
    ("the terms", "GET", "accounts/{poor}/terms", "", ""),
    ("credentials", "GET", "accounts/{id}/credentials", "", ""),
    (
        "make a credential",
        "POST",
        "accounts/{poor}/credentials",
        "parity-23",
        r#"{"name":"x","addresses":["10.0.0.0/8"]}"#,
    ),
    ("a credential for no address", "POST", "accounts/{poor}/credentials", "parity-24", r#"{"addresses":["x"]}"#),
    ("revoke no credential", "DELETE", "accounts/{poor}/credentials/ak_nobody", "", ""),
    ("the catalog", "GET", "catalog", "", ""),
    ("check a catalog", "PUT", "catalog?dry_run=true", "", "[provider]\nname = \"X\"\ncurrency = \"USD\"\n"),
    ("check a catalog or not", "PUT", "catalog?dry_run=maybe", "", ""),
    ("a broken catalog", "PUT", "catalog", "", "[provider]\nname = 1\n[[products]]\nid = \"a b\"\n"),
    ("a catalog in another currency", "PUT", "catalog", "", "[provider]\nname = \"X\"\ncurrency = \"EUR\"\n"),
    ("webhooks", "GET", "webhooks", "", ""),
    ("a webhook to nowhere", "POST", "webhooks", "parity-25", r#"{"url":"ftp://x"}"#),
    ("refused batches", "GET", "settlements/refused", "", ""),
    ("a clock that goes back", "POST", "clock", "", r#"{"advance_ms":-1}"#),
];

pub(super) fn cases(world: &World) -> Vec<Case> {
    let token = format!("Authorization: Bearer {}\r\n", world.admin_token);
    let mut cases = open();
    for (name, path, auth) in [
        ("no token", "accounts", ""),
        ("another token", "accounts", "Authorization: Bearer nobody\r\n"),
        ("no bearer", "accounts", "Authorization: Basic eDp5\r\n"),
        ("an unknown path without a token", "nothing", ""),
    ] {
        cases.push(Case::new(name, raw("GET", &format!("/_farebox/admin/v1/{path}"), auth, b"")));
    }
    for (name, method, path, key, body) in REQUESTS {
        let path = path.replace("{id}", &world.rich.account).replace("{poor}", &world.poor.account);
        let key = if key.is_empty() { String::new() } else { format!("Idempotency-Key: {key}\r\n") };
        let fields = format!("{token}{key}Content-Type: application/json\r\n");
        cases.push(Case::new(name, raw(method, &format!("/_farebox/admin/v1/{path}"), &fields, body.as_bytes())));
    }
    let accounts = "/_farebox/admin/v1/accounts";
    cases.push(Case::new("a body that is no text", raw("POST", accounts, &token, &[b'{', 0xff, b'}'])));
    cases.push(Case::new("a body that is too large", raw("POST", accounts, &token, &vec![b' '; (1 << 20) + 1])));
    let bad_key = format!("{token}Idempotency-Key: {}\r\n", "k".repeat(300));
    cases.push(Case::new("a key that is too long", raw("POST", accounts, &bad_key, br#"{"name":"x"}"#)));
    let chunks = format!("{token}Idempotency-Key: parity-26\r\nTransfer-Encoding: chunked\r\n");
    let mut chunked = raw("POST", accounts, &chunks, b"");
    chunked.extend_from_slice(b"5\r\n{\"nam\r\n8\r\ne\":\"Cy\"}\r\n0\r\n\r\n");
    cases.push(Case::new("a body in chunks", chunked));
    cases
}

/// What is answered without a token.
fn open() -> Vec<Case> {
    let mut cases = Vec::new();
    for target in ["admin/v1/health", "openapi.json", "catalog.schema.json", "", "x", "admin", "admin/v2/health"] {
        for method in ["GET", "HEAD"] {
            cases.push(Case::new(format!("{method} {target:?}"), raw(method, &format!("/_farebox/{target}"), "", b"")));
        }
    }
    cases.push(Case::new("OPTIONS of the description", raw("OPTIONS", "/_farebox/openapi.json", "", b"")));
    cases.push(Case::new("POST to health", raw("POST", "/_farebox/admin/v1/health", "", b"{}")));
    cases
}
