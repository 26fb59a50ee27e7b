//! Targets that few clients send, and that a gateway must neither rewrite nor misroute.

use anyhow::Result;

use super::{Case, world::World};

/// Targets of a call.
const TARGETS: [&str; 43] = [
    "/",
    "/open",
    "/open/",
    "/open/echo/",
    "/open//echo",
    "//open/echo",
    "/open/./echo",
    "/open/x/../echo",
    "/open/../open/echo",
    "/../open/echo",
    "/open/..",
    "/open/%2e%2e/echo",
    "/open/%2E/echo",
    "/open/a%2Fecho",
    "/open/%65cho",
    "/%6Fpen/echo",
    "/open/%zz/echo",
    "/open/%/echo",
    "/open/a%00b/echo",
    "/open/a%0d%0aX-Smuggled:%201/echo",
    "/open/a;b=c/echo",
    "/open/a:b@c/echo",
    "/open/a+b~c!d$e&f'(g)*,=/echo",
    "/open/[x]/echo",
    "/open/a|b^c`d/echo",
    "/open/a{b}c/echo",
    "/open/a\"b<c>d/echo",
    "/open/a\\b/echo",
    "/open/\\..\\echo",
    "/OPEN/echo",
    "/open/echo?",
    "/open/echo??",
    "/open/echo?a=1&a=2&&=x&y=",
    "/open/echo?a=%20+b&c=%zz",
    "/open/echo?q='\"<>`{}|\\^[]",
    "/open/echo?url=http://x.example/?y=1",
    "/open/echo?a=/../b/./c",
    "/open/echo?%E6%9D%B1=%e4%ba%ac",
    "/open/%E6%9D%B1%e4%ba%ac/echo",
    "/_fareboxx/echo",
    "/_farebox",
    "/%5Ffarebox/admin/v1/health",
    "/x/_farebox/admin/v1/health",
];

/// Calls of the rich one, by app code.
pub(super) fn cases(world: &World) -> Result<Vec<Case>> {
    let auth = format!("Authorization: APPCODE {}\r\n", world.rich.app_code);
    let mut cases: Vec<Case> =
        TARGETS.iter().map(|target| Case::new(format!("target {target}"), raw("GET", target, &auth, b""))).collect();
    let long = format!("/open/{}/echo?q={}", "p".repeat(3_000), "q".repeat(3_000));
    cases.push(Case::new("a long target", raw("GET", &long, &auth, b"")));
    cases.push(Case::new("a target in UTF-8", raw("GET", "/open/東京/echo?x=東京", &auth, b"")));
    cases.push(Case::new("an absolute target", raw("GET", "http://gateway.example/open/echo?x=1", &auth, b"")));
    for host in ["gateway.example:8080", "GATEWAY.example", "127.0.0.1:1", "[::1]:80", "gateway.example."] {
        let request = format!("GET /open/echo HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{auth}\r\n");
        cases.push(Case::new(format!("host {host}"), request));
    }
    for (name, host) in [("two hosts", "a.example\r\nHost: b.example"), ("a host with a colon too many", "a:1:2")] {
        let request = format!("GET /open/echo HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{auth}\r\n");
        cases.push(Case::new(name, request));
    }
    cases.push(Case::new("method TRACE", raw("TRACE", "/open/echo", &auth, b"")));
    let endless = format!("{auth}Content-Length: 9007199254740992\r\n");
    cases.push(Case::new("a length of no body", raw("POST", "/open/echo", &endless, b"")));
    cases.push(Case::new(
        "HTTP/1.0",
        format!("GET /open/echo HTTP/1.0\r\nHost: gateway.example\r\nConnection: close\r\n{auth}\r\n"),
    ));
    Ok(cases)
}

/// A request as bytes. Its length is said where it has a body, and where it might have one but has none.
pub(super) fn raw(method: &str, target: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let lower = fields.to_ascii_lowercase();
    let says_itself = lower.contains("content-length:") || lower.contains("transfer-encoding:");
    let needs = !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH");
    let length = if needs && !says_itself { format!("Content-Length: {}\r\n", body.len()) } else { String::new() };
    let connection = if lower.contains("connection: ") { "" } else { "Connection: close\r\n" };
    let head = format!("{method} {target} HTTP/1.1\r\nHost: gateway.example\r\n{connection}{fields}{length}\r\n");
    [head.as_bytes(), body].concat()
}
