//! What entries add up to, for whoever asks what was used.

use std::collections::BTreeMap;

use super::{entry::Entry, event::Event};
use crate::{
    id::ProductId,
    journal::Window,
    meter::Usage,
    time::{MINUTE, Timestamp},
};

/// Usage per product, counted by the minute in which its batch was begun. Fed with entries in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageReport {
    from: Window,
    until: Timestamp,
    products: BTreeMap<ProductId, Usage>,
}

impl UsageReport {
    /// A report of `[from, until)`; a minute that it cuts at its beginning belongs to it, as does one cut at its end.
    pub const fn new(from: Timestamp, until: Timestamp) -> Self {
        Self { from: Window::of(from), until, products: BTreeMap::new() }
    }

    /// The earliest time at which an entry that matters can have been booked. Writers' clocks may be ahead of the
    /// ledger's by a few minutes.
    pub const fn booked_from(&self) -> Timestamp {
        self.from.start().plus(-10 * MINUTE)
    }

    /// Adds what an entry booked.
    pub fn add(&mut self, entry: &Entry) {
        let Event::Settled(settlement) = &entry.event else { return };
        for line in settlement.usage.iter().filter(|line| line.window >= self.from && line.window.start() < self.until)
        {
            self.products.entry(line.product.clone()).or_default().add(&line.usage);
        }
    }

    /// Usage by product.
    pub fn products(&self) -> impl Iterator<Item = (&ProductId, &Usage)> {
        self.products.iter()
    }
}
