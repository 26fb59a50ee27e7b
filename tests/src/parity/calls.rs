//! Calls that pass: every kind of answer an upstream gives, and what of a request reaches it.

use anyhow::Result;

use super::{Case, odd::raw, world::World};

/// What the origin can be asked for.
const ANSWERS: [&str; 43] = [
    "204",
    "205",
    "206",
    "304",
    "301",
    "302",
    "307",
    "400",
    "401",
    "404",
    "418",
    "429",
    "500",
    "503",
    "599",
    "empty",
    "untyped",
    "chunked",
    "until-close",
    "cookies",
    "twice",
    "long",
    "hop-by-hop",
    "as-if-ours",
    "cached",
    "gzip",
    "brotli",
    "latin",
    "utf-8",
    "late",
    "large",
    "large-chunked",
    "nonsense",
    "hang-up",
    "101",
    "600",
    "999",
    "same-lengths",
    "listed-lengths",
    "no-length-of-any-body",
    "204-with-a-body",
    "205-with-a-body",
    "short-of-its-length",
];

/// What it is asked for where its answers are handed on untouched.
const UNTOUCHED: [&str; 11] =
    ["echo", "204", "304", "404", "chunked", "cookies", "as-if-ours", "gzip", "large", "large-chunked", "hang-up"];

/// Header fields of a request that say something to the gateway, to the connection or to nobody.
const FIELDS: [(&str, &str); 24] = [
    ("duplicates", "X-Twice: one\r\nX-Twice: two\r\nAccept: a/b\r\nAccept: c/d\r\n"),
    ("an empty field", "X-Empty:\r\nX-Blank:   \r\n"),
    (
        "hop by hop",
        "Connection: close, X-Hop, te\r\nX-Hop: 1\r\nTE: trailers\r\nKeep-Alive: 5\r\nProxy-Connection: close\r\n",
    ),
    ("proxy credentials", "Proxy-Authorization: Basic eDp5\r\nProxy-Authenticate: Basic\r\n"),
    (
        "as if ours",
        "Farebox: account=\"acc_x\"\r\nFarebox-Account: acc_x\r\nFarebox-Request-Id: x\r\nFarebox-Own: x\r\n",
    ),
    (
        "as if ours, spelled otherwise",
        "Farebox_Account: acc_x\r\nX.Ca_Key: k\r\nSignature_Input: a=()\r\nCF_Ray: 1\r\n",
    ),
    ("one name in several spellings", "X-User: a\r\nX_User: b\r\nX.Other: c\r\nX_Other: d\r\n"),
    ("eight values of one name", MANY),
    ("signatures of another", "Signature: a=:eA==:\r\nSignature-Input: a=()\r\n"),
    ("x-ca fields", "X-Ca-Stage: TEST\r\nX-Ca-Own: 1\r\n"),
    ("accept-encoding", "Accept-Encoding: gzip, br;q=0.5\r\n"),
    ("a range", "Range: bytes=0-3\r\nIf-Range: \"x\"\r\n"),
    ("conditions", "If-None-Match: \"v1\", W/\"v2\"\r\nIf-Modified-Since: Tue, 24 Nov 2026 00:00:00 GMT\r\n"),
    ("cookies", "Cookie: a=1; b=2\r\nCookie: c=3\r\n"),
    ("a trace", "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\ntracestate: v=1\r\n"),
    ("forwarded", "Forwarded: for=192.0.2.1\r\nX-Forwarded-For: 192.0.2.1\r\nX-Real-IP: 192.0.2.1\r\nVia: 1.1 x\r\n"),
    ("cross origin", "Origin: https://page.example\r\nReferer: https://page.example/\r\nSec-Fetch-Mode: cors\r\n"),
    ("a client of its own", "User-Agent: own/1.0\r\nAccept-Language: de\r\nCache-Control: no-cache\r\nPragma: x\r\n"),
    ("an upgrade", "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"),
    ("trailers announced", "Trailer: X-Later\r\n"),
    ("names that objects have", "__proto__: 1\r\nconstructor: 2\r\n7: 3\r\n"),
    ("a field in UTF-8", "X-Place: caf\u{e9} \u{6771}\u{4eac}\r\n"),
    ("cookies to set", "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n"),
    ("a priority", "Priority: u=1\r\nExpect-CT: x\r\nDNT: 1\r\nX_Under: 1\r\n"),
];

/// Lines of one name, which count as one field.
const MANY: &str =
    "X-Many: 1\r\nX-Many: 2\r\nX-Many: 3\r\nX-Many: 4\r\nX-Many: 5\r\nX-Many: 6\r\nX-Many: 7\r\nX-Many: 8\r\n";

/// A call with a field that is no UTF-8: the one byte of `é` in ISO 8859-1.
pub(super) fn latin(world: &World) -> Vec<u8> {
    let fields = format!("Authorization: APPCODE {}\r\nX-Latin: caf?\r\n", world.rich.app_code);
    let request = raw("GET", "/open/echo", &fields, b"");
    request.into_iter().map(|byte| if byte == b'?' { 0xe9 } else { byte }).collect()
}

/// Calls of the rich one, by app code.
pub(super) fn cases(world: &World) -> Result<Vec<Case>> {
    let auth = format!("Authorization: APPCODE {}\r\n", world.rich.app_code);
    let call = |name: &str, method: &str, target: &str, fields: &str, body: &[u8]| {
        Case::new(name, raw(method, target, &format!("{auth}{fields}"), body))
    };
    let mut cases: Vec<Case> = ANSWERS
        .iter()
        .map(|wanted| call(&format!("an upstream's {wanted}"), "GET", &format!("/open/{wanted}"), "", b""))
        .collect();
    for method in ["HEAD", "OPTIONS", "DELETE", "PUT", "PATCH", "POST", "PROPFIND", "BREW", "get"] {
        cases.push(call(&format!("method {method}"), method, "/open/echo?q=1", "", b""));
    }
    for wanted in ["204", "empty", "large", "404"] {
        cases.push(call(&format!("HEAD of {wanted}"), "HEAD", &format!("/open/{wanted}"), "", b""));
    }
    cases.extend(FIELDS.iter().map(|(name, fields)| call(name, "GET", "/open/echo", fields, b"")));
    let long = format!("X-Long: {}\r\n", "x".repeat(7_000));
    cases.push(call("a long field", "GET", "/open/echo", &long, b""));
    cases.push(call("a preflight", "OPTIONS", "/open/echo", "Access-Control-Request-Method: POST\r\n", b""));

    let (text, form) = ("Content-Type: text/plain\r\n", "Content-Type: application/x-www-form-urlencoded\r\n");
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "GET", "HEAD"] {
        cases.push(call(&format!("{method} with a body"), method, "/open/echo", text, b"a body"));
    }
    cases.push(call("an empty body", "POST", "/open/echo", &format!("{text}Content-Length: 0\r\n"), b""));
    cases.push(call("a form", "POST", "/open/echo?c=3", form, b"a=1&b=%20"));
    cases.push(call("100 KB", "POST", "/open/echo", text, &[b'x'; 100_000]));
    cases.push(call("bytes that are no text", "POST", "/open/echo", "", &[0, 255, 128, 13, 10]));
    cases.push(call("a coded body", "POST", "/open/echo", "Content-Encoding: gzip\r\n", b"not really"));
    let chunked = "Transfer-Encoding: chunked\r\n";
    cases.push(call("chunks", "POST", "/open/echo", chunked, b""));
    cases.push(call("no chunk", "PUT", "/open/echo", chunked, b""));
    for (case, body) in cases.iter_mut().rev().take(2).zip(["0\r\n\r\n", "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"]) {
        case.request.extend_from_slice(body.as_bytes());
    }
    cases.push(call("an upstream that answers early", "POST", "/open/404", text, &[b'x'; 50_000]));

    for wanted in UNTOUCHED {
        cases.push(call(&format!("untouched {wanted}"), "GET", &format!("/plain/{wanted}"), "", b""));
    }
    let below = format!("Authorization: APPCODE {}\r\n", world.rich.app_code);
    for target in ["/below/echo", "/below/echo?", "/exactly", "/exactly?x=1", "/exactly/", "/below", "/below/"] {
        cases.push(Case::new(format!("an upstream with a path: {target}"), raw("GET", target, &below, b"")));
    }
    Ok(cases)
}
