//! How many units the calls of a route come to, and who says so.
//!
//! Invariant: every route says how many units a call comes to at most, so that they can be set aside before it. Every route of a
//! product that sells units says so, and none is called for nothing.

use serde::{Deserialize, Serialize};

use super::{
    Package, Plan, Route,
    source::{Item, Table},
};
use crate::{
    ledger::Beyond,
    meter::{Meter, PerMeter},
    rate::Rate,
    units::{DEEPEST, LONGEST_NAME, MOST_POINTERS},
};

/// The most units that one call can come to: more than any batch could count is no count.
const MOST_UNITS: u64 = 1_000_000_000;

/// How many units a call comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Units {
    /// So many, whatever the upstream says.
    Fixed(u64),
    /// As many as the upstream says in a header field.
    Header {
        /// The most.
        most: u64,
    },
    /// As many as the numbers in the answer's body come to.
    Body {
        /// Where they are, and how many times each counts.
        pointers: Vec<(String, u64)>,
        /// The most.
        most: u64,
    },
}

impl Units {
    /// The most units that a call can come to.
    pub const fn most(&self) -> u64 {
        match self {
            Self::Fixed(units) => *units,
            Self::Header { most } | Self::Body { most, .. } => *most,
        }
    }
}

/// Where units come from, before it is known what they come to at most.
#[derive(Clone)]
enum Origin {
    Fixed(u64),
    Header,
    Body(Vec<(String, u64)>),
}

/// What a product or a route says of units: either key, or both.
#[derive(Clone, Default)]
pub(super) struct Said {
    from: Option<Origin>,
    most: Option<u64>,
}

/// Reads `units` and `max_units`.
pub(super) fn said(table: &Table<'_>) -> Option<Said> {
    let from = table.maybe("units", from);
    let most = table.maybe("max_units", units);
    Some(Said { from: from?, most: most? })
}

/// What a route says, and where it says nothing, its product.
pub(super) fn of_route(table: &Table<'_>, route: Said, product: &Said) -> Option<Option<Units>> {
    let is_fixed = matches!(route.from, Some(Origin::Fixed(_)));
    let most = route.most.or(product.most.filter(|_| !is_fixed));
    match (route.from.or_else(|| product.from.clone()), most) {
        (None, None) => Some(None),
        (None, Some(_)) => refused(table, "it has `max_units` and no `units`: say where they come from"),
        (Some(Origin::Fixed(units)), None) => Some(Some(Units::Fixed(units))),
        (Some(Origin::Fixed(_)), Some(_)) => {
            refused(table, "a fixed number of `units` is all that a call comes to: leave out `max_units`")
        }
        (Some(Origin::Header | Origin::Body(_)), None) => {
            refused(table, "`max_units` is missing: so many are set aside before a call, and it is charged no more")
        }
        (Some(Origin::Header), Some(most)) => Some(Some(Units::Header { most })),
        (Some(Origin::Body(pointers)), Some(most)) => Some(Some(Units::Body { pointers, most })),
    }
}

/// Checks that a product whose units cost something counts them, and that what it sells pays for a call.
pub(super) fn check(table: &Table<'_>, routes: &[Route], rate: Option<&Rate>, packages: &[Package], plans: &[Plan]) {
    let sold = |quantities: &PerMeter<u64>| quantities.get(Meter::Units).copied();
    let own = plans.iter().filter_map(|plan| match &plan.beyond {
        Beyond::At(rate) => Some(rate),
        Beyond::Rate | Beyond::Reject => None,
    });
    let is_rated = rate.into_iter().chain(own).any(|rate| rate.prices.get(Meter::Units).is_some());
    let in_packages = packages.iter().map(|package| (&package.id, sold(&package.quantities)));
    let offers: Vec<_> = in_packages.chain(plans.iter().map(|plan| (&plan.id, sold(&plan.quantities)))).collect();
    if !is_rated && offers.iter().all(|(_, units)| units.is_none()) {
        return;
    }
    if let Some(route) = routes.iter().find(|route| route.units.is_none()) {
        let path = &route.path;
        table.refuse(format!("it sells units: say in `units` how many a call of {path} comes to, 0 where it is free"));
        return;
    }
    let least = routes.iter().filter_map(|route| route.units.as_ref()).map(Units::most).min().unwrap_or(0);
    for (id, units) in offers {
        if units.is_some_and(|units| units < least) {
            table
                .refuse(format!("{id} pays for no call: a call may come to {least} units, which are set aside before"));
        }
    }
}

fn from(item: &Item<'_>) -> Option<Origin> {
    if item.is_integer() {
        return units_or_none(item).map(Origin::Fixed);
    }
    if item.is_table() {
        return weights(item).map(Origin::Body);
    }
    item.read(|text| match text {
        "header" => Ok(Origin::Header),
        pointer if pointer.starts_with('/') => Ok(Origin::Body(vec![(checked(pointer)?, 1)])),
        _ => Err(format!(
            "`{text}` is not where units come from: write a number, \"header\" for the field Farebox-Units, or a pointer into \
             the answer such as \"/usage/total_tokens\""
        )),
    })
}

/// Several numbers of one answer, and how many times each counts.
fn weights(item: &Item<'_>) -> Option<Vec<(String, u64)>> {
    let pairs = item.table()?.pairs();
    if pairs.is_empty() || pairs.len() > MOST_POINTERS {
        item.refuse(format!("it must name 1 to {MOST_POINTERS} pointers"));
        return None;
    }
    let weight = |(pointer, weight): &(&str, Item<'_>)| {
        let times = units(weight)?;
        match checked(pointer) {
            Ok(pointer) => Some((pointer, times)),
            Err(reason) => {
                weight.refuse(reason);
                None
            }
        }
    };
    pairs.iter().map(weight).collect::<Vec<_>>().into_iter().collect()
}

/// A JSON pointer (RFC 6901) that leads somewhere.
fn checked(pointer: &str) -> Result<String, String> {
    let escapes = pointer.match_indices('~').all(|(at, _)| matches!(pointer.as_bytes().get(at + 1), Some(b'0' | b'1')));
    let (depth, longest) = (pointer.split('/').count() - 1, pointer.split('/').map(str::len).max().unwrap_or(0));
    if pointer.starts_with('/') && escapes && depth <= DEEPEST && longest <= LONGEST_NAME {
        return Ok(pointer.to_owned());
    }
    Err(format!(
        "`{pointer}` is not a JSON pointer: write names with a slash before each, such as \"/usage/total_tokens\""
    ))
}

fn units(item: &Item<'_>) -> Option<u64> {
    let units = units_or_none(item)?;
    if units == 0 {
        item.refuse("it must be more than nothing".to_owned());
        return None;
    }
    Some(units)
}

fn units_or_none(item: &Item<'_>) -> Option<u64> {
    let units = item.integer()?;
    if units > MOST_UNITS {
        item.refuse(format!("a call can come to {MOST_UNITS} units at most"));
        return None;
    }
    Some(units)
}

fn refused<T>(table: &Table<'_>, reason: &str) -> Option<T> {
    table.refuse(reason.to_owned());
    None
}
