//! PostgreSQL.
//!
//! The host keeps a pool of 64 connections for each component. Invariant: one is taken for each statement and given back, because
//! an instance that kept one would keep it from all others.

use std::cell::Cell;

use spin_sdk::pg::{Connection, DbValue, Error, ParameterValue, PgError, QueryError};

use super::{Dialect, Failure, Value};

/// PostgreSQL's codes (its manual, appendix A) for a missing table, a key that is there already, and a null where none may be. A write
/// puts a null in the place of a row that it does not expect, so that the statement fails.
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
        "CREATE TABLE IF NOT EXISTS farebox_month_ends (account text NOT NULL, seq bigint NOT NULL, \
         body bytea NOT NULL, PRIMARY KEY (account, seq))",
        // Of a version that did not say of which entry a snapshot is.
        "DROP TABLE IF EXISTS farebox_snapshots",
        "CREATE TABLE IF NOT EXISTS farebox_nonces (account text NOT NULL, nonce text NOT NULL, \
         at bigint NOT NULL, PRIMARY KEY (account, nonce))",
        "CREATE TABLE IF NOT EXISTS farebox_limits (bucket text PRIMARY KEY, used bigint NOT NULL)",
        "CREATE TABLE IF NOT EXISTS farebox_config (key text COLLATE \"C\" PRIMARY KEY, value bytea NOT NULL)",
        "CREATE TABLE IF NOT EXISTS farebox_directory (key text PRIMARY KEY, body bytea NOT NULL, until bigint NOT NULL)",
        "CREATE INDEX IF NOT EXISTS farebox_directory_until ON farebox_directory (until)",
    ],
};

/// The database at a connection string, which holds a password.
pub struct Postgres {
    address: String,
    statements: Cell<u64>,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Postgres")
    }
}

impl Postgres {
    pub(super) fn new(address: String) -> Self {
        Self { address, statements: Cell::new(0) }
    }

    /// Runs a statement, and gives the last column of each row.
    pub(super) async fn run(&self, statement: &str, values: &[Value]) -> Result<Vec<Value>, Failure> {
        let connection = Connection::open(self.address.as_str()).await.map_err(failure)?;
        self.statements.set(self.statements.get() + 1);
        let values: Vec<ParameterValue> = values.iter().map(bound).collect();
        let (_, rows, result) = connection.query(statement, values).await.map_err(failure)?.into_inner();
        let rows = rows.collect().await;
        result.await.map_err(failure)?;
        Ok(rows.into_iter().map(|mut row| row.pop().map_or(Value::Other, read)).collect())
    }

    pub(super) fn statements(&self) -> u64 {
        self.statements.get()
    }
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
        PgError::ConnectionFailed(text) => Failure::Away(text),
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
