//! Making things once, however often the request is sent: for what the ledger does not book.
//!
//! Invariant: ids and secrets that a request makes under an idempotency key are derived from that key, the master key, and its
//! sender. A sender is an admin token, a person or a credential. So a repetition makes the same thing again, also when both come
//! at once and neither sees what the other wrote. Another who sends the same key makes another thing: nobody is shown a secret by
//! guessing a key.

use farebox_core::{
    ledger::{IdempotencyKey, Refusal},
    signature::hmac_sha256,
    time::{DAY, Millis, Timestamp},
};
use serde_json::Value;

use super::{Call, Ports, RANDOM_BYTES, failure::Failure};

/// How long a repetition is answered with the secret that was made.
const SECRETS_REPEATED: Millis = DAY;

/// The longest idempotency key, in bytes.
const LONGEST_KEY: usize = 255;

/// What new things are made from.
pub(crate) struct Seed {
    bytes: [u8; RANDOM_BYTES],
    /// What was asked for, as it is kept to tell a repetition from another request under the same key. `None` when the
    /// request has no key.
    pub(crate) asked: Option<String>,
}

impl Seed {
    /// For a new id.
    pub(crate) fn id(&self) -> &[u8] {
        &self.bytes[10..20]
    }

    /// For a new secret.
    pub(crate) fn secret(&self) -> &[u8] {
        &self.bytes[20..52]
    }

    /// For a new plain key: 128 bits.
    pub(crate) fn plain_key(&self) -> &[u8] {
        &self.bytes[52..68]
    }

    /// To seal with.
    pub(crate) fn nonce(&self) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce.copy_from_slice(&self.bytes[68..80]);
        nonce
    }
}

/// What was made before under the key of a request.
pub(crate) struct Before<'a> {
    /// What it was asked for with.
    pub(crate) asked: &'a Option<String>,
    /// When it was made.
    pub(crate) made: Timestamp,
}

impl<P: Ports> Call<'_, P> {
    /// The name that the sender gave to this request.
    pub(crate) fn idempotency_key(&self) -> Result<IdempotencyKey, Failure> {
        let is_fit =
            |key: &&str| (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|b| matches!(b, b' '..=b'~'));
        let key = self.request.idempotency_key.map(str::trim).filter(is_fit);
        key.map(|key| IdempotencyKey(format!("{}{key}", self.key_scope))).ok_or(Failure::IdempotencyKeyMissing)
    }

    /// Whether what was made before may be shown again to a request with this seed. It must be the same request, at most a day
    /// later.
    pub(crate) fn check_repetition(&self, seed: &Seed, before: &Before<'_>) -> Result<(), Failure> {
        if *before.asked != seed.asked {
            return Err(Failure::Refused(Refusal::KeyReused));
        }
        if self.now.since(before.made) > SECRETS_REPEATED { Err(Failure::SecretsShown) } else { Ok(()) }
    }

    /// What this request makes new things from. `scope` says what it makes, and for whom. Neither it nor the id of a token has
    /// a free text in it, so no two requests of different kinds come to the same.
    pub(crate) fn seed(&self, scope: &str) -> Result<Seed, Failure> {
        if self.request.idempotency_key.is_none() {
            return Ok(Seed { bytes: self.random, asked: None });
        }
        let key = self.idempotency_key()?.0;
        let actor = self.sender.get().ok_or_else(|| Failure::Unwritable("nobody is known to send this".to_owned()))?;
        let mut bytes = [0; RANDOM_BYTES];
        for (part, bytes) in bytes.chunks_mut(32).enumerate() {
            let derived = self.settings.master_key.derive(&format!("{actor}/{scope}/{part}/{key}"));
            bytes.copy_from_slice(&derived[..bytes.len()]);
        }
        let asked = hmac_sha256(b"asked", self.body::<Value>()?.to_string().as_bytes());
        Ok(Seed { bytes, asked: Some(asked.iter().map(|byte| format!("{byte:02x}")).collect()) })
    }
}
