//! Requests that few clients send: odd request lines, hosts, fields and framings, what hides in bodies, the admin API.
//!
//! Invariant: what carries no app code may not pass, and neither may what hides behind a request that may.

use anyhow::Result;
use fastrand::Rng;

use super::{
    calls::call_of,
    draft::{Draft, Ends, Framing, MARK, Marker, May, Sample, Scheme},
    world::World,
};

const METHODS: [&str; 19] = [
    "get",
    "Get",
    "TRACE",
    "CONNECT",
    "FOO",
    "M-SEARCH",
    "PROPFIND",
    "QUERY",
    "PRI",
    "G\tET",
    "GE T",
    "",
    "GET\0",
    "PATCH",
    "PURGE",
    "LOCK",
    "G@T",
    "POST,GET",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
];

const TARGETS: [&str; 36] = [
    "*",
    "",
    "/",
    "//",
    "/loose",
    "/loose/",
    "//loose/a",
    "/loose//a",
    "/loose/./a",
    "/loose/../strict/a",
    "/../loose/a",
    "/loose/..",
    "/loose/%2e%2e/strict/a",
    "/loose/%zz/a",
    "/loose/%",
    "/loose/a%00b",
    "/loose/a%0d%0aX:%201",
    "/loose/%2F",
    "/%6Coose/a",
    "/LOOSE/a",
    "/loose/a\\b",
    "\\loose\\a",
    "/loose/a#f",
    "/loose/a?%zz&%=%&=&&",
    "/loose/a??",
    "/loose/a?#",
    "/loose/a|b^c`d{e}<f>\"g",
    "loose/a",
    "http://HOST/loose/a",
    "HTTP://HOST/loose/a",
    "http://evil.example/loose/a",
    "https://HOST/loose/a",
    "http:///loose/a",
    "ftp://HOST/loose/a",
    "http://u:p@HOST/loose/a",
    "HOST",
];

const VERSIONS: [&str; 11] = [
    "HTTP/1.0",
    "HTTP/1.2",
    "HTTP/2.0",
    "HTTP/0.9",
    "http/1.1",
    "HTTP/1.1 ",
    "HTTP/11",
    "",
    "HTTP/9.9",
    "HTTP/1.",
    "XXX/1.1",
];

const HOSTS: [&str; 16] = [
    "", "a b", "a/b", "a?b", "\"a\"", "a:b", "a:1:2", "a:99999", "[::1]", "[::1", "a@b", "a..b", ".", "127.1", "%61",
    "h\u{e4}",
];

/// Lines of a head, without their ends.
const LINES: [&[u8]; 47] = [
    b"Farebox_Account: acc_evil",
    b"farebox.account: acc_evil",
    b"Farebox-Account: acc_evil",
    b"Farebox: account=\"acc_evil\"",
    b"FAREBOX-PRODUCT: x",
    b"signature_input: sig=()",
    b"X_Ca_Key: x",
    b" leading: x",
    b"trailing : x",
    b"tab\t: x",
    b"nul\0: x",
    b": empty",
    b"no colon",
    b"fold: a\r\n b",
    b"fold: a\r\n\tb",
    b"x: a\rb",
    b"x: a\nb",
    b"x: \x80\xff",
    b"x: a\0b",
    b"x\x80: a",
    b"x: \x01\x7f",
    b"Connection: farebox, farebox-account, signature, signature-input",
    b"Connection: host",
    b"Connection: close, x-ca-key, authorization",
    b"Connection: ,,, ,;\"",
    b"Transfer_Encoding: chunked",
    b"Content_Length: 5",
    b"Expect: 100-continue",
    b"Expect: 200-ok",
    b"Expect: x\r\nExpect: 100-continue",
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\nSec-WebSocket-Version: 13",
    b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQ",
    b"TE: trailers, x;q=9",
    b"Trailer: content-length",
    b"Keep-Alive: timeout=99999999999",
    b"Proxy-Authorization: Basic eA==",
    b"Range: bytes=0-,-1",
    b"Accept-Encoding: gzip;q=0, br",
    b"If-None-Match: *",
    b"Forwarded: for=\"[::1]\";host=evil",
    b"CF-Connecting-IP: 1.2.3.4",
    b"traceparent: 00-zz-zz-zz",
    b"Content-Encoding: gzip",
    b"Cookie: a=b; c\r\nCookie: d",
    b"Content-Type: x\r\nContent-Type: y",
    b"x-mark: 0x0",
    b"Max-Forwards: 0",
];

/// Lines of a head and a body that do not agree, or that servers read in two ways. `HIDDEN` is a request that nobody signed.
const FRAMINGS: [(&str, &str, Ends); 30] = [
    ("Content-Length: 5\r\nContent-Length: 5", "hello", Ends::Alone),
    ("Content-Length: 5\r\nContent-Length: 6", "hello", Ends::Unsure),
    ("Content-Length: 5, 5", "hello", Ends::Unsure),
    ("Content-Length: +5", "hello", Ends::Unsure),
    ("Content-Length: -5", "hello", Ends::Unsure),
    ("Content-Length: 0x5", "hello", Ends::Unsure),
    ("Content-Length: 5 5", "hello", Ends::Unsure),
    ("Content-Length: 05", "hello", Ends::Unsure),
    ("Content-Length:", "", Ends::Unsure),
    ("Content-Length: 99999999999999999999", "hello", Ends::Unsure),
    ("Content-Length: 18446744073709551617", "hello", Ends::Unsure),
    ("Content-Length: 10", "hello", Ends::BrokenOff),
    ("Content-Length: 0", "HIDDEN", Ends::Unsure),
    ("Content-Length: 4\r\nTransfer-Encoding: chunked", "0\r\n\r\nHIDDEN", Ends::Unsure),
    ("Transfer-Encoding: chunked\r\nContent-Length: 900", "0\r\n\r\nHIDDEN", Ends::Unsure),
    ("Transfer-Encoding: xchunked\r\nContent-Length: 0", "HIDDEN", Ends::Unsure),
    ("Transfer-Encoding: chunked, identity", "0\r\n\r\nHIDDEN", Ends::Unsure),
    ("Transfer-Encoding: identity, chunked", "0\r\n\r\nHIDDEN", Ends::Unsure),
    ("Transfer-Encoding: gzip, chunked", "0\r\n\r\n", Ends::Unsure),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\nHIDDEN", Ends::Unsure),
    ("Transfer-Encoding : chunked", "0\r\n\r\nHIDDEN", Ends::Unsure),
    ("Transfer-Encoding:\x0bchunked", "0\r\n\r\nHIDDEN", Ends::Unsure),
    ("transfer-encoding: Chunked", "5\r\nhello\r\n0\r\n\r\n", Ends::Alone),
    ("Transfer-Encoding: chunked", "5;x=\"y\"\r\nhello\r\n0\r\nTrailer: x\r\n\r\n", Ends::Unsure),
    ("Transfer-Encoding: chunked", "0x5\r\nhello\r\n0\r\n\r\n", Ends::Unsure),
    ("Transfer-Encoding: chunked", "5\nhello\n0\n\n", Ends::Unsure),
    ("Transfer-Encoding: chunked", "5\r\nhelloXX0\r\n\r\nHIDDEN", Ends::Unsure),
    ("Transfer-Encoding: chunked", "FFFFFFFFFFFFFFFF0\r\nhello\r\n0\r\n\r\n", Ends::Unsure),
    ("Transfer-Encoding: chunked", "5\r\nhel", Ends::BrokenOff),
    ("Transfer-Encoding: chunked", "5\r\nhello\r\nZZ\r\n", Ends::BrokenOff),
];

/// What is presented with an odd request: nothing, garbage, or an app code.
fn presented(draft: &mut Draft, world: &World, rng: &mut Rng) -> May {
    let key = &world.caller.key;
    let garbage = match rng.u8(..9) {
        0 => vec![("x-ca-key", key.as_str()), ("x-ca-signature", "AAAA")],
        1 => vec![("x-ca-key", "ak_unknown"), ("x-ca-signature", "\u{e4}=;"), ("x-ca-timestamp", "-1")],
        2 => vec![
            ("signature-input", "sig=(\"@method\");keyid=\"ak_x\";created=99999999999999"),
            ("signature", "sig=:AA==:"),
        ],
        3 => vec![("signature-input", "(((;;=\"\\"), ("signature", ":::")],
        4 => vec![("authorization", "APPCODE 00000000000000000000000000000000")],
        5 => vec![("authorization", "APPCODE")],
        6 => Vec::new(),
        _ => {
            draft.fields.push(("authorization".to_owned(), format!("APPCODE {}", world.caller.app_code)));
            return May::AtMost(1);
        }
    };
    draft.fields.extend(garbage.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
    May::Never
}

/// A request whose line or host is odd.
pub(super) fn line(world: &World, rng: &mut Rng, marker: Marker) -> Sample {
    let mut draft = Draft::new(&world.host, "GET", "/loose/a", marker);
    let may = presented(&mut draft, world, rng);
    let mut draft = draft.with("connection", "close");
    let marked = |target: &str| {
        let sign = if target.contains('?') { '&' } else { '?' };
        format!("{}{sign}m={}", target.replace("HOST", &world.host), marker.text())
    };
    let shape = match rng.u8(..6) {
        0 => {
            draft.method = METHODS[rng.usize(..METHODS.len())].to_owned();
            "an odd method"
        }
        1 | 2 => {
            let target = TARGETS[rng.usize(..TARGETS.len())];
            draft.target = if target == "*" || target.is_empty() { target.to_owned() } else { marked(target) };
            draft.method = ["GET", "OPTIONS", "POST", "CONNECT"][rng.usize(..4)].to_owned();
            "an odd target"
        }
        3 => {
            let alphabet: Vec<char> = "/.%2eE5Cc\\?&=;:@#+ ~*'\"<>|^`{}[]\t\u{1}\u{7f}\u{e9}azAZ09".chars().collect();
            let random: String = (0..rng.usize(1..40)).map(|_| alphabet[rng.usize(..alphabet.len())]).collect();
            draft.target = marked(&format!("/loose/{random}"));
            "a random target"
        }
        4 => {
            draft.version = VERSIONS[rng.usize(..VERSIONS.len())].to_owned();
            "an odd version"
        }
        _ => {
            let host = HOSTS[rng.usize(..HOSTS.len())].to_owned();
            match rng.u8(..3) {
                0 => draft.fields.insert(rng.usize(..2), ("host".to_owned(), host)),
                1 => draft.fields[0].1 = host,
                _ => drop(draft.fields.remove(0)),
            }
            "an odd host"
        }
    };
    let shape = if draft.method == "CONNECT" { "the method CONNECT" } else { shape };
    Sample::one(shape, draft.bytes(), Ends::Unsure, marker.may(may))
}

/// A request with odd fields.
pub(super) fn fields(world: &World, rng: &mut Rng, marker: Marker) -> Sample {
    let mut draft = Draft::new(&world.host, ["GET", "POST", "DELETE"][rng.usize(..3)], "/loose/a", marker);
    let may = presented(&mut draft, world, rng);
    for _ in 0..rng.usize(1..4) {
        draft.lines.extend_from_slice(LINES[rng.usize(..LINES.len())]);
        draft.lines.extend_from_slice(if rng.u8(..20) == 0 { b"\n" } else { b"\r\n" });
    }
    Sample::one("odd fields", draft.bytes(), Ends::Unsure, marker.may(may))
}

/// A request that is framed oddly, with one hidden behind it or in it that nobody signed.
pub(super) fn framing(world: &World, rng: &mut Rng, marker: Marker) -> Sample {
    let (lines, body, ends) = FRAMINGS[rng.usize(..FRAMINGS.len())];
    let method = ["POST", "GET", "PUT", "DELETE"][rng.usize(..4)];
    let mut draft = Draft::new(&world.host, method, "/loose/a", marker);
    let may = presented(&mut draft, world, rng);
    let hidden = Marker { place: 1, ..marker };
    let smuggled = Draft::new(&world.host, "GET", "/loose/hidden", hidden).bytes();
    draft.lines = format!("{lines}\r\n").into_bytes();
    draft.framing = Framing::Given;
    draft.body = match body.strip_suffix("HIDDEN") {
        Some(before) => [before.as_bytes(), &smuggled].concat(),
        None => body.into(),
    };
    let claims = vec![marker.may(may), hidden.may(May::Never)];
    Sample { shape: "an odd framing", bytes: draft.bytes(), ends, answers: 1, is_open: false, claims }
}

/// Two requests in one write: a signed one before or behind one that is not, or two that are.
pub(super) fn pipelined(world: &World, rng: &mut Rng, marker: Marker) -> Result<Sample> {
    let (mut bytes, mut claims, mut both) = (Vec::new(), Vec::new(), 0);
    let unsigned = rng.usize(..3);
    for place in 0..2 {
        let marker = Marker { place, ..marker };
        if usize::from(place) == unsigned {
            bytes.extend(Draft::new(&world.host, "GET", "/loose/unsigned", marker).bytes());
            claims.push(marker.may(May::Never));
        } else {
            let scheme = [Scheme::XCa, Scheme::Rfc9421, Scheme::AppCode][rng.usize(..3)];
            let call = call_of(world, marker, scheme, "GET")?;
            bytes.extend(call.draft.bytes());
            claims.push(call.claim(May::AtMost(1)));
            both += 1;
        }
    }
    let shape = if both == 2 { "two signed in one write" } else { "one signed of two in one write" };
    Ok(Sample { shape, bytes, ends: Ends::Alone, answers: 2, is_open: false, claims })
}

/// Pages, which are there for everybody.
const PAGES: [&str; 2] = ["/_farebox", "/_farebox/"];

const ADMIN: [&str; 16] = [
    PAGES[0],
    PAGES[1],
    "/_farebox/admin",
    "/_farebox/admin/v1/accounts",
    "/_farebox/admin/v1/catalog",
    "/_farebox/admin/v1/settlements",
    "/_farebox/admin/v1/tokens",
    "//_farebox/admin/v1/accounts",
    "/_farebox//admin/v1/accounts",
    "/_farebox/./admin/v1/accounts",
    "/%5ffarebox/admin/v1/accounts",
    "/loose/../_farebox/admin/v1/accounts",
    "/_farebox/admin/v1/accounts/..%2f..",
    "/_FAREBOX/admin/v1/accounts",
    "/_farebox/admin/v1/accounts/\u{e9}/entries",
    "http://HOST/_farebox/admin/v1/accounts",
];

/// A request to the admin API by somebody who has no token of it.
pub(super) fn admin(world: &World, rng: &mut Rng, marker: Marker) -> Sample {
    let target = ADMIN[rng.usize(..ADMIN.len())].replace("HOST", &world.host);
    let method = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "FOO"][rng.usize(..9)];
    let mut draft = Draft::new(&world.host, method, &target, marker);
    let token = world.farebox.admin_token();
    let cut = &token[..token.len() - 1];
    let authorizations: &[String] = match rng.u8(..7) {
        0 => &[],
        1 => &["Bearer".to_owned()],
        2 => &[format!("Bearer {}", "0".repeat(token.len()))],
        3 => &[format!("Bearer {cut}")],
        4 => &[format!("Basic {token}")],
        5 => &["Bearer x".to_owned(), "Bearer y".to_owned()],
        _ => &[format!("APPCODE {}", world.caller.app_code)],
    };
    draft.fields.extend(authorizations.iter().map(|value| ("authorization".to_owned(), value.clone())));
    if rng.bool() {
        draft = draft.with("idempotency-key", "k").with("content-type", "application/json");
    }
    let mut ends = if method == "HEAD" { Ends::Kept } else { Ends::Alone };
    match rng.u8(..5) {
        0 => draft.body = b"{}".to_vec(),
        1 => draft.body = vec![b'['; [100, 20_000, 200_000][rng.usize(..3)]],
        2 => (draft.lines, draft.framing, ends) = (b"content-length: 9\r\n".to_vec(), Framing::Given, Ends::BrokenOff),
        3 => {
            (draft.lines, draft.framing) = (b"transfer-encoding: chunked\r\n".to_vec(), Framing::Given);
            (draft.body, ends) = (b"5\r\nab".to_vec(), Ends::BrokenOff);
        }
        _ => {}
    }
    let shape = if ends == Ends::BrokenOff { "the admin API, broken off" } else { "the admin API without a token" };
    let is_open = PAGES.contains(&target.as_str()) && matches!(method, "GET" | "HEAD");
    Sample { is_open, ..Sample::one(shape, draft.bytes(), ends, marker.may(May::Never)) }
}

/// Bytes that are no HTTP.
pub(super) fn noise(rng: &mut Rng, marker: Marker) -> Sample {
    let mut bytes: Vec<u8> = (0..rng.usize(1..600)).map(|_| rng.u8(..)).collect();
    if rng.bool() {
        bytes =
            [b"GET /loose/a HTTP/1.1\r\n", MARK.as_bytes(), b": ", marker.text().as_bytes(), b"\r\n", &bytes].concat();
    }
    Sample::one("noise", bytes, Ends::BrokenOff, marker.may(May::Never))
}
