//! The port of the usage journal: batches by the minute in which they were begun.

use farebox_core::{
    id::BatchId,
    journal::{Batch, Window},
    time::Millis,
};

use crate::{Fault, Page};

/// A batch as a page of the usage journal lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The key it stands under.
    pub key: String,
    /// The minute it was begun in.
    pub window: Window,
    /// Which batch.
    pub id: BatchId,
    /// What it holds, or why that cannot be read, where the store keeps it beside the key; else it must be loaded.
    pub batch: Option<Result<Batch, String>>,
}

/// The usage journal: batches until they are settled, and for a while after.
pub trait UsageJournal {
    /// Writes a batch. Writing the same batch again does no harm.
    async fn write(&self, window: Window, id: &BatchId, batch: &Batch) -> Result<(), Fault>;

    /// A page of the batches that were begun in the minutes `from..=until`, in order, from where `cursor` of the page
    /// before says. One operation of the store.
    async fn page(&self, from: Window, until: Window, cursor: Option<&str>) -> Result<Page<Listed>, Fault>;

    /// What stands under a listed key, or why it cannot be read; `None` where the store does not show it, any more or yet.
    /// One operation of the store.
    async fn load(&self, key: &str) -> Result<Option<Result<Batch, String>>, Fault>;

    /// Every batch that was begun before a minute has been settled: a store without expiry drops them. It may leave some to the
    /// next time.
    async fn forget(&self, _before: Window) -> Result<(), Fault> {
        Ok(())
    }

    /// How late the store may show a batch, with what an instance may take to write it again after a failure.
    fn shown_within(&self) -> Millis;

    /// How late the store shows a batch as a rule, with what one write takes.
    fn shown_as_a_rule_within(&self) -> Millis {
        self.shown_within()
    }
}
