//! The decisions of Farebox, and nothing else.
//!
//! Every function here is a function of its arguments. There is no I/O, no `async`, no clock and no randomness, and money is
//! never a float. Time and random bytes are values that the entry of a platform samples once and passes in. That is what lets the
//! same decisions run on Workers, on Spin and in a simulation, and be tested without any of them.

pub mod address;
pub mod answered;
pub mod catalog;
pub mod credential;
pub mod credential_limit;
pub mod id;
pub mod journal;
pub mod lease;
pub mod ledger;
pub mod limit;
pub mod meter;
pub mod money;
pub mod payments;
pub mod plain_key;
pub mod rate;
pub mod readdress;
pub mod rejection;
pub mod request;
pub mod signature;
pub mod statuses;
pub mod time;
pub mod units;
pub mod upstream_credential;
pub mod webhook;
