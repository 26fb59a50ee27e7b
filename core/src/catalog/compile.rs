//! From the provider's TOML to a [`Catalog`], or to everything that is wrong with it.
//!
//! Invariant: a catalog comes out only when not a single problem was noted. So what is published is either wholly right or wholly
//! refused, and a [`Router`] can be built from it.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::{
    Admission, AgreedPrice, AnswerStyle, AuthScheme, Catalog, ChargeOn, Cors, Product, Provider, Route, Stages,
    TestStage, TokenIssuer, UpstreamAuth,
    charging::statuses,
    cors::{origin, remembered},
    exchange::{self, exchange},
    offer::{package, plan, rate},
    router::{RouteError, Router, Target},
    source::{Item, Problem, Report, Table},
    storefront::{Storefront, Texts, check_grant, storefront, texts},
    units, value,
};
use crate::{
    id::{AccountId, OfferId, ProductId},
    limit::Limits,
    money::Currency,
};

/// The schemes a product can accept, by their names in the source.
const SCHEMES: [(&str, AuthScheme); 5] = [
    ("x-ca", AuthScheme::XCa),
    ("rfc9421", AuthScheme::Rfc9421),
    ("appcode", AuthScheme::AppCode),
    ("key", AuthScheme::Key),
    ("jwt", AuthScheme::Jwt),
];

/// Reads a catalog.
///
/// # Errors
/// Everything that is wrong with it, in the order of the text; never an empty list.
pub fn compile(source: &str) -> Result<Catalog, Vec<Problem>> {
    compile_with_storefront(source).map(|(catalog, _)| catalog)
}

/// Reads a catalog, and what is shown beside it.
///
/// # Errors
/// As [`compile`].
pub fn compile_with_storefront(source: &str) -> Result<(Catalog, Storefront), Vec<Problem>> {
    let report = Report::new(source);
    let compiled = report.parse().and_then(|tree| catalog(&report.top(&tree), version(source)));
    let problems = report.into_problems();
    match compiled {
        Some(compiled) if problems.is_empty() => Ok(compiled),
        _ => Err(problems),
    }
}

/// What names a catalog with this source: hex of the first 8 bytes of its SHA-256.
fn version(source: &str) -> String {
    Sha256::digest(source.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// What the parts of a catalog must agree on: its currency, and what must not come twice, with the line where it came first.
#[derive(Default)]
struct Seen {
    currency: Option<Currency>,
    products: BTreeMap<ProductId, usize>,
    offers: BTreeMap<OfferId, usize>,
    routes: BTreeMap<(usize, usize), usize>,
    router: Router,
    texts: BTreeMap<ProductId, Texts>,
}

fn catalog(top: &Table<'_>, version: String) -> Option<(Catalog, Storefront)> {
    let mut seen = Seen::default();
    let provider = top.required("provider").and_then(|item| item.table()).and_then(|table| provider(&table));
    let tables = top.tables("products");
    // A currency that was refused has no digits to hold prices to.
    seen.currency = provider.as_ref().map(|provider| provider.currency);
    let products: Vec<_> = tables.iter().enumerate().map(|(index, table)| product(table, index, &mut seen)).collect();
    let bundled = products.iter().flatten().flat_map(bundled);
    for (id, also) in bundled.filter(|(_, also)| !seen.products.contains_key(*also)) {
        top.refuse(format!("{id} pays for `{also}` too, and there is no such product"));
    }
    let storefront = storefront(top);
    let products: Option<Vec<Product>> = products.into_iter().collect();
    if let (Some(storefront), Some(products)) = (&storefront, &products) {
        check_grant(top, &storefront.sign_up, products);
    }
    top.finish();
    let storefront = Storefront { products: seen.texts, ..storefront? };
    Some((Catalog { version, provider: provider?, products: products? }, storefront))
}

/// The packages of a product that pay for others too, with each of those.
fn bundled(product: &Product) -> impl Iterator<Item = (&OfferId, &ProductId)> {
    product.packages.iter().flat_map(|package| package.also_for.iter().map(|also| (&package.id, also)))
}

fn provider(table: &Table<'_>) -> Option<Provider> {
    let name = table.required("name").and_then(|item| item.read(value::title));
    let currency = table.required("currency").and_then(|item| item.read(value::currency));
    let key_prefix = table.maybe("key_prefix", |item| item.read(value::key_prefix));
    table.finish();
    Some(Provider { name: name?, currency: currency?, key_prefix: key_prefix?.unwrap_or_else(super::key_prefix) })
}

fn product(table: &Table<'_>, index: usize, seen: &mut Seen) -> Option<Product> {
    let currency = seen.currency.unwrap_or(Currency::NONE);
    let id = table.required("id").and_then(|item| unique(&item, &mut seen.products));
    let title = table.maybe("title", |item| item.read(value::title));
    let texts = texts(table);
    let upstream = table.required("upstream").and_then(|item| item.read(value::upstream));
    let timeout = table.maybe("timeout", |item| item.read(value::duration));
    let auth = table.required("auth").and_then(|item| list(&item, scheme));
    let key_parameter = table.maybe("key_parameter", |item| item.read(value::parameter));
    let jwt = table.maybe("jwt", TokenIssuer::read);
    let hmac_sha1 = table.flag("hmac_sha1", false);
    let upstream_signature = table.flag("upstream_signature", true);
    let answer = table.maybe("answer", |item| item.read(answer));
    let strict_signature = table.flag("strict_signature", false);
    let rfc9421_components = table.maybe("rfc9421_components", |item| list(item, |item| item.read(value::component)));
    let admission = table.maybe("admission", |item| item.read(admission));
    let cors = table.maybe("cors", |item| item.table().and_then(|table| cors(&table)));
    let exchange = exchange(table, id.as_ref());
    let charge_on = table.maybe("charge_on", charge_on);
    let limits = table.maybe("limits", |item| item.table().and_then(|table| limits(&table)));
    let stages = table.maybe("stages", |item| item.table().and_then(|table| stages(&table, id.as_ref())));
    let accounts = table.maybe("accounts", |item| list(item, |item| item.parse()));
    let units = units::said(table);
    let routes = routes(table, index, &units.unwrap_or_default(), seen);
    let rate = table.maybe("rate", |item| item.table().and_then(|table| rate(&table, currency)));
    let packages = offers(table, "packages", seen, |table, id| package(table, id, currency));
    let has_rate = rate != Some(None);
    let prices = prices(table, currency);
    let subscriptions = offers(table, "subscriptions", seen, |table, id| plan(table, id, currency, has_rate));
    table.finish();
    let has_none = packages.as_ref().is_some_and(Vec::is_empty) && subscriptions.as_ref().is_some_and(Vec::is_empty);
    if !has_rate && has_none && prices.as_ref().is_some_and(Vec::is_empty) {
        table.refuse("nothing pays for it: give it a `rate`, `packages` or `subscriptions`".to_owned());
    }
    if let (Some(routes), Some(rate), Some(packages), Some(plans)) = (&routes, &rate, &packages, &subscriptions) {
        units::check(table, routes, rate.as_ref(), packages, plans);
    }
    if key_parameter.as_ref().is_some_and(Option::is_some)
        && auth.as_ref().is_some_and(|auth| !auth.contains(&AuthScheme::Key))
    {
        table.refuse("it names a `key_parameter` and takes no keys: put \"key\" into `auth`".to_owned());
    }
    check_issuer(table, auth.as_deref(), jwt.as_ref());
    if let (Some(upstream), Some(Some(Stages { test: Some(test) }))) = (&upstream, &stages)
        && *upstream == test.upstream
    {
        table.refuse("its test stage has the product's own upstream: test calls are not paid for".to_owned());
    }
    if let (Some(Some(exchange)), Some(answer), Some(routes)) = (&exchange, &answer, &routes) {
        exchange::check(table, exchange, answer.unwrap_or_default(), routes);
    }
    let id: ProductId = id?;
    seen.texts.insert(id.clone(), texts?);
    Some(Product {
        title: title?.unwrap_or_else(|| id.to_string()),
        id,
        upstream: upstream?,
        timeout: timeout?,
        upstream_signature: upstream_signature?,
        answer: answer?.unwrap_or_default(),
        auth: auth?,
        key_parameter: key_parameter?,
        jwt: jwt?,
        hmac_sha1: hmac_sha1?,
        strict_signature: strict_signature?,
        rfc9421_components: rfc9421_components?.unwrap_or_else(super::demanded),
        admission: admission?.unwrap_or_default(),
        cors: cors?,
        exchange: exchange?,
        charge_on: charge_on?.unwrap_or_default(),
        limits: limits?.unwrap_or_default(),
        stages: stages?.unwrap_or_default(),
        is_test: false,
        accounts: accounts?,
        routes: routes?,
        rate: rate?,
        prices: prices?,
        packages: packages?,
        subscriptions: subscriptions?,
    })
}

/// Tokens are taken of an issuer that is named, and one is named for tokens that are taken.
fn check_issuer(table: &Table<'_>, auth: Option<&[AuthScheme]>, jwt: Option<&Option<TokenIssuer>>) {
    let (Some(auth), Some(jwt)) = (auth, jwt) else { return };
    match (auth.contains(&AuthScheme::Jwt), jwt) {
        (true, None) => table.refuse("it takes tokens and names no issuer of them: give it a table `jwt`".to_owned()),
        (false, Some(_)) => {
            table.refuse("it names an issuer in `jwt` and takes no tokens: put \"jwt\" into `auth`".to_owned());
        }
        (true, Some(_)) | (false, None) => {}
    }
}

fn stages(table: &Table<'_>, product: Option<&ProductId>) -> Option<Stages> {
    let test = table.maybe("test", |item| item.table().and_then(|table| test_stage(&table, product)));
    table.finish();
    Some(Stages { test: test? })
}

fn test_stage(table: &Table<'_>, product: Option<&ProductId>) -> Option<TestStage> {
    let upstream = table.required("upstream").and_then(|item| item.read(value::upstream));
    let limits = table.required("limits").and_then(|item| item.table()).and_then(|table| limits(&table));
    let name = product.map(|product| format!("{product}.test")).unwrap_or_default();
    let upstream_auth = table.maybe("upstream_auth", |item| UpstreamAuth::read(item, &name));
    table.finish();
    Some(TestStage { upstream: upstream?, upstream_auth: upstream_auth?, limits: limits? })
}

fn limits(table: &Table<'_>) -> Option<Limits> {
    let limit = |key| table.maybe(key, Item::parse);
    let [per_product, per_account, per_credential] = ["per_product", "per_account", "per_credential"].map(limit);
    table.finish();
    let limits = Limits { per_product: per_product?, per_account: per_account?, per_credential: per_credential? };
    if limits == Limits::default() {
        table.refuse("it limits nothing: give it `per_product`, `per_account` or `per_credential`".to_owned());
    }
    Some(limits)
}

/// What is sold under `key`, each with an id that no other offer has.
fn offers<T>(
    table: &Table<'_>,
    key: &'static str,
    seen: &mut Seen,
    read: impl Fn(&Table<'_>, Option<OfferId>) -> Option<T>,
) -> Option<Vec<T>> {
    let tables = table.tables(key);
    let offer = |table| {
        let id = Table::required(table, "id").and_then(|item| unique(&item, &mut seen.offers));
        read(table, id)
    };
    let offers: Vec<_> = tables.iter().map(offer).collect();
    offers.into_iter().collect()
}

fn routes(table: &Table<'_>, product: usize, units: &units::Said, seen: &mut Seen) -> Option<Vec<Route>> {
    let tables = table.tables("routes");
    if tables.is_empty() {
        table.refuse("it has no `routes`: no call would ever reach it".to_owned());
    }
    let mut routes = Vec::with_capacity(tables.len());
    for (index, table) in tables.iter().enumerate() {
        let methods = table.maybe("methods", |item| list(item, |item| item.read(value::method)));
        let path = table.required("path");
        let text = path.as_ref().and_then(|item| item.read(value::path));
        let query = table.maybe("query", |item| item.table().and_then(|table| asked(&table)));
        let units = units::said(table).and_then(|said| units::of_route(table, said, units));
        table.finish();
        let route = methods.zip(text).zip(query.zip(units)).map(|((methods, path), (query, units))| {
            let (methods, query) = (methods.unwrap_or_default(), query.unwrap_or_default());
            Route { methods, path, query, units }
        });
        if let (Some(route), Some(item)) = (&route, &path) {
            seen.add(item, route, Target { product, route: index });
        }
        routes.push(route);
    }
    routes.into_iter().collect()
}

/// The parameters that a route asks for. Each has one value, as a request that has two is for nobody.
fn asked(table: &Table<'_>) -> Option<Vec<(String, String)>> {
    let pairs = table.pairs();
    if pairs.is_empty() {
        table.refuse("it asks for no parameter".to_owned());
    }
    let pair = |(name, value): &(&str, Item<'_>)| Some(((*name).to_owned(), value.text()?.to_owned()));
    pairs.iter().map(pair).collect::<Vec<_>>().into_iter().collect()
}

/// Rates that were agreed with some accounts, each of which has one.
fn prices(table: &Table<'_>, currency: Currency) -> Option<Vec<AgreedPrice>> {
    let mut known: Vec<AccountId> = Vec::new();
    let prices: Vec<_> = table
        .tables("prices")
        .iter()
        .map(|table| {
            let accounts: Option<Vec<AccountId>> =
                table.required("accounts").and_then(|item| list(&item, |item| item.parse()));
            let rate = table.required("rate").and_then(|item| item.table()).and_then(|table| rate(&table, currency));
            table.finish();
            if let Some(twice) = accounts.iter().flatten().find(|account| known.contains(account)) {
                table.refuse(format!("another price was agreed with {twice}"));
            }
            known.extend(accounts.iter().flatten().cloned());
            Some(AgreedPrice { accounts: accounts?, rate: rate? })
        })
        .collect();
    prices.into_iter().collect()
}

impl Seen {
    /// Adds a route to the router, and notes when it does not fit in.
    fn add(&mut self, item: &Item<'_>, route: &Route, target: Target) {
        self.routes.insert((target.product, target.route), item.line());
        match self.router.add(route, target) {
            Ok(()) => {}
            Err(RouteError::Conflict { with }) => {
                let line = self.routes.get(&(with.product, with.route)).copied().unwrap_or_default();
                item.refuse(format!("it conflicts with the route on line {line}: both take the same requests"));
            }
            Err(error) => item.refuse(error.to_string()),
        }
    }
}

/// A list that is not empty and holds nothing twice.
pub(super) fn list<T: PartialEq>(item: &Item<'_>, read: impl Fn(&Item<'_>) -> Option<T>) -> Option<Vec<T>> {
    let items = item.items()?;
    if items.is_empty() {
        item.refuse("the list is empty".to_owned());
        return None;
    }
    let mut values = Vec::with_capacity(items.len());
    for item in &items {
        let value = read(item);
        if value.is_some() && values.contains(&value) {
            item.refuse("it is in the list already".to_owned());
        }
        values.push(value);
    }
    values.into_iter().collect()
}

fn scheme(item: &Item<'_>) -> Option<AuthScheme> {
    let known = || SCHEMES.map(|(name, _)| name).join(", ");
    item.read(|text| {
        let found = SCHEMES.iter().find(|(name, _)| *name == text);
        found.map(|(_, scheme)| *scheme).ok_or_else(|| format!("`{text}` is not an auth scheme: use {}", known()))
    })
}

fn cors(table: &Table<'_>) -> Option<Cors> {
    let origins = table.required("origins").and_then(|item| list(&item, |item| item.read(origin)));
    let max_age = table.maybe("max_age", |item| item.read(value::duration));
    table.finish();
    let origins = origins?;
    if origins.len() > 1 && origins.iter().any(|origin| origin == "*") {
        table.refuse("`*` among its origins stands for all of them: leave out the others".to_owned());
    }
    Some(Cors { origins, max_age: max_age?.unwrap_or_else(remembered) })
}

/// One set of statuses, or a list of them.
fn charge_on(item: &Item<'_>) -> Option<ChargeOn> {
    let ranges = if item.is_text() { vec![item.read(statuses)?] } else { list(item, |item| item.read(statuses))? };
    ChargeOn::of(ranges)
}

fn admission(text: &str) -> Result<Admission, String> {
    match text {
        "leased" => Ok(Admission::Leased),
        "strict" => Ok(Admission::Strict),
        _ => Err(format!("`{text}` is not a way to admit calls: use leased or strict")),
    }
}

fn answer(text: &str) -> Result<AnswerStyle, String> {
    match text {
        "annotated" => Ok(AnswerStyle::Annotated),
        "untouched" => Ok(AnswerStyle::Untouched),
        _ => Err(format!("`{text}` is not a way to hand answers on: use annotated or untouched")),
    }
}

/// An id that nothing else of its kind has.
fn unique<T: std::str::FromStr<Err: std::fmt::Display> + Ord + Clone>(
    item: &Item<'_>,
    seen: &mut BTreeMap<T, usize>,
) -> Option<T> {
    let id: T = item.parse()?;
    if let Some(line) = seen.get(&id) {
        item.refuse(format!("this id is taken on line {line}"));
        return None;
    }
    seen.insert(id.clone(), item.line());
    Some(id)
}
