//! PostgreSQL.
//!
//! The host keeps a pool of 64 connections for each component, so that one is taken for each statement and given back: an
//! instance that kept one would keep it from all others. Only a turn keeps one, until it ends.
//!
//! Who has the turn at an account is the server's to say: an advisory lock on the account's id, which ends with the transaction. Who waits for
//! it stands in the server's queue. Invariant: nothing is written into another's transaction. A turn that ends well leaves none on its
//! connection. Where an instance is ended in its turn, the host gives the connection back to the pool as it is: so a turn has a number
//! from its beginning, the server ends one that stands idle, and whoever writes on a connection looks whether one is there.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use spin_sdk::{
    pg::{Connection, DbValue, Error, ParameterValue, PgError, QueryError},
    wasip3::spawn,
};

use super::{Dialect, Failure, Value};

/// PostgreSQL's codes (its manual, appendix A) for a table that is missing, for a key that is there already, and for nothing
/// where there must be something, which is what a write puts in the place of a row that is not the one it expects.
const UNDEFINED_TABLE: &str = "42P01";
const UNIQUE_VIOLATION: &str = "23505";
const NOT_NULL_VIOLATION: &str = "23502";

/// Keys sort by their bytes, whatever the database's locale.
pub(super) const DIALECT: Dialect = Dialect {
    hex_body: "encode(body, 'hex')",
    bytes: "bytea",
    casts: ["::text", "::bigint", "::bigint", "::bytea"],
    schema: &[
        "CREATE TABLE IF NOT EXISTS farebox_entries (account text NOT NULL, seq bigint NOT NULL, \
         at bigint NOT NULL, body bytea NOT NULL, PRIMARY KEY (account, seq))",
        // Of a version that looked for times by an index, which a planner took for a command's statement too.
        "DROP INDEX IF EXISTS farebox_entries_at",
        "CREATE TABLE IF NOT EXISTS farebox_states (account text PRIMARY KEY, seq bigint NOT NULL, body bytea NOT NULL)",
        // Of a version that did not say of which entry a snapshot is.
        "DROP TABLE IF EXISTS farebox_snapshots",
        "CREATE TABLE IF NOT EXISTS farebox_nonces (account text NOT NULL, nonce text NOT NULL, \
         at bigint NOT NULL, PRIMARY KEY (account, nonce))",
        "CREATE TABLE IF NOT EXISTS farebox_limits (bucket text PRIMARY KEY, used bigint NOT NULL)",
        "CREATE TABLE IF NOT EXISTS farebox_config (key text COLLATE \"C\" PRIMARY KEY, value bytea NOT NULL)",
    ],
};

/// What an append outside a turn adds to its condition, so that it does nothing while the account `$1` is in another's turn. In
/// a query of its own, so that it is asked once for all rows.
const UNLESS_IN_TURN: &str = " AND (SELECT txid_current_if_assigned() IS NULL \
     AND pg_try_advisory_xact_lock(hashtextextended('farebox/' || $1::text, 0)))";

/// Gives the transaction a number and takes the lock of an account, or fails after a while. `set_config` with `true` is for
/// this transaction. A function that returns nothing gives an empty text.
const TAKE_TURN: &str = "SELECT set_config('idle_in_transaction_session_timeout', '10s', true) \
     || set_config('lock_timeout', '10s', true) || txid_current()::text \
     || pg_advisory_xact_lock(hashtextextended('farebox/' || $1::text, 0))::text";

/// Gives a row where a turn was left on the connection.
const LEFT_OPEN: &str = "SELECT txid_current_if_assigned()::text WHERE txid_current_if_assigned() IS NOT NULL";

/// The database at a connection string, which holds a password.
pub struct Postgres {
    address: String,
    /// The connection of the transaction that is open.
    turn: RefCell<Option<Rc<Connection>>>,
    statements: Cell<u64>,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Postgres")
    }
}

impl Postgres {
    pub(super) fn new(address: String) -> Self {
        Self { address, turn: RefCell::default(), statements: Cell::new(0) }
    }

    pub(super) async fn run(&self, statement: &str, values: &[Value]) -> Result<Vec<Value>, Failure> {
        let in_turn = self.turn.borrow().clone();
        match in_turn {
            Some(connection) => self.ask(&connection, statement, values).await,
            None => {
                let connection = self.open().await?;
                if !statement.starts_with("SELECT") && !statement.contains(UNLESS_IN_TURN) {
                    self.end_what_was_left(&connection).await?;
                }
                self.ask(&connection, statement, values).await
            }
        }
    }

    async fn open(&self) -> Result<Connection, Failure> {
        Connection::open(self.address.as_str()).await.map_err(failure)
    }

    async fn ask(&self, connection: &Connection, statement: &str, values: &[Value]) -> Result<Vec<Value>, Failure> {
        self.statements.set(self.statements.get() + 1);
        run(connection, statement, values).await
    }

    /// Undoes the turn of an instance that was ended in it.
    async fn end_what_was_left(&self, connection: &Connection) -> Result<(), Failure> {
        if !self.ask(connection, LEFT_OPEN, &[]).await?.is_empty() {
            self.ask(connection, "ROLLBACK", &[]).await?;
        }
        Ok(())
    }

    pub(super) fn statements(&self) -> u64 {
        self.statements.get()
    }

    /// Begins a transaction that has the turn at `account`. Whoever drops this before it is over leaves nothing open.
    pub(super) async fn begin(&self, account: &str) -> Result<(), Failure> {
        let begun = Begun(Some(Rc::new(self.open().await?)));
        if let Some(connection) = &begun.0 {
            self.end_what_was_left(connection).await?;
            self.ask(connection, "BEGIN", &[]).await?;
            self.ask(connection, TAKE_TURN, &[account.into()]).await?;
        }
        *self.turn.borrow_mut() = begun.keep();
        Ok(())
    }

    /// What an append adds to its condition.
    pub(super) fn unless_in_turn(&self) -> &'static str {
        if self.turn.borrow().is_some() { "" } else { UNLESS_IN_TURN }
    }

    pub(super) async fn commit(&self) -> Result<(), Failure> {
        self.run("COMMIT", &[]).await?;
        self.turn.borrow_mut().take();
        Ok(())
    }

    pub(super) fn abandon(&self) {
        drop(Begun(self.turn.borrow_mut().take()));
    }
}

/// A connection with a transaction on it, which is rolled back unless it is kept.
struct Begun(Option<Rc<Connection>>);

impl Begun {
    fn keep(mut self) -> Option<Rc<Connection>> {
        self.0.take()
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            spawn(async move {
                // One that fails has no connection any more, and so no transaction.
                let _ = run(&connection, "ROLLBACK", &[]).await;
            });
        }
    }
}

/// Runs a statement, and gives the last column of each row.
async fn run(connection: &Connection, statement: &str, values: &[Value]) -> Result<Vec<Value>, Failure> {
    let values: Vec<ParameterValue> = values.iter().map(bound).collect();
    let (_, rows, result) = connection.query(statement, values).await.map_err(failure)?.into_inner();
    let rows = rows.collect().await;
    result.await.map_err(failure)?;
    Ok(rows.into_iter().map(|mut row| row.pop().map_or(Value::Other, read)).collect())
}

fn bound(value: &Value) -> ParameterValue {
    match value {
        Value::Integer(number) => ParameterValue::Int64(*number),
        Value::Text(text) => ParameterValue::Str(text.clone()),
        Value::Blob(bytes) => ParameterValue::Binary(bytes.clone()),
        Value::Other => ParameterValue::DbNull,
    }
}

fn read(column: DbValue) -> Value {
    match column {
        DbValue::Int64(number) => Value::Integer(number),
        DbValue::Str(text) => Value::Text(text),
        DbValue::Binary(bytes) => Value::Blob(bytes),
        _ => Value::Other,
    }
}

fn failure(error: impl Into<Error>) -> Failure {
    let error = match error.into() {
        Error::PgError(error) => error,
        Error::Decode(text) => return Failure::Other(text),
    };
    match error {
        PgError::ConnectionFailed(text) => Failure::Busy(text),
        PgError::QueryFailed(QueryError::DbError(error)) if error.code == UNDEFINED_TABLE => Failure::NoTables,
        PgError::QueryFailed(QueryError::DbError(error))
            if [UNIQUE_VIOLATION, NOT_NULL_VIOLATION].contains(&error.code.as_str()) =>
        {
            Failure::Taken
        }
        PgError::QueryFailed(QueryError::DbError(error)) => Failure::Other(error.message),
        PgError::QueryFailed(QueryError::Text(text)) | PgError::Other(text) => Failure::Other(text),
        PgError::BadParameter(text) | PgError::ValueConversionFailed(text) => Failure::Other(text),
    }
}
