//! A store on a Redis server: keys and values as they are, as Spin keeps them, so all labels of a server share its keys.

use ::redis::{AsyncCommands, Client, RedisResult, aio::ConnectionManager};
use anyhow::Context;
use tokio::sync::{OnceCell, mpsc, oneshot};

use super::failed;
use crate::{
    bindings::spin::key_value::key_value::Error,
    stream::{Source, WAITING},
};

/// A server, connected to when it is first asked.
#[derive(Clone)]
pub(crate) struct RedisStore {
    client: Client,
    connection: std::sync::Arc<OnceCell<ConnectionManager>>,
}

impl RedisStore {
    /// The server at `url`; nothing is sent to it yet.
    ///
    /// # Errors
    /// It is no URL of a Redis server.
    pub(crate) fn new(url: &str) -> anyhow::Result<Self> {
        let client = Client::open(url).with_context(|| format!("{url:?} is not a Redis server"))?;
        Ok(Self { client, connection: Default::default() })
    }

    /// Where the server is, without what only the two should know.
    pub(crate) fn address(&self) -> String {
        self.client.get_connection_info().addr().to_string()
    }

    async fn connection(&self) -> RedisResult<ConnectionManager> {
        self.connection.get_or_try_init(|| self.client.get_connection_manager()).await.cloned()
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.connection().await.map_err(failed)?.get(key).await.map_err(failed)
    }

    pub(super) async fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.connection().await.map_err(failed)?.set(key, value).await.map_err(failed)
    }

    pub(super) async fn delete(&self, key: &str) -> Result<(), Error> {
        self.connection().await.map_err(failed)?.del(key).await.map_err(failed)
    }

    pub(super) async fn exists(&self, key: &str) -> Result<bool, Error> {
        self.connection().await.map_err(failed)?.exists(key).await.map_err(failed)
    }

    pub(super) fn keys(&self) -> Source<String, Error> {
        let (sender, items) = mpsc::channel(WAITING);
        let (done, outcome) = oneshot::channel();
        let store = self.clone();
        tokio::spawn(async move {
            let _ = done.send(store.stream_keys(sender).await);
        });
        Source { items, outcome }
    }

    async fn stream_keys(&self, sender: mpsc::Sender<String>) -> Result<(), Error> {
        let mut connection = self.connection().await.map_err(failed)?;
        let mut keys = connection.scan::<String>().await.map_err(failed)?;
        while let Some(key) = keys.next_item().await {
            sender.send(key.map_err(failed)?).await.map_err(failed)?;
        }
        Ok(())
    }
}
