//! What everybody may see: the provider, its products, and what a month of them would cost.
//!
//! Invariants: a product that is sold to some accounts only is not shown. A quote is made by what charges: the rate's own function,
//! and the price of as many packages as cover the use.

use farebox_core::{
    catalog::{AuthScheme, Catalog, Link, Package, Plan, Product, Route, SignUpMode},
    id::{OfferId, ProductId},
    ledger::{Beyond, Every},
    meter::{Meter, PerMeter, Usage},
    money::{Currency, Micros},
    time::SECOND,
};
use farebox_ports::{
    keys::product_document_entry,
    schema::{Amount, CurrencyCode, Id, PerMeterName},
};
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};

use crate::{
    http::{Answered, Call, Ports, Response, failure::Failure},
    payments::ModeShown,
    store,
};

farebox_ports::stand_ins! {
    /// A pay-as-you-go price.
    RateTable => json_schema!({ "type": "object", "additionalProperties": true, "description": "By meter: tiers with `up_to` and `per_block`, and how they apply." });
    /// A page of the provider's own.
    LinkText => json_schema!({
        "type": "object", "required": ["text", "url"],
        "properties": { "text": { "type": "string" }, "url": { "type": "string" } }
    });
    /// A route.
    RouteText => json_schema!({
        "type": "object", "required": ["methods", "path"],
        "properties": { "methods": { "type": "array", "items": { "type": "string" } }, "path": { "type": "string" } }
    });
    /// A way to sign.
    SchemeName => json_schema!({ "enum": ["x-ca", "rfc9421", "appcode", "key", "jwt"] });
    /// Who gets an account by themselves.
    ModeName => json_schema!({ "enum": ["open", "invite", "closed"] });
}

/// The provider, and what is for sale.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Storefront")]
pub(super) struct Shown {
    name: String,
    logo: Option<String>,
    colour: Option<String>,
    language: &'static str,
    #[schemars(with = "Vec<LinkText>")]
    links: Vec<Link>,
    #[schemars(with = "CurrencyCode")]
    currency: Currency,
    #[schemars(with = "ModeName")]
    sign_up: SignUpMode,
    /// The ways to sign in.
    sign_in: Vec<&'static str>,
    /// How customers pay by themselves; null where the provider confirms each recharge.
    payments: Option<ModeShown>,
    /// Whether invoices are made.
    invoices: bool,
    products: Vec<ProductRow>,
}

/// A product, as it is listed.
#[derive(Debug, Serialize, JsonSchema)]
struct ProductRow {
    #[schemars(with = "Id")]
    id: ProductId,
    name: String,
    summary: Option<String>,
    tags: Vec<String>,
}

/// A product's page.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ProductPage {
    #[serde(flatten)]
    row: ProductRow,
    /// Markdown, as the provider wrote it.
    description: Option<String>,
    #[schemars(with = "Vec<SchemeName>")]
    schemes: Vec<AuthScheme>,
    #[schemars(with = "Vec<RouteText>")]
    routes: Vec<Route>,
    /// What a call costs from the balance; null when it is sold ahead only.
    #[schemars(with = "Option<RateTable>")]
    rate: serde_json::Value,
    packages: Vec<Offer>,
    plans: Vec<Offer>,
    /// Whether there is an OpenAPI document to show.
    openapi: bool,
}

/// A package or a plan.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Offer {
    kind: OfferKind,
    #[schemars(with = "Id")]
    pub(super) product: ProductId,
    #[schemars(with = "Id")]
    pub(super) id: OfferId,
    title: String,
    #[schemars(with = "Amount")]
    price: String,
    #[schemars(with = "PerMeterName")]
    quantities: PerMeter<u64>,
    /// How long a package is valid; null for ever, and for a plan.
    valid_seconds: Option<i64>,
    /// How long a plan's period is, such as `1 month`; null for a package.
    every: Option<String>,
    /// Whether what goes beyond a plan is paid at the product's rate.
    beyond_at_rate: bool,
    /// Whether a customer buys it once and not again.
    once: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum OfferKind {
    Rate,
    Package,
    Plan,
}

/// What would be used in a month.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MonthOfUse {
    #[serde(default)]
    calls: u64,
    #[serde(default)]
    ingress_bytes: u64,
    #[serde(default)]
    egress_bytes: u64,
    #[serde(default)]
    units: u64,
}

/// What a month of use would cost.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Quote {
    #[schemars(with = "CurrencyCode")]
    currency: Currency,
    /// Every way to pay for all of it; none where there is none.
    lines: Vec<QuoteLine>,
    /// The line that costs least; null where there is none.
    cheapest: Option<usize>,
}

/// One way to pay for it.
#[derive(Debug, Serialize, JsonSchema)]
struct QuoteLine {
    kind: OfferKind,
    /// Which package or plan; null for the rate.
    #[schemars(with = "Option<Id>")]
    offer: Option<OfferId>,
    /// How many of it.
    count: u64,
    #[schemars(with = "Amount")]
    price: String,
    #[serde(skip)]
    micros: Micros,
}

impl Offer {
    pub(super) fn of_package(product: &Product, package: &Package, currency: Currency) -> Self {
        Self {
            kind: OfferKind::Package,
            product: product.id.clone(),
            id: package.id.clone(),
            title: package.title.clone(),
            price: currency.show(package.price),
            quantities: package.quantities.clone(),
            valid_seconds: package.valid.map(|valid| valid / SECOND),
            every: None,
            beyond_at_rate: false,
            once: package.once,
        }
    }

    pub(super) fn of_plan(product: &Product, plan: &Plan, currency: Currency) -> Self {
        Self {
            kind: OfferKind::Plan,
            product: product.id.clone(),
            id: plan.id.clone(),
            title: plan.title.clone(),
            price: currency.show(plan.price),
            quantities: plan.quantities.clone(),
            valid_seconds: None,
            every: Some(plan.every.to_string()),
            beyond_at_rate: plan.beyond == Beyond::Rate,
            once: false,
        }
    }
}

/// The product of this id, if everybody may see it.
fn public<'a>(catalog: &'a Catalog, id: &str) -> Result<&'a Product, Failure> {
    let id: ProductId = id.parse().map_err(|_| Failure::NoSuchProduct)?;
    catalog.product(&id).filter(|product| product.accounts.is_none()).ok_or(Failure::NoSuchProduct)
}

impl<P: Ports> Call<'_, P> {
    pub(super) async fn storefront(&self) -> Answered {
        let published = self.published().await?.ok_or(Failure::CatalogMissing)?;
        let (catalog, shown) = (published.catalog, published.storefront);
        let products = catalog.products.iter().filter(|product| product.accounts.is_none());
        let row = |product: &Product| {
            let texts = shown.products.get(&product.id).cloned().unwrap_or_default();
            ProductRow { id: product.id.clone(), name: product.title.clone(), summary: texts.summary, tags: texts.tags }
        };
        let products = products.map(row).collect();
        let has_mail = self.settings.mail.is_some() || self.settings.clock_moves;
        let ways = [("mail", has_mail), ("oidc", self.settings.oidc.is_some())];
        let ways = ways.into_iter().filter_map(|(way, is_there)| is_there.then_some(way)).collect();
        let shown = Shown {
            name: catalog.provider.name,
            logo: shown.logo,
            colour: shown.colour,
            language: shown.language.as_str(),
            links: shown.links,
            currency: catalog.provider.currency,
            sign_up: shown.sign_up.mode,
            sign_in: ways,
            invoices: shown.invoices.is_some(),
            payments: self.settings.payments.as_ref().map(|service| service.mode().into()),
            products,
        };
        Response::json(200, &shown)
    }

    pub(super) async fn show_product(&self, id: &str) -> Answered {
        let mut published = self.published().await?.ok_or(Failure::CatalogMissing)?;
        let product = public(&published.catalog, id)?;
        let texts = published.storefront.products.remove(&product.id).unwrap_or_default();
        let currency = published.catalog.provider.currency;
        let openapi = texts.openapi.is_some() && self.product_document(&product.id).await?.is_some();
        let unwritable = |error: serde_json::Error| Failure::Unwritable(error.to_string());
        let page = ProductPage {
            row: ProductRow {
                id: product.id.clone(),
                name: product.title.clone(),
                summary: texts.summary,
                tags: texts.tags,
            },
            description: texts.description,
            schemes: product.auth.clone(),
            routes: product.routes.clone(),
            rate: serde_json::to_value(&product.rate).map_err(unwritable)?,
            packages: for_everybody(product).map(|package| Offer::of_package(product, package, currency)).collect(),
            plans: product.subscriptions.iter().map(|plan| Offer::of_plan(product, plan, currency)).collect(),
            openapi,
        };
        Response::json(200, &page)
    }

    /// The OpenAPI document of a product, with the gateway as its server: calls go here and not to the upstream.
    pub(super) async fn show_product_document(&self, id: &str) -> Answered {
        let published = self.published().await?.ok_or(Failure::CatalogMissing)?;
        let product = public(&published.catalog, id)?;
        let is_shown = published.storefront.products.get(&product.id).is_some_and(|texts| texts.openapi.is_some());
        let document = if is_shown { self.product_document(&product.id).await? } else { None };
        let mut document = document.ok_or(Failure::NoSuchProduct)?;
        let prefix = product.exchange.as_ref().map(|exchange| exchange.strip_prefix.as_str()).unwrap_or_default();
        document["servers"] = serde_json::json!([{ "url": if prefix.is_empty() { "/" } else { prefix } }]);
        Response::json(200, &document)
    }

    async fn product_document(&self, id: &ProductId) -> Result<Option<serde_json::Value>, Failure> {
        store::read(self.ports, &product_document_entry(id)).await
    }

    pub(super) async fn quote(&self, id: &str) -> Answered {
        let MonthOfUse { calls, ingress_bytes, egress_bytes, units } = self.body()?;
        let usage = Usage { calls, ingress_bytes, egress_bytes, units, ..Usage::NONE };
        let published = self.published().await?.ok_or(Failure::CatalogMissing)?;
        let product = public(&published.catalog, id)?;
        let currency = published.catalog.provider.currency;
        let mut lines: Vec<QuoteLine> = ways(product, &usage)
            .map(|(kind, offer, count, micros)| QuoteLine { kind, offer, count, price: currency.show(micros), micros })
            .collect();
        lines.sort_by_key(|line| line.kind as u8);
        let cheapest = (0..lines.len()).min_by_key(|at| lines[*at].micros);
        Response::json(200, &Quote { currency, lines, cheapest })
    }
}

/// The packages that are not kept for some accounts.
fn for_everybody(product: &Product) -> impl Iterator<Item = &Package> {
    product.packages.iter().filter(|package| package.accounts.is_none())
}

/// Every way to pay for a month of this use.
fn ways(product: &Product, usage: &Usage) -> impl Iterator<Item = (OfferKind, Option<OfferId>, u64, Micros)> {
    let at_rate = |usage: &Usage| {
        let rate = product.rate.as_ref()?;
        Some(if usage.is_zero() { Micros::ZERO } else { rate.charge(usage).max(rate.minimum) })
    };
    let rate = at_rate(usage).map(|price| (OfferKind::Rate, None, 1, price));
    let packages = for_everybody(product).filter(|package| !package.once).filter_map(move |package| {
        let (meter, quantity) = package.quantities.iter().next()?;
        let count = usage.get(meter).div_ceil(*quantity);
        let price = i64::try_from(count).ok().and_then(|count| package.price.get().checked_mul(count))?;
        Some((OfferKind::Package, Some(package.id.clone()), count, Micros::new(price)))
    });
    let plans = product.subscriptions.iter().filter(|plan| plan.every == Every::Months(1)).filter_map(move |plan| {
        let beyond = |meter: Meter| match plan.quantities.get(meter) {
            Some(quantity) => usage.get(meter).saturating_sub(*quantity),
            None => 0,
        };
        let beyond = Usage {
            calls: beyond(Meter::Calls),
            ingress_bytes: beyond(Meter::IngressBytes),
            egress_bytes: beyond(Meter::EgressBytes),
            units: beyond(Meter::Units),
            ..Usage::NONE
        };
        let more = if beyond.is_zero() {
            Micros::ZERO
        } else if plan.beyond == Beyond::Rate {
            at_rate(&beyond)?
        } else {
            return None;
        };
        Some((OfferKind::Plan, Some(plan.id.clone()), 1, plan.price.saturating_add(more)))
    });
    rate.into_iter().chain(packages).chain(plans).collect::<Vec<_>>().into_iter()
}
