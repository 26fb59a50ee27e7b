//! What is for sale: the catalog as a running gateway uses it.
//!
//! The provider writes TOML (`source`), which is checked as a whole and compiled to this form. This form travels as JSON through
//! the key-value store to every gateway instance, which builds its router from it once. Invariant: a [`Catalog`] that exists is
//! valid; ids are unique, routes do not conflict, prices are exact.

mod charging;
mod compile;
mod cors;
pub mod difference;
mod exchange;
mod field;
mod invoicing;
mod jwt;
mod offer;
mod pattern;
pub mod router;
mod served;
mod source;
mod stage;
mod storefront;
mod units;
mod upstream_auth;
mod value;
mod worth;

pub use charging::ChargeOn;
pub use compile::{compile, compile_with_storefront};
pub use cors::Cors;
pub use exchange::{Exchange, FieldChanges, Forwarded};
pub use field::may_set;
pub use invoicing::{Invoicing, Tax};
pub use jwt::TokenIssuer;
pub use served::Served;
pub use source::Problem;
pub use stage::{Stages, TestStage};
pub use storefront::{Language, Link, SignUp, SignUpMode, Storefront, Texts};
pub use units::Units;
pub use upstream_auth::UpstreamAuth;

use serde::{Deserialize, Serialize};

use crate::{
    id::{AccountId, OfferId, ProductId},
    ledger::{Beyond, Every, PlanTerms, command::PackageTerms},
    limit::Limits,
    meter::PerMeter,
    money::{Currency, Micros},
    plain_key,
    rate::Rate,
    signature::rfc9421::DEMANDED,
    time::Millis,
};

/// How a caller may prove who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthScheme {
    /// Alibaba Cloud API Gateway's signature.
    #[serde(rename = "x-ca")]
    XCa,
    /// HTTP Message Signatures (RFC 9421) with `hmac-sha256`.
    Rfc9421,
    /// `Authorization: APPCODE …`, unsigned.
    AppCode,
    /// A plain key, in `Authorization: Bearer …`, in `X-API-Key` or in the query, unsigned.
    Key,
    /// A JSON Web Token of the product's issuer, in `Authorization: Bearer …`.
    Jwt,
}

/// How an upstream's answer is handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnswerStyle {
    /// With what is left to pay with and the request's id.
    #[default]
    Annotated,
    /// As it came.
    Untouched,
}

/// How a call is made sure to be paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Admission {
    /// Off a lease that the instance holds: no round trip stands before the upstream.
    #[default]
    Leased,
    /// By the ledger, for each call: one round trip, and a nonce is taken over all instances.
    Strict,
}

/// Everything that is for sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    /// Names this content: hex of the first 8 bytes of the SHA-256 of the source.
    pub version: String,
    /// Who sells.
    pub provider: Provider,
    /// The products, in the source's order.
    pub products: Vec<Product>,
}

/// Who sells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// For people.
    pub name: String,
    /// The one currency of all prices and balances.
    pub currency: Currency,
    /// What new plain keys begin with.
    #[serde(default = "key_prefix")]
    pub key_prefix: String,
}

/// One API for sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Its id.
    pub id: ProductId,
    /// For people.
    pub title: String,
    /// The origin: scheme, authority and a path prefix, without a slash at the end.
    pub upstream: String,
    /// How long the upstream may take to begin its answer; `None` for as long as the platform lets it. Watching the time
    /// costs a call more than its signature, so it is watched only where the provider asks for it.
    #[serde(default)]
    pub timeout: Option<Millis>,
    /// Whether what the gateway says to the upstream is signed.
    #[serde(default = "signed")]
    pub upstream_signature: bool,
    /// How its answers are handed on.
    #[serde(default)]
    pub answer: AnswerStyle,
    /// How callers may sign.
    pub auth: Vec<AuthScheme>,
    /// The query parameter in which a plain key may come; `None` for none, as addresses are written down in many places.
    #[serde(default)]
    pub key_parameter: Option<String>,
    /// Whose tokens it takes; `None` where it takes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwt: Option<TokenIssuer>,
    /// Whether x-ca may be signed with HMAC-SHA1 too.
    #[serde(default)]
    pub hmac_sha1: bool,
    /// Whether a signature must carry a signed timestamp and nonce, and a digest where there is a body.
    #[serde(default)]
    pub strict_signature: bool,
    /// The components that a signature of RFC 9421 must cover where the request has them.
    #[serde(default = "demanded")]
    pub rfc9421_components: Vec<String>,
    /// How its calls are admitted.
    #[serde(default)]
    pub admission: Admission,
    /// Which pages may call it; `None` where the upstream's own answers decide.
    #[serde(default)]
    pub cors: Option<Cors>,
    /// What is changed between caller and upstream; `None` where nothing is, beside what is always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exchange: Option<Exchange>,
    /// Which answers are charged.
    #[serde(default)]
    pub charge_on: ChargeOn,
    /// How often it may be called.
    #[serde(default)]
    pub limits: Limits,
    /// Where it can be tried out.
    #[serde(default)]
    pub stages: Stages,
    /// It is the test stage of the product (see [`Product::test_stage`]), and never so in a catalog.
    #[serde(skip)]
    pub is_test: bool,
    /// The accounts that may use it; `None` for all.
    #[serde(default)]
    pub accounts: Option<Vec<AccountId>>,
    /// Its routes.
    pub routes: Vec<Route>,
    /// What a call costs from the balance; `None` when it is sold by package only.
    #[serde(default)]
    pub rate: Option<Rate>,
    /// Rates that were agreed with some accounts.
    #[serde(default)]
    pub prices: Vec<AgreedPrice>,
    /// What can be bought ahead.
    #[serde(default)]
    pub packages: Vec<Package>,
    /// What can be subscribed to.
    #[serde(default)]
    pub subscriptions: Vec<Plan>,
}

/// A rate that was agreed with some accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgreedPrice {
    /// With which. None of them has another.
    pub accounts: Vec<AccountId>,
    /// What they pay in place of the product's rate.
    pub rate: Rate,
}

/// A method set and a path pattern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// In upper case; empty for all.
    pub methods: Vec<String>,
    /// A pattern such as `/v1/{id}/{*rest}`; [`router`] says which paths it takes.
    pub path: String,
    /// Parameters that the query must have, with their values.
    #[serde(default)]
    pub query: Vec<(String, String)>,
    /// How many units its calls come to; `None` where nobody counts them.
    #[serde(default)]
    pub units: Option<Units>,
}

impl Route {
    /// What usage is shown by: its methods, pattern and query, such as `GET,POST /v1/{id}?kind=x`; `ANY` for all methods.
    pub fn name(&self) -> String {
        let methods = if self.methods.is_empty() { "ANY".to_owned() } else { self.methods.join(",") };
        let query: Vec<String> = self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{methods} {}{mark}{}", self.path, query.join("&"))
    }
}

/// A prepaid quantity, for sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Its id, unique in the catalog.
    pub id: OfferId,
    /// For people.
    pub title: String,
    /// What it costs.
    pub price: Micros,
    /// How much of which meter.
    pub quantities: PerMeter<u64>,
    /// How long it is valid from the purchase; `None` for ever.
    pub valid: Option<Millis>,
    /// Lower burns down first.
    pub priority: i32,
    /// Other products that it pays for too.
    #[serde(default)]
    pub also_for: Vec<ProductId>,
    /// Whether an account can buy it once only.
    #[serde(default)]
    pub once: bool,
    /// The accounts that can buy it; `None` for all.
    #[serde(default)]
    pub accounts: Option<Vec<AccountId>>,
}

impl Package {
    /// Whether it is given away: to each customer once.
    pub fn is_gift(&self) -> bool {
        self.once && self.price == Micros::ZERO
    }
}

/// A subscription's plan, for sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Its id, unique in the catalog among plans and packages.
    pub id: OfferId,
    /// For people.
    pub title: String,
    /// What a period costs.
    pub price: Micros,
    /// How long a period is.
    pub every: Every,
    /// How much of which meter a period includes. Without any it is unlimited.
    pub quantities: PerMeter<u64>,
    /// What happens beyond that.
    pub beyond: Beyond,
    /// Lower burns down first.
    pub priority: i32,
    /// How long a renewal that the balance does not cover is tried again.
    pub grace: Millis,
    /// What is paid once, at the beginning.
    #[serde(default)]
    pub setup_fee: Micros,
    /// How long the first period lasts and costs nothing, once for each account.
    #[serde(default)]
    pub trial: Option<Millis>,
    /// How much of which meter goes over into the next period at most, of what is left of one.
    #[serde(default, skip_serializing_if = "PerMeter::is_empty")]
    pub rollover: PerMeter<u64>,
}

/// The JSON Schema (draft 2020-12) of the source, for editors to complete and check it by.
pub const SCHEMA: &str = include_str!("catalog.schema.json");

/// Where the key-value store holds the published catalog.
pub const CATALOG_ENTRY: &str = "catalog/current";

/// What a signature of RFC 9421 must cover where the provider says nothing else.
fn demanded() -> Vec<String> {
    DEMANDED.map(str::to_owned).into()
}

/// Whether an upstream is told in a signature who calls where the provider says nothing: it can always leave it unread.
const fn signed() -> bool {
    true
}

/// What plain keys begin with where the provider says nothing else.
fn key_prefix() -> String {
    plain_key::PREFIX.to_owned()
}

impl Catalog {
    /// Nothing for sale.
    pub fn empty() -> Self {
        let provider = Provider { name: String::new(), currency: Currency::NONE, key_prefix: key_prefix() };
        Self { version: String::new(), provider, products: Vec::new() }
    }

    /// The product with this id.
    pub fn product(&self, id: &ProductId) -> Option<&Product> {
        self.products.iter().find(|product| product.id == *id)
    }
}

impl Product {
    /// The terms on which one of its packages is sold now.
    pub fn package_terms(&self, id: &OfferId) -> Option<PackageTerms> {
        let package = self.packages.iter().find(|package| package.id == *id)?;
        Some(PackageTerms {
            product: self.id.clone(),
            offer: package.id.clone(),
            price: package.price,
            quantities: package.quantities.clone(),
            valid: package.valid,
            priority: package.priority,
            also_for: package.also_for.clone(),
            once: package.once,
        })
    }

    /// The terms on which one of its plans is sold now.
    pub fn plan_terms(&self, id: &OfferId) -> Option<PlanTerms> {
        let plan = self.subscriptions.iter().find(|plan| plan.id == *id)?;
        Some(PlanTerms {
            product: self.id.clone(),
            offer: plan.id.clone(),
            price: plan.price,
            every: plan.every,
            quantities: plan.quantities.clone(),
            beyond: plan.beyond.clone(),
            priority: plan.priority,
            grace: plan.grace,
            setup_fee: plan.setup_fee,
            trial: plan.trial,
            rollover: plan.rollover.clone(),
        })
    }

    /// What `account` pays for what nothing else does: the rate that was agreed with it, or else the product's.
    pub fn rate_for(&self, account: Option<&AccountId>) -> Option<&Rate> {
        let is_theirs = |price: &&AgreedPrice| account.is_some_and(|account| price.accounts.contains(account));
        self.prices.iter().find(is_theirs).map(|price| &price.rate).or(self.rate.as_ref())
    }

    /// Whether `account` may buy one of its offers.
    pub fn sells_to(&self, offer: &OfferId, account: &AccountId) -> bool {
        let package = self.packages.iter().find(|package| package.id == *offer);
        let accounts = package.and_then(|package| package.accounts.as_ref());
        accounts.is_none_or(|accounts| accounts.contains(account))
    }

    /// Whether `account` may use it.
    pub fn is_open_to(&self, account: &AccountId) -> bool {
        self.accounts.as_ref().is_none_or(|accounts| accounts.contains(account))
    }
}
