//! Whether a signature of RFC 9421 holds.
//!
//! The cheapest checks come first. The body is asked for last, and only when its digest is signed. So nobody without the secret
//! makes the gateway read, and a body whose digest is not signed streams.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::{
    base::{Encoding, base},
    claim::Signature,
    component::Form,
    coverage::{DIGEST, missing},
    digest::{self, Checked},
};
use crate::{
    credential::Secret,
    rejection::Rejection,
    request::Facts,
    signature::{Body, Check, Verified, WINDOW, check_nonce, keyed, mismatch},
    time::{SECOND, Timestamp},
};

/// What a product demands of a signature.
#[derive(Debug, Clone, Copy)]
pub struct Demands<'p> {
    /// The names of the components that must be covered, where the request has them.
    pub components: &'p [String],
    /// A nonce must be there, and the digest of a body covered, whatever the list says.
    pub strict: bool,
}

/// Checks that `signature`, which came with `facts`, was made with `secret`.
///
/// # Errors
///
/// The caller's first fault: a time that is missing or too far off, a demanded component that the signature leaves out, or a
/// signature or digest of another request.
pub fn verify<'a>(
    signature: &'a Signature,
    facts: &Facts<'_>,
    body: Body<'_>,
    secret: &Secret,
    demands: Demands<'_>,
    now: Timestamp,
) -> Result<Check<'a>, Rejection> {
    let signed_at = in_time(signature, now)?;
    if demands.strict && signature.nonce.as_ref().is_none_or(String::is_empty) {
        return Err(Rejection::NonceMissing);
    }
    check_nonce(signature.nonce.as_deref().unwrap_or_default())?;
    let body = body.settled(facts);
    let demanded = demands.components.iter().map(String::as_str).chain(demands.strict.then_some(DIGEST));
    let has_body = body.is_there(facts);
    if let Some(name) = missing(demanded, &signature.components, facts, has_body == Some(true)) {
        return Err(unusable(format!("it does not cover \"{name}\", which this product demands")));
    }
    compare(signature, facts, secret)?;
    let covers_digest = covers_digest(signature);
    let demands_digest = demands.strict || demands.components.iter().any(|name| name == DIGEST);
    if has_body.is_none() && !covers_digest && demands_digest {
        return Ok(Check::NeedsBody);
    }
    if covers_digest {
        let Body::Read(bytes) = body else { return Ok(Check::NeedsBody) };
        let values: Vec<_> =
            facts.headers.iter().filter(|(name, _)| *name == DIGEST).map(|(_, value)| *value).collect();
        match digest::check(&values.join(", "), bytes) {
            Checked::Matches => {}
            Checked::Differs => return Err(Rejection::DigestMismatch),
            Checked::Unknown => return Err(Rejection::DigestMissing),
        }
    }
    let nonce = signature.nonce.as_deref().filter(|nonce| !nonce.is_empty());
    Ok(Check::Passed(Verified { nonce, signed_at: Some(signed_at) }))
}

/// When it was made, where that is inside the window and it has not ended itself.
fn in_time(signature: &Signature, now: Timestamp) -> Result<Timestamp, Rejection> {
    let created = signature.created.ok_or_else(|| unusable("it has no `created`".into()))?;
    let created = Timestamp::from_millis(created.saturating_mul(SECOND));
    let is_over = signature.expires.is_some_and(|expires| expires < now.seconds());
    if is_over || now.since(created).unsigned_abs() > WINDOW.unsigned_abs() {
        return Err(Rejection::SignatureExpired { now });
    }
    Ok(created)
}

/// Compares the signature with that of the base, in each form that clients make of it: the RFC's first.
fn compare(signature: &Signature, facts: &Facts<'_>, secret: &Secret) -> Result<(), Rejection> {
    let documented = base(signature, facts, Encoding::Form).map_err(unusable)?;
    let mut form = documented.clone();
    let has_params = signature.components.iter().any(|component| matches!(component.form, Form::Param(_)));
    for other in [Some(Encoding::UriComponent).filter(|_| has_params), None] {
        let mac = keyed::<Hmac<Sha256>>(secret.reveal().as_bytes());
        if mac.chain_update(&form).verify_slice(&signature.value).is_ok() {
            return Ok(());
        }
        let Some(encoding) = other else { break };
        form = base(signature, facts, encoding).map_err(unusable)?;
    }
    Err(mismatch(documented))
}

fn covers_digest(signature: &Signature) -> bool {
    signature.components.iter().any(|component| component.name == DIGEST)
}

fn unusable(why: String) -> Rejection {
    Rejection::SignatureUnusable(why)
}
