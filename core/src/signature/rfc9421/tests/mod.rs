//! What the scheme accepts and refuses, seen from outside: packed requests in, decisions out.

mod properties;
mod rules;
mod vectors;

use super::*;
use crate::{
    credential::Secret,
    rejection::Rejection,
    request::Facts,
    signature::{Body, Check, Presented, Signer, Verified, hmac_sha256, present},
    time::Timestamp,
};
use base64::{Engine, engine::general_purpose::STANDARD};

const NOW: Timestamp = Timestamp::from_millis(1_618_884_475_000);
const KEY: &str = "ak_1";

fn secret() -> Secret {
    Secret::new("hush")
}

fn demanded() -> Vec<String> {
    DEMANDED.map(str::to_owned).into()
}

/// Takes a packed request through [`present`] and [`verify`]; what was verified is given as its nonce.
fn check_at(packed: &str, body: Body<'_>, demands: Demands<'_>, now: Timestamp) -> Result<Option<String>, Rejection> {
    let facts = Facts::unpack(packed).expect("a packed request");
    let Presented::Rfc9421(claim) = present(&facts)? else { panic!("another scheme") };
    claim.signatures().map_err(|why| Rejection::SignatureUnusable(why.into()))?;
    let signature = claim.signed_with(KEY).ok_or(Rejection::CredentialUnknown)?;
    match verify(signature, &facts, body, &secret(), demands, now)? {
        Check::Passed(Verified { nonce, .. }) => Ok(nonce.map(str::to_owned)),
        Check::NeedsBody => Ok(Some("needs the body".into())),
    }
}

/// The same, by the demands that a product has which says nothing.
fn check(packed: &str, body: Body<'_>) -> Result<Option<String>, Rejection> {
    check_at(packed, body, Demands { components: &demanded(), strict: false }, NOW)
}

/// The same, by no demands at all.
fn check_bare(packed: &str) -> Result<Option<String>, Rejection> {
    check_at(packed, Body::Read(b""), Demands { components: &[], strict: false }, NOW)
}

/// A packed request with a signature of ours over what `input` says it covers.
fn signed(request: &str, input: &str) -> String {
    let unsigned = format!("{request}\nsignature-input: s={input}");
    let facts = format!("{unsigned}\nsignature: s=::");
    let base = base_of(&Facts::unpack(&facts).expect("a packed request")).unwrap_or_default();
    let value = STANDARD.encode(hmac_sha256(secret().reveal().as_bytes(), base.as_bytes()));
    format!("{unsigned}\nsignature: s=:{value}:")
}

/// The parameters of a good signature.
const GOOD: &str = ";created=1618884473;keyid=\"ak_1\"";
