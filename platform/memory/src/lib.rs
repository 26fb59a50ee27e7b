//! The ports in memory, deterministic, with faults.

mod host;
mod key_value;
mod ledger;
mod usage_journal;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use farebox_core::{id::AccountId, journal::Batch, time::Timestamp};
use farebox_gateway::ledger::Accounts;

pub use ledger::AppendFault;

/// A platform that is nothing but this value: stores that are empty at first, and a clock that stands still.
#[derive(Debug, Default)]
pub struct Memory {
    key_value: RefCell<BTreeMap<String, Vec<u8>>>,
    journal: RefCell<BTreeMap<String, Batch>>,
    books: RefCell<BTreeMap<AccountId, ledger::Book>>,
    accounts: Accounts,
    next_append: Cell<Option<AppendFault>>,
    now: Cell<Timestamp>,
    log: RefCell<Vec<String>>,
    is_down: Cell<bool>,
}

impl Memory {
    /// A platform with this time on its clock.
    pub fn new(now: Timestamp) -> Self {
        Self { now: Cell::new(now), ..Self::default() }
    }

    /// Sets the clock.
    pub fn set_now(&self, now: Timestamp) {
        self.now.set(now);
    }

    /// Lets every store fail from now on, or work again.
    pub fn set_down(&self, is_down: bool) {
        self.is_down.set(is_down);
    }

    /// What the operator was told.
    pub fn log_lines(&self) -> Vec<String> {
        self.log.borrow().clone()
    }
}
