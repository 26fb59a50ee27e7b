//! What usage costs when it is paid for as it comes.
//!
//! Invariant (no drift): a charge is a function of the cumulative usage of a billing period, so that however the usage
//! was split into batches, and in whatever order they came, the sum of what was charged is the same to the micro-unit.
#![deny(clippy::float_arithmetic)]

use serde::{Deserialize, Serialize};

use crate::{
    meter::{Meter, PerMeter},
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

/// The units that one price is for: 1,000 calls, or one GiB.
pub const fn block(meter: Meter) -> u64 {
    match meter {
        Meter::Calls => 1_000,
        Meter::IngressBytes | Meter::EgressBytes | Meter::TotalBytes => 1 << 30,
    }
}
