//! The text of a catalog to begin with: a commented example, or the products of an API.
//!
//! Invariant: what is written can be published as it is, whatever the API's document said. What can be sold besides is shown as
//! comments that hold as they stand.

use std::fmt::Write;

use farebox_core::money::{Currency, Micros};

use crate::openapi::{Api, Named, Product, Route, text::routes, toml_text};

/// As many things that were named stand in the catalog; all of them are printed.
const MOST_NAMED: usize = 40;

/// What a catalog says beside the API's own.
#[derive(Debug, Clone)]
pub struct Draft<'a> {
    /// Where its JSON Schema is, for editors.
    pub schema: &'a str,
    /// Who sells.
    pub provider: &'a str,
    /// The currency of all prices.
    pub currency: Currency,
    /// What 1,000 calls cost.
    pub price: Micros,
}

/// What is sold where no document says it: everything at one address.
pub fn example(upstream: &str) -> Api {
    let route = Route { methods: Vec::new(), path: "/{*rest}".to_owned() };
    let (id, title) = ("my-api".to_owned(), "My API".to_owned());
    Api {
        products: vec![Product { id, title, upstream: upstream.to_owned(), routes: vec![route] }],
        upstream_auth: None,
        named: Vec::new(),
    }
}

impl Draft<'_> {
    /// A catalog that sells this API.
    pub fn text(&self, api: &Api) -> String {
        let Self { schema, provider, currency, .. } = self;
        let provider = toml_text(provider);
        let mut text = format!(
            r##"#:schema {schema}
# What is for sale: one file, checked as a whole when it is published (`farebox apply`). An editor that knows TOML completes
# and checks it by the schema above.
{named}
[provider]
name = {provider}
currency = "{currency}"                   # of all prices and balances; fixed once money has moved
"##,
            named = named(&api.named)
        );
        for (index, product) in api.products.iter().enumerate() {
            let auth = upstream_auth(api, product);
            text.push_str(&if index == 0 { self.first(product, &auth) } else { self.further(product, &auth) });
        }
        text
    }

    /// A product with all that can be said of it.
    fn first(&self, product: &Product, upstream_auth: &str) -> String {
        let (title, upstream, price) = (toml_text(&product.title), toml_text(&product.upstream), self.price);
        let id = &product.id;
        let routes = match product.routes.as_slice() {
            [only] if only.methods.is_empty() && only.path == "/{*rest}" => EXAMPLE_ROUTE.to_owned(),
            all => routes(all),
        };
        format!(
            r##"
[[products]]
id = "{id}"
title = {title}
# A call to /x of the gateway goes to this address with /x behind it.
upstream = {upstream}
auth = ["x-ca"]                    # how callers sign; "rfc9421", "appcode", "key" and "jwt" are known too
{upstream_auth}# timeout = "30s"                  # how long the upstream may take to begin its answer
# admission = "strict"             # ask the account's ledger for each call: slower
# limits = {{ per_account = "100/second" }}   # also per_credential, per_product; /minute, /hour

  [products.rate]                  # pay as you go, from the balance
  per_1000_calls = "{price}"
  # per_gib_egress = "0.09"        # answers, by the GiB; per_gib_ingress for requests, per_gib for both
  # minimum = "5.00"               # a month in which it is used costs at least this
{routes}
  # Prepaid: take the marks away to sell it.
  # [[products.packages]]
  # id = "{id}-10k"
  # price = "8.00"
  # calls = 10_000
  # valid = "90d"

  # Paid for period by period.
  # [[products.subscriptions]]
  # id = "{id}-monthly"
  # price = "20.00"
  # every = "1 month"
  # calls = 50_000
  # beyond = "rate"                # or "reject"
"##
        )
    }

    /// A product as short as it can be said.
    fn further(&self, product: &Product, upstream_auth: &str) -> String {
        let (title, upstream, price) = (toml_text(&product.title), toml_text(&product.upstream), self.price);
        let (id, routes) = (&product.id, routes(&product.routes));
        format!(
            "\n[[products]]\nid = \"{id}\"\ntitle = {title}\nupstream = {upstream}\nauth = [\"x-ca\"]\n{upstream_auth}\n  \
             [products.rate]\n  per_1000_calls = \"{price}\"\n{routes}"
        )
    }
}

/// The line that has the gateway add the credential that the upstream demands; nothing where it demands none.
fn upstream_auth(api: &Api, product: &Product) -> String {
    let line = |auth: &String| format!("upstream_auth = {auth}   # set it: farebox secret put {}\n", product.id);
    api.upstream_auth.as_ref().map(line).unwrap_or_default()
}

/// Comments that say what the catalog does not.
fn named(named: &[Named]) -> String {
    let mut text = String::new();
    if !named.is_empty() {
        text.push_str("#\n# What the API's document says and this catalog does not, or says wider:\n");
    }
    for named in named.iter().take(MOST_NAMED) {
        let _ = writeln!(text, "# - {named}");
    }
    if let Some(more @ 1..) = named.len().checked_sub(MOST_NAMED) {
        let _ = writeln!(text, "# and {more} more, which `farebox init` prints");
    }
    text
}

const EXAMPLE_ROUTE: &str = r#"
  [[products.routes]]
  # methods = ["GET", "POST"]      # all when it is left out
  path = "/{*rest}"                # everything; or such as "/v1/items/{id}"
"#;
