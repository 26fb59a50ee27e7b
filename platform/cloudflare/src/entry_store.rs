//! One account's book in the SQLite of its Durable Object.
//!
//! The store of an object answers at once: `sql.exec` is synchronous, so the futures here are ready when they are made
//! and nothing comes between loading a book and appending to it. Invariant: all that an object writes before it awaits is
//! committed together, and entries stand under their sequence numbers, which are the primary key: a book cannot fork.

use std::cell::Cell;

use farebox_core::{id::AccountId, ledger::Entry, time::Timestamp};
use farebox_gateway::{
    ledger::{AppendError, EntryStore},
    ports::Fault,
};
use worker::{SqlStorage, SqlStorageValue};

use crate::fault;

const PORT: &str = "account storage";

/// The most entries one statement inserts: Durable Objects bind at most 100 values.
const INSERTED_AT_ONCE: usize = 30;

/// A row holds at most 2 MB, and a snapshot of a busy account may be larger: it is kept in parts of this many bytes.
const SNAPSHOT_PART: usize = 1 << 20;

/// Creates the tables, where they are missing. `body` is an entry's bytes, `state` a part of the account's snapshot.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS entries (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
    DROP INDEX IF EXISTS entries_at;
    CREATE TABLE IF NOT EXISTS nonces (nonce TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS nonces_at ON nonces (at);
    CREATE TABLE IF NOT EXISTS snapshot_parts (part INTEGER PRIMARY KEY, state BLOB NOT NULL) STRICT;
    DROP TABLE IF EXISTS snapshot;
";

/// The book of the one account whose object this is.
pub struct SqlEntryStore {
    sql: SqlStorage,
    /// Rows that its statements have read: what the platform charges, and what must not grow with a book.
    rows_read: Cell<u64>,
}

impl SqlEntryStore {
    /// The store in an object's SQLite, with its tables.
    ///
    /// # Errors
    /// [`worker::Error`] when the object has no SQLite, which is a fault of the deployment's migrations.
    pub fn new(sql: SqlStorage) -> worker::Result<Self> {
        sql.exec(SCHEMA, None)?;
        Ok(Self { sql, rows_read: Cell::new(0) })
    }

    /// How many rows its statements have read.
    pub fn rows_read(&self) -> u64 {
        self.rows_read.get()
    }

    /// The rows that `statement` gives, read to their end: one that is still under way when the object's writes are committed
    /// makes them fail.
    fn rows(&self, statement: &str, bindings: Vec<SqlStorageValue>) -> Result<Vec<Vec<SqlStorageValue>>, Fault> {
        let cursor = self.sql.exec(statement, bindings).map_err(fault(PORT))?;
        let rows = cursor.raw().collect::<worker::Result<Vec<_>>>().map_err(fault(PORT))?;
        self.rows_read.set(self.rows_read.get() + cursor.rows_read() as u64);
        Ok(rows)
    }

    /// The one column of blobs that `statement` selects.
    fn blobs(&self, statement: &str, bindings: Vec<SqlStorageValue>) -> Result<Vec<Vec<u8>>, Fault> {
        let blob = |mut row: Vec<SqlStorageValue>| match row.pop() {
            Some(SqlStorageValue::Blob(blob)) => Ok(blob),
            other => Err(unreadable(statement, &format!("{other:?} where bytes should be"))),
        };
        self.rows(statement, bindings)?.into_iter().map(blob).collect()
    }
}

impl EntryStore for SqlEntryStore {
    async fn snapshot(&self, _account: &AccountId) -> Result<Option<Vec<u8>>, Fault> {
        let parts = self.blobs("SELECT state FROM snapshot_parts ORDER BY part", Vec::new())?;
        Ok((!parts.is_empty()).then(|| parts.concat()))
    }

    async fn save_snapshot(&self, _account: &AccountId, _seq: u64, snapshot: &[u8]) -> Result<(), Fault> {
        self.rows("DELETE FROM snapshot_parts", Vec::new())?;
        for (part, state) in (0u64..).zip(snapshot.chunks(SNAPSHOT_PART)) {
            let row = vec![number(part), state.to_vec().into()];
            self.rows("INSERT INTO snapshot_parts (part, state) VALUES (?, ?)", row)?;
        }
        Ok(())
    }

    async fn entries(&self, _account: &AccountId, after: u64, limit: usize) -> Result<Vec<Entry>, Fault> {
        let statement = "SELECT body FROM entries WHERE seq > ? ORDER BY seq LIMIT ?";
        let bindings = vec![number(after), clamped(limit.try_into().unwrap_or(Number::MAX))];
        let read = |body: Vec<u8>| Entry::from_bytes(&body).map_err(|error| unreadable("an entry", &error));
        self.blobs(statement, bindings)?.into_iter().map(read).collect()
    }

    async fn append(&self, _account: &AccountId, after: u64, entries: &[Entry]) -> Result<(), AppendError> {
        let mut after = after;
        for entries in entries.chunks(INSERTED_AT_ONCE) {
            let rows = vec!["(?, ?, ?)"; entries.len()].join(", ");
            let statement = format!(
                "INSERT INTO entries (seq, at, body) SELECT * FROM (VALUES {rows}) \
                 WHERE (SELECT coalesce(max(seq), 0) FROM entries) = ? RETURNING seq"
            );
            let values = entries
                .iter()
                .flat_map(|entry| [number(entry.seq), clamped(entry.at.millis()), entry.to_bytes().into()])
                .chain([number(after)]);
            if self.rows(&statement, values.collect())?.is_empty() {
                return Err(AppendError::Conflict);
            }
            after += entries.len() as u64;
        }
        Ok(())
    }

    async fn take_nonce(
        &self,
        _account: &AccountId,
        nonce: &str,
        now: Timestamp,
        since: Timestamp,
    ) -> Result<bool, Fault> {
        self.rows("DELETE FROM nonces WHERE at < ?", vec![clamped(since.millis())])?;
        let statement = "INSERT INTO nonces (nonce, at) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING at";
        Ok(!self.rows(statement, vec![nonce.into(), clamped(now.millis())])?.is_empty())
    }
}

/// The numbers that JavaScript holds exactly.
struct Number;

impl Number {
    const MAX: i64 = (1 << 53) - 1;
    const MIN: i64 = -Self::MAX;
}

/// A value to bind, held at the ends of what JavaScript holds exactly.
fn clamped(value: i64) -> SqlStorageValue {
    SqlStorageValue::Integer(value.clamp(Number::MIN, Number::MAX))
}

fn number(value: u64) -> SqlStorageValue {
    clamped(i64::try_from(value).unwrap_or(Number::MAX))
}

fn unreadable(what: &str, detail: &impl ToString) -> Fault {
    Fault::Unreadable { port: PORT, what: what.to_owned(), detail: detail.to_string() }
}
