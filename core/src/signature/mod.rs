//! Whether a request was signed by whom it says.
//!
//! [`present`] says what a request claims, in one pass over its headers; each scheme has a module that checks the claim.
//! Invariant: nothing here compares a signature in other than constant time, and no text made here holds a secret.

pub mod appcode;
pub mod jwt;
pub mod plain;
pub mod rfc9421;
pub mod xca;

use std::borrow::Cow;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    catalog::AuthScheme,
    credential::Secret,
    rejection::Rejection,
    request::Facts,
    time::{MINUTE, Millis, Timestamp},
};

/// How far a timestamp may be from the server's time, either way. A request can thus be sent again for twice as long.
pub const WINDOW: Millis = 15 * MINUTE;

/// How long a nonce is known: as long as a timestamp is good that was ahead of our clock by all that it may be.
pub const NONCE_KNOWN_FOR: Millis = 2 * WINDOW;

/// The longest nonce, in bytes: what is kept of calls is bounded by their number.
pub const LONGEST_NONCE: usize = 128;

/// How many bytes of the server's string to sign a caller is shown.
const LONGEST_SHOWN: usize = 16 << 10;

/// What a request shows to say who sent it. Nothing of it is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presented<'a> {
    /// A key and a signature of Alibaba Cloud API Gateway's scheme, for [`xca::verify`].
    XCa(xca::Claim<'a>),
    /// Signatures of RFC 9421, for [`rfc9421::verify`].
    Rfc9421(rfc9421::Claim),
    /// An app code. Who knows it is who it belongs to: finding its hash in the store is the check.
    AppCode(&'a str),
    /// A plain key, in a header field or in the query. The same holds for it.
    Key(Cow<'a, str>),
    /// A bearer of the form of a JSON Web Token, for [`jwt::Token::read`]. Where the product takes none, it is a plain key: those of
    /// other systems may look like anything.
    Token(&'a str),
}

/// The body of a request, as far as the gateway has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// It has not been read, and should not be unless it must.
    Unread,
    /// All of it.
    Read(&'a [u8]),
}

impl Body<'_> {
    /// Whether there is one; `None` when only reading tells.
    fn is_there(self, facts: &Facts<'_>) -> Option<bool> {
        match self {
            Self::Read(bytes) => Some(!bytes.is_empty()),
            Self::Unread if facts.content_length().is_some_and(|length| length > 0) => Some(true),
            Self::Unread if facts.may_have_body => None,
            Self::Unread => Some(false),
        }
    }

    /// The body, where it is known without reading that there is none.
    fn settled(self, facts: &Facts<'_>) -> Self {
        if self.is_there(facts) == Some(false) { Self::Read(&[]) } else { self }
    }
}

/// That the signature is not over `text`, of which the caller is shown the beginning: it may be as long as a form.
fn mismatch(mut text: String) -> Rejection {
    text.truncate(text.floor_char_boundary(LONGEST_SHOWN));
    Rejection::SignatureInvalid { string_to_sign: Some(text) }
}

/// Refuses a nonce that is too long to be kept.
fn check_nonce(nonce: &str) -> Result<(), Rejection> {
    if nonce.len() > LONGEST_NONCE {
        return Err(Rejection::RequestMalformed("the nonce is longer than 128 bytes"));
    }
    Ok(())
}

/// What a product demands of an x-ca signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Profile {
    /// HMAC-SHA1 is accepted too.
    pub sha1: bool,
    /// Timestamp and nonce must be there and signed. A body must come with a digest or be a signed form. Only the documented form
    /// of the string to sign is accepted, and only for parameters of which no others give the same string.
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

/// Who signs, and what makes this signature unlike every other.
#[derive(Debug, Clone)]
pub struct Signer<'a> {
    /// The credential's key.
    pub key: &'a str,
    /// The credential's secret.
    pub secret: &'a Secret,
    /// When.
    pub now: Timestamp,
    /// Unique for this credential for at least 15 minutes.
    pub nonce: &'a str,
}

/// A signature and what it was made over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The headers to add to the request: names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// What was signed, for [`xca::explain()`].
    pub string_to_sign: String,
}

/// Why a request is refused that has a body where none can be forwarded on every platform (RFC 9110, section 9.3.1). It would be
/// dropped, and the call charged for something else than was asked.
pub const BODY_WHERE_NONE_GOES: Rejection =
    Rejection::RequestMalformed("a body on GET or HEAD cannot be forwarded; send it with POST");

/// What the request claims to be signed with.
///
/// # Errors
///
/// [`Rejection::CredentialMissing`] when nothing names a credential, [`Rejection::SignatureMissing`] when a key came
/// without a signature, and why the request is none that can be forwarded.
pub fn present<'a>(facts: &Facts<'a>) -> Result<Presented<'a>, Rejection> {
    let mut claim = xca::Claim::default();
    let mut signatures = rfc9421::Fields::default();
    let (mut app_code, mut bearer, mut api_key) = (None, None, None);
    for &(name, value) in &facts.headers {
        if claim.take(name, value) {
        } else if name == "authorization" {
            app_code = app_code.or(appcode::read(value));
            bearer = bearer.or_else(|| plain::bearer(value));
        } else if name == "sec-websocket-key" {
            // What asks for an upgrade, `Upgrade` itself, is taken away by some platforms.
            return Err(Rejection::UpgradeUnsupported);
        } else if name == "x-api-key" {
            api_key = api_key.or(plain::api_key(value));
        } else {
            signatures.take(name, value);
        }
    }
    if !claim.key.is_empty() {
        return if claim.signature.is_empty() { Err(Rejection::SignatureMissing) } else { Ok(Presented::XCa(claim)) };
    }
    let key = match bearer {
        Some(token) if jwt::is_of_form(token) => Some(Presented::Token(token)),
        bearer => bearer.or(api_key).map(|key| Presented::Key(key.into())),
    };
    // A signature that cannot be ours may belong to somebody on the way. It does not stand in the way of an app code or a key.
    match (signatures.claim(), app_code.map(Presented::AppCode).or(key)) {
        (Some(claim), None) => Ok(Presented::Rfc9421(claim)),
        (Some(claim), Some(_)) if claim.signatures().is_ok() => Ok(Presented::Rfc9421(claim)),
        (_, Some(presented)) => Ok(presented),
        (None, None) => Err(Rejection::CredentialMissing(Vec::new())),
    }
}

impl Presented<'_> {
    /// Which of the schemes that a product may accept this is.
    pub fn scheme(&self) -> AuthScheme {
        match self {
            Self::XCa(_) => AuthScheme::XCa,
            Self::Rfc9421(_) => AuthScheme::Rfc9421,
            Self::AppCode(_) => AuthScheme::AppCode,
            Self::Key(_) => AuthScheme::Key,
            Self::Token(_) => AuthScheme::Jwt,
        }
    }

    /// The same for a product that takes `schemes`.
    #[must_use]
    pub fn as_taken_by(self, schemes: &[AuthScheme]) -> Self {
        match self {
            Self::Token(token) if !schemes.contains(&AuthScheme::Jwt) => Self::Key(token.into()),
            presented => presented,
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
pub(crate) fn keyed<M: KeyInit>(key: &[u8]) -> M {
    M::new_from_slice(key).unwrap_or_else(|_| M::new(&Default::default()))
}

/// A header value as its sender meant it. Clients sign UTF-8 and send its bytes, which some platforms hand over one character per
/// byte. Text that reads as UTF-8 when taken back to bytes was such.
fn as_sent(value: &str) -> Cow<'_, str> {
    if value.is_ascii() {
        return Cow::Borrowed(value);
    }
    let bytes: Option<Vec<u8>> = value.chars().map(|c| u8::try_from(c).ok()).collect();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).map_or(Cow::Borrowed(value), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presented(headers: &str) -> Result<(AuthScheme, String), Rejection> {
        let packed = format!("GET\nhttps://h/\n{headers}");
        let facts = Facts::unpack(&packed).unwrap();
        present(&facts).map(|presented| match &presented {
            Presented::XCa(claim) => (presented.scheme(), claim.key.to_owned()),
            Presented::Rfc9421(claim) => {
                let key = |signatures: &[rfc9421::Signature]| signatures[0].key.clone();
                (presented.scheme(), claim.signatures().map_or_else(str::to_owned, key))
            }
            Presented::AppCode(code) => (presented.scheme(), (*code).to_owned()),
            Presented::Key(key) => (presented.scheme(), key.to_string()),
            Presented::Token(token) => (presented.scheme(), (*token).to_owned()),
        })
    }

    #[test]
    fn a_request_says_which_scheme_it_uses() {
        assert_eq!(presented("x-ca-key: k\nx-ca-signature: s"), Ok((AuthScheme::XCa, "k".into())));
        assert_eq!(presented("authorization: APPCODE c"), Ok((AuthScheme::AppCode, "c".into())));
        assert_eq!(presented("authorization: Bearer t"), Ok((AuthScheme::Key, "t".into())));
        assert_eq!(presented("x-api-key: k"), Ok((AuthScheme::Key, "k".into())));
        assert_eq!(presented("x-api-key: k\nauthorization: Bearer t"), Ok((AuthScheme::Key, "t".into())));
        assert_eq!(presented("x-api-key: k\nauthorization: Basic t"), Ok((AuthScheme::Key, "k".into())));
        assert_eq!(presented("authorization: Bearer eyJx.y.z"), Ok((AuthScheme::Jwt, "eyJx.y.z".into())));
        assert_eq!(presented("x-api-key: eyJx.y.z"), Ok((AuthScheme::Key, "eyJx.y.z".into())));
        assert_eq!(presented("sec-websocket-key: x\nx-api-key: k"), Err(Rejection::UpgradeUnsupported));
        assert_eq!(presented("authorization: Basic t"), Err(Rejection::CredentialMissing(Vec::new())));
        assert_eq!(presented("accept: */*"), Err(Rejection::CredentialMissing(Vec::new())));
    }

    #[test]
    fn a_signature_that_cannot_be_ours_is_passed_over_for_an_app_code() {
        let ours = "signature-input: s=(\"@method\");keyid=\"k\"\nsignature: s=:AA==:";
        let foreign = "signature-input: s=(\"@method\");keyid=\"k\";alg=\"ed25519\"\nsignature: s=:AA==:";
        assert_eq!(presented(ours), Ok((AuthScheme::Rfc9421, "k".into())));
        assert_eq!(presented(&format!("{ours}\nauthorization: APPCODE c")), Ok((AuthScheme::Rfc9421, "k".into())));
        assert_eq!(presented(&format!("{ours}\nx-ca-key: x\nx-ca-signature: y")), Ok((AuthScheme::XCa, "x".into())));
        assert_eq!(presented(&format!("{foreign}\nauthorization: APPCODE c")), Ok((AuthScheme::AppCode, "c".into())));
        assert_eq!(presented(&format!("{ours}\nauthorization: Bearer b")), Ok((AuthScheme::Rfc9421, "k".into())));
        assert_eq!(presented(&format!("{foreign}\nauthorization: Bearer b")), Ok((AuthScheme::Key, "b".into())));
        assert_eq!(presented(foreign), Ok((AuthScheme::Rfc9421, "`alg` must be hmac-sha256".into())));
        assert_eq!(presented("signature: keyId=k"), Err(Rejection::CredentialMissing(Vec::new())));
    }

    #[test]
    fn a_key_without_signature_is_refused_even_beside_an_app_code() {
        assert_eq!(presented("x-ca-key: k\nauthorization: APPCODE c"), Err(Rejection::SignatureMissing));
        assert_eq!(presented("x-ca-key: k\nx-api-key: c"), Err(Rejection::SignatureMissing));
        assert_eq!(presented("x-ca-key: k\nx-ca-signature: "), Err(Rejection::SignatureMissing));
    }
}
