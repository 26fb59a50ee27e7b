//! The index of what is due on Workers: one Durable Object, whose table each account's object announces to.
//!
//! An account's object does so only where a command has made something due sooner. So a busy account costs it next to nothing. A
//! run asks once for all that is due, which costs a thirtieth of a list of keys in KV.

use farebox_core::{id::AccountId, time::Timestamp};
use farebox_ports::{Due, DueIndex, Fault};
use worker::{SqlStorage, SqlStorageValue};

use crate::{Ask, Platform, fault};

const PORT: &str = "due index";

/// No account has a name with a blank in it, so this is no account's object, and no document has this name.
const OBJECT: &str = "due index";

impl DueIndex for Platform {
    const COST: u32 = 0;

    async fn announce(&self, account: &AccountId, at: Timestamp) -> Result<(), Fault> {
        self.ask_object(OBJECT, &Ask::Announce { account: account.clone(), at }).await
    }

    async fn due(&self, until: Timestamp, most: u32) -> Result<Vec<Due>, Fault> {
        self.ask_object(OBJECT, &Ask::Due { until, most }).await
    }

    async fn looked_after(&self, accounts: &[(Due, Option<Timestamp>)]) -> Result<(), Fault> {
        self.ask_object(OBJECT, &Ask::LookedAfter { accounts: accounts.to_vec() }).await
    }
}

/// The index in the one object whose storage this is.
pub struct SqlDueIndex {
    sql: SqlStorage,
}

impl SqlDueIndex {
    /// The index in an object's SQLite.
    ///
    /// # Errors
    /// The storage failed.
    pub fn new(sql: SqlStorage) -> Result<Self, Fault> {
        let schema = "
            CREATE TABLE IF NOT EXISTS due (account TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
            CREATE INDEX IF NOT EXISTS due_at ON due (at);
        ";
        sql.exec(schema, None).map_err(fault(PORT))?;
        Ok(Self { sql })
    }

    fn run(&self, statement: &str, values: Vec<SqlStorageValue>) -> Result<(), Fault> {
        self.sql.exec(statement, values).map(drop).map_err(fault(PORT))
    }

    /// Something of `account` is due at `at`, and nothing sooner.
    ///
    /// # Errors
    /// The storage failed.
    pub fn announce(&self, account: &AccountId, at: Timestamp) -> Result<(), Fault> {
        let statement = "INSERT INTO due (account, at) VALUES (?, ?) \
                         ON CONFLICT (account) DO UPDATE SET at = excluded.at WHERE at <> excluded.at";
        self.run(statement, vec![account.as_str().into(), SqlStorageValue::Integer(at.millis())])
    }

    /// The accounts of which something is due by `until`, the longest due first, `most` at most.
    ///
    /// # Errors
    /// The storage failed.
    pub fn due(&self, until: Timestamp, most: u32) -> Result<Vec<Due>, Fault> {
        let statement = "SELECT account, at FROM due WHERE at <= ? ORDER BY at LIMIT ?";
        let values = vec![SqlStorageValue::Integer(until.millis()), SqlStorageValue::Integer(i64::from(most))];
        let rows = self.sql.exec(statement, values).map_err(fault(PORT))?;
        let read = |row: worker::Result<Vec<SqlStorageValue>>| {
            let mut row = row.map_err(fault(PORT))?;
            let (at, account) = (row.pop().and_then(integer), row.pop());
            let account = match account {
                Some(SqlStorageValue::String(account)) => account.parse().ok(),
                _ => None,
            };
            let unreadable = || Fault::Unavailable { port: PORT, detail: "a row that is none of ours".to_owned() };
            let due = account.zip(at).map(|(account, at)| Due { account, at: Timestamp::from_millis(at) });
            due.ok_or_else(unreadable)
        };
        rows.raw().map(read).collect()
    }

    /// These accounts were looked after, and are next due then, unless something else was announced meanwhile.
    ///
    /// # Errors
    /// The storage failed.
    pub fn looked_after(&self, accounts: &[(Due, Option<Timestamp>)]) -> Result<(), Fault> {
        for (Due { account, at }, next) in accounts {
            let known: [SqlStorageValue; 2] = [account.as_str().into(), SqlStorageValue::Integer(at.millis())];
            match next {
                Some(next) => {
                    let next = [SqlStorageValue::Integer(next.millis())];
                    let statement = "UPDATE due SET at = ? WHERE account = ? AND at = ?";
                    self.run(statement, next.into_iter().chain(known).collect())?;
                }
                None => self.run("DELETE FROM due WHERE account = ? AND at = ?", known.into())?,
            }
        }
        Ok(())
    }
}

/// The runtime may hand an integer over as a float.
fn integer(value: SqlStorageValue) -> Option<i64> {
    match value {
        SqlStorageValue::Integer(integer) => Some(integer),
        // Milliseconds are whole, and far below where a float would round them.
        SqlStorageValue::Float(float) => Some(float as i64),
        _ => None,
    }
}
