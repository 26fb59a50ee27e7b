//! Whether a stretch of a book is as it was written.
//!
//! Invariant: a stretch that verifies has no gap, no entry out of order and no changed byte after its first link. That
//! nothing was cut off at its end can be told only by who knows the hash of the last entry from elsewhere.

use serde::{Deserialize, Serialize};

use super::{
    books,
    entry::{Entry, Hash},
};
use crate::time::Timestamp;

/// Where a stretch of a book is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum BrokenChain {
    /// Numbers do not rise by one.
    #[error("entry {found} stands where entry {expected} should")]
    Gap {
        /// The number that should follow.
        expected: u64,
        /// The number that does.
        found: u64,
    },
    /// An entry does not name the entry before it.
    #[error("entry {0} does not follow the entry before it")]
    Link(u64),
    /// The hash of an entry is not that of its content.
    #[error("entry {0} was changed")]
    Changed(u64),
    /// The postings of an entry are not those of its event.
    #[error("entry {0} moves other money than its event says")]
    Postings(u64),
    /// An entry was booked before the one before it.
    #[error("entry {0} was booked before the entry before it")]
    Time(u64),
}

/// Checks the chain of `entries`. The first follows an entry with number `after` and hash `link`; at the beginning of a book
/// these are 0 and the default. Returns the hash of the last.
///
/// # Errors
/// The first place where it breaks.
pub fn verify<'a>(after: u64, link: Hash, entries: impl IntoIterator<Item = &'a Entry>) -> Result<Hash, BrokenChain> {
    let (mut seq, mut prev, mut at) = (after, link, Timestamp::from_millis(i64::MIN));
    for entry in entries {
        if entry.seq != seq + 1 {
            return Err(BrokenChain::Gap { expected: seq + 1, found: entry.seq });
        }
        if entry.prev != prev {
            return Err(BrokenChain::Link(entry.seq));
        }
        if entry.hash != entry.computed_hash() {
            return Err(BrokenChain::Changed(entry.seq));
        }
        if entry.postings != books::postings(&entry.event) {
            return Err(BrokenChain::Postings(entry.seq));
        }
        if entry.at < at {
            return Err(BrokenChain::Time(entry.seq));
        }
        (seq, prev, at) = (entry.seq, entry.hash, entry.at);
    }
    Ok(prev)
}
