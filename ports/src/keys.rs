//! The keys of what is stored, each with its document.

use farebox_core::id::AccountId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the key-value store holds how far the clock was moved, as a JSON number of milliseconds. A platform's entry
/// adds it to the time where the clock may be moved.
pub const CLOCK_ENTRY: &str = "clock/offset";

/// Where the accounts are.
pub const ACCOUNTS: &str = "account/";

/// Where an account is.
pub fn account_entry(id: &AccountId) -> String {
    format!("{ACCOUNTS}{id}")
}

/// Whether an account may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AccountStatus", inline)]
pub enum Status {
    /// It may.
    #[default]
    Active,
    /// It may not: its book gives no lease.
    Suspended,
}
