//! Calls that must not pass: each code that a request can bring about, as a client of either scheme sees it.
//!
//! `rate.limited` cannot be brought about yet, and `temporarily.unavailable` not from outside.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use farebox_core::{
    credential::Secret,
    request::Facts,
    signature::{Signer, xca::sign},
    time::{HOUR, MINUTE},
};

use super::{
    Case,
    odd::raw,
    world::{Person, World},
};
use crate::call::now;

const JSON: &str = "content-type: application/json\r\n";
const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";

/// Everything that is wrong with a call by itself or with who sends it.
pub(super) fn cases(world: &World) -> Result<Vec<Case>> {
    let mut cases = by_app_code(world);
    cases.extend(signed(world)?);
    cases.extend(tampered(world)?);
    cases.extend(strict(world)?);
    cases.extend(too_large(world)?);
    cases.extend(by_situation(world)?);
    Ok(cases)
}

/// What is rejected once packages have expired: the clock was moved by two hours.
pub(super) fn after_expiry(world: &World) -> Result<Vec<Case>> {
    let call = |person: &Person| request(person, "GET", "/packed/echo", "", b"", 2 * HOUR);
    Ok(vec![
        Case::new("an expired package", call(&world.late)?),
        Case::new("an expired package, by app code", by_code(&world.late, "GET", "/packed/echo")),
        Case::new("the clock moved", request(&world.rich, "GET", "/open/echo", "", b"", 2 * HOUR)?),
        Case::new("the clock moved, signed before", request(&world.rich, "GET", "/open/echo", "", b"", 0)?),
    ])
}

fn by_app_code(world: &World) -> Vec<Case> {
    let rich = &world.rich;
    let plain = |fields: &str| raw("GET", "/open/echo", fields, b"");
    let with = |value: &str| plain(&format!("Authorization: {value}\r\n"));
    vec![
        Case::new("no credential", plain("")),
        Case::new("no credential, HEAD", raw("HEAD", "/open/echo", "", b"")),
        Case::new("no credential, OPTIONS", raw("OPTIONS", "/open/echo", "", b"")),
        Case::new("no credential, with a body", raw("POST", "/open/echo", "", &[b'x'; 30_000])),
        Case::new("no credential, nowhere", raw("GET", "/nowhere", "", b"")),
        Case::new("another scheme", with("Basic eDp5")),
        Case::new("an unknown app code", with("APPCODE nobody")),
        Case::new("an empty app code", with("APPCODE ")),
        Case::new("an app code in other letters", with(&format!("appcode {}", rich.app_code))),
        Case::new("two authorizations", with(&format!("Bearer x\r\nAuthorization: APPCODE {}", rich.app_code))),
        Case::new("a product without app codes", by_code(rich, "GET", "/narrow/echo")),
        Case::new("a product of somebody else", by_code(rich, "GET", "/closed/echo")),
        Case::new("no such path", by_code(rich, "GET", "/nowhere")),
        Case::new("an upstream that is gone", by_code(rich, "GET", "/gone/echo")),
        Case::new("an upstream that is gone, with a body", by_code(rich, "POST", "/gone/echo")),
        Case::new("a revoked credential's app code", by_code(&world.revoked, "GET", "/open/echo")),
    ]
}

fn signed(world: &World) -> Result<Vec<Case>> {
    let rich = &world.rich;
    let (get, post) = (
        |target: &str| request(rich, "GET", target, "", b"", 0),
        |target: &str, fields: &str, body: &[u8]| request(rich, "POST", target, fields, body, 0),
    );
    let once = get("/open/echo?nonce")?;
    let large = vec![b'a'; (8 << 20) + 1];
    Ok(vec![
        Case::new("signed", get("/open/echo?b=2&a=1")?),
        Case::new("signed, HEAD", request(rich, "HEAD", "/open/echo", "", b"", 0)?),
        Case::new("signed, with JSON", post("/open/echo", JSON, br#"{"a":1}"#)?),
        Case::new("signed, with a form", post("/open/echo?c=3", FORM, b"b=2&a=1%20")?),
        Case::new("signed, strict", request(rich, "GET", "/strict/echo", "", b"", 0)?),
        Case::new("signed, strict, with JSON", post("/strict/echo", JSON, br#"{"a":1}"#)?),
        Case::new("sent once", once.clone()),
        Case::new("sent twice", once),
        Case::new("a method that is not taken", request(rich, "DELETE", "/narrow/echo", "", b"", 0)?),
        Case::new("HEAD where GET is taken", request(rich, "HEAD", "/narrow/echo", "", b"", 0)?),
        Case::new("no such path, signed", get("/nowhere")?),
        Case::new("a product of somebody else, signed", get("/closed/echo")?),
        Case::new("an upstream that is gone, signed", get("/gone/echo")?),
        Case::new("an upstream that is late, signed", get("/open/late")?),
        Case::new("16 minutes old", request(rich, "GET", "/open/echo", "", b"", -16 * MINUTE)?),
        Case::new("16 minutes ahead", request(rich, "GET", "/open/echo", "", b"", 16 * MINUTE)?),
        Case::new("a form that is too large", post("/open/echo", FORM, &large)?),
    ])
}

fn tampered(world: &World) -> Result<Vec<Case>> {
    let rich = &world.rich;
    let good = String::from_utf8(request(rich, "POST", "/open/echo?a=1", JSON, br#"{"a":1}"#, 0)?)?;
    let field =
        |name: &str| good.lines().find(|line| line.starts_with(name)).map(str::to_owned).context("no such field");
    let [key, timestamp, nonce, md5, names, signature] =
        ["x-ca-key", "x-ca-timestamp", "x-ca-nonce", "content-md5", "x-ca-signature-headers", "x-ca-signature:"]
            .map(field);
    let (key, timestamp, nonce, md5, names, signature) = (key?, timestamp?, nonce?, md5?, names?, signature?);
    let without = |line: &str| good.replace(&format!("{line}\r\n"), "");
    let mut strict = good.replace("/open/", "/strict/");
    strict = strict.replace(&format!("{nonce}\r\n"), "");
    let forged = Person { secret: "guessed".to_owned(), ..rich.clone() };
    let stranger = Person { key: "ak_nobody".to_owned(), ..rich.clone() };
    let odd_key = Person { key: "no key at all".to_owned(), ..rich.clone() };
    Ok(vec![
        Case::new("another path", good.replace("/open/echo", "/open/ecco")),
        Case::new("another query", good.replace("?a=1", "?a=2")),
        Case::new("another method", good.replacen("POST", "PUT", 1)),
        Case::new("another body", good.replace(r#"{"a":1}"#, r#"{"a":2}"#)),
        Case::new(
            "no body under a digest",
            good.replace("Content-Length: 7", "Content-Length: 0").replace(r#"{"a":1}"#, ""),
        ),
        Case::new("another content type", good.replace("application/json", "text/plain")),
        Case::new("no signature", without(&signature)),
        Case::new("an empty signature", good.replace(&signature, "x-ca-signature:")),
        Case::new("a signature that is no base64", good.replace(&signature, "x-ca-signature: ???")),
        Case::new("no key", without(&key)),
        Case::new("no timestamp", without(&timestamp)),
        Case::new("a timestamp that is none", good.replace(&timestamp, "x-ca-timestamp: today")),
        Case::new("no nonce", without(&nonce)),
        Case::new("no nonce, strict", strict),
        Case::new("no digest, strict", without(&md5).replace("/open/", "/strict/")),
        Case::new("another digest", good.replace(&md5, "content-md5: AAAAAAAAAAAAAAAAAAAAAA==")),
        Case::new("no list of signed fields", without(&names)),
        Case::new("HMAC-SHA1", good.replace(&key, &format!("{key}\r\nx-ca-signature-method: HmacSHA1"))),
        Case::new("an unknown method of signing", good.replace(&key, &format!("{key}\r\nx-ca-signature-method: X"))),
        Case::new("another secret", request(&forged, "GET", "/open/echo", "", b"", 0)?),
        Case::new("an unknown key", request(&stranger, "GET", "/open/echo", "", b"", 0)?),
        Case::new("a key that can be none", request(&odd_key, "GET", "/open/echo", "", b"", 0)?),
        Case::new("a key and an app code", good.replace(&key, &format!("{key}\r\nauthorization: APPCODE x"))),
    ])
}

/// What a strict product does not take, because something of it would stay unsigned.
fn strict(world: &World) -> Result<Vec<Case>> {
    let rich = &world.rich;
    let strictly =
        |method: &str, target: &str, fields: &str, body: &[u8]| request(rich, method, target, fields, body, 0);
    let mut cases = Vec::new();
    for method in ["DELETE", "OPTIONS", "PUT", "POST", "PATCH", "PROPFIND"] {
        let mut chunks = strictly(method, "/strict/echo", "Transfer-Encoding: chunked\r\n", b"")?;
        chunks.extend_from_slice(b"3\r\nabc\r\n0\r\n\r\n");
        cases.push(Case::new(format!("{method} with unsigned chunks, strict"), chunks));
        let unsigned = strictly(method, "/strict/echo", "Content-Length: 6\r\n", b"")?;
        cases.push(Case::new(format!("{method} with an unsigned body, strict"), [&unsigned[..], b"a body"].concat()));
    }
    for method in ["GET", "DELETE", "OPTIONS", "POST"] {
        cases.push(Case::new(format!("{method} without a body, strict"), strictly(method, "/strict/echo", "", b"")?));
    }
    for target in ["?a=1&a=2", "?a%26b=1", "?a%3Db=1", "?a=1%26b=2", "?a=%ff", "?a=1&b=2", "?a=x%3Dy"] {
        let name = format!("parameters {target}, strict");
        cases.push(Case::new(name, strictly("GET", &format!("/strict/echo{target}"), "", b"")?));
    }
    cases.push(Case::new("a form's name twice, strict", strictly("POST", "/strict/echo", FORM, b"a=1&a=2")?));
    cases.push(Case::new("a form and a query, strict", strictly("POST", "/strict/echo?a=1", FORM, b"a=2")?));
    let typed = String::from_utf8(strictly("GET", "/strict/echo", "content-type: multipart/x\r\n", b"")?)?;
    let prefix = typed.replace("multipart/x\r\n", "multipart/x; a=b\r\nx-ca-signed-content-type: multipart/x\r\n");
    cases.push(Case::new("a type signed in part, strict", prefix.clone()));
    cases.push(Case::new("a type signed in part", prefix.replace("/strict/", "/open/")));
    let once = strictly("GET", "/strict/echo?again", "", b"")?;
    cases.push(Case::new("sent once, strict", once.clone()));
    cases.push(Case::new("sent twice, strict", once));
    Ok(cases)
}

/// What is refused before it is looked through.
fn too_large(world: &World) -> Result<Vec<Case>> {
    let good = String::from_utf8(request(&world.rich, "GET", "/open/echo", "", b"", 0)?)?;
    let with = |name: &str, line: String| Case::new(name, good.replace("\r\n\r\n", &format!("\r\n{line}\r\n\r\n")));
    let nonce = good.lines().find(|line| line.starts_with("x-ca-nonce")).context("no nonce")?;
    let names = good.lines().find(|line| line.starts_with("x-ca-signature-headers")).context("no list")?;
    let long = request(&world.rich, "POST", "/open/echo", FORM, &vec![b'a'; (1 << 20) + 1], 0)?;
    let many = request(&world.rich, "POST", "/open/echo", FORM, "a&".repeat(3_000).as_bytes(), 0)?;
    let by_code = format!("Authorization: APPCODE {}", world.rich.app_code);
    let query = format!("/open/echo?{}", "a&".repeat(3_000));
    Ok(vec![
        with("a head of 70 KB", format!("X-Long: {}", "x".repeat(70_000))),
        Case::new("a long list of signed names", good.replace(names, &format!("{names}{}", ",zz".repeat(100)))),
        Case::new("a list with a name twice", good.replace(names, &format!("{names},X-Ca-Key"))),
        Case::new("a long nonce", good.replace(nonce, &format!("x-ca-nonce: {}", "n".repeat(7_000)))),
        Case::new("a form of a megabyte", long),
        Case::new("a form with 3,000 parameters", many),
        Case::new("a query with 3,000 parameters", request(&world.rich, "GET", &query, "", b"", 0)?),
        with("an app code beside a signature", by_code),
    ])
}

fn by_situation(world: &World) -> Result<Vec<Case>> {
    let call = |person: &Person, target: &str| request(person, "GET", target, "", b"", 0);
    Ok(vec![
        Case::new("an account with nothing", call(&world.poor, "/open/echo")?),
        Case::new("an account with nothing, by app code", by_code(&world.poor, "GET", "/open/echo")),
        Case::new("an account with nothing, strict", call(&world.poor, "/strict/echo")?),
        Case::new("an account without a package", call(&world.poor, "/packed/echo")?),
        Case::new("the only call of a package", call(&world.frugal, "/packed/echo")?),
        Case::new("a package that is used up", call(&world.frugal, "/packed/echo")?),
        Case::new("a package that is used up, by app code", by_code(&world.frugal, "GET", "/packed/echo")),
        Case::new("a suspended account", call(&world.suspended, "/open/echo")?),
        Case::new("a suspended account, by app code", by_code(&world.suspended, "GET", "/open/echo")),
        Case::new("a revoked credential", call(&world.revoked, "/open/echo")?),
        Case::new("a credential for elsewhere", call(&world.elsewhere, "/open/echo")?),
        Case::new("a credential for elsewhere, by app code", by_code(&world.elsewhere, "GET", "/open/echo")),
        Case::new("a credential for another product", call(&world.narrow, "/open/echo")?),
        Case::new("a credential for this product", call(&world.narrow, "/narrow/echo")?),
    ])
}

fn by_code(person: &Person, method: &str, target: &str) -> Vec<u8> {
    raw(method, target, &format!("Authorization: APPCODE {}\r\n", person.app_code), b"")
}

/// A request signed with x-ca, `off` milliseconds from now.
fn request(person: &Person, method: &str, target: &str, fields: &str, body: &[u8], off: i64) -> Result<Vec<u8>> {
    static NONCES: AtomicU64 = AtomicU64::new(0);
    let packed = format!("{method}\nhttp://gateway.example{target}\n{}", fields.trim_end().replace("\r\n", "\n"));
    let facts = Facts::unpack(&packed).context("not a request")?;
    let nonce = format!("p{}", NONCES.fetch_add(1, Ordering::Relaxed));
    let signer =
        Signer { key: &person.key, secret: &Secret::new(&*person.secret), now: now().plus(off), nonce: &nonce };
    let signed = sign(&facts, body, &signer).headers;
    let signed: String = signed.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    Ok(raw(method, target, &format!("{fields}{signed}"), body))
}
