//! The one database of a deployment: Spin's SQLite on one machine, PostgreSQL for several.
//!
//! Both take the same statements: `$1`, `$2` and so on stand for the values in the order in which they first appear. Where they
//! differ, [`Dialect`] says how. Invariants: a statement is atomic by itself. The result of each is read to the end, because only
//! then it ran. A database that is locked for a moment is asked again, and missing tables are made. There are no transactions
//! over several statements: an instance that is busy or ended would keep all others waiting.

mod postgres;
mod sqlite;

use farebox_core::time::{Millis, SECOND};
use farebox_ports::Fault;
use spin_sdk::wasip3::clocks::monotonic_clock;

use self::{
    postgres::Postgres,
    sqlite::{Durability, Sqlite},
};
use crate::host::{NANOS_PER_MILLI, random, sleep};

const PORT: &str = "database";

/// How long a statement waits for its turn to write. Where the disk needs 20 ms for a commit, 1,500 write before it.
const PATIENCE: Millis = 30 * SECOND;

/// The longest pause before a statement that found the database locked looks again.
const LOOKS_AGAIN: Millis = 32;

/// How often a statement is tried that finds the database away, or its tables missing.
const ATTEMPTS: u32 = 6;

/// The longest pause after the first of these, doubled each time.
const FIRST_PAUSE: Millis = 10;

/// A database.
#[derive(Debug)]
pub enum Database {
    /// Spin's SQLite, the manifest's default database.
    Sqlite(Sqlite),
    /// PostgreSQL.
    Postgres(Postgres),
}

/// How they differ in what they understand.
#[derive(Debug)]
pub(crate) struct Dialect {
    /// The bytes of `body` as hexadecimal digits.
    pub(crate) hex_body: &'static str,
    /// The type of bytes.
    pub(crate) bytes: &'static str,
    /// What follows the placeholders of a text, two numbers and bytes where a statement does not say their types otherwise.
    pub(crate) casts: [&'static str; 4],
    /// What makes the tables that are missing.
    schema: &'static [&'static str],
}

/// A value that is bound, or that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Integer(i64),
    Text(String),
    Blob(Vec<u8>),
    /// What no statement of ours selects, and nothing.
    Other,
}

/// Why a statement did not run.
#[derive(Debug)]
enum Failure {
    /// Somebody else writes, and nothing was done: it is free in a moment.
    Locked(String),
    /// It is away, and nothing was done: trying again may help.
    Away(String),
    /// A table is missing: nobody has used this database before.
    NoTables,
    /// There is a row with this key, and it may not be replaced.
    Taken,
    /// Anything else. It may have been done all the same.
    Other(String),
}

/// What a statement that gives at most one column came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The column, row by row.
    Rows(Vec<Value>),
    /// Nothing was done, because a row with this key is there already.
    Taken,
}

impl Database {
    /// Spin's SQLite.
    pub fn sqlite() -> Self {
        Self::Sqlite(Sqlite::new(Durability::Synced))
    }

    /// The same, for what need not outlive a crash of the machine: a commit does not wait for the disk.
    pub fn unsynced_sqlite() -> Self {
        Self::Sqlite(Sqlite::new(Durability::Unsynced))
    }

    /// PostgreSQL at the address that a connection string gives.
    pub fn postgres(address: String) -> Self {
        Self::Postgres(Postgres::new(address))
    }

    /// How many statements were sent so far.
    pub(crate) fn statements(&self) -> u64 {
        match self {
            Self::Sqlite(sqlite) => sqlite.statements(),
            Self::Postgres(postgres) => postgres.statements(),
        }
    }

    pub(crate) fn dialect(&self) -> &'static Dialect {
        match self {
            Self::Sqlite(_) => &sqlite::DIALECT,
            Self::Postgres(_) => &postgres::DIALECT,
        }
    }

    /// The one column that a statement gives, row by row.
    pub(crate) async fn query(&self, statement: &str, values: &[Value]) -> Result<Vec<Value>, Fault> {
        match self.try_insert(statement, values).await? {
            Outcome::Rows(rows) => Ok(rows),
            Outcome::Taken => Err(fault("a row is there already")),
        }
    }

    /// The same for a statement that may meet a row which is there already.
    pub(crate) async fn try_insert(&self, statement: &str, values: &[Value]) -> Result<Outcome, Fault> {
        for _ in 0..ATTEMPTS {
            match self.run_in_turn(statement, values).await {
                Ok(rows) => return Ok(Outcome::Rows(rows)),
                Err(Failure::Taken) => return Ok(Outcome::Taken),
                Err(Failure::NoTables) => self.make_tables().await?,
                Err(failure) => return Err(failure.into_fault()),
            }
        }
        Err(fault("the tables are missing and cannot be made"))
    }

    /// Makes the tables that are missing. Others may be at it at the same time.
    async fn make_tables(&self) -> Result<(), Fault> {
        for statement in self.dialect().schema {
            match self.run_in_turn(statement, &[]).await {
                // PostgreSQL says so of a table that somebody else has just made.
                Ok(_) | Err(Failure::Taken) => {}
                Err(Failure::NoTables) => return Err(fault("a table went away while it was made")),
                Err(failure) => return Err(failure.into_fault()),
            }
        }
        Ok(())
    }

    /// Runs a statement once the database is there and free.
    async fn run_in_turn(&self, statement: &str, values: &[Value]) -> Result<Vec<Value>, Failure> {
        let (began, mut tries) = (monotonic_clock::now(), 0);
        loop {
            match self.run(statement, values).await {
                Err(Failure::Locked(_))
                    if monotonic_clock::now() - began < PATIENCE.unsigned_abs() * NANOS_PER_MILLI =>
                {
                    pause(LOOKS_AGAIN).await;
                }
                Err(Failure::Away(_)) if tries + 1 < ATTEMPTS => {
                    pause(FIRST_PAUSE << tries).await;
                    tries += 1;
                }
                result => return result,
            }
        }
    }

    async fn run(&self, statement: &str, values: &[Value]) -> Result<Vec<Value>, Failure> {
        match self {
            Self::Sqlite(sqlite) => sqlite.run(statement, values).await,
            Self::Postgres(postgres) => postgres.run(statement, values).await,
        }
    }
}

/// Lets others go first, each for another while.
async fn pause(longest: Millis) {
    sleep(1 + Millis::from(u32::from_le_bytes(random())) % longest).await;
}

pub(crate) fn fault(detail: impl ToString) -> Fault {
    Fault::Unavailable { port: PORT, detail: detail.to_string() }
}

impl Failure {
    fn into_fault(self) -> Fault {
        match self {
            Self::Locked(detail) | Self::Away(detail) | Self::Other(detail) => fault(detail),
            Self::NoTables => fault("the tables are missing"),
            Self::Taken => fault("a row is there already"),
        }
    }
}

impl Value {
    /// The bytes that were read.
    pub(crate) fn into_blob(self) -> Result<Vec<u8>, Fault> {
        if let Self::Blob(blob) = self { Ok(blob) } else { Err(unexpected("bytes")) }
    }

    /// The text that was read.
    pub(crate) fn into_text(self) -> Result<String, Fault> {
        if let Self::Text(text) = self { Ok(text) } else { Err(unexpected("text")) }
    }
}

fn unexpected(expected: &str) -> Fault {
    Fault::Unreadable { port: PORT, what: "a column".to_owned(), detail: format!("it does not hold {expected}") }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Blob(bytes.to_vec())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u64> for Value {
    /// Held at what a database can hold: nothing that is counted gets there.
    fn from(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}
