//! A store in a SQLite file, laid out as Spin lays out its own, so that either program can go on with the other's file.
//!
//! As in Spin there is one connection for all instances. Each `set` waits until the disk has it, and an operation blocks the
//! instance that asked for it. While keys are streamed the connection is taken. An instance that asks the same store for
//! something else before it has read all keys waits for itself for ever.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Context;
use rusqlite::{Connection, OptionalExtension, params};
use tokio::{
    sync::{mpsc, oneshot},
    task,
};

use super::failed;
use crate::{
    bindings::spin::key_value::key_value::Error,
    stream::{Source, WAITING},
};

/// One label's part of the file.
pub(crate) struct SqliteStore {
    connection: Arc<Mutex<Connection>>,
    label: String,
}

impl SqliteStore {
    /// Opens the file, and makes it where there is none.
    ///
    /// # Errors
    /// It cannot be opened, or is something else.
    pub(super) fn open(path: &Path, label: &str) -> anyhow::Result<Self> {
        let connection = Connection::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        connection
            .execute(
                "CREATE TABLE IF NOT EXISTS spin_key_value (
                    store TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (store, key)
                )",
                [],
            )
            .with_context(|| format!("cannot use {}", path.display()))?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)), label: label.to_owned() })
    }

    fn with<R>(&self, work: impl FnOnce(&Connection, &str) -> rusqlite::Result<R>) -> Result<R, Error> {
        task::block_in_place(|| work(&lock(&self.connection), &self.label)).map_err(failed)
    }

    pub(super) fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.with(|connection, label| {
            connection
                .prepare_cached("SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2")?
                .query_row([label, key], |row| row.get(0))
                .optional()
        })
    }

    pub(super) fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.with(|connection, label| {
            connection
                .prepare_cached(
                    "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3)
                     ON CONFLICT (store, key) DO UPDATE SET value = ?3",
                )?
                .execute(params![label, key, value])
                .map(drop)
        })
    }

    pub(super) fn delete(&self, key: &str) -> Result<(), Error> {
        self.with(|connection, label| {
            connection
                .prepare_cached("DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2")?
                .execute([label, key])
                .map(drop)
        })
    }

    pub(super) fn keys(&self) -> Source<String, Error> {
        let (sender, items) = mpsc::channel(WAITING);
        let (done, outcome) = oneshot::channel();
        let (connection, label) = (self.connection.clone(), self.label.clone());
        task::spawn_blocking(move || {
            let _ = done.send(stream_keys(&lock(&connection), &label, &sender));
        });
        Source { items, outcome }
    }
}

fn stream_keys(connection: &Connection, label: &str, sender: &mpsc::Sender<String>) -> Result<(), Error> {
    let mut statement = connection.prepare_cached("SELECT key FROM spin_key_value WHERE store = ?1").map_err(failed)?;
    let mut rows = statement.query([label]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        sender.blocking_send(row.get(0).map_err(failed)?).map_err(failed)?;
    }
    Ok(())
}

/// A panic while the connection was held left no statement half done.
fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}
