//! The keys of an issuer: its JWK set (RFC 7517), as far as a token can be signed by them.
//!
//! Invariant: a key is of one algorithm. What is too weak, for something else than signing, or secret is none.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{Algorithm, Member, Members, Refused, Token};

/// The largest set that is read, in bytes.
const LARGEST: usize = 64 << 10;

/// The most keys of a set that are kept. An issuer has a few at a time.
const MOST: usize = 32;

/// RSA: at least 2,048 bits (RFC 7518, section 3.3), and at most 8,192, as each verification costs what its key is long.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1_024;

/// A text that is no JWK set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no JWK set of at most {LARGEST} bytes")]
pub struct InvalidKeys;

/// The keys of an issuer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keys(pub(super) Vec<Key>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    id: Option<String>,
    public: PublicKey,
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// Modulus and exponent, big-endian.
    Rsa {
        /// The modulus.
        modulus: Vec<u8>,
        /// The exponent.
        exponent: Vec<u8>,
    },
    /// The coordinates of a point on P-256.
    P256 {
        /// The first.
        x: [u8; 32],
        /// The second.
        y: [u8; 32],
    },
    /// A point of Ed25519.
    Ed25519([u8; 32]),
}

impl Keys {
    /// Reads a set. Keys that verify nothing here are passed over.
    ///
    /// # Errors
    /// It is no set, or too large.
    pub fn read(text: &str) -> Result<Self, InvalidKeys> {
        if text.len() > LARGEST {
            return Err(InvalidKeys);
        }
        let set = Members::read(text.as_bytes()).ok_or(InvalidKeys)?;
        let Some(Member::List(keys)) = set.get("keys") else { return Err(InvalidKeys) };
        Ok(Self(keys.iter().filter_map(key).take(MOST).collect()))
    }

    /// The key that must have signed a token: the one that it names, or the only one of its algorithm where it names none.
    ///
    /// # Errors
    /// [`Refused::Key`] when there is none, or more than one.
    pub fn of(&self, token: &Token<'_>) -> Result<&PublicKey, Refused> {
        let fits = |key: &&Key| key.public.algorithm() == token.algorithm;
        let is_named = |key: &&Key| token.key.is_none() || key.id == token.key;
        let mut fitting = self.0.iter().filter(fits).filter(is_named);
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(&key.public),
            _ => Err(Refused::Key),
        }
    }
}

impl PublicKey {
    /// The one algorithm that it is for.
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa { .. } => Algorithm::Rs256,
            Self::P256 { .. } => Algorithm::Es256,
            Self::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// The key alone as a JWK (RFC 7517), for an engine that reads one.
    pub fn jwk(&self) -> String {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Rsa { modulus, exponent } => {
                format!(r#"{{"kty":"RSA","n":"{}","e":"{}"}}"#, text(modulus), text(exponent))
            }
            Self::P256 { x, y } => format!(r#"{{"kty":"EC","crv":"P-256","x":"{}","y":"{}"}}"#, text(x), text(y)),
            Self::Ed25519(point) => format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, text(point)),
        }
    }
}

fn key(jwk: &Member) -> Option<Key> {
    let Member::Object(jwk) = jwk else { return None };
    if jwk.get("d").is_some() || jwk.get("use").is_some() && jwk.text("use") != Some("sig") {
        return None;
    }
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(jwk.text(name)?).ok();
    let point = |name: &str| <[u8; 32]>::try_from(bytes(name)?).ok();
    let public = match (jwk.text("kty")?, jwk.text("crv")) {
        ("RSA", _) => {
            let (modulus, exponent) = (bytes("n")?, bytes("e")?);
            let is_sound = RSA_BYTES.contains(&modulus.len()) && modulus[0] != 0 && (1..=8).contains(&exponent.len());
            is_sound.then_some(PublicKey::Rsa { modulus, exponent })?
        }
        ("EC", Some("P-256")) => PublicKey::P256 { x: point("x")?, y: point("y")? },
        ("OKP", Some("Ed25519")) => PublicKey::Ed25519(point("x")?),
        _ => return None,
    };
    let is_its = match (public.algorithm(), jwk.text("alg")) {
        (_, None) => jwk.get("alg").is_none(),
        (Algorithm::Rs256, Some(name)) => name == "RS256",
        (Algorithm::Es256, Some(name)) => name == "ES256",
        (Algorithm::EdDsa, Some(name)) => matches!(name, "EdDSA" | "Ed25519"),
    };
    is_its.then(|| Key { id: jwk.text("kid").map(str::to_owned), public })
}
