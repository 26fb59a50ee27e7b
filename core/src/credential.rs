//! Credentials: what one says of itself in the key-value store, and how its secret is kept there.
//!
//! Invariant: a secret is stored only sealed (AES-256-GCM), and a plain key only as its SHA-256. The credential's key is the
//! seal's associated data, so a sealed secret cannot be moved to another credential. Neither can be read out of the store, out of
//! a log or out of a `Debug` print. The master key itself does nothing but make other keys (HKDF, RFC 5869), one for each
//! purpose. A sealed text says which master key it needs.

use std::{borrow::Borrow, fmt};

use aes_gcm::{
    Aes256Gcm, Key, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{
    address::{self, AddressRange},
    credential_limit::CredentialLimit,
    id::{AccountId, CredentialKey, ProductId},
    signature::{hmac_sha256, keyed},
    time::Timestamp,
};

/// The deployment's master key: 32 bytes, given as base64.
#[derive(Clone)]
pub struct MasterKey {
    /// The bytes: what was sealed before there were keys for each purpose was sealed with them.
    bytes: [u8; 32],
    /// What HKDF extracts of them.
    extracted: [u8; 32],
    /// Names it, and tells nothing of it.
    id: String,
}

/// What HKDF extracts with: so that no other use of the same bytes comes to the same keys.
const SALT: &[u8] = b"farebox master key";

/// What a sealed secret begins with, before the id of its master key. What has no such mark is base64 alone and was sealed with the
/// bytes of the master key.
const FORM: &str = "1.";

/// A secret in the clear. Prints as dots.
///
/// It holds what HMAC-SHA256 makes of it as a key. Each call would make that anew: two of the ten blocks in which a usual
/// signature is hashed.
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
    /// The secret was sealed with another master key than this.
    #[error("the secret was sealed with the master key {sealed}, and this deployment has {ours}")]
    OtherKey {
        /// The id of the one.
        sealed: String,
        /// The id of the other.
        ours: String,
    },
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
    /// Base64 of the SHA-256 of the plain key, which is also the app code.
    pub app_code_hash: String,
    /// The last four characters of the plain key; `None` where it was imported by its hash, or made before they were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_four: Option<String>,
    /// Its calls go to products' test stages, and are not charged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_test: bool,
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
    /// What its calls may come to; empty where that is not limited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<CredentialLimit>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it was asked for with, where the request had a name of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
}

impl Credential {
    /// The credential `key` of `account` with a sealed secret. It holds for every product, from everywhere and for ever until
    /// somebody asks for less, and has no plain key.
    pub const fn new(key: CredentialKey, account: AccountId, sealed_secret: String, created: Timestamp) -> Self {
        Self {
            key,
            account,
            sealed_secret,
            app_code_hash: String::new(),
            last_four: None,
            is_test: false,
            created,
            revoked: None,
            expires: None,
            products: None,
            addresses: None,
            limits: Vec::new(),
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

/// Where the store holds the key of the credential that has a plain key with this hash (see [`crate::plain_key::hash`]), which
/// is also its app code.
pub fn plain_key_entry(hash: &str) -> String {
    format!("app-code/{hash}")
}

impl MasterKey {
    /// Reads the key from its base64 form.
    pub fn from_base64(text: &str) -> Result<Self, SealError> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_| SealError::MasterKey)?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| SealError::MasterKey)?;
        let mut key = Self { bytes, extracted: hmac_sha256(SALT, &bytes), id: String::new() };
        key.id = key.key_for("id")[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(key)
    }

    /// The key for a purpose: HKDF's first and only block (RFC 5869, section 2.3).
    fn key_for(&self, purpose: &str) -> [u8; 32] {
        hmac_sha256(&self.extracted, &[purpose.as_bytes(), &[1]].concat())
    }

    /// Names the key: 8 hexadecimal digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Seals `secret` for `key`, the name of what it is the secret of. `nonce` must be random and never be used twice.
    pub fn seal(
        &self,
        key: &(impl Borrow<str> + ?Sized),
        secret: &Secret,
        nonce: [u8; 12],
    ) -> Result<String, SealError> {
        let payload = Payload { msg: secret.text.as_bytes(), aad: key.borrow().as_bytes() };
        let cipher = cipher(self.key_for("seal"));
        let sealed = cipher.encrypt(&Nonce::from(nonce), payload).map_err(|_| SealError::Sealed)?;
        Ok(format!("{FORM}{}.{}", self.id, STANDARD.encode([&nonce[..], &sealed].concat())))
    }

    /// Opens what [`MasterKey::seal`] made for `key`.
    pub fn open(&self, key: &(impl Borrow<str> + ?Sized), sealed: &str) -> Result<Secret, SealError> {
        let (opens, sealed) = match sealed.strip_prefix(FORM).and_then(|rest| rest.split_once('.')) {
            None => (self.bytes, sealed),
            Some((id, sealed)) if id == self.id => (self.key_for("seal"), sealed),
            Some((id, _)) => return Err(SealError::OtherKey { sealed: id.to_owned(), ours: self.id.clone() }),
        };
        let bytes = STANDARD.decode(sealed).map_err(|_| SealError::Sealed)?;
        let (nonce, sealed) = bytes.split_first_chunk::<12>().ok_or(SealError::Sealed)?;
        let payload = Payload { msg: sealed, aad: key.borrow().as_bytes() };
        let secret = cipher(opens).decrypt(&Nonce::from(*nonce), payload).map_err(|_| SealError::Sealed)?;
        String::from_utf8(secret).map(Secret::new).map_err(|_| SealError::Sealed)
    }

    /// The secret with which the gateway signs what it sends to the upstream of `product`, so that the upstream can
    /// tell its calls from others'. Derived, so that nothing needs to be stored.
    pub fn upstream_secret(&self, product: &ProductId) -> Secret {
        Secret::new(STANDARD.encode(self.key_for(&format!("upstream {product}"))))
    }

    /// What a tag of `name` is taken from (see [`crate::plain_key`]).
    pub(crate) fn tag_of(&self, name: &str) -> [u8; 32] {
        self.key_for(&format!("tag {name}"))
    }

    /// 32 bytes that nobody can guess without the master key, always the same for `purpose`.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        self.key_for(&format!("derived {purpose}"))
    }
}

fn cipher(key: [u8; 32]) -> Aes256Gcm {
    Aes256Gcm::new(&Key::<Aes256Gcm>::from(key))
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
        let (ours, of) = (other.id().to_owned(), master().id().to_owned());
        assert_eq!(other.open(key, &sealed), Err(SealError::OtherKey { sealed: of.clone(), ours }));
        for wrong in
            ["", "AAAA", "1.", "1.x", &format!("1.{of}."), &format!("1.{of}.AAAA"), &sealed.replace("1.", "2.")]
        {
            assert!(master().open(key, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_was_sealed_with_the_master_key_itself_is_opened() {
        let payload = Payload { msg: b"hush", aad: b"key-1" };
        let sealed = cipher([7; 32]).encrypt(&Nonce::from([1; 12]), payload).unwrap();
        let sealed = STANDARD.encode([&[1; 12][..], &sealed].concat());
        assert_eq!(sealed, "AQEBAQEBAQEBAQEBHpT636bwSM1WPbGRwVPQxREyg6U=", "as it stands in stores");
        assert_eq!(master().open("key-1", &sealed).unwrap().reveal(), "hush");
        assert_eq!(master().open("key-2", &sealed), Err(SealError::Sealed));
    }

    #[test]
    fn each_purpose_has_a_key_of_its_own_by_hkdf() {
        // RFC 5869 with SHA-256, as any other implementation of it has them.
        let seal = master().key_for("seal");
        let hex: String = seal.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            (hex.as_str(), master().id()),
            ("350632e41aac5b0c0d087be3e03c75165352bc9cd273994f3d0565e9a6c5a698", "a2b5daf8")
        );
        let product: ProductId = "echo".parse().unwrap();
        let keys = [seal, master().key_for("upstream echo"), master().derive("upstream echo"), [7; 32]];
        assert_eq!(master().upstream_secret(&product).reveal(), STANDARD.encode(keys[1]));
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(key));
        }
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
