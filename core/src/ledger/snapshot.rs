//! An account as bytes, so that a store need not replay a long book.
//!
//! Invariant: a snapshot is only a short cut. One of another format is not read but replayed around, so a change of the
//! account's fields must raise [`FORMAT`].

use super::account::Account;

/// Names the fields of [`Account`] and of everything in it.
const FORMAT: u8 = 3;

impl Account {
    /// The account as bytes.
    pub fn to_snapshot(&self) -> Vec<u8> {
        // Writing to memory cannot fail; an empty snapshot would read as none.
        postcard::to_extend(self, vec![FORMAT]).unwrap_or_default()
    }

    /// Reads what [`Self::to_snapshot`] wrote; `None` when it was written in another format.
    pub fn from_snapshot(bytes: &[u8]) -> Option<Self> {
        let (format, bytes) = bytes.split_first()?;
        postcard::from_bytes(bytes).ok().filter(|_| *format == FORMAT)
    }
}
