//! Verifies that a request comes from your Farebox gateway: HTTP Message Signatures (RFC 9421) with HMAC-SHA256.
//!
//! The secret is what `farebox product secret PRODUCT` prints. Invariant: the gateway signed a request that is let through, for
//! this product, with this method, authority, path, query and caller. It did so not longer ago than the signature lasts.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

const NEEDED: [&str; 5] = ["@method", "@authority", "@path", "@query", "farebox"];

/// How far your clock and the gateway's may differ, in seconds.
const CLOCKS_DIFFER: u64 = 30;

/// A request as it arrived: path and query not decoded, names of headers in lower case.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// The path.
    pub path: &'a str,
    /// The query without `?`; empty for none.
    pub query: &'a str,
    /// The header fields by name.
    pub headers: &'a HashMap<String, String>,
    /// The body.
    pub body: &'a [u8],
}

/// What `Signature-Input` says.
struct Input<'a> {
    covered: Vec<&'a str>,
    created: u64,
    expires: u64,
    product: &'a str,
    /// All of it, as it is signed.
    parameters: &'a str,
}

impl<'a> Input<'a> {
    fn read(field: &'a str) -> Option<Self> {
        let parameters = field.strip_prefix("farebox=")?;
        let (covered, rest) = parameters.strip_prefix('(')?.split_once(");created=")?;
        let (created, rest) = rest.split_once(";expires=")?;
        let (expires, rest) = rest.split_once(";keyid=\"")?;
        let product = rest.strip_suffix("\";alg=\"hmac-sha256\"")?;
        let names = covered.split(' ').map(|name| name.strip_prefix('"')?.strip_suffix('"'));
        let (created, expires) = (created.parse().ok()?, expires.parse().ok()?);
        Some(Self { covered: names.collect::<Option<_>>()?, created, expires, product, parameters })
    }
}

/// A member of the dictionary of who calls (RFC 9651, section 3.2), all of whose values are strings without escapes.
fn member<'a>(dictionary: Option<&'a str>, name: &str) -> Option<&'a str> {
    let mut members = dictionary?.split(',').filter_map(|member| member.trim().split_once('='));
    members.find(|(key, _)| *key == name)?.1.strip_prefix('"')?.strip_suffix('"')
}

/// Lets `request` through if it is the gateway's call of `product` at `now`, in seconds since 1970.
///
/// # Errors
/// Why it is not, in words.
pub fn verify(request: &Request<'_>, secret: &str, product: &str, now: u64) -> Result<(), String> {
    let field = |name: &str| request.headers.get(name).map(|value| value.trim());
    let input = field("signature-input").and_then(Input::read).ok_or("there is no signature of the gateway's")?;
    if let Some(missing) = NEEDED.iter().find(|name| !input.covered.contains(name)) {
        return Err(format!("{missing} is not covered"));
    }
    let authority = field("host").unwrap_or_default().to_lowercase();
    let query = format!("?{}", request.query);
    let mut base = String::new();
    for name in &input.covered {
        let value = match *name {
            "@method" => request.method,
            "@authority" => &authority,
            "@path" => request.path,
            "@query" => &query,
            name => field(name).ok_or_else(|| format!("{name} is covered and not there"))?,
        };
        base += &format!("\"{name}\": {value}\n");
    }
    base += &format!("\"@signature-params\": {}", input.parameters);
    let signature = field("signature").and_then(|value| value.strip_prefix("farebox=:")?.strip_suffix(':'));
    let signature = signature.and_then(|value| STANDARD.decode(value).ok()).unwrap_or_default();
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|error| error.to_string())?;
    // In constant time.
    mac.chain_update(&base).verify_slice(&signature).map_err(|_| "the signature is wrong")?;

    if input.product != product || member(field("farebox"), "product") != Some(product) {
        return Err("it is another product's".to_owned());
    }
    if input.created > now.saturating_add(CLOCKS_DIFFER) {
        return Err("it is of the future".to_owned());
    }
    if input.expires.saturating_add(CLOCKS_DIFFER) < now {
        return Err("it has expired".to_owned());
    }
    if input.covered.contains(&"content-digest") {
        let digest = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(request.body)));
        if field("content-digest") != Some(digest.as_str()) {
            return Err("the body is another".to_owned());
        }
    }
    Ok(())
}
