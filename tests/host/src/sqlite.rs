//! `spin:sqlite`: databases in files of the state directory.
//!
//! As in Spin each opened connection is one of its own to the file, made when it is first used. Statements run on threads that
//! may block, and of a text with several statements only the first runs. Rows are fetched as the guest reads them, and until it
//! has read them the connection is taken. SQLite's settings are the library's: five seconds of patience with a lock, every commit
//! synced, foreign keys checked. Other files cannot be attached.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use rusqlite::{
    hooks::{AuthAction, AuthContext, Authorization},
    params_from_iter,
    types::{Value as SqlValue, ValueRef},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::spawn_blocking,
};
use wasmtime::component::{Accessor, FutureReader, HasSelf, Resource, StreamReader};

use crate::{
    bindings::spin::sqlite::sqlite::{
        Error, Host, HostConnection, HostConnectionWithStore, QueryResult, RowResult, Value,
    },
    instance::State,
    stream::{Source, WAITING},
};

/// Connections that one instance may have open at a time.
const MAX_OPEN: usize = 256;

/// An open connection, as a guest holds it.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
#[derive(Clone)]
pub struct Connection(Arc<Opened>);

struct Opened {
    path: PathBuf,
    connection: OnceLock<Mutex<rusqlite::Connection>>,
}

impl Connection {
    fn new(path: PathBuf) -> Self {
        Self(Arc::new(Opened { path, connection: OnceLock::new() }))
    }

    fn lock(&self) -> Result<MutexGuard<'_, rusqlite::Connection>, Error> {
        if self.0.connection.get().is_none() {
            let connection = rusqlite::Connection::open(&self.0.path).map_err(failed)?;
            connection.authorizer(Some(no_files)).map_err(failed)?;
            // Someone else may have been first; then theirs is used.
            let _ = self.0.connection.set(Mutex::new(connection));
        }
        let connection = self.0.connection.get().ok_or(Error::InvalidConnection)?;
        Ok(connection.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs a statement to its end.
    async fn query(self, statement: String, parameters: Vec<Value>) -> Result<QueryResult, Error> {
        let work = move || {
            let connection = self.lock()?;
            let mut prepared = connection.prepare_cached(&statement).map_err(failed)?;
            let columns = prepared.column_names().into_iter().map(str::to_owned).collect();
            let mut found = prepared.query(params_from_iter(parameters.into_iter().map(to_sql))).map_err(failed)?;
            let mut rows = Vec::new();
            while let Some(row) = found.next().map_err(failed)? {
                rows.push(to_row(row)?);
            }
            Ok(QueryResult { columns, rows })
        };
        spawn_blocking(work).await.map_err(failed)?
    }

    /// Starts a statement: the names of its columns, and its rows as they are fetched.
    async fn query_streamed(
        self,
        statement: String,
        parameters: Vec<Value>,
    ) -> Result<(Vec<String>, Source<RowResult, Error>), Error> {
        let (rows, items) = mpsc::channel(WAITING);
        let (done, outcome) = oneshot::channel();
        let (named, columns) = oneshot::channel();
        spawn_blocking(move || {
            let _ = done.send(self.stream_rows(&statement, parameters, named, &rows));
        });
        // A statement that cannot be prepared has no columns; what is wrong with it comes with the outcome.
        Ok((columns.await.unwrap_or_default(), Source { items, outcome }))
    }

    fn stream_rows(
        &self,
        statement: &str,
        parameters: Vec<Value>,
        named: oneshot::Sender<Vec<String>>,
        rows: &mpsc::Sender<RowResult>,
    ) -> Result<(), Error> {
        let connection = self.lock()?;
        let mut prepared = connection.prepare_cached(statement).map_err(failed)?;
        let _ = named.send(prepared.column_names().into_iter().map(str::to_owned).collect());
        let mut found = prepared.query(params_from_iter(parameters.into_iter().map(to_sql))).map_err(failed)?;
        while let Some(row) = found.next().map_err(failed)? {
            rows.blocking_send(to_row(row)?).map_err(|_| Error::Io("row send error".into()))?;
        }
        Ok(())
    }
}

fn no_files(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Attach { filename } if !matches!(filename, "" | ":memory:") => Authorization::Deny,
        _ => Authorization::Allow,
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Io(error.to_string())
}

fn to_sql(value: Value) -> SqlValue {
    match value {
        Value::Integer(integer) => SqlValue::Integer(integer),
        Value::Real(real) => SqlValue::Real(real),
        Value::Text(text) => SqlValue::Text(text),
        Value::Blob(blob) => SqlValue::Blob(blob),
        Value::Null => SqlValue::Null,
    }
}

fn to_row(row: &rusqlite::Row<'_>) -> Result<RowResult, Error> {
    let columns = row.as_ref().column_count();
    let value = |column| {
        Ok(match row.get_ref(column).map_err(failed)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(integer) => Value::Integer(integer),
            ValueRef::Real(real) => Value::Real(real),
            ValueRef::Text(text) => Value::Text(String::from_utf8(text.to_vec()).map_err(failed)?),
            ValueRef::Blob(blob) => Value::Blob(blob.to_vec()),
        })
    };
    (0..columns).map(value).collect::<Result<_, Error>>().map(|values| RowResult { values })
}

type Outcome<T> = wasmtime::Result<Result<T, Error>>;

impl State {
    fn open_database(&mut self, database: &str) -> Outcome<Resource<Connection>> {
        let Some(path) = self.component.databases.get(database) else { return Ok(Err(Error::AccessDenied)) };
        if self.open_connections == MAX_OPEN {
            return Ok(Err(Error::Io("too many connections opened".into())));
        }
        let connection = Connection::new(path.clone());
        self.open_connections += 1;
        Ok(Ok(self.table.push(connection)?))
    }

    fn database(&mut self, connection: &Resource<Connection>) -> wasmtime::Result<Connection> {
        Ok(self.table.get(connection)?.clone())
    }
}

impl Host for State {}

impl HostConnection for State {
    async fn open(&mut self, database: String) -> Outcome<Resource<Connection>> {
        self.open_database(&database)
    }

    async fn execute(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<Value>,
    ) -> Outcome<QueryResult> {
        Ok(self.database(&connection)?.query(statement, parameters).await)
    }

    async fn last_insert_rowid(&mut self, connection: Resource<Connection>) -> wasmtime::Result<i64> {
        Ok(self.database(&connection)?.lock()?.last_insert_rowid())
    }

    async fn changes(&mut self, connection: Resource<Connection>) -> wasmtime::Result<u64> {
        Ok(self.database(&connection)?.lock()?.changes())
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        self.open_connections -= 1;
        Ok(())
    }
}

impl<T: Send> HostConnectionWithStore<T> for HasSelf<State> {
    async fn open_async(accessor: &Accessor<T, Self>, database: String) -> Outcome<Resource<Connection>> {
        accessor.with(|mut access| access.get().open_database(&database))
    }

    async fn execute_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<Value>,
    ) -> Outcome<(Vec<String>, StreamReader<RowResult>, FutureReader<Result<(), Error>>)> {
        let connection = accessor.with(|mut access| access.get().database(&connection))?;
        let (columns, source) = match connection.query_streamed(statement, parameters).await {
            Ok(started) => started,
            Err(error) => return Ok(Err(error)),
        };
        let (rows, outcome) = accessor.with(|access| source.into_ends(access))?;
        Ok(Ok((columns, rows, outcome)))
    }

    async fn last_insert_rowid_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
    ) -> wasmtime::Result<i64> {
        let connection = accessor.with(|mut access| access.get().database(&connection))?;
        Ok(connection.lock()?.last_insert_rowid())
    }

    async fn changes_async(accessor: &Accessor<T, Self>, connection: Resource<Connection>) -> wasmtime::Result<u64> {
        let connection = accessor.with(|mut access| access.get().database(&connection))?;
        Ok(connection.lock()?.changes())
    }
}
