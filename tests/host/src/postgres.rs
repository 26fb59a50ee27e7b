//! `spin:postgres`: connections to servers that `allowed_outbound_hosts` names.
//!
//! As in Spin, each component has a pool of 64 connections for each address. A connection goes back to it when the guest drops
//! it: as it is, also with an open transaction. Without TLS: an address that insists on it is refused.

#![expect(clippy::result_large_err, reason = "the errors are as large as the interface has them")]

mod values;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use futures_util::{Stream, StreamExt};
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::{
    Config, NoTls,
    config::{Host as ServerHost, SslMode},
};
use wasmtime::component::{Accessor, FutureReader, HasSelf, Resource, StreamReader};

use crate::{
    bindings::spin::postgres::postgres::{
        Column, DbError, DbValue, Error, Host, HostConnection, HostConnectionBuilder, HostConnectionBuilderWithStore,
        HostConnectionWithStore, ParameterValue, QueryError, RowSet,
    },
    hosts::AllowedHosts,
    instance::{Component, State},
    stream::{Source, WAITING},
};

/// Connections to one address, as in Spin.
const POOL_SIZE: usize = 64;

/// A connection, as a guest holds it.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
#[derive(Clone)]
pub struct Connection(Arc<Object>);

/// An address to which a connection is going to be made.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Builder(String);

/// The connections of one component, by address.
#[derive(Clone, Default)]
pub(crate) struct Pools(Arc<Mutex<HashMap<String, Pool>>>);

impl Pools {
    async fn connect(&self, address: &str, hosts: &AllowedHosts) -> Result<Connection, Error> {
        let config: Config = address.parse().map_err(connection_failed)?;
        check_hosts(&config, hosts)?;
        let pool = self.pool(address, config)?;
        pool.get().await.map(|object| Connection(Arc::new(object))).map_err(connection_failed)
    }

    fn pool(&self, address: &str, config: Config) -> Result<Pool, Error> {
        let mut pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(address) {
            return Ok(pool.clone());
        }
        if config.get_ssl_mode() == SslMode::Require {
            return Err(Error::ConnectionFailed("this host has no TLS".into()));
        }
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Clean };
        let manager = Manager::from_config(config, NoTls, recycling);
        let pool = Pool::builder(manager).max_size(POOL_SIZE).build().map_err(connection_failed)?;
        pools.insert(address.to_owned(), pool.clone());
        Ok(pool)
    }
}

fn check_hosts(config: &Config, hosts: &AllowedHosts) -> Result<(), Error> {
    for (index, host) in config.get_hosts().iter().enumerate() {
        let ServerHost::Tcp(host) = host else {
            return Err(Error::ConnectionFailed("Unix sockets are not supported".into()));
        };
        let ports = config.get_ports();
        let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
        let url = format!("postgres://{host}:{port}");
        if !url.parse().is_ok_and(|url| hosts.allow(&url)) {
            return Err(Error::ConnectionFailed(format!("address {url} is not permitted")));
        }
    }
    Ok(())
}

fn connection_failed(error: impl std::fmt::Debug) -> Error {
    Error::ConnectionFailed(format!("{error:?}"))
}

fn query_failed(error: tokio_postgres::Error) -> Error {
    let as_text = format!("{error:?}");
    Error::QueryFailed(match error.as_db_error() {
        None => QueryError::Text(as_text),
        Some(error) => QueryError::DbError(DbError {
            as_text,
            severity: error.severity().to_owned(),
            code: error.code().code().to_owned(),
            message: error.message().to_owned(),
            detail: error.detail().map(str::to_owned),
            extras: [("column", error.column()), ("constraint", error.constraint()), ("table", error.table())]
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
                .collect(),
        }),
    })
}

type Row = Vec<DbValue>;

/// The rows of a running statement, and before each what its columns are called.
type Rows = std::pin::Pin<Box<dyn Stream<Item = Result<(Vec<Column>, Row), Error>> + Send>>;

impl Connection {
    async fn execute(self, statement: String, parameters: Vec<ParameterValue>) -> Result<u64, Error> {
        let parameters = parameters.into_iter().map(values::to_sql).collect::<Result<Vec<_>, _>>()?;
        self.0.execute_raw(statement.as_str(), parameters).await.map_err(query_failed)
    }

    async fn rows(&self, statement: &str, parameters: Vec<ParameterValue>) -> Result<Rows, Error> {
        let parameters = parameters.into_iter().map(values::to_sql).collect::<Result<Vec<_>, _>>()?;
        let rows = self.0.query_raw(statement, parameters).await.map_err(query_failed)?;
        Ok(Box::pin(rows.map(|row| {
            let row = row.map_err(query_failed)?;
            Ok((values::columns(&row), values::from_row(&row)?))
        })))
    }

    async fn query(self, statement: String, parameters: Vec<ParameterValue>) -> Result<RowSet, Error> {
        let mut found = self.rows(&statement, parameters).await?;
        let mut set = RowSet { columns: Vec::new(), rows: Vec::new() };
        while let Some(row) = found.next().await {
            let (columns, row) = row?;
            set.columns = columns;
            set.rows.push(row);
        }
        Ok(set)
    }

    /// Starts a statement. Its columns are known with the first row, so a statement without rows has none.
    async fn query_streamed(
        self,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Result<(Vec<Column>, Source<Row, Error>), Error> {
        let found = self.rows(&statement, parameters).await?;
        let (rows, items) = mpsc::channel(WAITING);
        let (done, outcome) = oneshot::channel();
        let (named, columns) = oneshot::channel();
        tokio::spawn(async move {
            // The connection goes back to its pool when its rows were read.
            let _connection = self;
            let _ = done.send(forward(found, named, rows).await);
        });
        Ok((columns.await.unwrap_or_default(), Source { items, outcome }))
    }
}

async fn forward(mut found: Rows, named: oneshot::Sender<Vec<Column>>, rows: mpsc::Sender<Row>) -> Result<(), Error> {
    let mut named = Some(named);
    while let Some(row) = found.next().await {
        let (columns, row) = row?;
        if let Some(named) = named.take() {
            let _ = named.send(columns);
        }
        if rows.send(row).await.is_err() {
            // The guest wants no more of them.
            return Ok(());
        }
    }
    Ok(())
}

type Outcome<T> = wasmtime::Result<Result<T, Error>>;

impl State {
    async fn open_postgres(&mut self, address: &str) -> Outcome<Resource<Connection>> {
        let component = self.component.clone();
        match component.pools.connect(address, &component.hosts).await {
            Ok(connection) => Ok(Ok(self.table.push(connection)?)),
            Err(error) => Ok(Err(error)),
        }
    }

    fn postgres(&mut self, connection: &Resource<Connection>) -> wasmtime::Result<Connection> {
        Ok(self.table.get(connection)?.clone())
    }
}

async fn open_postgres<T: Send>(
    accessor: &Accessor<T, HasSelf<State>>,
    address: &str,
) -> Outcome<Resource<Connection>> {
    let component: Arc<Component> = accessor.with(|mut access| access.get().component.clone());
    match component.pools.connect(address, &component.hosts).await {
        Ok(connection) => Ok(Ok(accessor.with(|mut access| access.get().table.push(connection))?)),
        Err(error) => Ok(Err(error)),
    }
}

impl Host for State {}

impl HostConnection for State {
    async fn open(&mut self, address: String) -> Outcome<Resource<Connection>> {
        self.open_postgres(&address).await
    }

    async fn query(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Outcome<RowSet> {
        Ok(self.postgres(&connection)?.query(statement, parameters).await)
    }

    async fn execute(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Outcome<u64> {
        Ok(self.postgres(&connection)?.execute(statement, parameters).await)
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

impl<T: Send> HostConnectionWithStore<T> for HasSelf<State> {
    async fn open_async(accessor: &Accessor<T, Self>, address: String) -> Outcome<Resource<Connection>> {
        open_postgres(accessor, &address).await
    }

    async fn query_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Outcome<(Vec<Column>, StreamReader<Row>, FutureReader<Result<(), Error>>)> {
        let connection = accessor.with(|mut access| access.get().postgres(&connection))?;
        let (columns, source) = match connection.query_streamed(statement, parameters).await {
            Ok(started) => started,
            Err(error) => return Ok(Err(error)),
        };
        let (rows, outcome) = accessor.with(|access| source.into_ends(access))?;
        Ok(Ok((columns, rows, outcome)))
    }

    async fn execute_async(
        accessor: &Accessor<T, Self>,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> Outcome<u64> {
        let connection = accessor.with(|mut access| access.get().postgres(&connection))?;
        Ok(connection.execute(statement, parameters).await)
    }
}

impl HostConnectionBuilder for State {
    async fn new(&mut self, address: String) -> wasmtime::Result<Resource<Builder>> {
        Ok(self.table.push(Builder(address))?)
    }

    async fn set_ca_root(&mut self, _: Resource<Builder>, _: String) -> Outcome<()> {
        Ok(Err(Error::Other("this host has no TLS".into())))
    }

    async fn build(&mut self, builder: Resource<Builder>) -> Outcome<Resource<Connection>> {
        let address = self.table.get(&builder)?.0.clone();
        self.open_postgres(&address).await
    }

    async fn drop(&mut self, builder: Resource<Builder>) -> wasmtime::Result<()> {
        self.table.delete(builder)?;
        Ok(())
    }
}

impl<T: Send> HostConnectionBuilderWithStore<T> for HasSelf<State> {
    async fn build_async(accessor: &Accessor<T, Self>, builder: Resource<Builder>) -> Outcome<Resource<Connection>> {
        let address = accessor.with(|mut access| access.get().table.get(&builder).map(|builder| builder.0.clone()))?;
        open_postgres(accessor, &address).await
    }
}
