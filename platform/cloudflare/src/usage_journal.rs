//! The usage journal in Workers KV.
//!
//! A batch travels in its key's metadata where that is large enough for it, so that one list of 1,000 keys reads 1,000
//! batches; else in the value. Batches expire by themselves. The stored form is the batch in postcard, pinned by the `1`
//! in the key's prefix and by a test.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use farebox_core::{
    id::BatchId,
    journal::{self, Batch, TIME_TO_LIVE, Window},
    time::{SECOND, Timestamp},
};
use farebox_gateway::ports::{Fault, Journaled, Page, UsageJournal};
use serde::{Deserialize, Serialize};
use worker::kv::Key;

use crate::{Platform, key_value::fault};

/// Workers KV's limit for a key's metadata, in bytes of JSON.
const METADATA_LIMIT: usize = 1_024;

/// What stands in a key's metadata.
#[derive(Serialize, Deserialize)]
struct Metadata {
    batch: String,
}

impl UsageJournal for Platform {
    async fn write(&self, window: Window, id: &BatchId, batch: &Batch) -> Result<(), Fault> {
        let key = journal::key(window, id);
        let stored = encode(batch, &key)?;
        let metadata = Metadata { batch: STANDARD_NO_PAD.encode(&stored) };
        // `{"batch":""}` is what the metadata adds to the batch.
        let put = if metadata.batch.len() + 12 <= METADATA_LIMIT {
            self.usage.put_bytes(&key, &[]).and_then(|put| put.metadata(metadata))
        } else {
            self.usage.put_bytes(&key, &stored)
        };
        let seconds = (TIME_TO_LIVE / SECOND).unsigned_abs();
        put.map_err(fault)?.expiration_ttl(seconds).execute().await.map_err(fault)
    }

    async fn read(&self, prefix: &str, cursor: Option<&str>) -> Result<Page<Journaled>, Fault> {
        let mut list = self.usage.list().prefix(prefix.to_owned());
        if let Some(cursor) = cursor {
            list = list.cursor(cursor.to_owned());
        }
        let page = list.execute().await.map_err(fault)?;
        let mut items = Vec::with_capacity(page.keys.len());
        for key in page.keys {
            let Ok((window, id)) = journal::parse_key(&key.name) else { continue };
            let batch = self.load(&key).await?;
            items.push(Journaled { key: key.name, window, id, batch });
        }
        Ok(Page { items, cursor: page.cursor.filter(|_| !page.list_complete) })
    }

    async fn trim(&self, _until: Timestamp) -> Result<(), Fault> {
        Ok(())
    }
}

impl Platform {
    /// The batch of a listed key. What cannot be read is for the settlement to report, not a fault of the store.
    async fn load(&self, key: &Key) -> Result<Result<Batch, String>, Fault> {
        let metadata = key.metadata.clone().and_then(|value| serde_json::from_value::<Metadata>(value).ok());
        let stored = match metadata {
            Some(metadata) => STANDARD_NO_PAD.decode(metadata.batch).map_err(|error| error.to_string()),
            None => {
                let value = self.usage.get(&key.name).bytes().await.map_err(fault)?;
                value.ok_or_else(|| "it has expired".to_owned())
            }
        };
        Ok(stored.and_then(|stored| postcard::from_bytes(&stored).map_err(|error| error.to_string())))
    }
}

fn encode(batch: &Batch, key: &str) -> Result<Vec<u8>, Fault> {
    postcard::to_allocvec(batch).map_err(|error| Fault::Unreadable {
        port: "usage journal",
        what: key.to_owned(),
        detail: error.to_string(),
    })
}
