//! `farebox init`: write a catalog to begin with.
//!
//! Invariants: what is written can be published as it is. A file that is there is not written over unless that is asked for. What
//! a document says and the catalog does not is printed.

use std::{
    fs::OpenOptions,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Args;
use farebox_cli::{
    draft::{Draft, example},
    openapi::{Api, Source},
};
use farebox_core::{
    catalog::compile,
    money::{Currency, Micros},
};
use serde_json::json;
use url::Url;

use crate::admin::Connection;

/// Write a catalog to begin with: a commented example, or the operations of an OpenAPI document
#[derive(Debug, Args)]
#[command(after_help = "\
Of a document, each server becomes a product and each path a route. What is left out, or sold wider than the document says, is
printed on standard error, and stands in the catalog as a comment.

Example:
  farebox init
  farebox init --openapi openapi.yaml --upstream https://api.internal.example
  farebox init --openapi https://petstore.example/openapi.json --json")]
pub(crate) struct Init {
    /// The file to write; `-` for standard output
    #[arg(default_value = "catalog.toml")]
    file: PathBuf,

    /// An OpenAPI 3 or Swagger 2.0 document, in JSON or YAML, whose operations become routes: a file, an https address,
    /// or `-` for standard input
    #[arg(long, value_name = "FILE|URL")]
    openapi: Option<PathBuf>,

    /// Address of the API that is sold, in place of the document's; one without a path takes the path of a relative server
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

    /// Print what was written, and what was left out or is wider, as JSON
    #[arg(long)]
    json: bool,
}

impl Init {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let is_printed = self.file.as_os_str() == "-";
        if self.json && is_printed {
            bail!("--json and the catalog cannot both go to standard output: name a file for the catalog");
        }
        let api = self.api()?;
        let schema = connection.settings()?.gateway.join("/_farebox/catalog.schema.json")?;
        let Self { provider, currency, price, .. } = &self;
        let draft = Draft { schema: schema.as_str(), provider, currency: *currency, price: *price };
        let text = draft.text(&api);
        if let Err(problems) = compile(&text) {
            bail!("{}", problems.first().map(ToString::to_string).unwrap_or_default());
        }
        write(&self.file, &text, self.force)?;
        if self.json {
            let (file, named) = (self.file.display().to_string(), &api.named);
            println!("{}", json!({ "file": file, "products": api.products, "named": named }));
            return Ok(());
        }
        for named in &api.named {
            eprintln!("{named}");
        }
        if !is_printed {
            let (file, routes) = (self.file.display(), api.products.iter().map(|product| product.routes.len()).sum());
            let counts = format!("{}, {}", counted(api.products.len(), "product"), counted(routes, "route"));
            println!("{file} written: {counts} at {price} {currency} per 1,000 calls");
            println!("publish it with: farebox apply {file}");
        }
        Ok(())
    }

    fn api(&self) -> anyhow::Result<Api> {
        let Some(document) = &self.openapi else {
            return Ok(example(self.upstream.as_ref().map_or("https://api.example.com", Url::as_str)));
        };
        let source = Source::open(document)?;
        let name = if document.as_os_str() == "-" { "standard input".into() } else { document.display().to_string() };
        Api::read(&source, self.upstream.as_ref()).context(name)
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
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
