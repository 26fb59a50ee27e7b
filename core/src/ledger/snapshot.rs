//! An account as bytes, so that a store need not replay a long book.
//!
//! Invariant: a snapshot is only a short cut. One of another format is not read but replayed around, so a change of the
//! account's fields must raise [`FORMAT`]. The till of a store is no part of it: that is never passed over.

use super::{account::Account, till::Desk};

/// Names the fields of [`Account`] and of everything in it.
const FORMAT: u8 = 6;

impl Account {
    /// The account as bytes, without a till that a store keeps by itself.
    pub fn to_snapshot(&self) -> Vec<u8> {
        let mut book = self.clone();
        let desk = Some(book.lift()).filter(|desk| desk.till.number == 0);
        // Writing to memory cannot fail; an empty snapshot would read as none.
        postcard::to_extend(&(book, desk), vec![FORMAT]).unwrap_or_default()
    }

    /// Reads what [`Self::to_snapshot`] wrote; `None` when it was written in another format.
    pub fn from_snapshot(bytes: &[u8]) -> Option<Self> {
        let (_, bytes) = bytes.split_first().filter(|(format, _)| **format == FORMAT)?;
        let (mut account, desk): (Self, Option<Desk>) = postcard::from_bytes(bytes).ok()?;
        account.lay(desk.unwrap_or_default());
        Some(account)
    }
}
