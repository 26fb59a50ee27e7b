//! `farebox init`: write a catalog to begin with.
//!
//! Invariant: what is written can be published as it is; a file that is there is not written over unless that is asked for.

use std::{
    fs::OpenOptions,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Args;
use farebox_cli::openapi::{Api, toml_text};
use farebox_core::{
    catalog::compile,
    money::{Currency, Micros},
};
use url::Url;

use super::read;
use crate::admin::Connection;

/// Write a catalog to begin with: a commented example, or the paths of an OpenAPI document
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  farebox init
  farebox init --openapi openapi.yaml --upstream https://api.internal.example")]
pub(crate) struct Init {
    /// The file to write; `-` for standard output
    #[arg(default_value = "catalog.toml")]
    file: PathBuf,

    /// An OpenAPI 3 document, in JSON or YAML, whose paths become routes; `-` for standard input
    #[arg(long, value_name = "FILE")]
    openapi: Option<PathBuf>,

    /// Address of the API that is sold, in place of the document's first server
    #[arg(long, value_name = "URL")]
    upstream: Option<Url>,

    /// Your name, as customers see it
    #[arg(long, value_name = "NAME", default_value = "My Company")]
    provider: String,

    /// The currency of all prices
    #[arg(long, default_value = "USD")]
    currency: Currency,

    /// What 1,000 calls cost at first
    #[arg(long = "per-1000-calls", value_name = "AMOUNT", default_value = "1.00")]
    price: Micros,

    /// Write over a file that is there
    #[arg(long)]
    force: bool,
}

impl Init {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let api = match &self.openapi {
            Some(document) => Some(Api::read(&read(document)?).with_context(|| document.display().to_string())?),
            None => None,
        };
        let upstream = self.upstream.as_ref().map(ToString::to_string);
        let upstream = match (upstream, &api) {
            (Some(given), _) => given,
            (None, Some(api)) => api
                .upstream
                .clone()
                .context("the document names no server in full: say where the API is, with --upstream")?,
            (None, None) => "https://api.example.com".to_owned(),
        };
        let schema = connection.settings()?.gateway.join("/_farebox/catalog.schema.json")?;
        let text = self.catalog(schema.as_str(), &upstream, api.as_ref());
        if let Err(problems) = compile(&text) {
            bail!("{}", problems.first().map(ToString::to_string).unwrap_or_default());
        }
        write(&self.file, &text, self.force)?;
        for (path, became) in api.iter().flat_map(|api| &api.widened) {
            eprintln!("no route can say {path}: sold as {became}");
        }
        if self.file.as_os_str() != "-" {
            let (file, count) = (self.file.display(), text.matches("[[products.routes]]").count());
            println!("{file} written: 1 product, {count} routes at {} {} per 1,000 calls", self.price, self.currency);
            println!("publish it with: farebox apply {file}");
        }
        Ok(())
    }

    fn catalog(&self, schema: &str, upstream: &str, api: Option<&Api>) -> String {
        let (provider, currency, price) = (toml_text(&self.provider), self.currency, self.price);
        let title = toml_text(api.map_or("My API", |api| &api.title));
        let (id, upstream) = (api.map_or_else(|| "my-api".to_owned(), Api::id), toml_text(upstream));
        let routes = api.map_or_else(|| EXAMPLE_ROUTE.to_owned(), Api::routes_in_toml);
        format!(
            r##"#:schema {schema}
# What is for sale: one file, checked as a whole when it is published (`farebox apply`). An editor that knows TOML completes
# and checks it by the schema above.

[provider]
name = {provider}
currency = "{currency}"                   # of all prices and balances; fixed once there are accounts

[[products]]
id = "{id}"
title = {title}
# A call to /x of the gateway goes to this address with /x behind it.
upstream = {upstream}
auth = ["x-ca"]                    # how callers sign; "rfc9421" and "appcode" are known too
# timeout = "30s"                  # how long the upstream may take to begin its answer
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
}

fn write(file: &Path, text: &str, over: bool) -> anyhow::Result<()> {
    if file.as_os_str() == "-" {
        print!("{text}");
        return Ok(());
    }
    let mut options = OpenOptions::new();
    options.write(true).create(over).truncate(over).create_new(!over);
    let mut opened = options.open(file).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => anyhow::anyhow!("{} is there already; --force writes over it", file.display()),
        _ => anyhow::Error::new(error).context(format!("cannot write {}", file.display())),
    })?;
    opened.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", file.display()))
}

const EXAMPLE_ROUTE: &str = r#"
  [[products.routes]]
  # methods = ["GET", "POST"]      # all when it is left out
  path = "/{*rest}"                # everything; or such as "/v1/items/{id}"
"#;
