//! Reading the journal: page by page, and of what it lists only what no ledger has answered for.
//!
//! Decides how much a run reads before it hands in. Invariant: `reached` is the minute before which everything that is listed was
//! taken. A page that was taken in part moves it to the first minute that was not.

use farebox_core::{answered::Answered, journal::Window};
use farebox_ports::{Fault, Listed, UsageJournal, log::tell};
use futures_util::future::join_all;

use super::{
    SettlementPorts,
    run::{Open, Run},
};

/// How many batches are loaded side by side: a Worker has six connections at once.
const LOADED_AT_ONCE: usize = 6;

/// How many lines and closings a run holds at most, at some 300 bytes each: 30 MB of the 128 MB that a Worker has.
pub(super) const MOST_HELD: usize = 100_000;

/// How a walk goes on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Walked {
    /// A page was taken, and the next one begins here.
    Page(String),
    /// Everything up to the end was taken.
    Through,
    /// The rest is for the next run.
    Stopped,
}

impl<P: SettlementPorts> Run<'_, P> {
    /// Takes a page of the batches begun in `from..=until` that are not `known`, while more than `kept` operations are left.
    pub(super) async fn walk(
        &mut self,
        (from, until): (Window, Window),
        cursor: Option<&str>,
        known: &Answered,
        kept: u32,
    ) -> Result<Walked, Fault> {
        if self.ports.left(kept) == 0 || self.held >= MOST_HELD {
            return Ok(Walked::Stopped);
        }
        let page = self.ports.page(from, until, cursor).await?;
        let last = page.items.last().map(|listed| listed.window);
        // A batch that was written again stands under two minutes.
        let is_new = |listed: &Listed| {
            let id = &listed.id;
            !known.contains(id) && !self.answered.contains(id) && !self.open.contains_key(id)
        };
        let new: Vec<Listed> = page.items.into_iter().filter(is_new).collect();
        if let Some(untaken) = self.take(new, kept).await? {
            self.reached = self.reached.max(untaken);
            return Ok(Walked::Stopped);
        }
        match page.cursor {
            None => {
                self.reached = Window(until.0 + 1);
                Ok(Walked::Through)
            }
            Some(cursor) => {
                self.reached = self.reached.max(last.unwrap_or(from));
                Ok(Walked::Page(cursor))
            }
        }
    }

    /// Takes batches in order. Returns the window of the first one that must wait for the next run.
    async fn take(&mut self, listed: Vec<Listed>, kept: u32) -> Result<Option<Window>, Fault> {
        let mut listed = listed.into_iter().peekable();
        while let Some(next) = listed.peek() {
            if next.batch.is_none() && self.ports.left(kept) < LOADED_AT_ONCE as u32 || self.held >= MOST_HELD {
                return Ok(Some(next.window));
            }
            let some: Vec<Listed> = listed.by_ref().take(LOADED_AT_ONCE).collect();
            let ports = self.ports;
            let load = async |listed: Listed| match listed.batch {
                Some(batch) => (listed.key, listed.window, listed.id, Ok(Some(batch))),
                None => {
                    let loaded = ports.load(&listed.key).await;
                    (listed.key, listed.window, listed.id, loaded)
                }
            };
            for (key, window, id, loaded) in join_all(some.into_iter().map(load)).await {
                match loaded {
                    Ok(Some(batch)) => self.sort(key, window, id, batch).await,
                    // A store may list what it does not show yet. The next run looks again.
                    Ok(None) => drop(self.open.insert(id, Open { window, accounts: None })),
                    Err(fault) => {
                        tell(ports, "settlement.unread", &[("batch", &key)], &fault);
                        self.report.left += 1;
                        self.open.insert(id, Open { window, accounts: None });
                    }
                }
            }
        }
        Ok(None)
    }
}
