//! Whether a nonce was used before, within this instance.
//!
//! Invariant: a nonce that was taken is known for at least [`KEPT`] after. Two generations of 64-bit fingerprints are
//! kept; the older is dropped when the younger is as old as a nonce must be known. A fingerprint is keyed with the
//! instance's random seed, so nobody can choose nonces that collide; by chance two of a million do once in a hundred
//! million years of calls, and the call is then refused, never let through.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use farebox_core::{
    id::CredentialKey,
    signature::WINDOW,
    time::{Millis, Timestamp},
};

/// How long a nonce is known: as long as a timestamp is good that was ahead of our clock by all that it may be.
pub(crate) const KEPT: Millis = 2 * WINDOW;

/// The nonces this instance has seen.
#[derive(Debug)]
pub(crate) struct Nonces {
    seed: u64,
    young: HashSet<u64>,
    old: HashSet<u64>,
    young_since: Timestamp,
}

impl Nonces {
    pub(crate) fn new(seed: u64, now: Timestamp) -> Self {
        Self { seed, young: HashSet::new(), old: HashSet::new(), young_since: now }
    }

    /// Whether `nonce` may be used: it was not taken before.
    pub(crate) fn is_free(&self, key: &CredentialKey, nonce: &str) -> bool {
        let fingerprint = self.fingerprint(key, nonce);
        !self.young.contains(&fingerprint) && !self.old.contains(&fingerprint)
    }

    /// Takes `nonce`.
    pub(crate) fn take(&mut self, key: &CredentialKey, nonce: &str, now: Timestamp) {
        if now.since(self.young_since) >= KEPT {
            self.old = std::mem::take(&mut self.young);
            self.young_since = now;
        }
        self.young.insert(self.fingerprint(key, nonce));
    }

    fn fingerprint(&self, key: &CredentialKey, nonce: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.seed, key, nonce).hash(&mut hasher);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_known_for_its_whole_time_and_only_for_its_key() {
        let (a, b): (CredentialKey, CredentialKey) = ("a".parse().unwrap(), "b".parse().unwrap());
        let start = Timestamp::from_millis(0);
        let mut nonces = Nonces::new(7, start);
        nonces.take(&a, "n", start.plus(KEPT - 1));
        assert!(!nonces.is_free(&a, "n"));
        assert!(nonces.is_free(&b, "n"));
        nonces.take(&a, "m", start.plus(KEPT));
        assert!(!nonces.is_free(&a, "n"), "still within its time");
        nonces.take(&a, "o", start.plus(3 * KEPT));
        assert!(!nonces.is_free(&a, "m"), "dropped only with its generation");
        nonces.take(&a, "p", start.plus(4 * KEPT));
        assert!(nonces.is_free(&a, "n"));
    }
}
