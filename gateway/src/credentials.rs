//! The credentials an instance knows; also those that nobody has.
//!
//! Invariant: an answer older than [`Heard::holds`] says is not used. So a revoked credential is refused everywhere
//! [`CHANGED_HOLDS`](crate::heard::CHANGED_HOLDS) after the store shows it. Which key a plain key has is believed for as long as
//! it is kept. It never gets another, and the key's credential says whether it may still call. The background reads credentials
//! in use again before they are too old. So a caller who keeps calling waits for the store once. The caches are bounded, and
//! those of keys that nobody has are others: a flood of made-up keys displaces none in use. Most of them do not even reach the
//! store, as a key of ours carries a tag. Of those that carry none, at most [`UNTAGGED`] do.

use std::{
    hash::{BuildHasher, DefaultHasher, Hasher},
    num::NonZeroUsize,
    rc::Rc,
};

use farebox_core::{
    credential::{Credential, MasterKey, Secret},
    id::CredentialKey,
    limit::{Bucket, Limit},
    time::{Millis, SECOND, Timestamp},
};
use lru::LruCache;

use crate::{heard::Heard, purse::Purse};

/// From this part of its time on, one in use is read again: two looks of the loop behind the calls before it is too old.
const READ_AGAIN: Millis = 2;

/// How long "nobody has this" is believed: short, because a new credential is used at once.
const NOBODY_HOLDS: Millis = SECOND;

/// How many are kept that somebody has.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(16_384).expect("not zero");

/// How many are kept that nobody has.
const NOBODYS: NonZeroUsize = NonZeroUsize::new(1_024).expect("not zero");

/// How often an instance asks the store for a key or a plain key without a tag that it does not know.
const UNTAGGED: Limit = Limit::per_second(256);

/// A credential with its secret opened.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) credential: Credential,
    pub(crate) secret: Secret,
    /// Whose leases pay for its calls.
    pub(crate) purse: Purse,
}

impl Caller {
    pub(crate) fn new(credential: Credential, secret: Secret) -> Self {
        Self { purse: Purse::of(&credential), credential, secret }
    }
}

/// What is known of a key, or of the hash of a plain key or of a token.
#[derive(Debug, Clone)]
pub(crate) enum Known {
    /// Its credential.
    Caller(Rc<Caller>),
    /// The plain key's credential.
    Key(CredentialKey),
    /// A token was verified, and names this credential until then.
    Token(CredentialKey, Timestamp),
    /// The signature of a token does not hold.
    Forged,
    /// Nobody has it.
    Nobody,
    /// The store did not answer, or was asked too often.
    Unavailable,
}

#[derive(Debug)]
struct Entry {
    known: Known,
    read: Timestamp,
    used: bool,
}

/// SipHash under a random seed: strangers choose what is looked up, and no platform has a random key for it by itself.
#[derive(Debug, Clone, Copy)]
struct Keyed(u64);

impl BuildHasher for Keyed {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.0);
        hasher
    }
}

/// The caches, by key or by the hash of a plain key or a token, which cannot be a key.
#[derive(Debug)]
pub(crate) struct Credentials {
    master_key: MasterKey,
    keyed: Keyed,
    held: LruCache<String, Entry, Keyed>,
    nobodys: LruCache<String, Entry, Keyed>,
    untagged: Bucket,
}

impl Credentials {
    /// Nothing known. `seed` is random.
    pub(crate) fn new(master_key: MasterKey, seed: u64) -> Self {
        let keyed = Keyed(seed);
        let (held, nobodys) = (LruCache::with_hasher(CAPACITY, keyed), LruCache::with_hasher(NOBODYS, keyed));
        Self { master_key, keyed, held, nobodys, untagged: Bucket::default() }
    }

    /// Forgets all that was read.
    pub(crate) fn forget(&mut self) {
        *self = Self::new(self.master_key.clone(), self.keyed.0);
    }

    /// Whether a key is ours, as its tag tells where it has one.
    pub(crate) fn made_key(&self, key: &str) -> Option<bool> {
        self.master_key.made_key(key)
    }

    /// The same of a plain key.
    pub(crate) fn made_plain_key(&self, plain_key: &str, prefix: &str) -> Option<bool> {
        self.master_key.made_plain_key(plain_key, prefix)
    }

    /// Whether the store may be asked for a key or for the hash of a plain key. It counts as asked, unless the tag says that it
    /// `is_ours` or it is known.
    pub(crate) fn may_ask(&mut self, name: &str, is_ours: bool, now: Timestamp) -> bool {
        if is_ours || self.made_key(name) == Some(true) || self.held.contains(name) {
            return true;
        }
        let may = self.untagged.check(UNTAGGED, now).is_ok();
        if may {
            self.untagged.take(UNTAGGED, now);
        }
        may
    }

    /// What is known of a key or a plain key's hash; `None` when the store must be asked.
    pub(crate) fn get(&mut self, name: &str, heard: &Heard, now: Timestamp) -> Option<Known> {
        let (entry, holds) = match self.held.get_mut(name) {
            Some(entry) => (entry, heard.holds(name, now)),
            None => (self.nobodys.get_mut(name)?, NOBODY_HOLDS),
        };
        entry.used = true;
        let is_good = match entry.known {
            Known::Key(_) => true,
            Known::Token(_, until) => now < until,
            Known::Caller(_) | Known::Forged | Known::Nobody | Known::Unavailable => now.since(entry.read) < holds,
        };
        is_good.then(|| entry.known.clone())
    }

    /// Keeps what the store said. Where it did not answer, a credential that is not too old yet stays as it is.
    pub(crate) fn put(&mut self, name: String, known: Known, heard: &Heard, now: Timestamp) {
        let is_good = |entry: &Entry| now.since(entry.read) < heard.holds(&name, now);
        if matches!(known, Known::Unavailable) && self.held.peek(&name).is_some_and(is_good) {
            return;
        }
        let is_held = matches!(known, Known::Caller(_) | Known::Key(_) | Known::Token(..));
        let (to, from) =
            if is_held { (&mut self.held, &mut self.nobodys) } else { (&mut self.nobodys, &mut self.held) };
        from.pop(&name);
        to.put(name, Entry { known, read: now, used: false });
    }

    /// The credentials that were used since they were read, and will soon be too old.
    pub(crate) fn due(&self, heard: &Heard, now: Timestamp) -> Vec<CredentialKey> {
        let due = self.held.iter().filter_map(|(name, entry)| match &entry.known {
            Known::Caller(caller) if entry.used && now.since(entry.read) >= heard.holds(name, now) / READ_AGAIN => {
                Some(caller.credential.key.clone())
            }
            Known::Caller(_)
            | Known::Key(_)
            | Known::Token(..)
            | Known::Forged
            | Known::Nobody
            | Known::Unavailable => None,
        });
        due.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_does_not_answer_makes_a_credential_unknown_only_once_it_is_too_old() {
        let master_key = MasterKey::from_base64("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=").unwrap();
        let key: CredentialKey = "ak_1".parse().unwrap();
        let secret = Secret::new("hush");
        let sealed = master_key.seal(&key, &secret, [1; 12]).unwrap();
        let credential = Credential::new(key, "acc_1".parse().unwrap(), sealed, Timestamp::default());
        let (mut credentials, heard) = (Credentials::new(master_key, 7), Heard::default());
        let at = |seconds| Timestamp::default().plus(seconds * SECOND);
        let name = || "ak_1".to_owned();
        credentials.put(name(), Known::Caller(Rc::new(Caller::new(credential, secret))), &heard, at(0));
        credentials.put(name(), Known::Unavailable, &heard, at(6));
        assert!(
            matches!(credentials.get("ak_1", &heard, at(9)), Some(Known::Caller(_))),
            "it is believed until it is too old"
        );
        assert!(credentials.get("ak_1", &heard, at(10)).is_none());
        credentials.put(name(), Known::Unavailable, &heard, at(10));
        assert!(
            matches!(credentials.get("ak_1", &heard, at(10)), Some(Known::Unavailable)),
            "and nothing unread passes"
        );
        credentials.put(name(), Known::Nobody, &heard, at(11));
        assert!(matches!(credentials.get("ak_1", &heard, at(11)), Some(Known::Nobody)));
    }
}
