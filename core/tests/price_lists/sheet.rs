//! A price list as somebody with a spreadsheet reads it: the TOML itself and plain sums, with nothing of what the gateway does.

use std::collections::BTreeMap;

use toml::Value;

use super::{Month, Use};

const MICROS: i128 = 1_000_000;
const GIB: i128 = 1 << 30;

/// An amount in micro-units.
pub(super) fn micros(text: &str) -> i128 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{fraction:0<6}").parse().unwrap()
}

/// What is left of something bought.
struct Left {
    products: Vec<String>,
    quantities: BTreeMap<&'static str, i128>,
    is_unlimited: bool,
}

/// How much was used beyond what was bought.
#[derive(Default)]
struct Beyond {
    calls: i128,
    units: i128,
    ingress: i128,
    egress: i128,
}

/// What a month of this list comes to.
pub(super) fn sum(source: &str, month: &Month) -> i128 {
    let list: Value = source.parse::<toml::Table>().unwrap().into();
    let products: Vec<&Value> = list["products"].as_array().unwrap().iter().collect();
    let product = |id: &str| *products.iter().find(|product| product["id"].as_str() == Some(id)).unwrap();
    let (mut sum, mut left) = (0, Vec::new());
    for (of, id) in month.buys {
        let offer = offer(product(of), id);
        sum += paid(offer);
        left.push(bought(of, offer));
    }
    let mut beyond: BTreeMap<&str, Beyond> = BTreeMap::new();
    for used in month.uses {
        let product = product(used.product);
        for _ in 0..used.calls {
            call(product, used, &mut left, beyond.entry(used.product).or_default());
        }
    }
    for (id, used) in &beyond {
        let plan =
            month.buys.iter().filter(|(of, _)| of == id).find_map(|(_, plan)| offer(product(id), plan).get("rate"));
        sum += plan.or_else(|| rate(product(id), month.account)).map_or(0, |rate| cost(rate, used));
    }
    sum
}

fn offer<'a>(product: &'a Value, id: &str) -> &'a Value {
    let all = ["packages", "subscriptions"].into_iter().filter_map(|key| product.get(key)?.as_array());
    all.flatten().find(|offer| offer["id"].as_str() == Some(id)).unwrap()
}

fn paid(offer: &Value) -> i128 {
    let amount = |key: &str| offer.get(key).map_or(0, |amount| micros(amount.as_str().unwrap()));
    amount("setup_fee") + if offer.get("trial").is_some() { 0 } else { amount("price") }
}

fn bought(product: &str, offer: &Value) -> Left {
    let also = offer.get("also_for").and_then(Value::as_array).into_iter().flatten();
    let products = also.map(|id| id.as_str().unwrap().to_owned()).chain([product.to_owned()]).collect();
    let quantity = |meter: &'static str| Some((meter, i128::from(offer.get(meter)?.as_integer()?)));
    let quantities: BTreeMap<_, _> = ["calls", "units"].into_iter().filter_map(quantity).collect();
    let is_unlimited = offer.get("unlimited").is_some();
    Left { products, quantities, is_unlimited }
}

/// One call: the first that has enough for it pays, else it is rated.
fn call(product: &Value, used: &Use, left: &mut [Left], beyond: &mut Beyond) {
    let (units, most) = units(product, used);
    let pays = |left: &&mut Left| {
        let has = |(meter, quantity): (&&str, &i128)| *quantity >= if *meter == "units" { most.max(1) } else { 1 };
        let has_all = left.is_unlimited || (!left.quantities.is_empty() && left.quantities.iter().all(has));
        left.products.iter().any(|id| id == used.product) && has_all
    };
    if let Some(left) = left.iter_mut().find(pays) {
        left.quantities.iter_mut().for_each(|(meter, quantity)| *quantity -= if *meter == "units" { units } else { 1 });
        return;
    }
    beyond.calls += 1;
    beyond.units += units;
    beyond.ingress += i128::from(used.ingress);
    beyond.egress += i128::from(used.egress);
}

/// What a call comes to, and at most.
fn units(product: &Value, used: &Use) -> (i128, i128) {
    let matches = |route: &&Value| {
        let (name, value) = used.query.split_once('=').unwrap_or_default();
        let query = route.get("query").and_then(|query| query.get(name)?.as_str());
        route["path"].as_str() == Some(used.path) && query == Some(value).filter(|value| !value.is_empty())
    };
    let route = product["routes"].as_array().unwrap().iter().find(matches).unwrap();
    let said = |key: &str| route.get(key).or_else(|| product.get(key));
    let says = || used.says.iter().map(|said| i128::from(*said));
    let units = match said("units") {
        None => return (0, 0),
        Some(Value::Integer(fixed)) => return (i128::from(*fixed), i128::from(*fixed)),
        Some(Value::Table(weights)) => {
            let weights: Vec<i128> = ["/usage/prompt_tokens", "/usage/completion_tokens"]
                .map(|pointer| i128::from(weights[pointer].as_integer().unwrap()))
                .into();
            says().zip(weights).map(|(said, weight)| said * weight).sum()
        }
        Some(_) => says().sum(),
    };
    (units, i128::from(said("max_units").unwrap().as_integer().unwrap()))
}

fn rate<'a>(product: &'a Value, account: &str) -> Option<&'a Value> {
    let agreed = product.get("prices").and_then(Value::as_array).into_iter().flatten();
    let is_ours = |price: &&Value| price["accounts"].as_array().unwrap().iter().any(|id| id.as_str() == Some(account));
    agreed.filter(is_ours).map(|price| &price["rate"]).next().or_else(|| product.get("rate"))
}

fn cost(rate: &Value, used: &Beyond) -> i128 {
    let meters = [
        ("calls", used.calls, &[("per_1000_calls", "per_1000", 1_000), ("per_call", "per_call", 1)][..]),
        ("ingress", used.ingress, &[("per_gib_ingress", "per_gib", GIB)]),
        ("egress", used.egress, &[("per_gib_egress", "per_gib", GIB)]),
        (
            "units",
            used.units,
            &[
                ("per_unit", "per_unit", 1),
                ("per_1000_units", "per_1000", 1_000),
                ("per_million_units", "per_million", MICROS),
            ],
        ),
    ];
    let by_volume = rate.get("tiers").and_then(Value::as_str) == Some("volume");
    let mut sum = 0;
    for (name, count, keys) in meters {
        for (flat, of_tier, per) in keys {
            if let Some(price) = rate.get(flat) {
                sum += count * micros(price.as_str().unwrap()) / per;
            }
            let tiers = rate.get(name).and_then(Value::as_array).into_iter().flatten();
            let tiers: Vec<_> = tiers.filter_map(|tier| Some((tier, micros(tier.get(of_tier)?.as_str()?)))).collect();
            sum += tiered(&tiers, count, by_volume) / per;
        }
    }
    let minimum = rate.get("minimum").map_or(0, |minimum| micros(minimum.as_str().unwrap()));
    if used.calls > 0 { sum.max(minimum) } else { 0 }
}

/// Prices times counts, tier by tier.
fn tiered(tiers: &[(&Value, i128)], count: i128, by_volume: bool) -> i128 {
    let (mut sum, mut from) = (0, 0);
    for (tier, price) in tiers {
        let end = match tier.get("up_to") {
            None => i128::MAX,
            Some(Value::Integer(end)) => i128::from(*end),
            Some(text) => {
                i128::from(text.as_str().unwrap().strip_suffix(" TiB").unwrap().parse::<i64>().unwrap()) << 40
            }
        };
        if by_volume && count <= end {
            return count * price;
        }
        sum += (count.min(end) - from).max(0) * price;
        from = end;
    }
    if by_volume { 0 } else { sum }
}
