//! A rating line: everything that is rated together, on its cumulative usage. One per product, billing period and rate.
//!
//! Invariant: `charged + forgiven` is what the rate says the settled usage costs, and `reserved` is the most that the open leases
//! of the line can add to it. Money is reserved per line and not per lease, because a call's price depends on how many came
//! before it. Two leases of one call each may cost less, or more, than one lease of two.
#![deny(clippy::float_arithmetic)]

use serde::{Deserialize, Serialize};

use super::usage::LineTerms;
use crate::{
    id::ProductId,
    meter::{Meter, PerMeter, Usage},
    money::Micros,
};

/// A rating line of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RatingLine {
    /// The product.
    pub product: ProductId,
    /// Period and rate.
    pub terms: LineTerms,
    /// What was settled and is rated.
    pub usage: Usage,
    /// What came so late that rating it would have made open leases cost more than there is. Nobody pays for it.
    pub unrated: Usage,
    /// What was charged for it.
    pub charged: Micros,
    /// What was rated and not charged.
    pub forgiven: Micros,
    /// What open leases may still use.
    pub outstanding: PerMeter<u64>,
    /// What that can cost at most.
    pub reserved: Micros,
}

impl RatingLine {
    pub(super) fn new(product: ProductId, terms: LineTerms) -> Self {
        Self {
            product,
            terms,
            usage: Usage::default(),
            unrated: Usage::default(),
            charged: Micros::ZERO,
            forgiven: Micros::ZERO,
            outstanding: PerMeter::default(),
            reserved: Micros::ZERO,
        }
    }

    /// What can be added to the cost of `usage` at most, by using `outstanding`.
    pub(super) fn reserve(&self, usage: &Usage, outstanding: &PerMeter<u64>) -> Micros {
        self.terms.rate.ceiling(usage, outstanding).saturating_sub(self.terms.rate.charge(usage))
    }

    /// What would be reserved with `more` leased out.
    pub(super) fn reserve_with(&self, more: &PerMeter<u64>) -> Micros {
        let all = Meter::ALL.into_iter().filter_map(|meter| {
            let (one, other) = (self.outstanding.get(meter), more.get(meter));
            let sum = one.copied().unwrap_or(0).saturating_add(other.copied().unwrap_or(0));
            (one.is_some() || other.is_some()).then_some((meter, sum))
        });
        self.reserve(&self.usage, &all.collect())
    }

    /// Brings `reserved` up to date.
    pub(super) fn refresh(&mut self) {
        self.reserved = self.reserve(&self.usage, &self.outstanding);
    }
}
