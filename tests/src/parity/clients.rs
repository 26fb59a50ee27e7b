//! Calls of clients that know a key and no signature, and of pages in a browser.

use super::{Case, odd::raw, world::World};

/// A product that takes plain keys, has pages of one origin, and charges for 2xx alone.
pub(super) fn cases(world: &World) -> Vec<Case> {
    let key = &world.rich.app_code;
    let mut cases = Vec::new();
    let mut add = |name: &str, method: &str, target: &str, fields: &str| {
        cases.push(Case::new(name, raw(method, target, fields, b"")));
    };
    for (name, fields) in [
        ("a key as a bearer's", format!("Authorization: Bearer {key}\r\n")),
        ("a key in X-API-Key", format!("X-API-Key: {key}\r\n")),
        ("a key in both", format!("X-API-Key: {key}\r\nAuthorization: bearer {key}\r\n")),
        ("a key in two fields of one name", format!("X-API-Key: {key}\r\nX-API-Key: other\r\n")),
        ("an unknown key", "Authorization: Bearer sk-nobodys\r\n".into()),
        ("a mistyped key", format!("X-API-Key: {}\r\n", key.replacen("live_", "live_0", 1))),
        ("a made up key", "X-API-Key: fb_live_0123456789abcdefghjkmnpqrs000000zzzzz\r\n".into()),
        ("an empty key", "Authorization: Bearer \r\nX-API-Key:\r\n".into()),
        ("a key of an app code's scheme", format!("Authorization: APPCODE {key}\r\n")),
        ("a key beside another scheme", format!("Authorization: Basic eDp5\r\nX-API-Key: {key}\r\n")),
        ("a revoked key", format!("X-API-Key: {}\r\n", world.revoked.app_code)),
        ("a key of a poor one", format!("X-API-Key: {}\r\n", world.poor.app_code)),
        ("a suspended account's key", format!("X-API-Key: {}\r\n", world.suspended.app_code)),
        ("a key from elsewhere", format!("X-API-Key: {}\r\n", world.elsewhere.app_code)),
    ] {
        add(name, "GET", "/keyed/echo?q=1", &fields);
    }
    for target in ["?api_key=K", "?a=%20&api_key=K&b", "?api%5Fkey=K&a", "?api_key=&a", "?api_key=x", "?API_KEY=K"] {
        add(&format!("a key in the query {target}"), "GET", &format!("/keyed/echo{}", target.replace('K', key)), "");
    }
    let (page, other) = ("Origin: https://app.example\r\n", "Origin: https://evil.example\r\n");
    let asks = "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization,x-mine\r\n";
    let bearer = format!("Authorization: Bearer {key}\r\n");
    for (name, method, target, fields) in [
        ("a page's preflight", "OPTIONS", "/keyed/echo", format!("{page}{asks}")),
        ("another page's preflight", "OPTIONS", "/keyed/echo", format!("{other}{asks}")),
        (
            "a preflight for a method that is not sold",
            "OPTIONS",
            "/keyed/echo",
            page.to_owned() + "Access-Control-Request-Method: PUT\r\n",
        ),
        ("a preflight of a product without pages", "OPTIONS", "/open/echo", format!("{page}{asks}")),
        (
            "a preflight for odd names",
            "OPTIONS",
            "/keyed/echo",
            format!("{page}Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: a;b\r\n"),
        ),
        ("a page's call", "GET", "/keyed/echo", format!("{page}{bearer}")),
        ("another page's call", "GET", "/keyed/echo", format!("{other}{bearer}")),
        ("a call at home", "GET", "/keyed/echo", bearer.clone()),
        ("a page's call that is answered 404", "GET", "/keyed/404", format!("{page}{bearer}")),
        ("a page's call without a key", "GET", "/keyed/echo", page.to_owned()),
        ("a page's call with a wrong key", "GET", "/keyed/echo", format!("{page}X-API-Key: x\r\n")),
    ] {
        add(name, method, target, &fields);
    }
    for (name, method, target, fields) in [
        (
            "a WebSocket",
            "GET",
            "/keyed/echo",
            format!(
                "{bearer}Upgrade: websocket\r\nConnection: Upgrade, close\r\nSec-WebSocket-Key: eA==\r\nSec-WebSocket-Version: 13\r\n"
            ),
        ),
        ("a body on GET", "GET", "/keyed/echo", format!("{bearer}Content-Length: 0\r\n")),
    ] {
        add(name, method, target, &fields);
    }
    add("a key where none is taken", "GET", "/closed/echo", &format!("X-API-Key: {key}\r\n"));
    add("a key nowhere", "GET", "/nowhere", &format!("X-API-Key: {key}\r\n"));
    for (name, method) in [("a body in chunks on GET", "GET"), ("a body in chunks on HEAD", "HEAD")] {
        let mut chunks = raw(method, "/keyed/echo", &format!("{bearer}Transfer-Encoding: chunked\r\n"), b"");
        chunks.extend_from_slice(b"3\r\nabc\r\n0\r\n\r\n");
        cases.push(Case::new(name, chunks));
    }
    cases
}
