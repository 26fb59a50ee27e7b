//! Credentials: what one says of itself in the key-value store, and how its secret is kept there.
//!
//! Invariant: a secret is stored only sealed (AES-256-GCM under the deployment's master key, with the credential's key
//! as associated data, so that a sealed secret cannot be moved to another credential) and an app code only as its
//! SHA-256. Neither can be read out of the store, out of a log or out of a `Debug` print.

use std::{borrow::Borrow, fmt};

use aes_gcm::{
    Aes256Gcm, Key, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    address::{self, AddressRange},
    id::{AccountId, CredentialKey, ProductId},
    signature::{hmac_sha256, keyed},
    time::Timestamp,
};

/// The deployment's master key: 32 bytes, given as base64.
#[derive(Clone)]
pub struct MasterKey([u8; 32]);

/// A secret in the clear. Prints as dots.
///
/// It holds what HMAC-SHA256 makes of it as a key, which each call would make anew: two of the ten blocks that a usual
/// signature is hashed in.
#[derive(Clone)]
pub struct Secret {
    text: String,
    keyed: Hmac<Sha256>,
}

/// Why a secret could not be opened, or a master key not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The master key is not 32 bytes in base64.
    #[error("the master key must be 32 bytes in base64")]
    MasterKey,
    /// The sealed secret is not of this master key and this credential.
    #[error("the secret cannot be opened with this master key")]
    Sealed,
}

/// A credential as the key-value store holds it, under `credential/{key}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// What the caller sends to name it.
    pub key: CredentialKey,
    /// Who pays.
    pub account: AccountId,
    /// The sealed secret, base64 of nonce and ciphertext.
    pub sealed_secret: String,
    /// Base64 of the SHA-256 of the app code.
    pub app_code_hash: String,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is refused, because somebody revoked it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
    /// From when on it is refused, because its time is over; `None` for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// The products it may use; `None` for all that the account may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub products: Option<Vec<ProductId>>,
    /// The addresses it may be used from; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addresses: Option<Vec<AddressRange>>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it was asked for with, where the request had a name of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
}

impl Credential {
    /// The credential `key` of `account` with a sealed secret, as it is unless somebody asks for less: for every product, from
    /// everywhere, for ever, and without an app code.
    pub const fn new(key: CredentialKey, account: AccountId, sealed_secret: String, created: Timestamp) -> Self {
        Self {
            key,
            account,
            sealed_secret,
            app_code_hash: String::new(),
            created,
            revoked: None,
            expires: None,
            products: None,
            addresses: None,
            name: None,
            asked: None,
        }
    }

    /// Whether the credential may be used at `now`.
    pub fn is_active(&self, now: Timestamp) -> bool {
        [self.revoked, self.expires].into_iter().flatten().all(|end| now < end)
    }

    /// Whether the credential may be used from the address that the platform names, where it does.
    pub fn may_call_from<'a>(&self, named: impl FnOnce() -> Option<&'a str>) -> bool {
        let Some(ranges) = &self.addresses else { return true };
        let caller = named().and_then(address::address);
        caller.is_some_and(|caller| ranges.iter().any(|range| range.contains(caller)))
    }

    /// Whether the credential may use `product`.
    pub fn may_use(&self, product: &ProductId) -> bool {
        self.products.as_ref().is_none_or(|products| products.contains(product))
    }
}

/// Where the store holds a credential.
pub fn credential_entry(key: &CredentialKey) -> String {
    format!("credential/{key}")
}

/// Where the store holds the key of the credential that has an app code.
pub fn app_code_entry(app_code_hash: &str) -> String {
    format!("app-code/{app_code_hash}")
}

/// What is stored of an app code.
pub fn hash_app_code(app_code: &str) -> String {
    STANDARD.encode(Sha256::digest(app_code.as_bytes()))
}

impl MasterKey {
    /// Reads the key from its base64 form.
    pub fn from_base64(text: &str) -> Result<Self, SealError> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_| SealError::MasterKey)?;
        bytes.try_into().map(Self).map_err(|_| SealError::MasterKey)
    }

    /// Seals `secret` for `key`, the name of what it is the secret of. `nonce` must be random and never be used twice.
    pub fn seal(
        &self,
        key: &(impl Borrow<str> + ?Sized),
        secret: &Secret,
        nonce: [u8; 12],
    ) -> Result<String, SealError> {
        let payload = Payload { msg: secret.text.as_bytes(), aad: key.borrow().as_bytes() };
        let sealed = self.cipher().encrypt(&Nonce::from(nonce), payload).map_err(|_| SealError::Sealed)?;
        Ok(STANDARD.encode([&nonce[..], &sealed].concat()))
    }

    /// Opens what [`MasterKey::seal`] made for `key`.
    pub fn open(&self, key: &(impl Borrow<str> + ?Sized), sealed: &str) -> Result<Secret, SealError> {
        let bytes = STANDARD.decode(sealed).map_err(|_| SealError::Sealed)?;
        let (nonce, sealed) = bytes.split_first_chunk::<12>().ok_or(SealError::Sealed)?;
        let payload = Payload { msg: sealed, aad: key.borrow().as_bytes() };
        let secret = self.cipher().decrypt(&Nonce::from(*nonce), payload).map_err(|_| SealError::Sealed)?;
        String::from_utf8(secret).map(Secret::new).map_err(|_| SealError::Sealed)
    }

    /// The secret with which the gateway signs what it sends to the upstream of `product`, so that the upstream can
    /// tell its calls from others'. Derived, so that nothing needs to be stored: HMAC-SHA256 of the product's id.
    pub fn upstream_secret(&self, product: &ProductId) -> Secret {
        let message = format!("farebox upstream {product}");
        Secret::new(STANDARD.encode(hmac_sha256(&self.0, message.as_bytes())))
    }

    /// 32 bytes that nobody can guess without the master key, always the same for `purpose`.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        hmac_sha256(&self.0, format!("farebox derived {purpose}").as_bytes())
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new(&Key::<Aes256Gcm>::from(self.0))
    }
}

impl Secret {
    /// A secret with this text.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let keyed = keyed(text.as_bytes());
        Self { text, keyed }
    }

    /// The text, to sign with or to show once.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// HMAC-SHA256 (RFC 2104) of `message` under the secret.
    pub fn hmac_sha256(&self, message: &[u8]) -> [u8; 32] {
        self.keyed.clone().chain_update(message).finalize().into_bytes().into()
    }

    /// HMAC-SHA256 under the secret, of nothing yet.
    pub(crate) const fn keyed(&self) -> &Hmac<Sha256> {
        &self.keyed
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master() -> MasterKey {
        MasterKey::from_base64(&STANDARD.encode([7; 32])).unwrap()
    }

    #[test]
    fn a_sealed_secret_opens_only_for_its_own_key() {
        let key = "key-1";
        let sealed = master().seal(key, &Secret::new("hush"), [1; 12]).unwrap();
        assert_eq!(master().open(key, &sealed).unwrap().reveal(), "hush");
        assert_eq!(master().open("key-2", &sealed), Err(SealError::Sealed));
        let other = MasterKey::from_base64(&STANDARD.encode([8; 32])).unwrap();
        assert_eq!(other.open(key, &sealed), Err(SealError::Sealed));
        assert_eq!(master().open(key, "AAAA"), Err(SealError::Sealed));
    }

    #[test]
    fn a_secret_signs_as_its_text_does() {
        for text in ["", "hush", &"long ".repeat(40)] {
            assert_eq!(Secret::new(text).hmac_sha256(b"message"), hmac_sha256(text.as_bytes(), b"message"));
        }
    }

    #[test]
    fn secrets_do_not_print() {
        assert_eq!(format!("{:?} {:?}", Secret::new("hush"), master()), "Secret(…) MasterKey(…)");
    }
}
