//! SQLite, as Spin hosts it.
//!
//! A connection is kept, because opening one costs as much as a query. What it says of itself is text only: that the
//! database is locked, that a table is missing.
//!
//! One writes at a time, and all others wait for the lock. SQLite's own wait looks ever more seldom, so that who came last is served
//! first, and under a crowd some are never served. Invariant: who has waited long looks as often as who has just come.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use spin_sdk::sqlite::{Connection, Error, Value as Column};

use super::{Dialect, Failure, Value};
use crate::single_flight::Looks;

/// Without row ids a book lies together; with the write-ahead log, readers do not wait for writers.
pub(super) const DIALECT: Dialect = Dialect {
    hex_body: "hex(body)",
    bytes: "BLOB",
    casts: ["", "", "", ""],
    schema: &[
        "PRAGMA journal_mode = WAL",
        "CREATE TABLE IF NOT EXISTS farebox_entries (account TEXT NOT NULL, seq INTEGER NOT NULL, \
         at INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (account, seq)) STRICT, WITHOUT ROWID",
        // Of a version that looked for times by an index, which a planner took for a command's statement too.
        "DROP INDEX IF EXISTS farebox_entries_at",
        "CREATE TABLE IF NOT EXISTS farebox_states (account TEXT PRIMARY KEY, seq INTEGER NOT NULL, body BLOB NOT NULL) STRICT",
        "CREATE TABLE IF NOT EXISTS farebox_month_ends (account TEXT NOT NULL, seq INTEGER NOT NULL, \
         body BLOB NOT NULL, PRIMARY KEY (account, seq)) STRICT, WITHOUT ROWID",
        // Of a version that did not say of which entry a snapshot is.
        "DROP TABLE IF EXISTS farebox_snapshots",
        "CREATE TABLE IF NOT EXISTS farebox_nonces (account TEXT NOT NULL, nonce TEXT NOT NULL, \
         at INTEGER NOT NULL, PRIMARY KEY (account, nonce)) STRICT, WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS farebox_limits (bucket TEXT PRIMARY KEY, used INTEGER NOT NULL) STRICT, WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS farebox_config (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS farebox_directory (key TEXT PRIMARY KEY, body BLOB NOT NULL, until INTEGER NOT NULL) STRICT, WITHOUT ROWID",
        "CREATE INDEX IF NOT EXISTS farebox_directory_until ON farebox_directory (until)",
    ],
};

/// How long SQLite itself waits for a lock, looking after 1, 3, 8 and 18 ms. Longer waits are [`super::Database`]'s.
const BUSY_TIMEOUT: &str = "PRAGMA busy_timeout = 20";

/// Commits without waiting for the disk: only a crash of the machine loses them, and none of what others committed. `OFF` would
/// not wait at checkpoints either, which copy the books.
const UNSYNCED: &str = "PRAGMA synchronous = NORMAL";

/// Whether what was committed outlives a crash of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    Synced,
    Unsynced,
}

/// The database, with the connection of this instance once there is one.
pub struct Sqlite {
    durability: Durability,
    kept: RefCell<Option<Rc<Connection>>>,
    is_opening: Cell<bool>,
    statements: Cell<u64>,
}

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sqlite")
    }
}

impl Sqlite {
    pub(super) fn new(durability: Durability) -> Self {
        Self { durability, kept: RefCell::default(), is_opening: Cell::new(false), statements: Cell::new(0) }
    }

    pub(super) async fn run(&self, statement: &str, values: &[Value]) -> Result<Vec<Value>, Failure> {
        let connection = self.connection().await?;
        self.statements.set(self.statements.get() + 1);
        let values = values.iter().map(bound);
        let rows = connection.execute(statement, values).await.map_err(failure)?.collect().await.map_err(failure)?;
        Ok(rows.into_iter().map(|mut row| row.values.pop().map_or(Value::Other, read)).collect())
    }

    pub(super) fn statements(&self) -> u64 {
        self.statements.get()
    }

    /// The connection. One call opens it, and the others wait. With a connection for each of sixteen calls, each would pay for
    /// its settings, and the host bears 256 in all.
    async fn connection(&self) -> Result<Rc<Connection>, Failure> {
        let mut looks = Looks::new();
        loop {
            let kept = self.kept.borrow().clone();
            if let Some(connection) = kept {
                return Ok(connection);
            }
            if let Some(_opening) = Opening::begin(&self.is_opening) {
                let connection = Rc::new(self.open().await?);
                *self.kept.borrow_mut() = Some(Rc::clone(&connection));
                return Ok(connection);
            }
            looks.next().await;
        }
    }

    async fn open(&self) -> Result<Connection, Failure> {
        let connection = Connection::open_default().await.map_err(failure)?;
        let unsynced = (self.durability == Durability::Unsynced).then_some(UNSYNCED);
        for setting in [Some(BUSY_TIMEOUT), unsynced].into_iter().flatten() {
            // A server that speaks SQLite has settings of its own, and refuses these.
            if let Ok(rows) = connection.execute(setting, []).await {
                let _ = rows.collect().await;
            }
        }
        Ok(connection)
    }
}

/// A connection is being opened, until this is dropped: also by a call that is ended meanwhile.
struct Opening<'a>(&'a Cell<bool>);

impl<'a> Opening<'a> {
    fn begin(is_opening: &'a Cell<bool>) -> Option<Self> {
        (!is_opening.replace(true)).then(|| Self(is_opening))
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

fn bound(value: &Value) -> Column {
    match value {
        Value::Integer(number) => Column::Integer(*number),
        Value::Text(text) => Column::Text(text.clone()),
        Value::Blob(bytes) => Column::Blob(bytes.clone()),
        Value::Other => Column::Null,
    }
}

fn read(column: Column) -> Value {
    match column {
        Column::Integer(number) => Value::Integer(number),
        Column::Text(text) => Value::Text(text),
        Column::Blob(bytes) => Value::Blob(bytes),
        Column::Real(_) | Column::Null => Value::Other,
    }
}

fn failure(error: Error) -> Failure {
    match error {
        Error::Io(text) if text.contains("is locked") => Failure::Locked(text),
        Error::Io(text) if text.contains("no such table") => Failure::NoTables,
        Error::Io(text) if text.contains("UNIQUE constraint") || text.contains("NOT NULL constraint") => Failure::Taken,
        other => Failure::Other(other.to_string()),
    }
}
