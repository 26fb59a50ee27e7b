//! The credentials an instance knows, for seconds; also those that nobody has.
//!
//! Invariant: an answer older than [`HOLDS`] is not used, so a revoked credential is refused everywhere that long after
//! the store shows it. Entries in use are read again in the background before they are that old, so that a caller who
//! keeps calling waits for the store once. The cache is bounded: a flood of made-up keys displaces, it does not grow.

use std::{num::NonZeroUsize, rc::Rc};

use farebox_core::{
    credential::{Credential, Secret},
    id::CredentialKey,
    rejection::Rejection,
    time::{Millis, SECOND, Timestamp},
};
use lru::LruCache;

/// How long a credential that exists is believed.
const HOLDS: Millis = 10 * SECOND;

/// How long "nobody has this" is believed: short, because a new credential is used at once.
const NOBODY_HOLDS: Millis = SECOND;

/// How many are kept.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(8_192).expect("not zero");

/// A credential with its secret opened.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) credential: Credential,
    pub(crate) secret: Secret,
}

/// What is known of a key.
#[derive(Debug, Clone)]
pub(crate) enum Known {
    /// Its credential.
    Caller(Rc<Caller>),
    /// Nobody has it.
    Nobody,
    /// The store did not answer.
    Unavailable,
}

#[derive(Debug)]
struct Entry<T> {
    known: T,
    read: Timestamp,
    used: bool,
}

impl<T> Entry<T> {
    fn holds(&self, now: Timestamp, long: bool) -> bool {
        now.since(self.read) < if long { HOLDS } else { NOBODY_HOLDS }
    }
}

/// The caches: credentials by key, and keys by the hash of the app code.
#[derive(Debug)]
pub(crate) struct Credentials {
    callers: LruCache<CredentialKey, Entry<Known>>,
    app_codes: LruCache<String, Entry<Result<CredentialKey, Rejection>>>,
}

impl Credentials {
    pub(crate) fn new() -> Self {
        Self { callers: LruCache::new(CAPACITY), app_codes: LruCache::new(CAPACITY) }
    }

    /// What is known of `key`; `None` when the store must be asked.
    pub(crate) fn get(&mut self, key: &str, now: Timestamp) -> Option<Known> {
        let entry = self.callers.get_mut(key)?;
        entry.used = true;
        entry.holds(now, matches!(entry.known, Known::Caller(_))).then(|| entry.known.clone())
    }

    /// The key that has an app code, given its hash, or why there is none; `None` when the store must be asked.
    pub(crate) fn get_app_code(&mut self, hash: &str, now: Timestamp) -> Option<Result<CredentialKey, Rejection>> {
        let entry = self.app_codes.get(hash)?;
        entry.holds(now, entry.known.is_ok()).then(|| entry.known.clone())
    }

    /// What the store said of `key`.
    pub(crate) fn put(&mut self, key: CredentialKey, known: Known, now: Timestamp) {
        self.callers.put(key, Entry { known, read: now, used: false });
    }

    /// What the store said of an app code.
    pub(crate) fn put_app_code(&mut self, hash: String, known: Result<CredentialKey, Rejection>, now: Timestamp) {
        self.app_codes.put(hash, Entry { known, read: now, used: true });
    }

    /// The keys that were used since they were read, and are due to be read again.
    pub(crate) fn due(&self) -> Vec<CredentialKey> {
        let used = self.callers.iter().filter(|(_, entry)| entry.used && matches!(entry.known, Known::Caller(_)));
        used.map(|(key, _)| key.clone()).collect()
    }
}
