//! How calls were answered, by the class of their status (RFC 9110, section 15).
//!
//! Invariant: counts only grow, and an overflow saturates, as with [`crate::meter::Usage`].

use serde::{Deserialize, Serialize};

/// How many calls were answered with a status of each class. A call whose caller left before the answer is in none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Statuses {
    /// 2xx.
    #[serde(rename = "2xx")]
    pub successful: u64,
    /// 3xx.
    #[serde(rename = "3xx")]
    pub redirected: u64,
    /// 4xx.
    #[serde(rename = "4xx")]
    pub client_errors: u64,
    /// 5xx. The gateway answers 502 or 504 for an upstream that does not, so such a call is here.
    #[serde(rename = "5xx")]
    pub server_errors: u64,
}

impl Statuses {
    /// None.
    pub const NONE: Self = Self { successful: 0, redirected: 0, client_errors: 0, server_errors: 0 };

    /// How many classes there are.
    pub(crate) const CLASSES: usize = 4;

    /// One call that was answered with `status`; none where that is of no class.
    pub const fn of(status: u16) -> Self {
        match status / 100 {
            2 => Self { successful: 1, ..Self::NONE },
            3 => Self { redirected: 1, ..Self::NONE },
            4 => Self { client_errors: 1, ..Self::NONE },
            5 => Self { server_errors: 1, ..Self::NONE },
            _ => Self::NONE,
        }
    }

    /// Adds `other`, saturating.
    pub fn add(&mut self, other: &Self) {
        *self = Self::from_counts(std::array::from_fn(|at| self.counts()[at].saturating_add(other.counts()[at])));
    }

    /// Whether nothing was counted.
    pub const fn is_zero(&self) -> bool {
        let [successful, redirected, client_errors, server_errors] = self.counts();
        successful == 0 && redirected == 0 && client_errors == 0 && server_errors == 0
    }

    /// The counts in the order of their classes.
    pub(crate) const fn counts(&self) -> [u64; Self::CLASSES] {
        let Self { successful, redirected, client_errors, server_errors } = *self;
        [successful, redirected, client_errors, server_errors]
    }

    pub(crate) const fn from_counts(counts: [u64; Self::CLASSES]) -> Self {
        let [successful, redirected, client_errors, server_errors] = counts;
        Self { successful, redirected, client_errors, server_errors }
    }
}
