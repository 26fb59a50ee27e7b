//! What a store of books must do: read what is new of an account, and write what a command changes in one step.
//!
//! Invariant: what was decided on an older book or an older till is not written, whoever writes at the same time. The suite in
//! `conformance` holds every store to it.

use std::ops::RangeInclusive;

use farebox_core::{
    id::AccountId,
    ledger::{Account, Entry, Register, Till},
    time::Timestamp,
};
use farebox_ports::Fault;

use super::series::SeriesRow;

/// Entries are read in pages of this many.
pub const PAGE: usize = 1_000;

/// Why a change was not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The account's book does not end where it was expected to, or its till is another.
    #[error("another command came first")]
    Conflict,
    /// The store failed. The change may have been written all the same.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What a command changes. A store writes all of it in one step, or nothing.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The number that the account's last entry must have; 0 for none.
    pub after: u64,
    /// What is appended.
    pub entries: &'a [Entry],
    /// What takes the place of the till.
    pub till: Option<&'a Till>,
    /// The number that the till must have of which it takes the place; 0 for none. Several commands that are written together
    /// have counted it on by as many.
    pub replaces: u64,
    /// What takes the place of the register. Never without a till.
    pub register: Option<&'a Register>,
    /// Rows of usage by time, each in the place of the one of its number. Never without a register.
    pub series: &'a [SeriesRow],
}

/// What a store holds of an account beyond what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct News {
    /// The entries after the last one that is known, a page of them at most.
    pub entries: Vec<Entry>,
    /// The till, where it is another than the one that is known.
    pub till: Option<Till>,
}

/// The books of accounts in a strongly consistent store, each with its till and its register.
#[expect(async_fn_in_trait, reason = "single-threaded by design: no port's future is ever Send")]
pub trait EntryStore {
    /// A snapshot is saved whenever a book has grown by this many entries: the fewer, the sooner a new instance is at work.
    const SNAPSHOT_EVERY: u64 = 256;

    /// The last snapshot that was saved of an account.
    async fn snapshot(&self, account: &AccountId) -> Result<Option<Vec<u8>>, Fault>;

    /// Saves a snapshot of the account as it is after entry number `seq`. A store may keep only the last one, or none.
    async fn save_snapshot(&self, account: &AccountId, seq: u64, snapshot: &[u8]) -> Result<(), Fault>;

    /// How the account stood at the end of a month: the latest that was saved after entry number `until` or one before it.
    async fn month_end(&self, account: &AccountId, until: u64) -> Result<Option<Vec<u8>>, Fault>;

    /// Keeps for good how the account stood after entry number `seq`, the last of a month. Each instance that saves it saves the
    /// same. A store may leave out what is too large for it.
    async fn save_month_end(&self, account: &AccountId, seq: u64, snapshot: &[u8]) -> Result<(), Fault>;

    /// What an instance that knows nothing of an account begins with: the snapshot, where there is one of this format, and what
    /// came after it.
    async fn opening(&self, account: &AccountId) -> Result<(Account, News), Fault> {
        let snapshot = self.snapshot(account).await?;
        let known = snapshot.and_then(|bytes| Account::from_snapshot(&bytes)).unwrap_or_default();
        let news = self.news(account, known.version(), 0).await?;
        Ok((known, news))
    }

    /// What came after entry number `after`, and the till unless its number is `till`. What another command writes meanwhile may
    /// be in the one and not in the other.
    async fn news(&self, account: &AccountId, after: u64, till: u64) -> Result<News, Fault>;

    /// The register; `None` where there is none.
    async fn register(&self, account: &AccountId) -> Result<Option<Register>, Fault>;

    /// The entries after number `after` in the order of their numbers, `limit` at most. A store reads these and no others, however
    /// long the book is.
    async fn entries(&self, account: &AccountId, after: u64, limit: usize) -> Result<Vec<Entry>, Fault>;

    /// Writes a change, if nobody else has written since what it was decided on. Whoever writes entries writes the till too,
    /// where there is one. So of two changes that were decided on the same till, the second finds another.
    async fn write(&self, account: &AccountId, change: Change<'_>) -> Result<(), WriteError>;

    /// The rows of usage by time with these numbers, in any order.
    async fn series(&self, account: &AccountId, numbers: RangeInclusive<i64>) -> Result<Vec<SeriesRow>, Fault>;

    /// Removes the rows of usage by time with these numbers.
    async fn forget_series(&self, account: &AccountId, numbers: RangeInclusive<i64>) -> Result<(), Fault>;

    /// Takes `nonce` for the account, if it was not taken since `since`. Says whether it was free.
    async fn take_nonce(
        &self,
        account: &AccountId,
        nonce: &str,
        now: Timestamp,
        since: Timestamp,
    ) -> Result<bool, Fault>;
}

/// A store can be shared by several instances of one process.
impl<S: EntryStore> EntryStore for &S {
    const SNAPSHOT_EVERY: u64 = S::SNAPSHOT_EVERY;

    async fn snapshot(&self, account: &AccountId) -> Result<Option<Vec<u8>>, Fault> {
        (**self).snapshot(account).await
    }

    async fn save_snapshot(&self, account: &AccountId, seq: u64, snapshot: &[u8]) -> Result<(), Fault> {
        (**self).save_snapshot(account, seq, snapshot).await
    }

    async fn month_end(&self, account: &AccountId, until: u64) -> Result<Option<Vec<u8>>, Fault> {
        (**self).month_end(account, until).await
    }

    async fn save_month_end(&self, account: &AccountId, seq: u64, snapshot: &[u8]) -> Result<(), Fault> {
        (**self).save_month_end(account, seq, snapshot).await
    }

    async fn opening(&self, account: &AccountId) -> Result<(Account, News), Fault> {
        (**self).opening(account).await
    }

    async fn news(&self, account: &AccountId, after: u64, till: u64) -> Result<News, Fault> {
        (**self).news(account, after, till).await
    }

    async fn register(&self, account: &AccountId) -> Result<Option<Register>, Fault> {
        (**self).register(account).await
    }

    async fn entries(&self, account: &AccountId, after: u64, limit: usize) -> Result<Vec<Entry>, Fault> {
        (**self).entries(account, after, limit).await
    }

    async fn write(&self, account: &AccountId, change: Change<'_>) -> Result<(), WriteError> {
        (**self).write(account, change).await
    }

    async fn series(&self, account: &AccountId, numbers: RangeInclusive<i64>) -> Result<Vec<SeriesRow>, Fault> {
        (**self).series(account, numbers).await
    }

    async fn forget_series(&self, account: &AccountId, numbers: RangeInclusive<i64>) -> Result<(), Fault> {
        (**self).forget_series(account, numbers).await
    }

    async fn take_nonce(
        &self,
        account: &AccountId,
        nonce: &str,
        now: Timestamp,
        since: Timestamp,
    ) -> Result<bool, Fault> {
        (**self).take_nonce(account, nonce, now, since).await
    }
}
