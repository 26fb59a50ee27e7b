//! Whether a request was signed by whom it says.
//!
//! [`present`] says what a request claims, in one pass over its headers; each scheme has a module that checks the claim.
//! Invariant: nothing here compares a signature in other than constant time, and no text made here holds a secret.

pub mod appcode;
pub mod xca;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{catalog::AuthScheme, rejection::Rejection, request::Facts, time::Timestamp};

/// What a request shows to say who sent it. Nothing of it is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presented<'a> {
    /// A key and a signature of Alibaba Cloud API Gateway's scheme, for [`xca::verify`].
    XCa(xca::Claim<'a>),
    /// An app code. Who knows it is who it belongs to: finding its hash in the store is the check.
    AppCode(&'a str),
}

/// The body of a request, as far as the gateway has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// It has not been read, and should not be unless it must.
    Unread,
    /// All of it.
    Read(&'a [u8]),
}

/// What a product demands of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Profile {
    /// HMAC-SHA1 is accepted too.
    pub sha1: bool,
    /// Timestamp and nonce must be there and signed, a body must come with a digest or be a signed form, and only the
    /// documented form of the string to sign is accepted.
    pub strict: bool,
}

/// What is left to do with a request whose signature was looked at and not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check<'a> {
    /// It is from whom it says.
    Passed(Verified<'a>),
    /// It cannot be decided without the body: read it and ask again.
    NeedsBody,
}

/// What a signature that holds says beside who made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified<'a> {
    /// To be taken once per credential while a timestamp may be valid. Not empty.
    pub nonce: Option<&'a str>,
    /// When the request was signed, where that is itself under the signature.
    pub signed_at: Option<Timestamp>,
}

/// What the request claims to be signed with.
///
/// # Errors
///
/// [`Rejection::CredentialMissing`] when nothing names a credential, [`Rejection::SignatureMissing`] when a key came
/// without a signature.
pub fn present<'a>(facts: &Facts<'a>) -> Result<Presented<'a>, Rejection> {
    let mut claim = xca::Claim::default();
    let mut app_code = None;
    for &(name, value) in &facts.headers {
        if !claim.take(name, value) && name == "authorization" {
            app_code = app_code.or(appcode::read(value));
        }
    }
    match app_code {
        _ if !claim.key.is_empty() => {
            if claim.signature.is_empty() {
                return Err(Rejection::SignatureMissing);
            }
            Ok(Presented::XCa(claim))
        }
        Some(code) => Ok(Presented::AppCode(code)),
        None => Err(Rejection::CredentialMissing),
    }
}

impl Presented<'_> {
    /// Which of the schemes that a product may accept this is.
    pub fn scheme(&self) -> AuthScheme {
        match self {
            Self::XCa(_) => AuthScheme::XCa,
            Self::AppCode(_) => AuthScheme::AppCode,
        }
    }
}

/// HMAC-SHA256 (RFC 2104).
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = keyed::<Hmac<Sha256>>(key);
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// An HMAC under `key`. HMAC takes keys of every length, so there is no error to give; the empty key stands for none.
fn keyed<M: KeyInit>(key: &[u8]) -> M {
    M::new_from_slice(key).unwrap_or_else(|_| M::new(&Default::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presented(headers: &str) -> Result<(AuthScheme, String), Rejection> {
        let packed = format!("GET\nhttps://h/\n{headers}");
        let facts = Facts::unpack(&packed).unwrap();
        present(&facts).map(|presented| match &presented {
            Presented::XCa(claim) => (presented.scheme(), claim.key.to_owned()),
            Presented::AppCode(code) => (presented.scheme(), (*code).to_owned()),
        })
    }

    #[test]
    fn a_request_says_which_scheme_it_uses() {
        assert_eq!(presented("x-ca-key: k\nx-ca-signature: s"), Ok((AuthScheme::XCa, "k".into())));
        assert_eq!(presented("authorization: APPCODE c"), Ok((AuthScheme::AppCode, "c".into())));
        assert_eq!(presented("authorization: Bearer t"), Err(Rejection::CredentialMissing));
        assert_eq!(presented("accept: */*"), Err(Rejection::CredentialMissing));
    }

    #[test]
    fn a_key_without_signature_is_refused_even_beside_an_app_code() {
        assert_eq!(presented("x-ca-key: k\nauthorization: APPCODE c"), Err(Rejection::SignatureMissing));
        assert_eq!(presented("x-ca-key: k\nx-ca-signature: "), Err(Rejection::SignatureMissing));
    }
}
