//! The port of what is due: which accounts the time has work to do for.

use farebox_core::{id::AccountId, time::Timestamp};
use serde::{Deserialize, Serialize};

use crate::Fault;

/// Which accounts the time has work to do for, and when: so that a settlement looks after those and no others. An account
/// that is missing here waits for its turn in the sweep over all accounts.
pub trait DueIndex {
    /// Something of `account` is due at `at`, and nothing sooner.
    async fn announce(&self, account: &AccountId, at: Timestamp) -> Result<(), Fault>;

    /// The accounts of which something is due by `until`, the longest due first, `most` at most. One operation.
    async fn due(&self, until: Timestamp, most: u32) -> Result<Vec<Due>, Fault>;

    /// These accounts were looked after, and are next due then, unless something else was announced meanwhile. As many
    /// operations as [`DueIndex::COST`] says.
    async fn looked_after(&self, accounts: &[(Due, Option<Timestamp>)]) -> Result<(), Fault>;

    /// How many operations [`DueIndex::looked_after`] makes for one account; where it is 0, all together make one.
    const COST: u32;
}

/// Something of an account is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// Whose.
    pub account: AccountId,
    /// When.
    pub at: Timestamp,
}
