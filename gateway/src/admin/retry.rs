//! Making things once, however often the request is sent: for what the ledger does not book.
//!
//! Invariant: what a request makes under an idempotency key (ids, secrets) is derived from that key and the master key, so
//! that a repetition makes the same thing again, also when both come at once and neither sees what the other wrote.

use farebox_core::{
    signature::hmac_sha256,
    time::{DAY, Millis},
};
use serde_json::Value;

use super::{AdminPorts, Call, RANDOM_BYTES, failure::Failure};

/// How long a repetition is answered with the secret that was made.
pub(super) const SECRETS_REPEATED: Millis = DAY;

/// What new things are made from.
pub(super) struct Seed {
    bytes: [u8; RANDOM_BYTES],
    /// What was asked for, as it is kept to tell a repetition from another request under the same key. `None` when the
    /// request has no key.
    pub(super) asked: Option<String>,
}

impl Seed {
    /// For a new id.
    pub(super) fn id(&self) -> &[u8] {
        &self.bytes[10..20]
    }

    /// For a new secret.
    pub(super) fn secret(&self) -> &[u8] {
        &self.bytes[20..52]
    }

    /// For a new app code.
    pub(super) fn app_code(&self) -> &[u8] {
        &self.bytes[52..68]
    }

    /// To seal with.
    pub(super) fn nonce(&self) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce.copy_from_slice(&self.bytes[68..80]);
        nonce
    }
}

impl<P: AdminPorts> Call<'_, P> {
    /// What this request makes new things from. `scope` says what it makes, and for whom.
    pub(super) fn seed(&self, scope: &str) -> Result<Seed, Failure> {
        if self.request.idempotency_key.is_none() {
            return Ok(Seed { bytes: self.random, asked: None });
        }
        let key = self.idempotency_key()?.0;
        let mut bytes = [0; RANDOM_BYTES];
        for (part, bytes) in bytes.chunks_mut(32).enumerate() {
            let derived = self.settings.master_key.derive(&format!("{scope}/{part}/{key}"));
            bytes.copy_from_slice(&derived[..bytes.len()]);
        }
        let asked = hmac_sha256(b"asked", self.body::<Value>()?.to_string().as_bytes());
        Ok(Seed { bytes, asked: Some(asked.iter().map(|byte| format!("{byte:02x}")).collect()) })
    }
}
