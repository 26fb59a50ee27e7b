//! The ports on Spin: the ledger and the configuration in one database (SQLite, or PostgreSQL for several machines), the
//! usage journal in the key-value store.
//!
//! Boundary: this crate knows Spin and nothing of calls; what is decided is in `farebox-gateway`, what it is decided by in
//! `farebox-core`. It builds for `wasm32-wasip2` only.
#![cfg(all(target_arch = "wasm32", target_os = "wasi"))]

mod assets;
mod database;
mod directory;
mod documents;
mod due_index;
mod entry_store;
mod host;
pub mod http;
mod key_value;
mod ledger;
mod mailer;
mod public_keys;
mod rate_limits;
mod single_flight;
mod usage_journal;
pub mod variable;
mod web;

use std::{
    cell::{Cell, OnceCell, RefCell},
    rc::Rc,
};

use farebox_books::Accounts;
use farebox_ports::{Fault, clock::Clock};
use spin_sdk::key_value::Store;

pub use database::Database;
pub use entry_store::SqlEntryStore;
pub use host::random;
pub use spin_sdk::wasip3;

/// All ports of one instance.
pub struct Platform {
    books: SqlEntryStore,
    queues: ledger::Queues,
    /// For rate limits, which on SQLite are not synced: a crash of the machine forgets the calls of the last moment.
    limits: Database,
    accounts: Accounts,
    usage: OnceCell<Rc<Store>>,
    is_listing: Cell<bool>,
    /// Keys of batches that the last page of the journal met and that were settled before.
    settled: RefCell<Vec<String>>,
    flights: single_flight::Flights,
    clock: Clock,
}

impl Platform {
    /// The ports as the deployment's variables choose them.
    ///
    /// # Errors
    /// [`Fault`] when a variable is missing or is not one of what it may be.
    pub async fn new() -> Result<Self, Fault> {
        let clock = Clock::new(variable::get("dev_clock").await? == "1");
        let [books, limits] = match variable::get("ledger").await?.as_str() {
            "sqlite" => [Database::sqlite(), Database::unsynced_sqlite()],
            "postgres" => {
                let address = variable::get("postgres").await?;
                [Database::postgres(address.clone()), Database::postgres(address)]
            }
            other => return Err(variable::wrong("ledger", &format!("`{other}` is neither `sqlite` nor `postgres`"))),
        };
        Ok(Self {
            books: SqlEntryStore::new(books),
            queues: ledger::Queues::default(),
            limits,
            accounts: Accounts::default(),
            usage: OnceCell::new(),
            is_listing: Cell::new(false),
            settled: RefCell::default(),
            flights: single_flight::Flights::default(),
            clock,
        })
    }

    /// How many statements this instance has sent to the database so far: each waits for some turns of the instance's event loop.
    pub fn statements(&self) -> u64 {
        self.database().statements() + self.limits.statements()
    }

    /// The database that holds the books and the configuration.
    fn database(&self) -> &Database {
        self.books.database()
    }
}

/// A fault of `port`, in the platform's own words.
fn fault<E: ToString>(port: &'static str) -> impl Fn(E) -> Fault {
    move |error| Fault::Unavailable { port, detail: error.to_string() }
}
