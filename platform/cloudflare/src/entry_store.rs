//! One account's book in the SQLite of its Durable Object.
//!
//! The store of an object answers at once: `sql.exec` is synchronous, so the futures here are ready when they are made and
//! nothing comes between loading a book and appending to it. Invariant: all that an object writes before it awaits is committed
//! together. Entries stand under their sequence numbers, which are the primary key, so a book cannot fork.
//!
//! The till stands in the row of number 0, with its own number in the place of the time. The register stands in those of -1, -2
//! and so on, each with the number of the till that it was written with. So one statement writes entries, till and register, or
//! nothing. Rows of usage by time stand far below, under numbers of their own.

use std::{cell::Cell, ops::RangeInclusive};

use farebox_books::{Change, EntryStore, News, PAGE, SERIES_BELOW, SeriesRow, WriteError};
use farebox_core::{
    id::AccountId,
    ledger::{Entry, Register, Till},
    time::Timestamp,
};
use farebox_ports::Fault;
use worker::{SqlStorage, SqlStorageValue};

use crate::fault;

const PORT: &str = "account storage";

/// The most entries one statement inserts. Durable Objects bind at most 100 values: three for each entry, the till and five parts of a
/// register, and two to compare.
const INSERTED_AT_ONCE: usize = 25;

/// A row holds at most 2 MB, and a busy account's snapshot or register may be larger. So it is kept in parts of this many bytes.
const PART: usize = 1 << 20;

/// Creates the tables, where they are missing. `body` is an entry's bytes, or those of the till or of a part of the register;
/// `state` a part of the account's snapshot, or the whole of the one after the last entry of a month.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS entries (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
    DROP INDEX IF EXISTS entries_at;
    CREATE TABLE IF NOT EXISTS nonces (nonce TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS nonces_at ON nonces (at);
    CREATE TABLE IF NOT EXISTS month_ends (seq INTEGER PRIMARY KEY, state BLOB NOT NULL) STRICT;
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

/// A row of the entries' table: its number, its time or number of the till, and its bytes.
type Row = (SqlStorageValue, SqlStorageValue, Vec<u8>);

impl SqlEntryStore {
    /// Writes rows, if the last entry is number `after` and, where the account has one, the till's number is `written`. Returns
    /// how many there were. Rows of the till and of the register take the place of those before. An entry that is there already
    /// makes the statement fail, because it may not be empty.
    fn insert(&self, rows: Vec<Row>, (after, written): (u64, u64), has_till: bool) -> Result<usize, Fault> {
        let placeholders = vec!["(?, ?, ?)"; rows.len()].join(", ");
        let same_till =
            if has_till { "AND coalesce((SELECT at FROM entries WHERE seq = 0), 0) = ?" } else { "AND ? IS NOT NULL" };
        let statement = format!(
            "INSERT INTO entries (seq, at, body) SELECT * FROM (VALUES {placeholders}) \
             WHERE (SELECT coalesce(max(seq), 0) FROM entries) = ? {same_till} \
             ON CONFLICT (seq) DO UPDATE SET at = excluded.at, \
             body = CASE WHEN entries.seq <= 0 THEN excluded.body END RETURNING seq"
        );
        let values = rows.into_iter().flat_map(|(seq, at, body)| [seq, at, body.into()]);
        Ok(self.rows(&statement, values.chain([number(after), number(written)]).collect())?.len())
    }
}

impl EntryStore for SqlEntryStore {
    async fn snapshot(&self, _account: &AccountId) -> Result<Option<Vec<u8>>, Fault> {
        let parts = self.blobs("SELECT state FROM snapshot_parts ORDER BY part", Vec::new())?;
        Ok((!parts.is_empty()).then(|| parts.concat()))
    }

    async fn save_snapshot(&self, _account: &AccountId, _seq: u64, snapshot: &[u8]) -> Result<(), Fault> {
        self.rows("DELETE FROM snapshot_parts", Vec::new())?;
        for (part, state) in (0u64..).zip(snapshot.chunks(PART)) {
            let row = vec![number(part), state.to_vec().into()];
            self.rows("INSERT INTO snapshot_parts (part, state) VALUES (?, ?)", row)?;
        }
        Ok(())
    }

    async fn month_end(&self, _account: &AccountId, until: u64) -> Result<Option<Vec<u8>>, Fault> {
        let statement = "SELECT state FROM month_ends WHERE seq <= ? ORDER BY seq DESC LIMIT 1";
        Ok(self.blobs(statement, vec![number(until)])?.pop())
    }

    /// One that is too large for a row is left out: a statement then reads on from a month before.
    async fn save_month_end(&self, _account: &AccountId, seq: u64, snapshot: &[u8]) -> Result<(), Fault> {
        if snapshot.len() <= PART {
            let values = vec![number(seq), snapshot.to_vec().into()];
            self.rows("INSERT INTO month_ends (seq, state) VALUES (?, ?) ON CONFLICT DO NOTHING", values)?;
        }
        Ok(())
    }

    async fn entries(&self, _account: &AccountId, after: u64, limit: usize) -> Result<Vec<Entry>, Fault> {
        let statement = "SELECT body FROM entries WHERE seq > ? ORDER BY seq LIMIT ?";
        let bindings = vec![number(after), clamped(limit.try_into().unwrap_or(Number::MAX))];
        let read = |body: Vec<u8>| Entry::from_bytes(&body).map_err(|error| unreadable("an entry", &error));
        self.blobs(statement, bindings)?.into_iter().map(read).collect()
    }

    async fn news(&self, account: &AccountId, after: u64, till: u64) -> Result<News, Fault> {
        let entries = self.entries(account, after, PAGE).await?;
        let found = self.blobs("SELECT body FROM entries WHERE seq = 0 AND at <> ?", vec![number(till)])?.pop();
        let till = found.map(|body| Till::from_bytes(&body)).transpose();
        Ok(News { entries, till: till.map_err(|error| unreadable("the till", &error))? })
    }

    async fn register(&self, _account: &AccountId) -> Result<Option<Register>, Fault> {
        let statement = "SELECT body FROM entries WHERE seq < 0 AND seq > ? \
                         AND at = (SELECT at FROM entries WHERE seq = -1) ORDER BY seq DESC";
        let parts = self.blobs(statement, vec![clamped(SERIES_BELOW)])?;
        let register = (!parts.is_empty()).then(|| Register::from_bytes(&parts.concat())).transpose();
        register.map_err(|error| unreadable("the register", &error))
    }

    async fn write(&self, _account: &AccountId, change: Change<'_>) -> Result<(), WriteError> {
        let mut after = change.after;
        let entry = |entry: &Entry| (number(entry.seq), clamped(entry.at.millis()), entry.to_bytes());
        // The till goes first. Only a copy that is put back, or dozens of renewals at once, take more than one statement. Nothing
        // comes between them, because none of them awaits.
        let mut rows = desk_rows(change);
        let mut written = change.replaces;
        let mut chunks = change.entries.chunks(INSERTED_AT_ONCE);
        loop {
            let entries = chunks.next().unwrap_or_default();
            rows.extend(entries.iter().map(entry));
            if rows.is_empty() {
                break;
            }
            if self.insert(std::mem::take(&mut rows), (after, written), change.till.is_some())? == 0 {
                return Err(WriteError::Conflict);
            }
            after += entries.len() as u64;
            written = change.till.map_or(written, Till::number);
        }
        for series in change.series.chunks(INSERTED_AT_ONCE) {
            if self.insert(series.iter().map(|row| series_row(row, written)).collect(), (after, written), true)? == 0 {
                return Err(WriteError::Conflict);
            }
        }
        Ok(())
    }

    async fn series(&self, _account: &AccountId, numbers: RangeInclusive<i64>) -> Result<Vec<SeriesRow>, Fault> {
        let statement = "SELECT seq, body FROM entries WHERE seq BETWEEN ? AND ? ORDER BY seq";
        let rows = self.rows(statement, vec![clamped(*numbers.start()), clamped(*numbers.end())])?;
        let row = |row: Vec<SqlStorageValue>| match <[SqlStorageValue; 2]>::try_from(row) {
            Ok([SqlStorageValue::Integer(number), SqlStorageValue::Blob(bytes)]) => Ok(SeriesRow { number, bytes }),
            other => Err(unreadable("usage by time", &format!("{other:?} where a row should be"))),
        };
        rows.into_iter().map(row).collect()
    }

    async fn forget_series(&self, _account: &AccountId, numbers: RangeInclusive<i64>) -> Result<(), Fault> {
        let statement = "DELETE FROM entries WHERE seq BETWEEN ? AND ?";
        self.rows(statement, vec![clamped(*numbers.start()), clamped(*numbers.end())]).map(drop)
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

/// The rows of a change's till and register.
fn desk_rows(change: Change<'_>) -> Vec<Row> {
    let till = change.till.map(|till| (number(0), number(till.number()), till.to_bytes()));
    let mut rows: Vec<Row> = till.into_iter().collect();
    if let Some(register) = change.register {
        let bytes = register.to_bytes();
        let part = |(at, part): (i64, &[u8])| (clamped(-at), number(register.number()), part.to_vec());
        rows.extend((1..).zip(bytes.chunks(PART)).map(part));
    }
    rows
}

/// A row of usage by time, written with the till of a number.
fn series_row(row: &SeriesRow, till: u64) -> Row {
    (clamped(row.number), number(till), row.bytes.clone())
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
