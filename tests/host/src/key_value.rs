//! `spin:key-value`: the stores that components open.
//!
//! A component opens the stores that its manifest names. `default` is a SQLite file in the state directory unless the runtime
//! configuration says otherwise. The start of the application decides what a store is made of.

mod redis;
mod sqlite;

use std::{path::Path, sync::Arc};

use wasmtime::component::{Accessor, FutureReader, HasSelf, Resource, StreamReader};

pub(crate) use self::{redis::RedisStore, sqlite::SqliteStore};
use crate::{
    bindings::spin::key_value::key_value::{Error, Host, HostStore, HostStoreWithStore},
    instance::State,
    stream::Source,
};

/// Stores that one instance may have open at a time.
const MAX_OPEN: usize = 256;

/// An open store, as a guest holds it.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Store(Arc<Backend>);

/// What a store is kept in.
pub(crate) enum Backend {
    /// A table in a SQLite file.
    Sqlite(SqliteStore),
    /// A Redis server, whose keys are the store's.
    Redis(RedisStore),
}

impl Backend {
    /// The store that is there without any configuration.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(crate) fn local(path: &Path, label: &str) -> anyhow::Result<Self> {
        SqliteStore::open(path, label).map(Self::Sqlite)
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        match self {
            Self::Sqlite(store) => store.get(key),
            Self::Redis(store) => store.get(key).await,
        }
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        match self {
            Self::Sqlite(store) => store.set(key, value),
            Self::Redis(store) => store.set(key, value).await,
        }
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        match self {
            Self::Sqlite(store) => store.delete(key),
            Self::Redis(store) => store.delete(key).await,
        }
    }

    async fn exists(&self, key: &str) -> Result<bool, Error> {
        match self {
            Self::Sqlite(store) => store.get(key).map(|value| value.is_some()),
            Self::Redis(store) => store.exists(key).await,
        }
    }

    fn keys(&self) -> Source<String, Error> {
        match self {
            Self::Sqlite(store) => store.keys(),
            Self::Redis(store) => store.keys(),
        }
    }
}

fn failed(error: impl std::fmt::Debug) -> Error {
    Error::Other(format!("{error:?}"))
}

type Outcome<T> = wasmtime::Result<Result<T, Error>>;

impl Host for State {}

impl HostStore for State {
    async fn drop(&mut self, store: Resource<Store>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        self.open_stores -= 1;
        Ok(())
    }
}

fn backend<T: Send>(accessor: &Accessor<T, HasSelf<State>>, store: &Resource<Store>) -> wasmtime::Result<Arc<Backend>> {
    accessor.with(|mut access| Ok(access.get().table.get(store)?.0.clone()))
}

impl<T: Send> HostStoreWithStore<T> for HasSelf<State> {
    async fn open(accessor: &Accessor<T, Self>, label: String) -> Outcome<Resource<Store>> {
        accessor.with(|mut access| {
            let state = access.get();
            let Some(backend) = state.component.stores.get(&label) else { return Ok(Err(Error::AccessDenied)) };
            if state.open_stores == MAX_OPEN {
                return Ok(Err(Error::StoreTableFull));
            }
            let store = Store(backend.clone());
            state.open_stores += 1;
            Ok(Ok(state.table.push(store)?))
        })
    }

    async fn get(accessor: &Accessor<T, Self>, store: Resource<Store>, key: String) -> Outcome<Option<Vec<u8>>> {
        Ok(backend(accessor, &store)?.get(&key).await)
    }

    async fn set(accessor: &Accessor<T, Self>, store: Resource<Store>, key: String, value: Vec<u8>) -> Outcome<()> {
        Ok(backend(accessor, &store)?.set(&key, &value).await)
    }

    async fn delete(accessor: &Accessor<T, Self>, store: Resource<Store>, key: String) -> Outcome<()> {
        Ok(backend(accessor, &store)?.delete(&key).await)
    }

    async fn exists(accessor: &Accessor<T, Self>, store: Resource<Store>, key: String) -> Outcome<bool> {
        Ok(backend(accessor, &store)?.exists(&key).await)
    }

    async fn get_keys(
        accessor: &Accessor<T, Self>,
        store: Resource<Store>,
    ) -> wasmtime::Result<(StreamReader<String>, FutureReader<Result<(), Error>>)> {
        let keys = backend(accessor, &store)?.keys();
        accessor.with(|access| keys.into_ends(access))
    }
}
