//! What usage costs when it is paid for as it comes.
//!
//! Invariant (no drift): a charge is a function of the cumulative usage of a billing period. So the sum of all charges is the
//! same to the micro-unit, however usage was split into batches and in whatever order they came. Each meter is rounded down on
//! its own, once, on its cumulative cost.
#![deny(clippy::float_arithmetic)]

use serde::{Deserialize, Serialize};

use crate::{
    meter::{Meter, PerMeter, Usage},
    money::Micros,
};

/// How the tiers of a price apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TierMode {
    /// Each unit costs what the tier it falls into says.
    #[default]
    Graduated,
    /// All units cost what the tier that the total falls into says.
    Volume,
}

/// A price from the end of the tier before up to `up_to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// The last unit of the tier, counted from the beginning of the period; `None` for the last tier, which has no end.
    pub up_to: Option<u64>,
    /// The price of one block of [`block`] units.
    pub per_block: Micros,
}

/// Units that a tier prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierUse {
    /// How many.
    pub units: u64,
    /// The price of one block of [`block`] of them.
    pub per_block: Micros,
}

/// The price of one meter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// How the tiers apply.
    pub mode: TierMode,
    /// At least one; `up_to` rises; only the last has none. A free allowance is a first tier that costs nothing.
    pub tiers: Vec<Tier>,
}

/// The pay-as-you-go price of a product.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rate {
    /// The price of each meter that has one.
    pub prices: PerMeter<Price>,
    /// What a billing period costs at least, once the account has used the product in it.
    pub minimum: Micros,
}

/// The units that one price is for: 1,000 calls, one GiB, or a million units.
pub const fn block(meter: Meter) -> u64 {
    match meter {
        Meter::Calls => 1_000,
        Meter::IngressBytes | Meter::EgressBytes | Meter::TotalBytes => 1 << 30,
        Meter::Units => 1_000_000,
    }
}

impl Price {
    /// The cost of the first `units` units of a period, rounded down; `block` units cost a tier's price.
    pub fn cost(&self, units: u64, block: u64) -> Micros {
        let numerator = match self.mode {
            TierMode::Graduated => self.graduated(units),
            TierMode::Volume => {
                let tier = self.tiers.iter().find(|tier| tier.up_to.is_none_or(|end| units <= end));
                tier.map_or(0, |tier| i128::from(units) * i128::from(tier.per_block.get()))
            }
        };
        Micros::new(i64::try_from(numerator / i128::from(block)).unwrap_or(i64::MAX))
    }

    /// Micro-units times block: every tier's price for the units that fall into it.
    fn graduated(&self, units: u64) -> i128 {
        let (mut sum, mut from) = (0, 0);
        for tier in &self.tiers {
            let end = tier.up_to.unwrap_or(u64::MAX).min(units);
            sum += i128::from(end.saturating_sub(from)) * i128::from(tier.per_block.get());
            from = end.max(from);
        }
        sum
    }

    /// What the first `units` units of a period are made of: each tier that they reach, or the one that prices them all.
    pub fn used_tiers(&self, units: u64) -> Vec<TierUse> {
        let mut from = 0;
        let graduated = self.tiers.iter().map(|tier| {
            let end = tier.up_to.unwrap_or(u64::MAX).min(units).max(from);
            let units = end - from;
            from = end;
            TierUse { units, per_block: tier.per_block }
        });
        match self.mode {
            TierMode::Graduated => graduated.filter(|tier| tier.units > 0).collect(),
            TierMode::Volume => {
                let tier = self.tiers.iter().find(|tier| tier.up_to.is_none_or(|end| units <= end));
                tier.filter(|_| units > 0)
                    .map(|tier| TierUse { units, per_block: tier.per_block })
                    .into_iter()
                    .collect()
            }
        }
    }

    /// The most that the period can have cost at any moment while `units` units become `units + more`. With volume tiers
    /// that is not the cost of the last unit: a total that reaches a cheaper tier costs less than one just before it.
    pub fn ceiling(&self, units: u64, more: u64, block: u64) -> Micros {
        let last = units.saturating_add(more);
        let ends = self.tiers.iter().filter_map(|tier| tier.up_to).filter(|end| (units..last).contains(end));
        let peaks = ends.filter(|_| self.mode == TierMode::Volume).map(|end| self.cost(end, block));
        peaks.fold(self.cost(last, block).max(self.cost(units, block)), Micros::max)
    }

    /// The most that `more` units can add to what the period costs, whenever they are used after the first `units`. With volume tiers
    /// that rise, the first unit of a dearer tier makes all before it dearer.
    pub fn dearest(&self, units: u64, more: u64, block: u64) -> Micros {
        if more == 0 {
            return Micros::ZERO;
        }
        let ahead = || self.tiers.iter().filter(|tier| tier.up_to.is_none_or(|end| end >= units));
        let dearest = ahead().map(|tier| i128::from(tier.per_block.get())).max().unwrap_or(0);
        let rise = |(tier, next): (&Tier, &Tier)| {
            let rise = i128::from(next.per_block.get()) - i128::from(tier.per_block.get());
            rise.max(0) * i128::from(tier.up_to.unwrap_or(0))
        };
        let rises: i128 = match self.mode {
            TierMode::Graduated => 0,
            TierMode::Volume => ahead().zip(ahead().skip(1)).map(rise).sum(),
        };
        let (numerator, block) = (dearest * i128::from(more) + rises, i128::from(block));
        Micros::new(i64::try_from((numerator + block - 1) / block).unwrap_or(i64::MAX))
    }
}

impl Rate {
    /// What `usage`, the whole of a period so far, costs.
    pub fn charge(&self, usage: &Usage) -> Micros {
        if usage.is_free() {
            return Micros::ZERO;
        }
        self.at_least(self.prices.iter().map(|(meter, price)| price.cost(usage.get(meter), block(meter))))
    }

    /// The most that the period can have cost at any moment while up to `more` is used on top of `usage`.
    pub fn ceiling(&self, usage: &Usage, more: &PerMeter<u64>) -> Micros {
        if usage.is_free() && more.iter().all(|(_, more)| *more == 0) {
            return Micros::ZERO;
        }
        let more = |meter| more.get(meter).copied().unwrap_or(0);
        self.at_least(
            self.prices.iter().map(|(meter, price)| price.ceiling(usage.get(meter), more(meter), block(meter))),
        )
    }

    /// The most that using `more` can add to what the period costs, whenever it is used after `usage`.
    pub fn dearest(&self, usage: &Usage, more: &PerMeter<u64>) -> Micros {
        let more = |meter| more.get(meter).copied().unwrap_or(0);
        let costs = self.prices.iter().map(|(meter, price)| price.dearest(usage.get(meter), more(meter), block(meter)));
        let sum = costs.fold(0i64, |sum, cost| sum.saturating_add(cost.get()));
        // What is used first may make the minimum due.
        let minimum = if usage.is_free() { self.minimum } else { Micros::ZERO };
        Micros::new(sum).saturating_add(minimum)
    }

    fn at_least(&self, costs: impl Iterator<Item = Micros>) -> Micros {
        let sum = costs.fold(0i64, |sum, cost| sum.saturating_add(cost.get()));
        Micros::new(sum).max(self.minimum)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn price(mode: TierMode, tiers: &[(Option<u64>, i64)]) -> Price {
        let tiers = tiers.iter().map(|&(up_to, price)| Tier { up_to, per_block: Micros::new(price) }).collect();
        Price { mode, tiers }
    }

    #[test]
    fn graduated_tiers_price_each_unit_and_volume_tiers_all_of_them() {
        let tiers = [(Some(1_000), 0), (Some(10_000), 2_000_000), (None, 1_000_000)];
        let graduated = price(TierMode::Graduated, &tiers);
        let volume = price(TierMode::Volume, &tiers);
        for (units, by_unit, by_total) in [
            (1_000, 0, 0),
            (1_001, 2_000, 2_002_000),
            (10_000, 18_000_000, 20_000_000),
            (20_000, 28_000_000, 20_000_000),
        ] {
            assert_eq!(graduated.cost(units, 1_000), Micros::new(by_unit), "{units}");
            assert_eq!(volume.cost(units, 1_000), Micros::new(by_total), "{units}");
        }
    }

    #[test]
    fn the_minimum_is_due_from_the_first_use_and_once() {
        let prices = [(Meter::Calls, price(TierMode::Graduated, &[(None, 1_000_000)]))].into_iter().collect();
        let rate = Rate { prices, minimum: Micros::new(5_000_000) };
        let calls = |calls| rate.charge(&Usage { calls, ..Usage::default() });
        assert_eq!(
            [calls(0), calls(1), calls(5_000), calls(6_000)].map(Micros::get),
            [0, 5_000_000, 5_000_000, 6_000_000]
        );
    }

    #[test]
    fn the_dearest_of_one_price_is_what_it_costs() {
        let price = price(TierMode::Graduated, &[(None, 2_000_000)]);
        for (units, more) in [(0, 1), (7, 500)] {
            let added = price.cost(units + more, 1_000).saturating_sub(price.cost(units, 1_000));
            assert_eq!(price.dearest(units, more, 1_000), added);
        }
    }

    #[test]
    fn the_largest_usage_at_the_largest_price_does_not_wrap() {
        let price = price(TierMode::Graduated, &[(Some(1), i64::MAX), (None, i64::MAX)]);
        assert_eq!(price.cost(u64::MAX, 1), Micros::new(i64::MAX));
        assert_eq!(price.ceiling(u64::MAX, u64::MAX, 1), Micros::new(i64::MAX));
    }

    fn prices() -> impl Strategy<Value = Price> {
        let mode = prop_oneof![Just(TierMode::Graduated), Just(TierMode::Volume)];
        (mode, proptest::collection::btree_set(1u64..400, 0..4), proptest::collection::vec(0i64..5_000, 5)).prop_map(
            |(mode, ends, costs)| {
                let ends = ends.into_iter().map(Some).chain([None]);
                let tiers = ends.zip(costs).map(|(up_to, cost)| Tier { up_to, per_block: Micros::new(cost) });
                Price { mode, tiers: tiers.collect() }
            },
        )
    }

    proptest! {
        #[test]
        fn the_ceiling_is_the_worst_of_every_step_on_the_way(price in prices(), units in 0u64..400, more in 0u64..100) {
            let worst = (units..=units + more).map(|units| price.cost(units, 7)).max();
            prop_assert_eq!(Some(price.ceiling(units, more, 7)), worst);
        }

        #[test]
        fn the_dearest_is_no_less_than_any_use_adds(price in prices(), units in 0u64..400, later in 0u64..300, more in 0u64..100) {
            let from = units + later;
            let added = price.cost(from + more, 7).saturating_sub(price.cost(from, 7));
            prop_assert!(added <= price.dearest(units, more, 7), "{} more", added);
        }
    }
}
