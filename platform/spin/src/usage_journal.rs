//! The usage journal in Spin's default key-value store: SQLite on one machine, Redis for several.
//!
//! The store can only give all its keys, and has no expiry. So a run lists it once, gets no more than what it walks, and removes
//! what was settled before. The store holds some minutes, however long the gateway has been running. Invariant: while an instance
//! reads a list, none of its calls asks the store for anything else. Spin's own store is one connection, which the list holds
//! until its last key was read. Whoever waits for it blocks the instance that reads.

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

use farebox_core::{
    id::BatchId,
    journal::{self, Batch, Window},
    time::{MINUTE, Millis, SECOND},
};
use farebox_ports::{Fault, Listed, Page, UsageJournal, log::tell};
use futures_util::future::join_all;
use spin_sdk::key_value::Store;

use crate::{Platform, fault, host::sleep};

const PORT: &str = "usage journal";

/// Keys that are read from a list at once.
const PAGE: usize = 1_000;

/// How many batches are removed at a time.
const AT_ONCE: usize = 32;

/// How long one run goes on removing. Each batch is synced to disk by itself, which takes one machine a tenth of a millisecond
/// and another ten. The next run comes back to what is left.
const REMOVES_FOR: Duration = Duration::from_secs(10);

/// What the store holds, as far as a run needs to know.
#[derive(Default)]
struct Keys {
    wanted: Vec<Listed>,
    settled: Vec<String>,
}

impl UsageJournal for Platform {
    async fn write(&self, window: Window, id: &BatchId, batch: &Batch) -> Result<(), Fault> {
        self.usage().await?.set(journal::key(window, id), batch.to_bytes()).await.map_err(fault(PORT))
    }

    /// The one page there is: the store can only give all its keys.
    async fn page(&self, from: Window, until: Window, _cursor: Option<&str>) -> Result<Page<Listed>, Fault> {
        let store = self.usage().await?;
        let Keys { mut wanted, settled } = list(&store, &self.is_listing, from, until).await?;
        *self.settled.borrow_mut() = settled;
        wanted.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        Ok(Page { items: wanted, cursor: None })
    }

    /// `None` when another run has removed it meanwhile. What cannot be read is for the settlement to report.
    async fn load(&self, key: &str) -> Result<Option<Result<Batch, String>>, Fault> {
        let stored = self.usage().await?.get(key).await.map_err(fault(PORT))?;
        Ok(stored.map(|stored| Batch::from_bytes(&stored)))
    }

    /// Removes what the last page met that was begun before.
    async fn forget(&self, _before: Window) -> Result<(), Fault> {
        let settled = std::mem::take(&mut *self.settled.borrow_mut());
        let began = Instant::now();
        for some in settled.chunks(AT_ONCE).take_while(|_| began.elapsed() < REMOVES_FOR) {
            let store = self.usage().await?;
            let removed = join_all(some.iter().map(|key| store.delete(key))).await;
            if let Some(error) = removed.into_iter().find_map(Result::err) {
                // The next run comes back to it.
                tell(self, "journal.unremoved", &[("batch", &some[0])], &error);
                break;
            }
        }
        Ok(())
    }

    /// Neither store shows anything late, but a write may be on its way for some time, and clocks differ.
    fn shown_within(&self) -> Millis {
        2 * MINUTE
    }

    fn shown_as_a_rule_within(&self) -> Millis {
        10 * SECOND
    }
}

impl Platform {
    /// The store, once no list is being read.
    async fn usage(&self) -> Result<Rc<Store>, Fault> {
        while self.is_listing.get() {
            sleep(1).await;
        }
        if let Some(store) = self.usage.get() {
            return Ok(Rc::clone(store));
        }
        let store = Rc::new(Store::open_default().await.map_err(fault(PORT))?);
        // Another call may have been as fast; then there are two handles, which does no harm.
        Ok(Rc::clone(self.usage.get_or_init(|| store)))
    }
}

/// Set while a list is read, and set back also when the reading call was ended from outside.
struct Listing<'a>(&'a Cell<bool>);

impl Drop for Listing<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// Reads all keys of the store and keeps those of `from..=until`, and those before, which were settled.
async fn list(store: &Store, is_listing: &Cell<bool>, from: Window, until: Window) -> Result<Keys, Fault> {
    is_listing.set(true);
    let _listing = Listing(is_listing);
    let (mut keys, result) = store.get_keys().await.into_inner();
    let mut listed = Keys::default();
    loop {
        let (_, some) = keys.read(Vec::with_capacity(PAGE)).await;
        if some.is_empty() {
            break;
        }
        for key in some {
            match journal::parse_key(&key) {
                Ok((window, _)) if window < from => listed.settled.push(key),
                Ok((window, id)) if window <= until => listed.wanted.push(Listed { key, window, id, batch: None }),
                // Another program's, or of a time that has not come.
                _ => {}
            }
        }
    }
    result.await.map_err(fault(PORT))?;
    Ok(listed)
}
