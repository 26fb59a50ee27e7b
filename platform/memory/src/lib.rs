//! The ports in memory, deterministic, with faults.

mod assets;
mod directory;
mod documents;
mod due_index;
mod host;
mod key_value;
mod ledger;
mod mailer;
mod public_keys;
mod rate_limits;
mod rows;
mod single_flight;
mod usage_journal;
mod web;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    future::poll_fn,
    ops::Deref,
    rc::Rc,
    task::Poll,
};

use farebox_books::Accounts;
use farebox_core::{id::AccountId, journal::Batch, limit::Bucket, time::Timestamp};

pub use ledger::{WriteFault, Written};
pub use rows::Rows;
pub use web::Posted;

/// A platform that is nothing but this value: stores that are empty at first, and a clock that stands still. Clones share
/// them, as instances of one deployment do.
#[derive(Debug, Clone, Default)]
pub struct Memory(Rc<Stores>);

/// What all clones share.
#[derive(Debug, Default)]
pub struct Stores {
    key_value: RefCell<BTreeMap<String, Vec<u8>>>,
    assets: RefCell<BTreeMap<String, Vec<u8>>>,
    /// What the key-value store shows, where that is not what it holds.
    late: RefCell<Option<BTreeMap<String, Vec<u8>>>>,
    /// The documents that were removed.
    removed: RefCell<BTreeSet<String>>,
    /// Whether every question waits once before it is answered.
    takes_turns: Cell<bool>,
    journal: RefCell<BTreeMap<String, Batch>>,
    books: RefCell<BTreeMap<AccountId, ledger::Book>>,
    accounts: Accounts,
    due: RefCell<BTreeMap<AccountId, Timestamp>>,
    directory: RefCell<BTreeMap<String, directory::Record>>,
    limits: RefCell<BTreeMap<String, Bucket>>,
    next_write: Cell<Option<WriteFault>>,
    records_writes: Cell<bool>,
    rows_written: Cell<u64>,
    now: Cell<Timestamp>,
    log: RefCell<Vec<String>>,
    is_down: Cell<bool>,
    web: web::Web,
    mailed: RefCell<Vec<[String; 4]>>,
}

impl Deref for Memory {
    type Target = Stores;

    fn deref(&self) -> &Stores {
        &self.0
    }
}

impl Memory {
    /// A platform with this time on its clock.
    pub fn new(now: Timestamp) -> Self {
        Self(Rc::new(Stores { now: Cell::new(now), ..Stores::default() }))
    }

    /// Sets the clock.
    pub fn set_now(&self, now: Timestamp) {
        self.now.set(now);
    }

    /// Lets every store fail from now on, or work again.
    pub fn set_down(&self, is_down: bool) {
        self.is_down.set(is_down);
    }

    /// Lets every question to the stores wait once before it is answered, so that others can come between, or none.
    pub fn take_turns(&self, takes_turns: bool) {
        self.takes_turns.set(takes_turns);
    }

    /// Waits once, where that is wanted.
    pub(crate) async fn turn(&self) {
        let mut waits = self.takes_turns.get();
        poll_fn(|context| {
            if std::mem::take(&mut waits) {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Forgets what is known of accounts beside the stores, as a process that is started anew.
    pub fn restart(&self) {
        for account in self.books.borrow().keys() {
            self.accounts.forget(account);
        }
    }

    /// What the operator was told.
    pub fn log_lines(&self) -> Vec<String> {
        self.log.borrow().clone()
    }
}
