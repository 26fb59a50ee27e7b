//! Tokens of the provider's own issuer: JSON Web Tokens (RFC 7519) in the compact form of RFC 7515, signed by a key of its JWK set
//! (RFC 7517).
//!
//! Decides what a token claims, which key must have signed it and whether what it claims is good here; the signature itself is checked by
//! the platform. Invariant (RFC 8725): the algorithm follows from the key and is one of three with a public key, so neither `none` nor an
//! HMAC under a public key passes. A token without an end is refused, and so is one with an extension that nobody here knows.

mod keys;
mod members;
#[cfg(test)]
mod tests;
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
mod verify;

use members::{Member, Members};

pub use keys::{InvalidKeys, Keys, PublicKey};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    catalog::TokenIssuer,
    id::CredentialKey,
    time::{MINUTE, Millis, SECOND, Timestamp},
};

/// The longest token, in bytes.
pub const LONGEST: usize = 8 << 10;

/// How far the issuer's clock may be from ours (RFC 7519, section 4.1.4).
pub const LEEWAY: Millis = MINUTE;

/// The end of the year 9999, in seconds since 1970. A date after it is as good.
const LAST_SECOND: i64 = 253_402_300_799;

/// How a token may be signed (RFC 7518, section 3.1, and RFC 8037, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA with P-256 and SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refused {
    /// It is no JWT.
    #[error("it is no JSON Web Token in the compact form")]
    Form,
    /// It is signed with something else than the three algorithms.
    #[error("its `alg` must be RS256, ES256 or EdDSA")]
    Algorithm,
    /// It has an extension in `crit`.
    #[error("its `crit` names an extension that is not known here")]
    Critical,
    /// No key of the issuer fits.
    #[error("its issuer has no key with its `kid` for its `alg`")]
    Key,
    /// Its signature does not hold.
    #[error("its signature does not match")]
    Signature,
    /// Somebody else made it.
    #[error("its `iss` is not the product's issuer")]
    Issuer,
    /// It is for somebody else.
    #[error("its `aud` does not name the product's audience")]
    Audience,
    /// It has no end.
    #[error("it has no `exp`")]
    Endless,
    /// It is over.
    #[error("it has expired")]
    Expired,
    /// It is not good yet.
    #[error("its `nbf` is not here yet")]
    Early,
    /// It names no credential.
    #[error("it lacks the claim that names the credential")]
    Nobody,
}

/// A token as it was sent. Nothing of it is proven.
#[derive(Debug, Clone)]
pub struct Token<'a> {
    /// How it says that it is signed.
    pub algorithm: Algorithm,
    /// Which key it says that it is signed with.
    pub key: Option<String>,
    /// What is signed.
    pub signed: &'a str,
    /// The signature.
    pub signature: Vec<u8>,
    claims: Members,
}

/// Who calls, as a token has it, and until when it says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The credential.
    pub credential: CredentialKey,
    /// From then on the token is not good any more.
    pub until: Timestamp,
}

/// Whether `text` looks like a token: three parts, of which the first begins as a JSON object does.
pub fn is_of_form(text: &str) -> bool {
    text.starts_with("eyJ") && text.bytes().filter(|byte| *byte == b'.').count() == 2
}

impl<'a> Token<'a> {
    /// Reads a token, and proves nothing.
    ///
    /// # Errors
    /// Why it is none that can be good here.
    pub fn read(text: &'a str) -> Result<Self, Refused> {
        if text.len() > LONGEST {
            return Err(Refused::Form);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Refused::Form)?;
        let (header, claims) = signed.split_once('.').ok_or(Refused::Form)?;
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Refused::Form);
        let members = |part: &str| Members::read(&decoded(part)?).ok_or(Refused::Form);
        let (header, claims) = (members(header)?, members(claims)?);
        if header.get("crit").is_some() {
            return Err(Refused::Critical);
        }
        let algorithm = match header.text("alg").ok_or(Refused::Form)? {
            "RS256" => Algorithm::Rs256,
            "ES256" => Algorithm::Es256,
            "EdDSA" | "Ed25519" => Algorithm::EdDsa,
            _ => return Err(Refused::Algorithm),
        };
        let key = match header.get("kid") {
            None => None,
            Some(Member::Text(name)) => Some(name.clone()),
            Some(Member::List(_) | Member::Number(_) | Member::Object(_) | Member::Other) => return Err(Refused::Form),
        };
        Ok(Self { algorithm, key, signed, signature: decoded(signature)?, claims })
    }

    /// Whether what it claims is good at `now`: who calls, and until when.
    ///
    /// # Errors
    /// Why it is not.
    pub fn check(&self, expected: &TokenIssuer, now: Timestamp) -> Result<Claimed, Refused> {
        if self.claims.text("iss") != Some(&expected.issuer) {
            return Err(Refused::Issuer);
        }
        let is_ours = |audience: &Member| matches!(audience, Member::Text(audience) if *audience == expected.audience);
        let is_for_us = match self.claims.get("aud") {
            Some(audience @ Member::Text(_)) => is_ours(audience),
            Some(Member::List(audiences)) => audiences.iter().any(is_ours),
            Some(Member::Number(_) | Member::Object(_) | Member::Other) | None => false,
        };
        if !is_for_us {
            return Err(Refused::Audience);
        }
        let until = self.moment("exp")?.ok_or(Refused::Endless)?.plus(LEEWAY);
        if now >= until {
            return Err(Refused::Expired);
        }
        if self.moment("nbf")?.is_some_and(|from| now.plus(LEEWAY) < from) {
            return Err(Refused::Early);
        }
        let credential = self.claims.text(&expected.claim).and_then(|key| key.parse().ok()).ok_or(Refused::Nobody)?;
        Ok(Claimed { credential, until })
    }

    /// A NumericDate (RFC 7519, section 2), of which the part of a second is left out.
    fn moment(&self, name: &str) -> Result<Option<Timestamp>, Refused> {
        match self.claims.get(name) {
            None => Ok(None),
            Some(Member::Number(seconds)) => {
                Ok(Some(Timestamp::from_millis((*seconds as i64).clamp(0, LAST_SECOND) * SECOND)))
            }
            Some(Member::Text(_) | Member::List(_) | Member::Object(_) | Member::Other) => Err(Refused::Form),
        }
    }
}
