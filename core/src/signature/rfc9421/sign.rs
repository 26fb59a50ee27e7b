//! Signing a request: what our own client and the tests send.
//!
//! Invariant: a signature made here meets every product's demands, but those for fields that the request does not have. It covers
//! time and nonce, and the digest of a body.

use base64::{Engine, engine::general_purpose::STANDARD};
use sfv::{BareItem, Dictionary, FieldType, InnerList, Item, ListEntry, StringRef};

use super::{
    base::{Encoding, base},
    claim::Fields,
    digest::content_digest,
};
use crate::{
    request::Facts,
    signature::{Signed, Signer, hmac_sha256},
};

/// What is covered where the request has it; the target always is.
const FIELDS: [&str; 2] = ["content-type", "content-digest"];

/// The label of the signature.
const LABEL: &str = "sig";

/// Signs the request of `facts` and `body`, which has no signature and no `Content-Digest` yet.
pub fn sign(facts: &Facts<'_>, body: &[u8], signer: &Signer<'_>) -> Signed {
    let mut headers = Vec::new();
    if !body.is_empty() {
        headers.push(("content-digest".to_owned(), content_digest(body)));
    }
    let fields = FIELDS.into_iter().filter(|field| match *field {
        "content-digest" => !body.is_empty(),
        field => facts.header(field).is_some(),
    });
    let covered = ["@method", "@authority", "@path", "@query"].into_iter().chain(fields);
    let covered = covered.map(|name| Item::new(text(name))).collect();
    let parameters = [
        ("created", BareItem::Integer(sfv::Integer::try_from(signer.now.seconds()).unwrap_or(sfv::Integer::ZERO))),
        ("keyid", text(signer.key)),
        ("alg", text("hmac-sha256")),
        ("nonce", text(signer.nonce)),
    ];
    let parameters = parameters.map(|(name, value)| (sfv::key_ref(name).to_owned(), value));
    let input = InnerList::with_params(covered, parameters.into_iter().collect());
    headers.push(("signature-input".to_owned(), labelled(input)));
    headers.push(("signature".to_owned(), labelled(Item::new(&[][..]))));

    let mut signed = facts.clone();
    signed.headers.extend(headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let string_to_sign = base_of(&signed).unwrap_or_default();
    let signature = hmac_sha256(signer.secret.reveal().as_bytes(), string_to_sign.as_bytes());
    headers.pop();
    headers.push(("signature".to_owned(), format!("{LABEL}=:{}:", STANDARD.encode(signature))));
    Signed { headers, string_to_sign }
}

/// The base of the first signature that a request carries.
///
/// # Errors
///
/// What is wrong with the signature, or what it covers that the request does not have, in words.
pub fn base_of(facts: &Facts<'_>) -> Result<String, String> {
    let mut fields = Fields::default();
    facts.headers.iter().for_each(|(name, value)| fields.take(name, value));
    let claim = fields.claim().ok_or("there is no Signature-Input")?;
    let first = claim.signatures()?.first().ok_or("there is no signature")?;
    base(first, facts, Encoding::Form)
}

/// A string; the empty one for what a structured field cannot hold, which then is nobody's key.
fn text(text: &str) -> BareItem {
    BareItem::String(StringRef::from_str(text).unwrap_or(StringRef::EMPTY).to_owned())
}

fn labelled(value: impl Into<ListEntry>) -> String {
    Dictionary::from([(sfv::key_ref(LABEL).to_owned(), value.into())]).serialize().unwrap_or_default()
}
