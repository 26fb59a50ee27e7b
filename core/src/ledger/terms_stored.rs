//! How the terms of packages and plans are written, in stored bytes and in text formats.
//!
//! Entries hold terms as they were when there were fewer of them. What no length of time can be, a negative one, says in the stored
//! bytes that what came later follows. Invariant: terms without any of that have the bytes that they always had, and what was
//! written before is read as it was.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, Error as _, SeqAccess, Visitor},
};

use super::{
    command::PackageTerms,
    subscription::{Beyond, Every, PlanTerms},
};
use crate::{
    id::{OfferId, ProductId},
    meter::PerMeter,
    money::Micros,
    time::Millis,
};

/// The most fields of stored terms.
const FIELDS: usize = 11;

/// A package's terms in text formats.
#[derive(Serialize, Deserialize)]
#[serde(remote = "PackageTerms", rename = "PackageTerms")]
struct ShownPackage {
    product: ProductId,
    offer: OfferId,
    price: Micros,
    quantities: PerMeter<u64>,
    valid: Option<Millis>,
    priority: i32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    also_for: Vec<ProductId>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    once: bool,
}

/// A plan's terms in text formats.
#[derive(Serialize, Deserialize)]
#[serde(remote = "PlanTerms", rename = "PlanTerms")]
struct ShownPlan {
    product: ProductId,
    offer: OfferId,
    price: Micros,
    every: Every,
    quantities: PerMeter<u64>,
    beyond: Beyond,
    priority: i32,
    grace: Millis,
    #[serde(default, skip_serializing_if = "is_nothing")]
    setup_fee: Micros,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trial: Option<Millis>,
    #[serde(default, skip_serializing_if = "PerMeter::is_empty")]
    rollover: PerMeter<u64>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference, and on wasm32 it is as large")]
fn is_nothing(amount: &Micros) -> bool {
    *amount == Micros::ZERO
}

/// Marks a length of time: more follows.
const fn marked(length: Millis) -> Millis {
    -1 - length
}

impl Serialize for PackageTerms {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return ShownPackage::serialize(self, serializer);
        }
        let Self { product, offer, price, quantities, valid, priority, also_for, once } = self;
        if also_for.is_empty() && !once {
            return (product, offer, price, quantities, valid, priority).serialize(serializer);
        }
        // No package is good for no time, so none of that length is one that is good for ever.
        let valid = Some(marked(valid.unwrap_or(0)));
        (product, offer, price, quantities, valid, priority, also_for, once).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PackageTerms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return ShownPackage::deserialize(deserializer);
        }
        deserializer.deserialize_tuple(FIELDS, Package)
    }
}

impl Serialize for PlanTerms {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return ShownPlan::serialize(self, serializer);
        }
        let Self { product, offer, price, every, quantities, beyond, priority, grace, setup_fee, trial, rollover } =
            self;
        if *setup_fee == Micros::ZERO && trial.is_none() && rollover.is_empty() {
            return (product, offer, price, every, quantities, beyond, priority, grace).serialize(serializer);
        }
        let grace = marked(*grace);
        let before = (product, offer, price, every, quantities, beyond, priority, grace, setup_fee);
        if rollover.is_empty() {
            return (before, trial).serialize(serializer);
        }
        // No trial lasts no time, so one of that length is none.
        let trial = Some(marked(trial.unwrap_or(0)));
        (before, trial, rollover).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PlanTerms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return ShownPlan::deserialize(deserializer);
        }
        deserializer.deserialize_tuple(FIELDS, Plan)
    }
}

struct Package;
struct Plan;

fn next<'de, A: SeqAccess<'de>, T: DeserializeOwned>(fields: &mut A) -> Result<T, A::Error> {
    fields.next_element()?.ok_or_else(|| A::Error::custom("the terms end too soon"))
}

impl<'de> Visitor<'de> for Package {
    type Value = PackageTerms;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the terms of a package")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut fields: A) -> Result<PackageTerms, A::Error> {
        let fields = &mut fields;
        let (product, offer, price, quantities) = (next(fields)?, next(fields)?, next(fields)?, next(fields)?);
        let (valid, priority): (Option<Millis>, _) = (next(fields)?, next(fields)?);
        let more = valid.filter(|valid| *valid < 0).map(marked);
        let (also_for, once) = if more.is_some() { (next(fields)?, next(fields)?) } else { (Vec::new(), false) };
        let valid = more.map_or(valid, |valid| Some(valid).filter(|valid| *valid > 0));
        Ok(PackageTerms { product, offer, price, quantities, valid, priority, also_for, once })
    }
}

impl<'de> Visitor<'de> for Plan {
    type Value = PlanTerms;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the terms of a plan")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut fields: A) -> Result<PlanTerms, A::Error> {
        let fields = &mut fields;
        let (product, offer, price, every) = (next(fields)?, next(fields)?, next(fields)?, next(fields)?);
        let (quantities, beyond, priority) = (next(fields)?, next(fields)?, next(fields)?);
        let grace: Millis = next(fields)?;
        let (setup_fee, trial): (_, Option<Millis>) =
            if grace < 0 { (next(fields)?, next(fields)?) } else { (Micros::ZERO, None) };
        let grace = if grace < 0 { marked(grace) } else { grace };
        let more = trial.filter(|trial| *trial < 0).map(marked);
        let rollover = if more.is_some() { next(fields)? } else { PerMeter::default() };
        let trial = more.map_or(trial, |trial| Some(trial).filter(|trial| *trial > 0));
        Ok(PlanTerms { product, offer, price, every, quantities, beyond, priority, grace, setup_fee, trial, rollover })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{meter::Meter, rate::Rate};

    fn plan(beyond: Beyond, grace: Millis, setup_fee: i64, trial: Option<Millis>) -> PlanTerms {
        PlanTerms {
            product: "p".parse().unwrap(),
            offer: "o".parse().unwrap(),
            price: Micros::new(1),
            every: Every::Days(1),
            quantities: [(Meter::Calls, 2)].into_iter().collect(),
            beyond,
            priority: 0,
            grace,
            setup_fee: Micros::new(setup_fee),
            trial,
            rollover: PerMeter::default(),
        }
    }

    #[test]
    fn terms_of_before_have_the_bytes_that_they_had() {
        let before = [1, b'p', 1, b'o', 2, 0, 1, 1, 0, 2, 1, 0, 6];
        assert_eq!(postcard::to_allocvec(&plan(Beyond::Reject, 3, 0, None)).unwrap(), before);
        let later = [1, b'p', 1, b'o', 2, 0, 1, 1, 0, 2, 1, 0, 7, 8, 1, 10];
        assert_eq!(
            postcard::to_allocvec(&plan(Beyond::Reject, 3, 4, Some(5))).unwrap(),
            later,
            "pinned: books hold it so"
        );
        let rolls = |trial| PlanTerms {
            rollover: [(Meter::Calls, 6)].into_iter().collect(),
            ..plan(Beyond::Reject, 3, 4, trial)
        };
        for (trial, stored) in [(None, 1), (Some(5), 11)] {
            let latest = [&later[..14], &[1, stored, 1, 0, 6]].concat();
            assert_eq!(postcard::to_allocvec(&rolls(trial)).unwrap(), latest, "pinned: books hold it so");
        }
    }

    proptest! {
        #[test]
        fn terms_read_back_beside_what_follows_them(
            grace in 0i64..9, setup_fee in 0i64..3, trial in proptest::option::of(1i64..9), valid in proptest::option::of(1i64..9),
            also in 0usize..3, once: bool, own: bool, rollover in 0u64..3, after: u64,
        ) {
            let beyond = if own { Beyond::At(Rate::default()) } else { Beyond::Rate };
            let rollover = (rollover > 0).then_some((Meter::Calls, rollover)).into_iter().collect();
            let plan = PlanTerms { rollover, ..plan(beyond, grace, setup_fee, trial) };
            let package = PackageTerms {
                product: plan.product.clone(),
                offer: plan.offer.clone(),
                price: plan.price,
                quantities: plan.quantities.clone(),
                valid,
                priority: -1,
                also_for: vec![plan.product.clone(); also],
                once,
            };
            let both = (package, plan, after);
            let bytes = postcard::to_allocvec(&both).unwrap();
            prop_assert_eq!(&postcard::from_bytes::<(PackageTerms, PlanTerms, u64)>(&bytes).unwrap(), &both);
            let text = serde_json::to_string(&both).unwrap();
            prop_assert_eq!(serde_json::from_str::<(PackageTerms, PlanTerms, u64)>(&text).unwrap(), both);
        }
    }
}
