//! Signing a request: what our own client and the tests send.
//!
//! Invariant: the headers made here pass every profile, as timestamp, nonce and, where there is a body, its digest are
//! signed.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{Claim, canonical::Canonical, verify::content_md5};
use crate::{
    request::Facts,
    signature::{Signed, Signer, hmac_sha256},
};

/// Signs the request of `facts` and `body`. Every `x-ca-…` header that is already there is signed too; those that the
/// signature is about are made here and must not be.
pub fn sign(facts: &Facts<'_>, body: &[u8], signer: &Signer<'_>) -> Signed {
    let mut headers = vec![
        ("x-ca-key".to_owned(), signer.key.to_owned()),
        ("x-ca-timestamp".to_owned(), signer.now.millis().to_string()),
        ("x-ca-nonce".to_owned(), signer.nonce.to_owned()),
    ];
    if !body.is_empty() && !facts.is_form() {
        headers.push(("content-md5".to_owned(), content_md5(body)));
    }
    let names = facts.headers.iter().map(|(name, _)| *name).chain(headers.iter().map(|(name, _)| name.as_str()));
    let mut signed_names: Vec<_> = names.filter(|name| name.starts_with("x-ca-")).collect();
    signed_names.sort_unstable();
    signed_names.dedup();
    let signed_names = signed_names.join(",");
    headers.push(("x-ca-signature-headers".to_owned(), signed_names));

    let mut signed = facts.clone();
    signed.headers.extend(headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let string_to_sign = string_to_sign(&signed, body);
    let signature = hmac_sha256(signer.secret.reveal().as_bytes(), string_to_sign.as_bytes());
    headers.push(("x-ca-signature".to_owned(), STANDARD.encode(signature)));
    Signed { headers, string_to_sign }
}

/// The documented string to sign of a request that has all its headers but the signature.
pub fn string_to_sign(facts: &Facts<'_>, body: &[u8]) -> String {
    let mut claim = Claim::default();
    for (name, value) in &facts.headers {
        claim.take(name, value);
    }
    let form = if facts.is_form() { body } else { &[] };
    // What is not strict gives a text of every request.
    Canonical { claim: &claim, facts, form, strict: false }.documented().unwrap_or_default()
}
