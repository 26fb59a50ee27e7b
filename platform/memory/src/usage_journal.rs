//! The usage journal in memory. It keeps beside a key what Workers KV would keep there, so a reader must load the rest. It drops
//! what it may drop at once.

use std::ops::Bound;

use farebox_core::{
    id::BatchId,
    journal::{self, Batch, Window},
    time::{MINUTE, Millis},
};
use farebox_ports::{Fault, Listed, Page, UsageJournal};

use crate::Memory;

/// Batches on a page.
const PAGE: usize = 1_000;

/// The largest batch that is listed with its key, in bytes: 1,024 bytes of metadata, less `{"batch":""}`, in base64.
const LISTED: usize = (1_024 - 12) / 4 * 3;

impl UsageJournal for Memory {
    async fn write(&self, window: Window, id: &BatchId, batch: &Batch) -> Result<(), Fault> {
        self.up("usage journal")?;
        self.journal.borrow_mut().insert(journal::key(window, id), batch.clone());
        Ok(())
    }

    /// The cursor is the last key of the page before.
    async fn page(&self, from: Window, until: Window, cursor: Option<&str>) -> Result<Page<Listed>, Fault> {
        self.turn().await;
        self.up("usage journal")?;
        let journal = self.journal.borrow();
        let first = journal::prefix(from);
        let begin = cursor.map_or(Bound::Included(first.as_str()), Bound::Excluded);
        let end = journal::prefix(Window(until.0 + 1));
        let listed = |(key, batch): (&String, &Batch)| {
            let (window, id) = journal::parse_key(key).ok()?;
            let batch = (batch.to_bytes().len() <= LISTED).then(|| Ok(batch.clone()));
            Some(Listed { key: key.clone(), window, id, batch })
        };
        let mut keys = journal.range::<str, _>((begin, Bound::Excluded(end.as_str())));
        let items: Vec<Listed> = keys.by_ref().take(PAGE).filter_map(listed).collect();
        let cursor = keys.next().and_then(|_| items.last().map(|last| last.key.clone()));
        Ok(Page { items, cursor })
    }

    async fn load(&self, key: &str) -> Result<Option<Result<Batch, String>>, Fault> {
        self.turn().await;
        self.up("usage journal")?;
        Ok(self.journal.borrow().get(key).cloned().map(Ok))
    }

    async fn forget(&self, before: Window) -> Result<(), Fault> {
        self.up("usage journal")?;
        let mut journal = self.journal.borrow_mut();
        let kept = journal.split_off(&journal::prefix(before));
        *journal = kept;
        Ok(())
    }

    fn shown_within(&self) -> Millis {
        10 * MINUTE
    }

    fn shown_as_a_rule_within(&self) -> Millis {
        2 * MINUTE
    }
}
