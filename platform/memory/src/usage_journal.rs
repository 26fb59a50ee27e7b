//! The usage journal in memory.

use farebox_core::{
    id::BatchId,
    journal::{self, Batch, Window},
    time::Timestamp,
};
use farebox_gateway::ports::{Fault, Journaled, Page, UsageJournal};

use crate::Memory;

/// Batches on a page.
const PAGE: usize = 1_000;

impl UsageJournal for Memory {
    async fn write(&self, window: Window, id: &BatchId, batch: &Batch) -> Result<(), Fault> {
        self.up("usage journal")?;
        self.journal.borrow_mut().insert(journal::key(window, id), batch.clone());
        Ok(())
    }

    /// The cursor is the last key of the page before.
    async fn read(&self, prefix: &str, cursor: Option<&str>) -> Result<Page<Journaled>, Fault> {
        self.up("usage journal")?;
        let journal = self.journal.borrow();
        let mut found = journal
            .iter()
            .filter(|(key, _)| key.starts_with(prefix) && cursor.is_none_or(|last| key.as_str() > last))
            .filter_map(|(key, batch)| {
                let (window, id) = journal::parse_key(key).ok()?;
                Some(Journaled { key: key.clone(), window, id, batch: Ok(batch.clone()) })
            });
        let items: Vec<Journaled> = found.by_ref().take(PAGE).collect();
        let cursor = found.next().and_then(|_| items.last().map(|last| last.key.clone()));
        Ok(Page { items, cursor })
    }

    async fn trim(&self, _until: Timestamp) -> Result<(), Fault> {
        self.up("usage journal")
    }
}
