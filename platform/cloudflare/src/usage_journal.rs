//! The usage journal in Workers KV.
//!
//! A batch travels in its key's metadata where that is large enough for it, else in the value. So one list of 1,000 keys reads
//! 1,000 batches. Batches expire by themselves.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use farebox_core::{
    id::BatchId,
    journal::{self, Batch, TIME_TO_LIVE, Window},
    time::{MINUTE, Millis, SECOND},
};
use farebox_ports::{Fault, Listed, Page, UsageJournal};
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

    /// The digits of a minute are a trie, so an interval is a handful of prefixes. A list costs as much as a write, so most runs
    /// list two or three whole tens of minutes. The cursor says which prefix, and where in it.
    async fn page(&self, from: Window, until: Window, cursor: Option<&str>) -> Result<Page<Listed>, Fault> {
        let tens = |window: Window| window.0.div_euclid(10) * 10;
        let prefixes = journal::prefixes(Window(tens(from)), Window(tens(until) + 9));
        let (at, inside) = cursor.map_or((0, ""), at_prefix);
        let Some(prefix) = prefixes.get(at) else { return Ok(Page { items: Vec::new(), cursor: None }) };
        let mut list = self.usage.list().prefix(prefix.clone());
        if !inside.is_empty() {
            list = list.cursor(inside.to_owned());
        }
        let page = list.execute().await.map_err(fault)?;
        let listed = page.keys.into_iter().filter_map(listed);
        let items = listed.filter(|listed| (from..=until).contains(&listed.window)).collect();
        let cursor = match page.cursor.filter(|_| !page.list_complete) {
            Some(inside) => Some(format!("{at}:{inside}")),
            None => Some(at + 1).filter(|next| *next < prefixes.len()).map(|next| format!("{next}:")),
        };
        Ok(Page { items, cursor })
    }

    async fn load(&self, key: &str) -> Result<Option<Result<Batch, String>>, Fault> {
        let value = self.usage.get(key).bytes().await.map_err(fault)?;
        Ok(value.map(|stored| Batch::from_bytes(&stored)))
    }

    fn shown_within(&self) -> Millis {
        10 * MINUTE
    }

    /// KV shows a write everywhere within a minute as a rule.
    fn shown_as_a_rule_within(&self) -> Millis {
        75 * SECOND
    }
}

/// Which prefix a cursor names, and where in it the next page begins.
fn at_prefix(cursor: &str) -> (usize, &str) {
    let (at, inside) = cursor.split_once(':').unwrap_or((cursor, ""));
    (at.parse().unwrap_or(usize::MAX), inside)
}

/// A listed key, with its batch where that is in the metadata.
fn listed(key: Key) -> Option<Listed> {
    let (window, id) = journal::parse_key(&key.name).ok()?;
    let metadata = key.metadata.and_then(|value| serde_json::from_value::<Metadata>(value).ok());
    let batch = metadata.map(|metadata| metadata.stored().and_then(|stored| Batch::from_bytes(&stored)));
    Some(Listed { key: key.name, window, id, batch })
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
        let usage = Usage { calls: 1, ingress_bytes: 2, egress_bytes: 300, ..Usage::NONE };
        let line = Line {
            account: "acc_a".parse().unwrap(),
            credential: "ak_b".parse().unwrap(),
            product: "demo".parse().unwrap(),
            lease: LeaseId(7),
            usage,
            shares: Vec::new(),
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
        let large = batch(200).to_bytes();
        assert!(Metadata::of(&large).is_none());
        assert_eq!(Batch::from_bytes(&large), Ok(batch(200)));
    }
}
