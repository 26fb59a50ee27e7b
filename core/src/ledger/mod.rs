//! The book of one account, as a decider: `decide(account, command, now)` says which entries a command makes, and
//! `evolve(account, entry)` what an entry does. Both are pure; a platform's ledger port loads, decides and appends.

pub mod command;

pub use command::{Answer, Command, Refusal, Settled};
