//! The part of the source that is about money: rates, packages and plans.
//!
//! Invariant: every price is exact in micro-units and not below nothing, and what is paid as it stands can be paid; tiers rise and end in one without an end; a
//! package sells exactly one meter, a plan at least one; only a product with a rate has plans that go beyond into it.
#![deny(clippy::float_arithmetic)]

use super::{
    Package, Plan,
    source::{Item, Table},
    value,
};
use crate::{
    id::OfferId,
    ledger::Beyond,
    meter::{Meter, PerMeter},
    money::{Currency, Micros},
    rate::{Price, Rate, Tier, TierMode},
    time::{DAY, Millis},
};

/// Per meter: its name in a rate's tiers, the key of its flat price, the key of its price in a tier, and the key of its
/// quantity in a package.
const METERS: [(Meter, &str, &str, &str, &str); 4] = [
    (Meter::Calls, "calls", "per_1000_calls", "per_1000", "calls"),
    (Meter::IngressBytes, "ingress", "per_gib_ingress", "per_gib", "ingress_bytes"),
    (Meter::EgressBytes, "egress", "per_gib_egress", "per_gib", "egress_bytes"),
    (Meter::TotalBytes, "total", "per_gib", "per_gib", "total_bytes"),
];

/// How long a renewal that the balance does not cover is tried again when the catalog does not say.
const DEFAULT_GRACE: Millis = 3 * DAY;

/// A pay-as-you-go price. What a call costs may be finer than what can be paid in `currency`; the minimum may not.
pub(super) fn rate(table: &Table<'_>, currency: Currency) -> Option<Rate> {
    let mode = table.maybe("tiers", tier_mode);
    let minimum = table.maybe("minimum", |item| paid(item, currency));
    let mode_or_default = mode.flatten().unwrap_or_default();
    let mut prices = PerMeter::default();
    let mut complete = true;
    for (meter, name, flat_key, tier_key, _) in METERS {
        let flat = table.maybe(flat_key, amount);
        let tiers = table.maybe(name, |item| tiers(item, meter, tier_key));
        match (flat, tiers) {
            (Some(None), Some(None)) => {}
            (Some(Some(per_block)), Some(None)) => {
                prices.set(meter, Price { mode: mode_or_default, tiers: vec![Tier { up_to: None, per_block }] });
            }
            (Some(None), Some(Some(tiers))) => prices.set(meter, Price { mode: mode_or_default, tiers }),
            (Some(Some(_)), Some(Some(_))) => {
                table.refuse(format!("`{flat_key}` and `{name}` are two prices for one meter: keep one"));
                complete = false;
            }
            _ => complete = false,
        }
    }
    table.finish();
    if complete && prices.is_empty() {
        table.refuse("it has no price: give it `per_1000_calls` or one of the `per_gib` keys".to_owned());
        return None;
    }
    mode?;
    complete.then_some(Rate { prices, minimum: minimum?.unwrap_or(Micros::ZERO) })
}

/// A package whose id was read before.
pub(super) fn package(table: &Table<'_>, id: Option<OfferId>, currency: Currency) -> Option<Package> {
    let title = table.maybe("title", |item| item.read(value::title));
    let price = table.required("price").and_then(|item| paid(&item, currency));
    let valid = table.maybe("valid", |item| item.read(value::duration));
    let priority = table.maybe("priority", Item::integer);
    let once = table.flag("once", false);
    let quantities = quantities(table);
    table.finish();
    if quantities.as_ref().is_some_and(|quantities| quantities.iter().count() != 1) {
        table.refuse(format!("it must have exactly one of {}", quantity_keys()));
    }
    let id = id?;
    Some(Package {
        title: title?.unwrap_or_else(|| id.to_string()),
        id,
        price: price?,
        quantities: quantities?,
        valid: valid?,
        priority: priority?.unwrap_or(0),
        once: once?,
    })
}

/// A plan whose id was read before, of a product that has a rate or not.
pub(super) fn plan(table: &Table<'_>, id: Option<OfferId>, currency: Currency, has_rate: bool) -> Option<Plan> {
    let title = table.maybe("title", |item| item.read(value::title));
    let price = table.required("price").and_then(|item| paid(&item, currency));
    let every = table.required("every").and_then(|item| item.read(value::every));
    let beyond = table.maybe("beyond", |item| beyond(item, has_rate));
    let grace = table.maybe("grace", |item| item.read(value::duration));
    let priority = table.maybe("priority", Item::integer);
    let quantities = quantities(table);
    table.finish();
    if quantities.as_ref().is_some_and(PerMeter::is_empty) {
        table.refuse(format!("it must include at least one of {}", quantity_keys()));
    }
    let id = id?;
    Some(Plan {
        title: title?.unwrap_or_else(|| id.to_string()),
        id,
        price: price?,
        every: every?,
        quantities: quantities?,
        beyond: beyond?.unwrap_or(Beyond::Reject),
        priority: priority?.unwrap_or(0),
        grace: grace?.unwrap_or(DEFAULT_GRACE),
    })
}

/// The quantities of an offer, per meter.
fn quantities(table: &Table<'_>) -> Option<PerMeter<u64>> {
    let found: Vec<_> = METERS
        .iter()
        .filter_map(|(meter, .., key)| table.optional(key).map(|item| (*meter, quantity(&item, *meter))))
        .collect();
    found.into_iter().map(|(meter, quantity)| quantity.map(|quantity| (meter, quantity))).collect()
}

fn quantity_keys() -> String {
    METERS.map(|(.., key)| format!("`{key}`")).join(", ")
}

fn beyond(item: &Item<'_>, has_rate: bool) -> Option<Beyond> {
    item.read(|text| match text {
        "reject" => Ok(Beyond::Reject),
        "rate" if has_rate => Ok(Beyond::Rate),
        "rate" => Err("the product has no `rate` that could go on".to_owned()),
        _ => Err(format!("`{text}` is not a way to go on: use rate or reject")),
    })
}

fn tier_mode(item: &Item<'_>) -> Option<TierMode> {
    item.read(|text| match text {
        "graduated" => Ok(TierMode::Graduated),
        "volume" => Ok(TierMode::Volume),
        _ => Err(format!("`{text}` is not a way to apply tiers: use graduated or volume")),
    })
}

fn tiers(item: &Item<'_>, meter: Meter, price_key: &'static str) -> Option<Vec<Tier>> {
    let items = item.items()?;
    let last = items.len().checked_sub(1);
    if last.is_none() {
        item.refuse("it has no tiers".to_owned());
        return None;
    }
    let mut tiers: Vec<Option<Tier>> = Vec::with_capacity(items.len());
    let mut end = 0;
    for (index, item) in items.iter().enumerate() {
        let Some(table) = item.table() else {
            tiers.push(None);
            continue;
        };
        let up_to = table.maybe("up_to", |item| quantity(item, meter));
        let per_block = table.required(price_key).and_then(|item| amount(&item));
        table.finish();
        match up_to {
            Some(None) if Some(index) != last => table.refuse("only the last tier has no `up_to`".to_owned()),
            Some(Some(_)) if Some(index) == last => table.refuse("the last tier must have no `up_to`".to_owned()),
            Some(Some(up_to)) if up_to <= end => table.refuse(format!("`up_to` must be more than {end}")),
            Some(Some(up_to)) => end = up_to,
            _ => {}
        }
        tiers.push(up_to.zip(per_block).map(|(up_to, per_block)| Tier { up_to, per_block }));
    }
    tiers.into_iter().collect()
}

/// A price: a decimal in quotes, so that no float ever stands for money.
fn amount(item: &Item<'_>) -> Option<Micros> {
    let amount: Micros = item.parse()?;
    if amount < Micros::ZERO {
        item.refuse("a price cannot be below nothing".to_owned());
        return None;
    }
    Some(amount)
}

/// A price that is paid as it stands, so it is a whole number of the currency's smallest coin.
fn paid(item: &Item<'_>, currency: Currency) -> Option<Micros> {
    let amount = amount(item)?;
    if !currency.can_be_paid(amount) {
        item.refuse(format!("`{}` cannot be paid: the smallest amount of {currency} is {}", amount, currency.coin()));
        return None;
    }
    Some(amount)
}

/// More than nothing of a meter: a whole number, or for bytes a text such as `"10 GiB"`.
fn quantity(item: &Item<'_>, meter: Meter) -> Option<u64> {
    let quantity = if meter == Meter::Calls || item.is_integer() { item.integer() } else { item.read(value::bytes) }?;
    if quantity == 0 {
        item.refuse("the quantity must be more than nothing".to_owned());
        return None;
    }
    Some(quantity)
}
