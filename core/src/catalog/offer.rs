//! The part of the source that is about money: rates, packages and plans.
//!
//! Invariant: every price is exact in micro-units and not negative, and a price that is paid as it stands can be paid. Tiers
//! rise, and the last has no end. A package sells exactly one meter, and a plan at least one unless it is unlimited or a base
//! fee. Only a product with a rate has plans that go beyond into it.
#![deny(clippy::float_arithmetic)]

use super::{
    Package, Plan,
    compile::list,
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

/// What the catalog calls a meter.
struct Names {
    meter: Meter,
    /// In a rate's tiers.
    tiers: &'static str,
    /// Its prices: as a flat one, in a tier, and how many of what it names make up [`block`](crate::rate::block).
    prices: &'static [(&'static str, &'static str, i64)],
    /// Its quantity in a package or plan.
    quantity: &'static str,
}

const METERS: [Names; Meter::ALL.len()] = [
    Names {
        meter: Meter::Calls,
        tiers: "calls",
        prices: &[("per_1000_calls", "per_1000", 1), ("per_call", "per_call", 1_000)],
        quantity: "calls",
    },
    Names {
        meter: Meter::IngressBytes,
        tiers: "ingress",
        prices: &[("per_gib_ingress", "per_gib", 1)],
        quantity: "ingress_bytes",
    },
    Names {
        meter: Meter::EgressBytes,
        tiers: "egress",
        prices: &[("per_gib_egress", "per_gib", 1)],
        quantity: "egress_bytes",
    },
    Names { meter: Meter::TotalBytes, tiers: "total", prices: &[("per_gib", "per_gib", 1)], quantity: "total_bytes" },
    Names {
        meter: Meter::Units,
        tiers: "units",
        prices: &[
            ("per_million_units", "per_million", 1),
            ("per_1000_units", "per_1000", 1_000),
            ("per_unit", "per_unit", 1_000_000),
        ],
        quantity: "units",
    },
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
    for names in &METERS {
        let (meter, name) = (names.meter, names.tiers);
        let flat = one_price(table, names.prices.iter().map(|(flat, _, times)| (*flat, *times)));
        let tiers = table.maybe(name, |item| tiers(item, names));
        match (flat, tiers) {
            (Some(None), Some(None)) => {}
            (Some(Some((_, per_block))), Some(None)) => {
                prices.set(meter, Price { mode: mode_or_default, tiers: vec![Tier { up_to: None, per_block }] });
            }
            (Some(None), Some(Some(tiers))) => prices.set(meter, Price { mode: mode_or_default, tiers }),
            (Some(Some((flat, _))), Some(Some(_))) => {
                table.refuse(format!("`{flat}` and `{name}` are two prices for one meter: keep one"));
                complete = false;
            }
            _ => complete = false,
        }
    }
    table.finish();
    if complete && prices.is_empty() {
        table.refuse(
            "it has no price: give it `per_1000_calls`, `per_1000_units` or one of the `per_gib` keys".to_owned(),
        );
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
    let also_for = table.maybe("also_for", |item| list(item, |item| item.parse()));
    let once = table.flag("once", false);
    let accounts = table.maybe("for", |item| list(item, |item| item.parse()));
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
        also_for: also_for?.unwrap_or_default(),
        once: once?,
        accounts: accounts?,
    })
}

/// A plan whose id was read before, of a product that has a rate or not.
pub(super) fn plan(table: &Table<'_>, id: Option<OfferId>, currency: Currency, has_rate: bool) -> Option<Plan> {
    let title = table.maybe("title", |item| item.read(value::title));
    let price = table.required("price").and_then(|item| paid(&item, currency));
    let every = table.required("every").and_then(|item| item.read(value::every));
    let beyond = table.maybe("beyond", |item| beyond(item, has_rate));
    let own = table.maybe("rate", |item| item.table().and_then(|table| rate(&table, currency)));
    let setup_fee = table.maybe("setup_fee", |item| paid(item, currency));
    let trial = table.maybe("trial", |item| item.read(value::duration));
    let rollover = table.maybe("rollover", |item| item.table().and_then(|table| rollover(&table)));
    let is_unlimited = table.flag("unlimited", false);
    let grace = table.maybe("grace", |item| item.read(value::duration));
    let priority = table.maybe("priority", Item::integer);
    let quantities = quantities(table);
    table.finish();
    let (own, beyond, is_unlimited, quantities) = (own?, beyond?, is_unlimited?, quantities?);
    let goes_on = own.is_some() || beyond == Some(Beyond::Rate);
    match (is_unlimited, quantities.is_empty()) {
        (true, false) => table.refuse("it is `unlimited` and includes a quantity: keep one".to_owned()),
        (true, true) if goes_on => {
            table.refuse("nothing is beyond it, as it is `unlimited`: leave out the rate".to_owned())
        }
        (false, true) if !goes_on => table.refuse(format!(
            "it must include at least one of {}, be `unlimited`, or be a base fee with a `rate`",
            quantity_keys()
        )),
        _ => {}
    }
    if own.is_some() && beyond.is_some() {
        table.refuse("it goes on at its own `rate`: leave out `beyond`".to_owned());
    }
    let rollover = rollover?.unwrap_or_default();
    if rollover.iter().any(|(meter, _)| quantities.get(meter).is_none()) {
        table.refuse("it includes nothing of what goes over in `rollover`".to_owned());
    }
    // A base fee includes nothing: its grant is used up from the beginning.
    let is_base_fee = quantities.is_empty() && !is_unlimited;
    let quantities = if is_base_fee { [(Meter::Calls, 0)].into_iter().collect() } else { quantities };
    let id = id?;
    Some(Plan {
        title: title?.unwrap_or_else(|| id.to_string()),
        id,
        price: price?,
        every: every?,
        quantities,
        beyond: own.map(Beyond::At).or(beyond).unwrap_or(Beyond::Reject),
        priority: priority?.unwrap_or(0),
        grace: grace?.unwrap_or(DEFAULT_GRACE),
        setup_fee: setup_fee?.unwrap_or(Micros::ZERO),
        trial: trial?,
        rollover,
    })
}

/// How much of what a plan includes goes over.
fn rollover(table: &Table<'_>) -> Option<PerMeter<u64>> {
    let quantities = quantities(table);
    table.finish();
    if quantities.as_ref().is_some_and(PerMeter::is_empty) {
        table.refuse(format!("it names no quantity: give it one of {}", quantity_keys()));
    }
    quantities
}

/// The price under whichever of `keys` is there, by the block: `Some(None)` where none is, `None` where what is there is refused.
fn one_price(
    table: &Table<'_>,
    keys: impl Iterator<Item = (&'static str, i64)>,
) -> Option<Option<(&'static str, Micros)>> {
    let mut price = Some(None);
    for (key, times) in keys {
        let Some(found) = table.maybe(key, |item| by_the_block(item, times)) else {
            price = None;
            continue;
        };
        match (price, found) {
            (Some(Some((other, _))), Some(_)) => {
                table.refuse(format!("`{other}` and `{key}` are two prices for one meter: keep one"));
                price = None;
            }
            (Some(None), Some(found)) => price = Some(Some((key, found))),
            _ => {}
        }
    }
    price
}

/// A price for so small a part of a block that it takes `times` of it.
fn by_the_block(item: &Item<'_>, times: i64) -> Option<Micros> {
    let by_the_block = amount(item)?.get().checked_mul(times).map(Micros::new);
    if by_the_block.is_none() {
        item.refuse("the price is too large".to_owned());
    }
    by_the_block
}

/// The quantities of an offer, per meter.
fn quantities(table: &Table<'_>) -> Option<PerMeter<u64>> {
    let found: Vec<_> = METERS
        .iter()
        .filter_map(|names| table.optional(names.quantity).map(|item| (names.meter, quantity(&item, names.meter))))
        .collect();
    found.into_iter().map(|(meter, quantity)| quantity.map(|quantity| (meter, quantity))).collect()
}

fn quantity_keys() -> String {
    METERS.iter().map(|names| format!("`{}`", names.quantity)).collect::<Vec<_>>().join(", ")
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

fn tiers(item: &Item<'_>, names: &Names) -> Option<Vec<Tier>> {
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
        let up_to = table.maybe("up_to", |item| quantity(item, names.meter));
        let price = one_price(&table, names.prices.iter().map(|(_, tier, times)| (*tier, *times)));
        if price == Some(None) {
            let keys = names.prices.iter().map(|(_, tier, _)| format!("`{tier}`")).collect::<Vec<_>>();
            table.refuse(format!("{} is missing", keys.join(" or ")));
        }
        let per_block = price.flatten().map(|(_, per_block)| per_block);
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
    let quantity = if matches!(meter, Meter::Calls | Meter::Units) || item.is_integer() {
        item.integer()
    } else {
        item.read(value::bytes)
    }?;
    if quantity == 0 {
        item.refuse("the quantity must be more than nothing".to_owned());
        return None;
    }
    Some(quantity)
}
