//! What the scheme accepts and refuses, seen from outside: packed requests in, decisions out.

mod clients;
mod cost;
mod node;
mod properties;
mod rules;
mod strict;

use super::*;
use crate::{
    credential::Secret,
    rejection::Rejection,
    request::Facts,
    signature::{Body, Check, Presented, Profile, Signer, Verified, hmac_sha256, present},
    time::Timestamp,
};
use base64::{Engine, engine::general_purpose::STANDARD};

/// When the second of the public vectors was signed.
const NOW: Timestamp = Timestamp::from_millis(1_646_646_682_418);

fn secret() -> Secret {
    Secret::new("appSecret")
}

/// Takes a packed request through [`present`] and [`verify`].
fn check<'a>(packed: &'a str, body: Body<'_>, profile: Profile, now: Timestamp) -> Result<Check<'a>, Rejection> {
    let facts = Facts::unpack(packed).expect("a packed request");
    match present(&facts)? {
        Presented::XCa(claim) => verify(&claim, &facts, body, &secret(), profile, now),
        Presented::AppCode(_) | Presented::Key(_) | Presented::Token(_) | Presented::Rfc9421(_) => {
            Err(Rejection::CredentialUnknown)
        }
    }
}

/// A packed request that carries the signature of `string_to_sign`.
fn packed(method: &str, target: &str, headers: &str, string_to_sign: &str) -> String {
    let signature = STANDARD.encode(hmac_sha256(secret().reveal().as_bytes(), string_to_sign.as_bytes()));
    format!("{method}\nhttps://api.example{target}\n{headers}\nx-ca-signature: {signature}")
}

fn passes(packed: &str, body: &[u8]) -> bool {
    matches!(check(packed, Body::Read(body), Profile::default(), NOW), Ok(Check::Passed(_)))
}
