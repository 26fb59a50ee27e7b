//! The catalog as a gateway reads it: without what is bought ahead, of which no call asks.
//!
//! Reading packages and plans takes 5 KiB of an edge Worker. Invariant: in everything else it is the catalog; a field that is added to
//! a product does not compile until it stands here too.

use serde::Deserialize;

use super::{
    Admission, AgreedPrice, AnswerStyle, AuthScheme, Catalog, ChargeOn, Cors, Exchange, Package, Plan, Product,
    Provider, Route, Stages, TokenIssuer,
};
use crate::{
    id::{AccountId, ProductId},
    limit::Limits,
    rate::Rate,
    time::Millis,
};

/// The catalog without packages and plans.
#[derive(Debug, Deserialize)]
pub struct Served {
    version: String,
    provider: Provider,
    products: Vec<Sold>,
}

#[derive(Debug, Deserialize)]
struct Sold(#[serde(with = "ServedProduct")] Product);

#[derive(Deserialize)]
#[serde(remote = "Product")]
struct ServedProduct {
    id: ProductId,
    title: String,
    upstream: String,
    #[serde(default)]
    timeout: Option<Millis>,
    #[serde(default = "super::signed")]
    upstream_signature: bool,
    #[serde(default)]
    answer: AnswerStyle,
    auth: Vec<AuthScheme>,
    #[serde(default)]
    key_parameter: Option<String>,
    #[serde(default)]
    jwt: Option<TokenIssuer>,
    #[serde(default)]
    hmac_sha1: bool,
    #[serde(default)]
    strict_signature: bool,
    #[serde(default = "super::demanded")]
    rfc9421_components: Vec<String>,
    #[serde(default)]
    admission: Admission,
    #[serde(default)]
    cors: Option<Cors>,
    #[serde(default)]
    exchange: Option<Exchange>,
    #[serde(default)]
    charge_on: ChargeOn,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    stages: Stages,
    #[serde(skip)]
    is_test: bool,
    #[serde(default)]
    accounts: Option<Vec<AccountId>>,
    routes: Vec<Route>,
    #[serde(default)]
    rate: Option<Rate>,
    #[serde(default)]
    prices: Vec<AgreedPrice>,
    #[serde(skip)]
    packages: Vec<Package>,
    #[serde(skip)]
    subscriptions: Vec<Plan>,
}

impl From<Served> for Catalog {
    fn from(Served { version, provider, products }: Served) -> Self {
        Self { version, provider, products: products.into_iter().map(|Sold(product)| product).collect() }
    }
}
