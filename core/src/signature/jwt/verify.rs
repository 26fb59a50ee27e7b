//! Whether a signature holds, where the platform has no engine of its own for that: everywhere but on Workers.
//!
//! Invariant: only verification; no secret is near, so nothing here can tell of one by its timing.

use ed25519_dalek::VerifyingKey as Ed25519Key;
use p256::ecdsa::{Signature as P256Signature, VerifyingKey as P256Key, signature::Verifier};
use rsa::{BoxedUint, Pkcs1v15Sign, PublicKey as RsaKey};
use sha2::{Digest, Sha256};

use super::PublicKey;

impl PublicKey {
    /// Whether `signature` is its owner's over `message` (RFC 7518, sections 3.3 and 3.4; RFC 8037, section 3.1).
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let holds = match self {
            Self::Rsa { modulus, exponent } => rsa(modulus, exponent, message, signature),
            Self::P256 { x, y } => p256(x, y, message, signature),
            Self::Ed25519(point) => ed25519(point, message, signature),
        };
        holds.is_some()
    }
}

fn rsa(modulus: &[u8], exponent: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let [modulus, exponent] = [modulus, exponent].map(BoxedUint::from_be_slice_vartime);
    let key = RsaKey::new(modulus, exponent).ok()?;
    key.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message), signature).ok()
}

fn p256(x: &[u8; 32], y: &[u8; 32], message: &[u8], signature: &[u8]) -> Option<()> {
    let point = [&[4], x.as_slice(), y].concat();
    let key = P256Key::from_sec1_bytes(&point).ok()?;
    key.verify(message, &P256Signature::from_slice(signature).ok()?).ok()
}

fn ed25519(point: &[u8; 32], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = Ed25519Key::from_bytes(point).ok()?;
    key.verify_strict(message, &ed25519_dalek::Signature::from_slice(signature).ok()?).ok()
}
