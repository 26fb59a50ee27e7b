//! What an account got by buying: quantities that are used up, and the part of the price that is earned by it.
//!
//! Invariant: free to lease is what was neither used nor leased out. Used, leased and free never add up to more than the
//! quantity, but for bytes that were in flight when it ran out. What was earned never exceeds the price.
#![deny(clippy::float_arithmetic)]

use serde::{Deserialize, Serialize};

use super::{
    command::PackageTerms,
    entry::Entry,
    subscription::{Period, PlanTerms},
};
use crate::{
    id::{GrantId, OfferId, ProductId},
    meter::{Meter, PerMeter, Usage},
    money::Micros,
    time::Timestamp,
};

/// How much of one meter a grant holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Quota {
    /// What was bought.
    pub quantity: u64,
    /// What was used, as far as it was settled.
    pub used: u64,
    /// What open leases hold and have not used.
    pub leased: u64,
}

impl Quota {
    /// What was not used, leased out or not.
    pub const fn remaining(&self) -> u64 {
        self.quantity.saturating_sub(self.used)
    }

    /// What may be leased.
    pub const fn free(&self) -> u64 {
        self.remaining().saturating_sub(self.leased)
    }

    /// What was used beyond the quantity.
    pub const fn overrun(&self) -> u64 {
        self.used.saturating_sub(self.quantity)
    }
}

/// A grant of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// What it pays for.
    pub product: ProductId,
    /// Other products that it pays for too.
    pub also_for: Vec<ProductId>,
    /// The package or plan it came from.
    pub offer: OfferId,
    /// What was paid for it.
    pub price: Micros,
    /// Lower burns down first.
    pub priority: i32,
    /// From when on it pays.
    pub from: Timestamp,
    /// From when on it does not pay any more.
    pub until: Option<Timestamp>,
    /// What it holds. It pays as long as something is left of every meter here.
    pub quotas: PerMeter<Quota>,
    /// The part of the price that was earned.
    pub earned: Micros,
    /// Whether it was taken off the books: at its end, or before.
    pub expired: bool,
    /// Whether it was noticed that little is left.
    pub noticed: bool,
    /// Whether it was noticed that nothing is left.
    pub exhausted: bool,
}

/// Sorts grants by which burns down first. The id comes last; ids rise with age, so the older comes before the younger.
pub(super) type BurnOrder = (i32, bool, Option<Timestamp>, GrantId);

impl Grant {
    /// What the purchase in `entry` made.
    pub(super) fn of_package(entry: &Entry, terms: &PackageTerms, until: Option<Timestamp>) -> Self {
        let PackageTerms { product, offer, price, quantities, priority, also_for, .. } = terms;
        Self {
            id: GrantId(entry.seq),
            product: product.clone(),
            also_for: also_for.clone(),
            offer: offer.clone(),
            price: *price,
            priority: *priority,
            from: entry.at,
            until,
            quotas: quantities.map(|_, quantity| Quota { quantity: *quantity, ..Quota::default() }),
            earned: Micros::ZERO,
            expired: false,
            noticed: false,
            exhausted: false,
        }
    }

    /// What `price` paid for on a plan.
    pub(super) fn of_plan(
        id: GrantId,
        terms: &PlanTerms,
        price: Micros,
        quantities: &PerMeter<u64>,
        period: Period,
    ) -> Self {
        Self {
            id,
            product: terms.product.clone(),
            also_for: Vec::new(),
            offer: terms.offer.clone(),
            price,
            priority: terms.priority,
            from: period.from,
            until: Some(period.until),
            quotas: quantities.map(|_, quantity| Quota { quantity: *quantity, ..Quota::default() }),
            earned: Micros::ZERO,
            expired: false,
            noticed: false,
            exhausted: false,
        }
    }

    /// Whether it pays for `product`.
    pub fn is_for(&self, product: &ProductId) -> bool {
        self.product == *product || self.also_for.contains(product)
    }

    /// Whether it pays at `now`, if anything is left.
    pub fn is_current(&self, now: Timestamp) -> bool {
        self.from <= now && !self.has_ended(now)
    }

    /// Whether its time is over.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.expired || self.until.is_some_and(|until| until <= now)
    }

    /// Whether something may be leased of every meter.
    pub fn has_free(&self) -> bool {
        self.quotas.iter().all(|(_, quota)| quota.free() > 0)
    }

    /// Whether something may be leased of every meter, and as many units as one call may come to.
    pub fn has_free_for(&self, units: u64) -> bool {
        self.has_free() && self.quotas.get(Meter::Units).is_none_or(|quota| quota.free() >= units)
    }

    /// Whether open leases hold any of it.
    pub fn is_leased(&self) -> bool {
        self.quotas.iter().any(|(_, quota)| quota.leased > 0)
    }

    /// Takes `usage` off what is left.
    pub(super) fn burn(&mut self, usage: &Usage) {
        let used = |meter, quota: &Quota| quota.used.saturating_add(usage.get(meter));
        self.quotas = self.quotas.map(|meter, quota| Quota { used: used(meter, quota), ..*quota });
    }

    /// Makes it hold another quantity of each of its meters.
    pub(super) fn hold(&mut self, quantity: impl Fn(Meter, u64) -> u64) {
        self.quotas = self.quotas.map(|meter, quota| Quota { quantity: quantity(meter, quota.quantity), ..*quota });
    }

    pub(super) fn burn_order(&self) -> BurnOrder {
        (self.priority, self.until.is_none(), self.until, self.id)
    }

    /// The part of the price that is earned once `more` is used: by the meter that is used up furthest, rounded down.
    pub(super) fn earned_with(&self, more: &Usage) -> Micros {
        if self.expired { self.earned } else { self.worth(|meter, quota| quota.used.saturating_add(more.get(meter))) }
    }

    /// The part of the price that stands for what is neither used nor leased out of any meter.
    pub(super) fn unused_worth(&self) -> Micros {
        self.price.saturating_sub(self.worth(|_, quota| quota.used.saturating_add(quota.leased)))
    }

    /// The part of the price that stands for `used`, by the meter of which the largest share is used.
    fn worth(&self, used: impl Fn(Meter, &Quota) -> u64) -> Micros {
        let shares = self.quotas.iter().map(|(meter, quota)| {
            let used = used(meter, quota).min(quota.quantity);
            i128::from(self.price.get()) * i128::from(used) / i128::from(quota.quantity.max(1))
        });
        Micros::new(shares.max().and_then(|share| i64::try_from(share).ok()).unwrap_or(0))
    }
}
