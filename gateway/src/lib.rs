//! The way of a call and the settlement run, written once, generic over ports.
//!
//! A platform gives ports (storage, ledger, timers) and a shell (how a request comes in and how it goes on to the
//! upstream). Everything in between is here: which facts are needed, when they are stale, what is admitted, what is
//! counted and when it is written down. The synchronous part ([`Gateway::admit`], [`Gateway::finish`]) answers from
//! memory alone; only when it says what it needs does the asynchronous part ([`Gateway::decide`]) go and get it.

pub mod admin;
mod admit;
pub mod billing;
pub mod clock;
mod configuration;
mod counted;
mod credentials;
mod fetch;
mod forward;
mod instance;
pub mod ledger;
pub mod log;
pub mod metrics;
mod nonces;
pub mod ports;
mod recent_changes;
pub mod reports;
mod schema;
mod served;
pub mod settlement;
mod skew;
mod stored;
mod streams;
mod throttle;
mod upkeep;
mod verify;
mod wallet;
pub mod webhooks;

pub use admit::{BODY_BROKEN, Need, Step};
pub use forward::{Field, Forward, HOP_BY_HOP, Reject, Text};
pub use instance::{CallKey, Gateway, Lifetime, Settings};
pub use served::MOST_ANNOUNCED;
pub use streams::{ASKS_EVERY, Flow, Flowed};
