//! The usage journal in Workers KV.
//!
//! A batch travels in its key's metadata where that is large enough for it, so that one list of 1,000 keys reads 1,000
//! batches; else in the value. Batches expire by themselves.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use farebox_core::{
    id::BatchId,
    journal::{self, Batch, TIME_TO_LIVE, Window},
    time::{MINUTE, Millis, SECOND},
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

impl Metadata {
    /// The metadata that holds a stored batch, where there is room for it.
    fn of(stored: &[u8]) -> Option<Self> {
        let batch = STANDARD_NO_PAD.encode(stored);
        // `{"batch":""}` is what the metadata adds to the batch.
        (batch.len() + 12 <= METADATA_LIMIT).then_some(Self { batch })
    }

    fn stored(&self) -> Result<Vec<u8>, String> {
        STANDARD_NO_PAD.decode(&self.batch).map_err(|error| error.to_string())
    }
}

impl UsageJournal for Platform {
    async fn write(&self, window: Window, id: &BatchId, batch: &Batch) -> Result<(), Fault> {
        let key = journal::key(window, id);
        let stored = batch.to_bytes();
        let put = match Metadata::of(&stored) {
            Some(metadata) => self.usage.put_bytes(&key, &[]).and_then(|put| put.metadata(metadata)),
            None => self.usage.put_bytes(&key, &stored),
        };
        let seconds = (TIME_TO_LIVE / SECOND).unsigned_abs();
        put.map_err(fault)?.expiration_ttl(seconds).execute().await.map_err(fault)
    }

    /// The digits of a minute are a trie, so that an interval is a handful of prefixes.
    async fn read(&self, from: Window, until: Window, mut each: impl AsyncFnMut(Vec<Journaled>)) -> Result<(), Fault> {
        for prefix in journal::prefixes(from, until) {
            let mut cursor = None;
            loop {
                let page = self.page(&prefix, cursor).await?;
                each(page.items).await;
                cursor = page.cursor;
                if cursor.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn shown_within(&self) -> Millis {
        10 * MINUTE
    }

    /// KV shows a write everywhere within a minute as a rule.
    fn shown_as_a_rule_within(&self) -> Millis {
        75 * SECOND
    }
}

impl Platform {
    /// A page of the batches under a prefix.
    async fn page(&self, prefix: &str, cursor: Option<String>) -> Result<Page<Journaled>, Fault> {
        let mut list = self.usage.list().prefix(prefix.to_owned());
        if let Some(cursor) = cursor {
            list = list.cursor(cursor);
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

    /// The batch of a listed key. What cannot be read is for the settlement to report, not a fault of the store.
    async fn load(&self, key: &Key) -> Result<Result<Batch, String>, Fault> {
        let metadata = key.metadata.clone().and_then(|value| serde_json::from_value::<Metadata>(value).ok());
        let stored = match metadata {
            Some(metadata) => metadata.stored(),
            None => {
                let value = self.usage.get(&key.name).bytes().await.map_err(fault)?;
                value.ok_or_else(|| "it has expired".to_owned())
            }
        };
        Ok(stored.and_then(|stored| Batch::from_bytes(&stored)))
    }
}

#[cfg(test)]
mod tests {
    use farebox_core::{
        id::LeaseId,
        journal::{Closing, Line},
        meter::Usage,
    };
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    fn batch(lines: usize) -> Batch {
        let usage = Usage { calls: 1, ingress_bytes: 2, egress_bytes: 300 };
        let line = Line {
            account: "acc_a".parse().unwrap(),
            credential: "ak_b".parse().unwrap(),
            product: "demo".parse().unwrap(),
            lease: LeaseId(7),
            usage,
        };
        let closing = Closing { account: line.account.clone(), lease: line.lease, total: usage };
        Batch { lines: vec![line; lines], closings: vec![closing] }
    }

    #[wasm_bindgen_test]
    fn a_batch_reads_back_from_the_metadata_and_from_the_value() {
        let small = batch(30).to_bytes();
        let metadata = serde_json::to_string(&Metadata::of(&small).unwrap()).unwrap();
        assert!(metadata.len() <= METADATA_LIMIT, "{} bytes", metadata.len());
        let metadata: Metadata = serde_json::from_str(&metadata).unwrap();
        assert_eq!(Batch::from_bytes(&metadata.stored().unwrap()), Ok(batch(30)));
        let large = batch(60).to_bytes();
        assert!(Metadata::of(&large).is_none());
        assert_eq!(Batch::from_bytes(&large), Ok(batch(60)));
    }
}
