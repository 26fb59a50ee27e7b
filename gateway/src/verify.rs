//! Whether a call is signed as its product demands, and how much of its body may be read to tell.
//!
//! Invariant: a body is asked for only up to a limit, and one that announces more is refused unread.

use farebox_core::{
    catalog::Product,
    rejection::Rejection,
    request::Facts,
    signature::{
        Body, Check, Presented, Profile, Verified,
        rfc9421::{self, Demands},
        xca,
    },
    time::Timestamp,
};

use crate::{
    admit::{Need, Obstacle},
    credentials::Caller,
};

/// The largest body that is read into memory because its digest is signed, which is looked at once the signature holds.
const LARGEST_SIGNED_BODY: u64 = 8 << 20;

/// The largest form that is: its fields are a part of what is signed, so it is read for whoever names a key.
const LARGEST_SIGNED_FORM: u64 = 1 << 20;

/// Checks the signature, where the scheme has one, by what the product demands, where there is one.
pub(crate) fn verify<'a>(
    presented: &'a Presented<'a>,
    facts: &Facts<'a>,
    body: Body<'_>,
    caller: &Caller,
    product: Option<&Product>,
    now: Timestamp,
) -> Result<Verified<'a>, Obstacle> {
    let secret = &caller.secret;
    let check = match presented {
        Presented::XCa(claim) => {
            let profile = product.map_or(Profile::default(), profile_of);
            xca::verify(claim, facts, body, secret, profile, now)?
        }
        Presented::Rfc9421(claim) => {
            let signature = claim.signed_with(caller.credential.key.as_str()).ok_or(Rejection::CredentialUnknown)?;
            rfc9421::verify(signature, facts, body, secret, demands_of(product), now)?
        }
        Presented::AppCode(_) | Presented::Key(_) | Presented::Token(_) => {
            Check::Passed(Verified { nonce: None, signed_at: None })
        }
    };
    let limit = if facts.is_form() && matches!(presented, Presented::XCa(_)) {
        LARGEST_SIGNED_FORM
    } else {
        LARGEST_SIGNED_BODY
    };
    match check {
        Check::Passed(verified) => Ok(verified),
        Check::NeedsBody if facts.content_length().is_some_and(|length| length > limit) => {
            Err(Rejection::BodyTooLarge { limit }.into())
        }
        Check::NeedsBody => Err(Need::Body(limit).into()),
    }
}

/// What a product demands of a signature.
fn profile_of(product: &Product) -> Profile {
    Profile { sha1: product.hmac_sha1, strict: product.strict_signature }
}

/// What a product demands of a signature of RFC 9421; nothing where there is none, as the call goes nowhere.
fn demands_of(product: Option<&Product>) -> Demands<'_> {
    let none = Demands { components: &[], strict: false };
    product
        .map_or(none, |product| Demands { components: &product.rfc9421_components, strict: product.strict_signature })
}
