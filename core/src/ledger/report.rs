//! What entries add up to, for whoever asks what was used.

use std::collections::BTreeMap;

use super::{
    entry::Entry,
    seal::{UsageSealed, hour_of},
};
use crate::{
    id::ProductId,
    journal::Window,
    meter::Usage,
    time::{MINUTE, Timestamp},
};

/// Usage per product, counted by the hour in which its batch was begun. Fed with entries in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageReport {
    from: Window,
    until: Timestamp,
    products: BTreeMap<ProductId, Usage>,
}

impl UsageReport {
    /// A report of `[from, until)`; an hour that it cuts at its beginning belongs to it, as does one cut at its end.
    pub const fn new(from: Timestamp, until: Timestamp) -> Self {
        Self { from: hour_of(Window::of(from)), until, products: BTreeMap::new() }
    }

    /// The earliest time at which an entry that matters can have been booked. Writers' clocks may be ahead of the
    /// ledger's by a few minutes.
    pub const fn booked_from(&self) -> Timestamp {
        self.from.start().plus(-10 * MINUTE)
    }

    /// Adds what an entry booked.
    pub fn add(&mut self, entry: &Entry) {
        entry.event.usage().for_each(|used| self.add_usage(used.window, used.product, &used.usage));
    }

    /// Adds what is sealed, or is going to be.
    pub fn add_sealed(&mut self, sealed: &UsageSealed) {
        sealed.usage.iter().for_each(|used| self.add_usage(used.hour, &used.product, &used.usage));
    }

    fn add_usage(&mut self, window: Window, product: &ProductId, usage: &Usage) {
        if window >= self.from && window.start() < self.until {
            self.products.entry(product.clone()).or_default().add(usage);
        }
    }

    /// Usage by product.
    pub fn products(&self) -> impl Iterator<Item = (&ProductId, &Usage)> {
        self.products.iter()
    }
}
