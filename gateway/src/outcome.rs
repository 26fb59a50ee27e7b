//! How an admitted call came out, and whether it is charged.
//!
//! Invariant: what the upstream did not answer is not charged, and neither is a status that the product leaves out. A caller who
//! breaks off its own request is charged, or breaking off would be a way not to pay.

use farebox_core::{catalog::Product, statuses::Statuses};

/// How an admitted call came out, as its shell knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The upstream did not answer, or not with what can be handed on.
    Unanswered,
    /// The caller left before its request was whole.
    Abandoned,
    /// The upstream answered with this status.
    Answered(u16),
}

impl Outcome {
    /// Reads what crosses into WebAssembly as a number: 0 and 1 for the first two, else a status.
    pub const fn from_number(number: u16) -> Self {
        match number {
            0 => Self::Unanswered,
            1 => Self::Abandoned,
            status => Self::Answered(status),
        }
    }

    /// What it counts as among statuses. Who left was shown none; for an upstream that does not answer, a caller is shown 502 or 504.
    pub(crate) const fn statuses(self) -> Statuses {
        match self {
            Self::Unanswered => Statuses::of(502),
            Self::Abandoned => Statuses::NONE,
            Self::Answered(status) => Statuses::of(status),
        }
    }

    /// Whether a call of `product` that came out so is charged.
    pub(crate) fn is_charged(self, product: &Product) -> bool {
        match self {
            Self::Unanswered => false,
            Self::Abandoned => true,
            Self::Answered(status) => product.charge_on.covers(status),
        }
    }
}
