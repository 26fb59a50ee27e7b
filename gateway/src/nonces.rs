//! Whether a nonce was used before, within this instance.
//!
//! Invariant: a nonce that was taken is known for at least [`NONCE_KNOWN_FOR`] after, or until [`MOST`] more have been taken. Two
//! generations of 64-bit fingerprints are kept; the older is dropped when the younger is as old as a nonce must be known, or
//! full. What must not come twice at any price is asked of the ledger. A fingerprint is keyed with the instance's random seed, so
//! nobody can choose nonces that collide. By chance two of a million do once in a hundred million years of calls; the second call
//! is then refused.

use std::hash::{DefaultHasher, Hash, Hasher};

use farebox_core::{id::CredentialKey, signature::NONCE_KNOWN_FOR, time::Timestamp};
use rustc_hash::FxHashSet;

/// How many nonces are kept in a generation: some 4 MiB.
const MOST: usize = 1 << 18;

/// The nonces this instance has seen.
#[derive(Debug)]
pub(crate) struct Nonces {
    seed: u64,
    young: FxHashSet<Fingerprint>,
    old: FxHashSet<Fingerprint>,
    young_since: Timestamp,
}

/// A nonce of one credential, as one instance knows it: a hash with a key, so that sets of them need none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint(u64);

impl Nonces {
    pub(crate) fn new(seed: u64, now: Timestamp) -> Self {
        Self { seed, young: FxHashSet::default(), old: FxHashSet::default(), young_since: now }
    }

    /// What stands for the nonce `nonce` of `key` here.
    pub(crate) fn fingerprint(&self, key: &CredentialKey, nonce: &str) -> Fingerprint {
        let mut hasher = DefaultHasher::new();
        (self.seed, key, nonce).hash(&mut hasher);
        Fingerprint(hasher.finish())
    }

    /// Whether a nonce may be used: it was not taken before.
    pub(crate) fn is_free(&self, nonce: Fingerprint) -> bool {
        !self.young.contains(&nonce) && !self.old.contains(&nonce)
    }

    /// Takes a nonce.
    pub(crate) fn take(&mut self, nonce: Fingerprint, now: Timestamp) {
        if now.since(self.young_since) >= NONCE_KNOWN_FOR || self.young.len() >= MOST {
            self.old = std::mem::take(&mut self.young);
            self.young_since = now;
        }
        self.young.insert(nonce);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_of_nonces_is_bounded_and_the_latest_are_known() {
        let (key, start): (CredentialKey, _) = ("a".parse().unwrap(), Timestamp::from_millis(0));
        let mut nonces = Nonces::new(7, start);
        for number in 0..3 * MOST {
            let fingerprint = nonces.fingerprint(&key, &number.to_string());
            nonces.take(fingerprint, start);
        }
        assert!(nonces.young.len() + nonces.old.len() <= 2 * MOST);
        for number in [2 * MOST, 3 * MOST - 1] {
            assert!(!nonces.is_free(nonces.fingerprint(&key, &number.to_string())), "{number}");
        }
    }

    #[test]
    fn a_nonce_is_known_for_its_whole_time_and_only_for_its_key() {
        let (a, b): (CredentialKey, CredentialKey) = ("a".parse().unwrap(), "b".parse().unwrap());
        let start = Timestamp::from_millis(0);
        let mut nonces = Nonces::new(7, start);
        let [a_n, b_n, a_m, a_o, a_p] =
            [(&a, "n"), (&b, "n"), (&a, "m"), (&a, "o"), (&a, "p")].map(|(key, nonce)| nonces.fingerprint(key, nonce));
        nonces.take(a_n, start.plus(NONCE_KNOWN_FOR - 1));
        assert!(!nonces.is_free(a_n));
        assert!(nonces.is_free(b_n));
        nonces.take(a_m, start.plus(NONCE_KNOWN_FOR));
        assert!(!nonces.is_free(a_n), "still within its time");
        nonces.take(a_o, start.plus(3 * NONCE_KNOWN_FOR));
        assert!(!nonces.is_free(a_m), "dropped only with its generation");
        nonces.take(a_p, start.plus(4 * NONCE_KNOWN_FOR));
        assert!(nonces.is_free(a_n));
    }
}
