//! The directory on Workers: each record in a Durable Object of its own.
//!
//! An object runs one turn at a time, and between comparing and writing there is no await. Invariant: a record whose time is over is
//! as none, and an alarm at that time frees what it took.

use farebox_core::time::Timestamp;
use farebox_ports::{Directory, Fault};
use worker::{SqlStorage, SqlStorageValue};

use crate::{Ask, Platform, fault};

const PORT: &str = "directory";

/// No account has a name with a blank in it, so this is no account's object.
fn object(key: &str) -> String {
    format!("directory {key}")
}

impl Directory for Platform {
    async fn lookup(&self, key: &str) -> Result<Option<String>, Fault> {
        self.ask_object(&object(key), &Ask::Lookup).await
    }

    async fn swap(
        &self,
        key: &str,
        before: Option<&str>,
        after: Option<&str>,
        until: Option<Timestamp>,
    ) -> Result<bool, Fault> {
        let (before, after) = (before.map(str::to_owned), after.map(str::to_owned));
        self.ask_object(&object(key), &Ask::Swap { before, after, until }).await
    }
}

/// The record of the one object whose storage this is.
pub struct SqlRecord {
    sql: SqlStorage,
}

impl SqlRecord {
    /// The record in an object's SQLite.
    pub const fn new(sql: SqlStorage) -> Self {
        Self { sql }
    }

    fn make_table(&self) -> Result<(), Fault> {
        let schema = "CREATE TABLE IF NOT EXISTS record \
             (one INTEGER PRIMARY KEY CHECK (one = 1), body TEXT NOT NULL, until INTEGER NOT NULL) STRICT";
        self.sql.exec(schema, None).map(drop).map_err(fault(PORT))
    }

    /// The record as it is at `now`.
    ///
    /// # Errors
    /// The storage failed.
    pub fn lookup(&self, now: Timestamp) -> Result<Option<String>, Fault> {
        self.make_table()?;
        let values = vec![SqlStorageValue::Integer(now.millis())];
        let rows = self.sql.exec("SELECT body FROM record WHERE until > ?", values).map_err(fault(PORT))?;
        match rows.raw().next().transpose().map_err(fault(PORT))?.and_then(|mut row| row.pop()) {
            None => Ok(None),
            Some(SqlStorageValue::String(body)) => Ok(Some(body)),
            Some(_) => Err(Fault::Unavailable { port: PORT, detail: "a row that is none of ours".to_owned() }),
        }
    }

    /// When the time of the record is over that is kept here; `None` where there is none.
    ///
    /// # Errors
    /// The storage failed.
    pub fn ends(&self) -> Result<Option<Timestamp>, Fault> {
        self.make_table()?;
        let rows = self.sql.exec("SELECT until FROM record", None).map_err(fault(PORT))?;
        match rows.raw().next().transpose().map_err(fault(PORT))?.and_then(|mut row| row.pop()) {
            None => Ok(None),
            Some(SqlStorageValue::Integer(until)) => Ok(Some(Timestamp::from_millis(until))),
            // The runtime may hand an integer over as a float. Milliseconds are whole, and far below where it would round them.
            Some(SqlStorageValue::Float(until)) => Ok(Some(Timestamp::from_millis(until as i64))),
            Some(_) => Err(Fault::Unavailable { port: PORT, detail: "a row that is none of ours".to_owned() }),
        }
    }

    /// Puts `after` in place of `before`, if that is what it holds at `now`. Says whether it was.
    ///
    /// # Errors
    /// The storage failed.
    pub fn swap(
        &self,
        before: Option<&str>,
        after: Option<&str>,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        if self.lookup(now)?.as_deref() != before {
            return Ok(false);
        }
        match after {
            Some(after) => {
                let until = SqlStorageValue::Integer(until.unwrap_or(Timestamp::MAX).millis());
                let statement = "INSERT INTO record (one, body, until) VALUES (1, ?, ?) \
                     ON CONFLICT (one) DO UPDATE SET body = excluded.body, until = excluded.until";
                self.sql.exec(statement, vec![after.into(), until]).map_err(fault(PORT))?;
            }
            None => drop(self.sql.exec("DELETE FROM record", None).map_err(fault(PORT))?),
        }
        Ok(true)
    }
}
