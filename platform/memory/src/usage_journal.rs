//! The usage journal in memory. It drops what it may drop at once.

use farebox_core::{
    id::BatchId,
    journal::{self, Batch, Window},
    time::{MINUTE, Millis},
};
use farebox_gateway::ports::{Fault, Journaled, UsageJournal};

use crate::Memory;

/// Batches on a page.
const PAGE: usize = 1_000;

impl UsageJournal for Memory {
    async fn write(&self, window: Window, id: &BatchId, batch: &Batch) -> Result<(), Fault> {
        self.up("usage journal")?;
        self.journal.borrow_mut().insert(journal::key(window, id), batch.clone());
        Ok(())
    }

    async fn read(&self, from: Window, until: Window, mut each: impl AsyncFnMut(Vec<Journaled>)) -> Result<(), Fault> {
        self.up("usage journal")?;
        let read = |(key, batch): (&String, &Batch)| {
            let (window, id) = journal::parse_key(key).ok()?;
            Some(Journaled { key: key.clone(), window, id, batch: Ok(batch.clone()) })
        };
        let found: Vec<Journaled> = {
            let mut journal = self.journal.borrow_mut();
            let kept = journal.split_off(&journal::prefix(from));
            *journal = kept;
            journal.range(..journal::prefix(Window(until.0 + 1))).filter_map(read).collect()
        };
        for page in found.chunks(PAGE) {
            each(page.to_vec()).await;
        }
        Ok(())
    }

    fn shown_within(&self) -> Millis {
        10 * MINUTE
    }

    fn shown_as_a_rule_within(&self) -> Millis {
        2 * MINUTE
    }
}
