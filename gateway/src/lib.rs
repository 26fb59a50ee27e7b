//! The data plane: the way of a call, written once, generic over ports.
//!
//! A platform gives ports (storage, ledger, timers) and a shell (how a request comes in and how it goes on to the
//! upstream). Everything in between is here, in stages:
//!
//! 1. `served`: whether any gateway can serve such a request.
//! 2. `admit`: who calls, for which product, and whether the call is paid for. `cors` answers preflights of pages. `identify` and
//!    `credentials` say who calls, `verify` checks the signature. `throttle` keeps the rate limits, `nonces` what came once,
//!    `wallet` the leases, `purse` whose they are. `stage` admits test calls.
//! 3. `fetch`: where memory lacks something, getting it; `configuration` reads the catalog and credentials, `heard` says
//!    how long they are relied on. `upstream_credentials` holds what upstreams demand.
//! 4. `forward`: what goes to the upstream, and what a rejection looks like. `exchange` carries out what the catalog has changed.
//! 5. `streams`: how many bytes may go on, while a body does.
//! 6. `instance`: the end of a call, by how it came out (`outcome`) and what it came to (`units`), and all that an instance holds; `metrics` counts.
//! 7. `upkeep`: behind the response, batches to the journal, leases, and the configuration again. `abandoned` ends calls whose
//!    callers left before their answer. `skew` says how wrong the instance's clock is.
//!
//! The synchronous part ([`Gateway::admit`], [`Gateway::finish`]) answers from memory alone. When it says what it needs, the
//! asynchronous part ([`Gateway::decide`]) gets it. Boundary: no call comes to the control plane or to settlement, because this
//! crate does not know them.

mod abandoned;
mod admit;
mod configuration;
mod cors;
mod credentials;
mod exchange;
mod fetch;
mod forward;
mod heard;
mod identify;
mod instance;
mod metrics;
mod nonces;
mod outcome;
mod ports;
mod purse;
mod served;
mod skew;
mod stage;
mod streams;
mod throttle;
mod tokens;
mod units;
mod upkeep;
mod upstream_credentials;
mod verify;
mod wallet;

pub use admit::{Need, OneCall, Step};
pub use forward::{Field, Forward, How, Name, Reject, Shown, Text};
pub use instance::{CallKey, Gateway, Lifetime, Settings};
pub use outcome::Outcome;
pub use ports::EdgePorts;
pub use purse::Purse;
pub use served::MOST_ANNOUNCED;
pub use streams::{ASKS_EVERY, Flow, Flowed};
pub use units::{UnitsFrom, WAITS_FOR_UNITS};
