//! Settlement on the platform in memory, with no more operations than a platform allows.
#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect must fail")]

mod budget;
mod quiet;
mod upgrade;
