//! One entry of an account's book, its canonical bytes, and the chain that ties it to the entry before.
//!
//! The canonical bytes are the postcard encoding (<https://postcard.jamesmunns.com/wire-format>) of `seq`, `at`,
//! `cause`, `event` and `postings`, in this order. The hash is SHA-256 over the hash of the entry before (32 zero bytes
//! before the first) and these bytes. Invariant: a changed byte anywhere in a book changes every hash after it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest, Sha256};

use super::{
    books::{self, Posting},
    command::IdempotencyKey,
    event::Event,
};
use crate::time::Timestamp;

/// A SHA-256. In text formats as hex.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Hash([u8; 32]);

/// What an entry was asked for with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The caller's name for the command.
    pub key: IdempotencyKey,
    /// The hash of the command's content, to tell a repetition from another command under the same name.
    pub content: Hash,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts from 1 in each account, without gaps.
    pub seq: u64,
    /// When it was booked. Never before the entry before.
    pub at: Timestamp,
    /// The command that named itself, where it did.
    pub cause: Option<Cause>,
    /// What happened.
    pub event: Event,
    /// The money it moved. Sums to zero.
    pub postings: Vec<Posting>,
    /// The hash of the entry before.
    pub prev: Hash,
    /// The hash of this entry.
    pub hash: Hash,
}

/// Stored bytes that are not an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a stored entry cannot be read: {0}")]
pub struct Unreadable(pub postcard::Error);

impl Entry {
    /// The entry that books `event` after one with the hash `prev`.
    pub(super) fn seal(prev: Hash, seq: u64, at: Timestamp, cause: Option<Cause>, event: Event) -> Self {
        let postings = books::postings(&event);
        let mut entry = Self { seq, at, cause, event, postings, prev, hash: Hash::default() };
        entry.hash = entry.computed_hash();
        entry
    }

    /// The canonical bytes.
    pub fn canonical(&self) -> Vec<u8> {
        encode(&(self.seq, self.at, &self.cause, &self.event, &self.postings))
    }

    /// The hash that this entry must have after `prev`.
    pub fn computed_hash(&self) -> Hash {
        Hash(Sha256::new().chain_update(self.prev.0).chain_update(self.canonical()).finalize().into())
    }

    /// The form in which stores keep an entry: its canonical bytes, then both hashes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.canonical();
        bytes.extend_from_slice(&self.prev.0);
        bytes.extend_from_slice(&self.hash.0);
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote. Does not check the hash: that is what verifying a chain is for.
    ///
    /// # Errors
    /// The bytes are not those of an entry.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Unreadable> {
        let ((seq, at, cause, event, postings), rest) = postcard::take_from_bytes(bytes).map_err(Unreadable)?;
        let (prev, hash) = rest.split_at_checked(32).ok_or(Unreadable(postcard::Error::DeserializeUnexpectedEnd))?;
        let hash_of = |bytes: &[u8]| bytes.try_into().map(Hash).map_err(|_| Unreadable(postcard::Error::SerdeDeCustom));
        Ok(Self { seq, at, cause, event, postings, prev: hash_of(prev)?, hash: hash_of(hash)? })
    }
}

impl Hash {
    /// The hash of the postcard encoding of `value`.
    pub(super) fn of<T: Serialize>(value: &T) -> Self {
        Self(Sha256::digest(encode(value)).into())
    }
}

/// Writing to memory cannot fail, and our types have no maps of unknown length, so neither can the encoding.
fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).unwrap_or_default()
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return <[u8; 32]>::deserialize(deserializer).map(Self);
        }
        let text = String::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(D::Error::custom("a hash has 64 hex digits"));
        }
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(D::Error::custom)?;
        }
        Ok(Self(bytes))
    }
}
