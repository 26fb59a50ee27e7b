//! What is for sale as search engines read it: JSON-LD with `Product` and `Offer` (<https://schema.org/Product>).
//!
//! Invariant: prices are the catalog's decimals. The text can stand in a `script` element: it holds no `<`.

use farebox_core::{
    catalog::Product,
    meter::Meter,
    money::{Currency, Micros},
    rate::block,
};
use serde_json::{Value, json};

use super::{Published, address_of};

/// A product with what it is sold by.
pub(super) fn product(published: &Published, product: &Product, origin: &str) -> String {
    let (provider, url) = (&published.catalog.provider, address_of(product, origin));
    let currency = provider.currency;
    let priced = |title: &str, price: Micros| json!({ "@type": "Offer", "name": title, "price": currency.show(price), "priceCurrency": currency, "url": url });
    let packages = product.packages.iter().map(|package| priced(&package.title, package.price));
    let plans = product.subscriptions.iter().map(|plan| {
        let mut offer = priced(&plan.title, plan.price);
        offer["eligibleDuration"] = json!(plan.every.to_string());
        offer
    });
    let offers: Vec<Value> = rates(product, currency, &url).into_iter().chain(packages).chain(plans).collect();
    script(&json!({
        "@context": "https://schema.org", "@type": "Product", "name": product.title, "url": url,
        "description": published.summary_of(product), "category": "API",
        "brand": { "@type": "Organization", "name": provider.name }, "offers": offers,
    }))
}

/// What a call or a byte costs as it comes: the price that the first of them has.
fn rates(product: &Product, currency: Currency, url: &str) -> Vec<Value> {
    let prices = product.rate.iter().flat_map(|rate| rate.prices.iter());
    let offers = prices.filter_map(|(meter, price)| {
        let first = price.tiers.first()?;
        let unit = if meter == Meter::Calls { "calls" } else { "bytes" };
        Some(json!({
            "@type": "Offer", "url": url,
            "priceSpecification": {
                "@type": "UnitPriceSpecification", "price": currency.show(first.per_block), "priceCurrency": currency,
                "referenceQuantity": { "@type": "QuantitativeValue", "value": block(meter), "unitText": unit },
            },
        }))
    });
    offers.collect()
}

/// A value as a `script` element that no browser runs.
fn script(value: &Value) -> String {
    format!("<script type=\"application/ld+json\">{}</script>", value.to_string().replace('<', "\\u003c"))
}
