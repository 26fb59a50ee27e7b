//! What is counted, and how much of it.
//!
//! Invariant: counts only grow, and an overflow saturates instead of wrapping. So a bad number never turns a large usage into a
//! small one.

mod stored;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap};

/// A dimension that can be sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meter {
    /// Calls that the upstream answered.
    Calls,
    /// Bytes of request bodies.
    IngressBytes,
    /// Bytes of response bodies.
    EgressBytes,
    /// Bytes of request and response bodies together.
    TotalBytes,
    /// What a call counts for by its route or its upstream's word: credits, tokens, characters.
    Units,
}

impl Meter {
    /// Every meter, in the order in which they are shown.
    pub const ALL: [Meter; 5] =
        [Meter::Calls, Meter::IngressBytes, Meter::EgressBytes, Meter::TotalBytes, Meter::Units];

    /// The name in the API and in the catalog.
    pub const fn as_str(self) -> &'static str {
        match self {
            Meter::Calls => "calls",
            Meter::IngressBytes => "ingress_bytes",
            Meter::EgressBytes => "egress_bytes",
            Meter::TotalBytes => "total_bytes",
            Meter::Units => "units",
        }
    }
}

/// What was used: calls, the bytes of their bodies, and units. Headers are not counted. [`stored`] says how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Calls that the upstream answered.
    pub calls: u64,
    /// Bytes of request bodies.
    pub ingress_bytes: u64,
    /// Bytes of response bodies.
    pub egress_bytes: u64,
    /// Units.
    pub units: u64,
    /// Calls that went to the upstream and are not charged. No meter: nobody pays for them.
    pub uncharged: u64,
}

impl Usage {
    /// Nothing.
    pub const NONE: Self = Self { calls: 0, ingress_bytes: 0, egress_bytes: 0, units: 0, uncharged: 0 };

    /// The count of one meter.
    pub const fn get(&self, meter: Meter) -> u64 {
        match meter {
            Meter::Calls => self.calls,
            Meter::IngressBytes => self.ingress_bytes,
            Meter::EgressBytes => self.egress_bytes,
            Meter::TotalBytes => self.ingress_bytes.saturating_add(self.egress_bytes),
            Meter::Units => self.units,
        }
    }

    /// Adds `other`, saturating.
    pub const fn add(&mut self, other: &Usage) {
        self.calls = self.calls.saturating_add(other.calls);
        self.ingress_bytes = self.ingress_bytes.saturating_add(other.ingress_bytes);
        self.egress_bytes = self.egress_bytes.saturating_add(other.egress_bytes);
        self.units = self.units.saturating_add(other.units);
        self.uncharged = self.uncharged.saturating_add(other.uncharged);
    }

    /// What is left without `other`, nothing at least.
    pub const fn less(&self, other: &Usage) -> Usage {
        Usage {
            calls: self.calls.saturating_sub(other.calls),
            ingress_bytes: self.ingress_bytes.saturating_sub(other.ingress_bytes),
            egress_bytes: self.egress_bytes.saturating_sub(other.egress_bytes),
            units: self.units.saturating_sub(other.units),
            uncharged: self.uncharged.saturating_sub(other.uncharged),
        }
    }

    /// What two totals of the same calls come to, whichever was written first. The earlier one counts calls under way that may
    /// not be answered, and lacks their bytes and units.
    pub fn corrected_by(&self, other: &Usage) -> Usage {
        Usage {
            calls: self.calls.min(other.calls),
            ingress_bytes: self.ingress_bytes.max(other.ingress_bytes),
            egress_bytes: self.egress_bytes.max(other.egress_bytes),
            units: self.units.max(other.units),
            uncharged: self.uncharged.max(other.uncharged),
        }
    }

    /// Whether nothing was counted.
    pub const fn is_zero(&self) -> bool {
        self.is_free() && self.uncharged == 0
    }

    /// Whether nothing was counted that anybody could pay for.
    pub const fn is_free(&self) -> bool {
        self.calls == 0 && self.ingress_bytes == 0 && self.egress_bytes == 0 && self.units == 0
    }
}

/// A value for each of some meters; a meter without one is not limited, not priced, not counted.
///
/// Serialized as a map from the meter's name, so that it reads well in JSON and is stable when meters are added. Held
/// in place, because the ledger compares many of them for each lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PerMeter<T>([Option<T>; Meter::ALL.len()]);

impl<T> Default for PerMeter<T> {
    fn default() -> Self {
        Self([const { None }; Meter::ALL.len()])
    }
}

impl<T> PerMeter<T> {
    /// The value of one meter, where it has one.
    pub const fn get(&self, meter: Meter) -> Option<&T> {
        self.0[meter as usize].as_ref()
    }

    /// The value of one meter, to change.
    pub const fn get_mut(&mut self, meter: Meter) -> Option<&mut T> {
        self.0[meter as usize].as_mut()
    }

    /// Sets the value of one meter.
    pub fn set(&mut self, meter: Meter, value: T) {
        self.0[meter as usize] = Some(value);
    }

    /// The meters that have a value, with it, in the order of [`Meter::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Meter, &T)> {
        Meter::ALL.into_iter().zip(&self.0).filter_map(|(meter, value)| Some((meter, value.as_ref()?)))
    }

    /// Whether no meter has a value.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// The same meters, each with what `f` makes of its value.
    pub fn map<U>(&self, mut f: impl FnMut(Meter, &T) -> U) -> PerMeter<U> {
        self.iter().map(|(meter, value)| (meter, f(meter, value))).collect()
    }
}

impl<T> FromIterator<(Meter, T)> for PerMeter<T> {
    fn from_iter<I: IntoIterator<Item = (Meter, T)>>(values: I) -> Self {
        let mut all = Self::default();
        for (meter, value) in values {
            all.set(meter, value);
        }
        all
    }
}

impl<T: Serialize> Serialize for PerMeter<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.iter().count()))?;
        for (meter, value) in self.iter() {
            map.serialize_entry(&meter, value)?;
        }
        map.end()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for PerMeter<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::<Meter, T>::deserialize(deserializer).map(Self::from_iter)
    }
}
