//! Whether an x-ca signature holds.
//!
//! What is cheap to refuse is refused first, and a body is asked for only when it decides: a form's before the
//! signature, as it is part of it; one with a digest after, so that nobody without the secret makes the gateway read.
//! A good request in the documented form costs one HMAC; a bad one a bounded number.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;

use super::{Claim, canonical::Canonical};
use crate::{
    credential::Secret,
    rejection::Rejection,
    request::Facts,
    signature::{Body, Check, Profile, Verified, WINDOW, keyed},
    time::Timestamp,
};

/// Checks that `claim`, which came with `facts`, was made with `secret`.
///
/// # Errors
///
/// Each what the caller did wrong: a timestamp that is none or too far off, a nonce or a digest that the profile
/// demands, a signature that is not over this request, a body that is not the one signed.
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
    let body = if body == Body::Unread && facts.content_length() == Some(0) { Body::Read(&[]) } else { body };
    let is_form = facts.is_form();
    if profile.strict {
        demand_strictness(claim, facts, body, is_form)?;
    }
    let form = match body {
        Body::Unread if is_form => return Ok(Check::NeedsBody),
        Body::Read(bytes) if is_form => bytes,
        Body::Unread | Body::Read(_) => &[],
    };
    check_signature(method, &Canonical { claim, facts, form }, secret, profile)?;
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
    if body.is_there(facts) && !is_form && claim.content_md5.is_empty() {
        return Err(Rejection::DigestMissing);
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

fn check_signature(
    method: Method,
    canonical: &Canonical<'_, '_>,
    secret: &Secret,
    profile: Profile,
) -> Result<(), Rejection> {
    match method {
        Method::Sha256 => compare(secret.keyed(), canonical, profile),
        Method::Sha1 => compare(&keyed::<Hmac<Sha1>>(secret.reveal().as_bytes()), canonical, profile),
    }
}

/// Compares the signature with that of each form of the string to sign, the documented one first.
fn compare<M: Mac + Clone>(mac: &M, canonical: &Canonical<'_, '_>, profile: Profile) -> Result<(), Rejection> {
    // What is not base64 is no signature of anything: it goes on as the empty one, which matches nothing.
    let signature = STANDARD.decode(canonical.claim.signature).unwrap_or_default();
    let holds = |mac: &M, text: &str| mac.clone().chain_update(text).verify_slice(&signature).is_ok();
    let documented = canonical.documented();
    if holds(mac, &documented) {
        return Ok(());
    }
    let is_other_form = !profile.strict && {
        let resources = canonical.resources();
        canonical.heads().iter().any(|head| {
            let mac = mac.clone().chain_update(head);
            resources.iter().any(|resource| holds(&mac, resource))
        })
    };
    if is_other_form { Ok(()) } else { Err(Rejection::SignatureInvalid { string_to_sign: Some(documented) }) }
}
