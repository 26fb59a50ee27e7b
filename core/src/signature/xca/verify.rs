//! Whether an x-ca signature holds.
//!
//! The cheapest checks come first. A form's body is asked for before the signature is checked, because it is signed. Any other
//! body is asked for after it, so nobody without the secret makes the gateway read. A good request in the documented form costs
//! one HMAC; a bad one a bounded number, over a bounded number of bytes.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;

use super::{
    Claim,
    canonical::{self, Canonical},
    params,
};
use crate::{
    credential::Secret,
    rejection::Rejection,
    request::Facts,
    signature::{Body, Check, Profile, Verified, WINDOW, check_nonce, keyed, mismatch},
    time::Timestamp,
};

/// Checks that `claim`, which came with `facts`, was made with `secret`.
///
/// # Errors
///
/// The caller's first fault: a timestamp that is none or too far off, a demanded nonce or digest that is missing, or a signature
/// or digest of another request.
pub fn verify<'a>(
    claim: &Claim<'a>,
    facts: &Facts<'a>,
    body: Body<'_>,
    secret: &Secret,
    profile: Profile,
    now: Timestamp,
) -> Result<Check<'a>, Rejection> {
    let method = Method::of(claim, profile)?;
    let timestamp = timestamp(claim, now)?;
    check_nonce(claim.nonce)?;
    canonical::check_list(claim.signed_headers)?;
    let body = body.settled(facts);
    let is_form = facts.is_form();
    if profile.strict {
        demand_strictness(claim, facts, body, is_form)?;
    }
    let form = match body {
        Body::Unread if is_form => return Ok(Check::NeedsBody),
        Body::Read(bytes) if is_form => bytes,
        Body::Unread | Body::Read(_) => &[],
    };
    params::check_number(facts.query, form)?;
    check_signature(method, &Canonical { claim, facts, form, strict: profile.strict }, secret, profile)?;
    if profile.strict && body.is_there(facts).is_none() {
        return Ok(Check::NeedsBody);
    }
    if !claim.content_md5.is_empty() {
        match body {
            Body::Unread => return Ok(Check::NeedsBody),
            Body::Read([]) => return Err(Rejection::BodyEmpty),
            Body::Read(bytes) if content_md5(bytes) != claim.content_md5 => return Err(Rejection::DigestMismatch),
            Body::Read(_) => {}
        }
    }
    Ok(Check::Passed(Verified {
        nonce: Some(claim.nonce).filter(|nonce| !nonce.is_empty()),
        signed_at: timestamp.filter(|_| claim.signs("x-ca-timestamp")),
    }))
}

/// The value of `Content-MD5` for a body.
pub(super) fn content_md5(body: &[u8]) -> String {
    STANDARD.encode(Md5::digest(body))
}

/// The timestamp, when one came, inside the window.
fn timestamp(claim: &Claim<'_>, now: Timestamp) -> Result<Option<Timestamp>, Rejection> {
    if claim.timestamp.is_empty() {
        return Ok(None);
    }
    let millis = claim.timestamp.parse().map_err(|_| Rejection::TimestampInvalid)?;
    let timestamp = Timestamp::from_millis(millis);
    if now.since(timestamp).unsigned_abs() > WINDOW.unsigned_abs() {
        return Err(Rejection::SignatureExpired { now });
    }
    Ok(Some(timestamp))
}

/// What the strict profile demands before any cryptography.
fn demand_strictness(claim: &Claim<'_>, facts: &Facts<'_>, body: Body<'_>, is_form: bool) -> Result<(), Rejection> {
    let has = |value: &str, name| !value.is_empty() && claim.signs(name);
    if !has(claim.timestamp, "x-ca-timestamp") || !has(claim.nonce, "x-ca-nonce") {
        return Err(Rejection::NonceMissing);
    }
    if body.is_there(facts) == Some(true) && !is_form && claim.content_md5.is_empty() {
        return Err(Rejection::DigestMissing);
    }
    if claim.repeats {
        return Err(Rejection::SignatureUnusable("a field that is signed came twice".into()));
    }
    Ok(())
}

/// `X-Ca-Signature-Method`.
#[derive(Debug, Clone, Copy)]
enum Method {
    Sha256,
    Sha1,
}

impl Method {
    fn of(claim: &Claim<'_>, profile: Profile) -> Result<Self, Rejection> {
        match claim.method {
            "" => Ok(Self::Sha256),
            name if name.eq_ignore_ascii_case("HmacSHA256") => Ok(Self::Sha256),
            name if name.eq_ignore_ascii_case("HmacSHA1") && profile.sha1 => Ok(Self::Sha1),
            _ => Err(Rejection::RequestMalformed("this product does not take this X-Ca-Signature-Method")),
        }
    }
}

/// Compares the signature with that of each form of the string to sign, the documented one first.
fn check_signature(
    method: Method,
    canonical: &Canonical<'_, '_>,
    secret: &Secret,
    profile: Profile,
) -> Result<(), Rejection> {
    // What is not base64 is no signature of anything: it goes on as the empty one, which matches nothing.
    let signature = STANDARD.decode(canonical.claim.signature).unwrap_or_default();
    let holds = |head: &str, resources: &[String]| match method {
        Method::Sha256 => is_of(secret.keyed(), head, resources, &signature),
        Method::Sha1 => is_of(&keyed::<Hmac<Sha1>>(secret.reveal().as_bytes()), head, resources, &signature),
    };
    let documented = canonical.documented().map_err(|why| Rejection::SignatureUnusable(why.into()))?;
    if holds(&documented, &[String::new()]) {
        return Ok(());
    }
    let is_other_form = !profile.strict && {
        let resources = canonical.resources();
        canonical.heads().iter().any(|head| holds(head, &resources))
    };
    if is_other_form { Ok(()) } else { Err(mismatch(documented)) }
}

/// Whether `signature` is that of `head` with one of `resources` behind it.
#[inline(never)]
fn is_of<M: Mac + Clone>(mac: &M, head: &str, resources: &[String], signature: &[u8]) -> bool {
    let mac = mac.clone().chain_update(head);
    resources.iter().any(|resource| mac.clone().chain_update(resource).verify_slice(signature).is_ok())
}
