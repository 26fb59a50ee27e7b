//! What the ledger refused a moment ago, so that it is not asked again for each call.
//!
//! Invariant: a refusal turns away only calls that would be refused for the same reason.

use farebox_core::{
    rejection::Rejection,
    time::{Millis, Timestamp},
};

/// How long a refusal is believed before the ledger is asked again.
pub(super) const REFUSAL_HOLDS: Millis = 250;

/// Why the ledger gave no lease a moment ago.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) why: Rejection,
    /// Until when it is believed.
    pub(super) until: Timestamp,
    /// How many units a call of it could come to: one of fewer may be paid for.
    pub(super) units_of_call: u64,
}

impl Refused {
    /// Whether a call is refused for the same reason.
    pub(super) fn is_of(&self, units: u64, now: Timestamp) -> bool {
        now < self.until && units >= self.units_of_call
    }
}
