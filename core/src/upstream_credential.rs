//! Secrets that upstreams demand of whoever calls them, as the store holds them.
//!
//! Invariant: a secret is stored only sealed. Its name is part of what is sealed, so none can be put in another's place. One that
//! could not stand in a header field is not kept.

use serde::{Deserialize, Serialize};

use crate::{
    credential::{MasterKey, SealError, Secret},
    id::UpstreamCredentialName,
    time::Timestamp,
};

/// Where the store holds them.
pub const UPSTREAM_CREDENTIALS: &str = "upstream-credential/";

/// The longest secret, in bytes.
pub const LONGEST: usize = 4_096;

/// A secret as the key-value store holds it, under `upstream-credential/{name}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamCredential {
    /// The provider's name for it.
    pub name: UpstreamCredentialName,
    /// The sealed secret.
    pub sealed: String,
    /// When it was set.
    pub set: Timestamp,
}

/// Where the store holds the secret of this name.
pub fn upstream_credential_entry(name: &UpstreamCredentialName) -> String {
    format!("{UPSTREAM_CREDENTIALS}{name}")
}

impl UpstreamCredential {
    /// Seals `secret` under `name`. `nonce` must be random and never be used twice.
    ///
    /// # Errors
    /// The cipher refuses it.
    pub fn seal(
        master_key: &MasterKey,
        name: UpstreamCredentialName,
        secret: &Secret,
        nonce: [u8; 12],
        set: Timestamp,
    ) -> Result<Self, SealError> {
        let sealed = master_key.seal(upstream_credential_entry(&name).as_str(), secret, nonce)?;
        Ok(Self { name, sealed, set })
    }

    /// The secret, where it was sealed under `name` with this master key.
    ///
    /// # Errors
    /// It was sealed with another key, or under another name.
    pub fn open(&self, master_key: &MasterKey, name: &UpstreamCredentialName) -> Result<Secret, SealError> {
        master_key.open(upstream_credential_entry(name).as_str(), &self.sealed)
    }
}

/// Whether a text can be a secret in a header field (RFC 9110, section 5.5): printable ASCII, with no blank at either end.
pub fn is_secret(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && text.trim() == text && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};

    use super::*;

    #[test]
    fn a_secret_opens_under_its_own_name_only() {
        let master_key = MasterKey::from_base64(&STANDARD.encode([7; 32])).unwrap();
        let [maps, mail]: [UpstreamCredentialName; 2] = ["maps", "mail"].map(|name| name.parse().unwrap());
        let kept =
            UpstreamCredential::seal(&master_key, maps.clone(), &Secret::new("hush"), [1; 12], Timestamp::default());
        let kept = kept.unwrap();
        assert!(!serde_json::to_string(&kept).unwrap().contains("hush"));
        assert_eq!(kept.open(&master_key, &maps).unwrap().reveal(), "hush");
        assert_eq!(kept.open(&master_key, &mail), Err(SealError::Sealed));
    }

    #[test]
    fn a_secret_can_stand_in_a_header_field() {
        for right in ["x", "sk-live 1~", &"x".repeat(LONGEST)] {
            assert!(is_secret(right), "{right}");
        }
        for wrong in ["", " x", "x ", "a\nb", "a\rb", "caf\u{e9}", "\u{7f}", &"x".repeat(LONGEST + 1)] {
            assert!(!is_secret(wrong), "{wrong:?}");
        }
    }
}
