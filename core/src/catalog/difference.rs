//! What publishing a catalog would change, in words.
//!
//! Invariant: two catalogs that behave differently have a difference. Each is described aspect by aspect. The code takes every
//! field apart by name, so a field that is added to the catalog cannot be forgotten here.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::{
    Admission, AgreedPrice, AnswerStyle, AuthScheme, Catalog, ChargeOn, Cors, Exchange, FieldChanges, Forwarded,
    Package, Plan, Product, Provider, Route, TestStage, TokenIssuer, Units, UpstreamAuth,
};
use crate::{
    ledger::Beyond,
    limit::Limits,
    meter::{Meter, PerMeter},
    rate::{Price, Rate, TierMode},
    rejection::Limited,
    time::{DAY, HOUR, MINUTE, Millis, SECOND},
};

/// One difference between two catalogs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "lowercase")]
pub enum Change {
    /// Something new.
    Added {
        /// What: a product, a package, a plan.
        subject: String,
        /// Its aspects, in a line.
        summary: String,
    },
    /// Something that is not there any more.
    Removed {
        /// What.
        subject: String,
    },
    /// Something that is another than before.
    Changed {
        /// What.
        subject: String,
        /// Which aspect of it.
        aspect: String,
        /// As it was; empty for nothing.
        before: String,
        /// As it will be; empty for nothing.
        after: String,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_none = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
        match self {
            Self::Added { subject, summary } => write!(f, "+ {subject}: {summary}"),
            Self::Removed { subject } => write!(f, "- {subject}"),
            Self::Changed { subject, aspect, before, after } => {
                write!(f, "~ {subject}: {aspect} {} -> {}", or_none(before), or_none(after))
            }
        }
    }
}

/// The aspects of one thing.
type Aspects = BTreeMap<&'static str, String>;

/// A catalog in words, by product and offer; the provider has neither, a product has no offer.
type Description = BTreeMap<(String, String), Aspects>;

/// What changes when `after` takes the place of `before`, in a stable order. Empty when nothing does.
pub fn difference(before: Option<&Catalog>, after: &Catalog) -> Vec<Change> {
    let (before, after) = (before.map(describe).unwrap_or_default(), describe(after));
    let mut changes = Vec::new();
    for (name, is) in &after {
        match before.get(name) {
            Some(was) => changes.extend(aspects_changed(&subject(name), was, is)),
            None => changes.push(Change::Added { subject: subject(name), summary: summary(is) }),
        }
    }
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    changes.extend(gone.map(|name| Change::Removed { subject: subject(name) }));
    changes
}

fn aspects_changed(subject: &str, was: &Aspects, is: &Aspects) -> Vec<Change> {
    let changed = is.iter().filter(|(aspect, after)| was.get(*aspect) != Some(after));
    changed
        .map(|(aspect, after)| Change::Changed {
            subject: subject.to_owned(),
            aspect: (*aspect).to_owned(),
            before: was.get(aspect).cloned().unwrap_or_default(),
            after: after.clone(),
        })
        .collect()
}

fn subject((product, offer): &(String, String)) -> String {
    match (product.as_str(), offer.as_str()) {
        ("", _) => "provider".to_owned(),
        (product, "") => format!("product {product}"),
        (product, offer) => format!("{offer} of {product}"),
    }
}

fn summary(aspects: &Aspects) -> String {
    let shown = aspects.iter().filter(|(_, text)| !text.is_empty());
    shown.map(|(aspect, text)| format!("{aspect} {text}")).collect::<Vec<_>>().join(", ")
}

fn describe(catalog: &Catalog) -> Description {
    // The version follows from the source, which can change without changing anything.
    let Catalog { version: _, provider, products } = catalog;
    let Provider { name, currency, key_prefix } = provider;
    let mut description = Description::new();
    let about = [("name", name.clone()), ("currency", currency.to_string()), ("key_prefix", key_prefix.clone())];
    description.insert((String::new(), String::new()), about.into());
    for product in products {
        let id = product.id.to_string();
        description.insert((id.clone(), String::new()), describe_product(product));
        for package in &product.packages {
            description.insert((id.clone(), format!("package {}", package.id)), describe_package(package));
        }
        for plan in &product.subscriptions {
            description.insert((id.clone(), format!("plan {}", plan.id)), describe_plan(plan));
        }
    }
    description
}

fn describe_product(product: &Product) -> Aspects {
    // Offers are described on their own.
    let Product {
        id: _,
        title,
        upstream,
        timeout,
        upstream_signature,
        answer,
        auth,
        key_parameter,
        jwt,
        hmac_sha1,
        strict_signature,
        rfc9421_components,
        admission,
        cors,
        exchange,
        charge_on,
        limits,
        stages,
        is_test: _,
        accounts,
        routes,
        rate,
        prices,
        packages: _,
        subscriptions: _,
    } = product;
    // What is demanded of a signature that is not accepted concerns nobody.
    let components = if auth.contains(&AuthScheme::Rfc9421) { rfc9421_components.join(" ") } else { String::new() };
    let auth = auth.iter().map(|scheme| match scheme {
        AuthScheme::XCa => "x-ca",
        AuthScheme::Rfc9421 => "rfc9421",
        AuthScheme::AppCode => "appcode",
        AuthScheme::Key => "key",
        AuthScheme::Jwt => "jwt",
    });
    let mut routes: Vec<String> = routes.iter().map(route).collect();
    routes.sort();
    let minimum = rate.as_ref().map(|rate| rate.minimum).filter(|minimum| minimum.is_positive());
    let mut aspects = Aspects::from([
        ("title", title.clone()),
        ("upstream", upstream.clone()),
        ("timeout", timeout.map(duration).unwrap_or_default()),
        ("upstream_signature", if *upstream_signature { String::new() } else { "off".to_owned() }),
        ("answer", if *answer == AnswerStyle::Untouched { "untouched".to_owned() } else { String::new() }),
        ("auth", auth.collect::<Vec<_>>().join(" ")),
        ("key_parameter", key_parameter.clone().unwrap_or_default()),
        ("jwt", jwt.as_ref().map(describe_issuer).unwrap_or_default()),
        ("hmac_sha1", flag(*hmac_sha1)),
        ("strict_signature", flag(*strict_signature)),
        ("rfc9421_components", components),
        ("admission", if *admission == Admission::Strict { "strict".to_owned() } else { String::new() }),
        ("cors", cors.as_ref().map(describe_cors).unwrap_or_default()),
        ("charge_on", if *charge_on == ChargeOn::default() { String::new() } else { charge_on.to_string() }),
        ("limits", describe_limits(*limits)),
        ("test stage", stages.test.as_ref().map(describe_test_stage).unwrap_or_default()),
        ("accounts", accounts.iter().flatten().map(ToString::to_string).collect::<Vec<_>>().join(" ")),
        ("routes", routes.join("; ")),
        ("agreed prices", describe_prices(prices)),
        ("minimum", minimum.map(|minimum| minimum.to_string()).unwrap_or_default()),
    ]);
    aspects.extend(describe_exchange(&exchange.clone().unwrap_or_default()));
    for meter in Meter::ALL {
        let price = rate.as_ref().and_then(|rate: &Rate| rate.prices.get(meter));
        aspects.insert(rate_aspect(meter), price.map(describe_price).unwrap_or_default());
    }
    aspects
}

fn describe_issuer(issuer: &TokenIssuer) -> String {
    let TokenIssuer { issuer, audience, jwks, claim } = issuer;
    format!("of {issuer} for {audience} with keys at {jwks}, `{claim}` names the credential")
}

fn describe_test_stage(stage: &TestStage) -> String {
    let TestStage { upstream, upstream_auth, limits } = stage;
    let auth = upstream_auth.as_ref().map(|auth| format!(", {}", describe_upstream_auth(auth))).unwrap_or_default();
    format!("at {upstream}, {}{auth}", describe_limits(*limits))
}

fn describe_exchange(exchange: &Exchange) -> Aspects {
    let Exchange { upstream_auth, forwarded, strip_prefix, request_headers, response_headers, rewrite_addresses } =
        exchange;
    let forwarded = match forwarded {
        Some(Forwarded::Forwarded) => "forwarded",
        Some(Forwarded::XForwarded) => "x-forwarded",
        None => "",
    };
    Aspects::from([
        ("upstream_auth", upstream_auth.as_ref().map(describe_upstream_auth).unwrap_or_default()),
        ("forwarded", forwarded.to_owned()),
        ("strip_prefix", strip_prefix.clone()),
        ("request_headers", describe_changes(request_headers)),
        ("response_headers", describe_changes(response_headers)),
        ("rewrite_addresses", flag(*rewrite_addresses)),
    ])
}

fn describe_changes(changes: &FieldChanges) -> String {
    let FieldChanges { set, add, remove } = changes;
    let set = set.iter().map(|(name, value)| format!("set {name}: {value}"));
    let add = add.iter().map(|(name, value)| format!("add {name}: {value}"));
    let remove = remove.iter().map(|name| format!("remove {name}"));
    set.chain(add).chain(remove).collect::<Vec<_>>().join(", ")
}

fn describe_upstream_auth(auth: &UpstreamAuth) -> String {
    let UpstreamAuth { header, prefix, secret } = auth;
    format!("{header}: {prefix}… with the secret {secret}")
}

fn describe_cors(cors: &Cors) -> String {
    let Cors { origins, max_age } = cors;
    format!("{} for {}", origins.join(" "), duration(*max_age))
}

fn describe_limits(limits: Limits) -> String {
    let each = limits.each().map(|(limited, limit)| match limited {
        Limited::Product => format!("{limit} in all"),
        Limited::Account => format!("{limit} an account"),
        Limited::Credential => format!("{limit} a credential"),
    });
    each.collect::<Vec<_>>().join(", ")
}

fn describe_package(package: &Package) -> Aspects {
    let Package { id: _, title, price, quantities, valid, priority, also_for, once, accounts } = package;
    Aspects::from([
        ("title", title.clone()),
        ("price", price.to_string()),
        ("quantity", describe_quantities(quantities)),
        ("valid", valid.map_or_else(|| "for ever".to_owned(), duration)),
        ("priority", priority.to_string()),
        ("also for", also_for.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")),
        ("once", flag(*once)),
        ("for", accounts.iter().flatten().map(ToString::to_string).collect::<Vec<_>>().join(" ")),
    ])
}

fn describe_plan(plan: &Plan) -> Aspects {
    let Plan { id: _, title, price, every, quantities, beyond, priority, grace, setup_fee, trial, rollover } = plan;
    let beyond = match beyond {
        Beyond::Rate => "rate".to_owned(),
        Beyond::Reject => "reject".to_owned(),
        Beyond::At(rate) => describe_rate(rate),
    };
    Aspects::from([
        ("title", title.clone()),
        ("price", price.to_string()),
        ("every", every.to_string()),
        ("quantity", if quantities.is_empty() { "unlimited".to_owned() } else { describe_quantities(quantities) }),
        ("beyond", beyond),
        ("priority", priority.to_string()),
        ("grace", duration(*grace)),
        ("setup fee", if setup_fee.is_positive() { setup_fee.to_string() } else { String::new() }),
        ("trial", trial.map(duration).unwrap_or_default()),
        ("rollover", describe_quantities(rollover)),
    ])
}

fn describe_quantities(quantities: &PerMeter<u64>) -> String {
    let each = quantities.iter().map(|(meter, quantity)| format!("{quantity} {}", meter.as_str()));
    each.collect::<Vec<_>>().join(", ")
}

const fn rate_aspect(meter: Meter) -> &'static str {
    match meter {
        Meter::Calls => "price per 1,000 calls",
        Meter::IngressBytes => "price per GiB in",
        Meter::EgressBytes => "price per GiB out",
        Meter::TotalBytes => "price per GiB",
        Meter::Units => "price per million units",
    }
}

/// A whole rate in a line.
fn describe_rate(rate: &Rate) -> String {
    let Rate { prices, minimum } = rate;
    let each = prices.iter().map(|(meter, price)| format!("{} {}", rate_aspect(meter), describe_price(price)));
    let minimum = minimum.is_positive().then(|| format!("minimum {minimum}"));
    each.chain(minimum).collect::<Vec<_>>().join("; ")
}

fn describe_prices(prices: &[AgreedPrice]) -> String {
    let each = prices.iter().map(|AgreedPrice { accounts, rate }| {
        let accounts = accounts.iter().map(ToString::to_string).collect::<Vec<_>>();
        format!("{} for {}", describe_rate(rate), accounts.join(" "))
    });
    each.collect::<Vec<_>>().join(", ")
}

fn describe_price(price: &Price) -> String {
    let tiers = price.tiers.iter().map(|tier| match tier.up_to {
        Some(up_to) => format!("{} up to {up_to}", tier.per_block),
        None => tier.per_block.to_string(),
    });
    let tiers = tiers.collect::<Vec<_>>().join(", then ");
    match price.mode {
        TierMode::Volume if price.tiers.len() > 1 => format!("{tiers} (by volume)"),
        TierMode::Graduated | TierMode::Volume => tiers,
    }
}

fn route(route: &Route) -> String {
    let Route { methods, path, query, units } = route;
    let asked = query.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let query = if asked.is_empty() { asked } else { format!("?{asked}") };
    let methods = if methods.is_empty() { "all methods".to_owned() } else { methods.join(" ") };
    let units = match units {
        None => String::new(),
        Some(Units::Fixed(units)) => format!(" for {units} units"),
        Some(Units::Header { most }) => format!(" for the units of a header, {most} at most"),
        Some(Units::Body { pointers, most }) => {
            let each = pointers.iter().map(|(pointer, times)| format!("{times} x {pointer}")).collect::<Vec<_>>();
            format!(" for {} units, {most} at most", each.join(" + "))
        }
    };
    format!("{methods} {path}{query}{units}")
}

fn flag(on: bool) -> String {
    if on { "on".to_owned() } else { String::new() }
}

/// A length of time as the source would have it.
fn duration(length: Millis) -> String {
    let units = [(DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s"), (1, "ms")];
    let exact = units.iter().find(|(unit, _)| length % unit == 0);
    exact.map_or_else(String::new, |(unit, name)| format!("{}{name}", length / unit))
}
