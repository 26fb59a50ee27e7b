//! The ports on Cloudflare Workers: KV for configuration and the usage journal, a Durable Object with SQLite for each
//! account's ledger.
//!
//! Boundary: this crate knows Cloudflare and nothing of calls; what is decided is in the crates above, what it is
//! decided by in `farebox-core`. It builds for `wasm32-unknown-unknown` only.
#![cfg(all(target_arch = "wasm32", target_os = "unknown"))]

mod assets;
mod directory;
mod documents;
mod due_index;
mod entry_store;
mod host;
mod key_value;
mod ledger;
mod location_cache;
mod mailer;
mod public_keys;
mod rate_limits;
mod single_flight;
mod task;
mod usage_journal;
mod web;

use farebox_ports::{Fault, clock::Clock};
use worker::{Env, Fetcher, ObjectNamespace, SendEmail, kv::KvStore};

pub use directory::SqlRecord;
pub use documents::SqlDocument;
pub use due_index::SqlDueIndex;
pub use entry_store::SqlEntryStore;
pub use host::random;
pub use ledger::Ask;
pub use task::Task;

/// Names of the bindings, as they stand in the `wrangler.toml` files.
mod binding {
    pub(crate) const CONFIG: &str = "CONFIG";
    pub(crate) const USAGE: &str = "USAGE";
    pub(crate) const ACCOUNTS: &str = "ACCOUNTS";
    pub(crate) const ASSETS: &str = "ASSETS";
    pub(crate) const MAIL: &str = "MAIL";
    pub(crate) const DEV_CLOCK: &str = "DEV_CLOCK";
    pub(crate) const RUN_OPERATIONS: &str = "RUN_OPERATIONS";
}

/// All ports of one Worker.
pub struct Platform {
    config: KvStore,
    usage: KvStore,
    accounts: ObjectNamespace,
    /// The pages; the edge has none.
    assets: Option<Fetcher>,
    /// Cloudflare's service for mail, where the deployment binds it.
    mail: Option<SendEmail>,
    flights: single_flight::Flights,
    clock: Clock,
    operations: u32,
    /// Whether it reads the configuration through what its location has read of it.
    is_edge: bool,
}

/// How many operations a settlement makes where the deployment sets no number: KV allows 1,000 an invocation, and so does the
/// free plan of subrequests.
const RUN_OPERATIONS: u32 = 900;

impl Platform {
    /// The ports behind the bindings of `env`.
    ///
    /// # Errors
    /// [`worker::Error`] when a binding is missing, which is a fault of the deployment.
    pub fn new(env: &Env) -> worker::Result<Self> {
        Ok(Self {
            config: env.kv(binding::CONFIG)?,
            usage: env.kv(binding::USAGE)?,
            accounts: env.durable_object(binding::ACCOUNTS)?,
            assets: env.assets(binding::ASSETS).ok(),
            mail: env.send_email(binding::MAIL).ok(),
            flights: single_flight::Flights::default(),
            operations: env
                .var(binding::RUN_OPERATIONS)
                .ok()
                .and_then(|var| var.to_string().parse().ok())
                .unwrap_or(RUN_OPERATIONS),
            clock: Clock::new(env.var(binding::DEV_CLOCK).is_ok_and(|var| var.to_string() == "1")),
            is_edge: false,
        })
    }

    /// The same for the edge, which may see the configuration as it was [`LOCATION_HOLDS`](farebox_ports::LOCATION_HOLDS) ago.
    ///
    /// # Errors
    /// As [`Platform::new`].
    pub fn of_edge(env: &Env) -> worker::Result<Self> {
        Ok(Self { is_edge: true, ..Self::new(env)? })
    }
}

/// A fault of `port`, in the platform's own words.
fn fault(port: &'static str) -> impl Fn(worker::Error) -> Fault {
    move |error| Fault::Unavailable { port, detail: error.to_string() }
}
