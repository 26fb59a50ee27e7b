//! `farebox apply`, `diff` and `export`: the catalog that is published, and the one in the provider's file.
//!
//! A catalog is refused with everything that is wrong with it, a line each, before the one line that every failure ends with.
//! Invariant: `apply` shows first what it publishes, unless it is told not to. It publishes only in place of the catalog that it
//! compared with, and takes nothing from customers without a word for that.

use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Args;
use farebox_cli::http::Problem;
use farebox_core::{
    catalog::{compile_with_storefront, difference::Change},
    id::ProductId,
};
use serde_json::Value;

use super::{Format, read};
use crate::{
    admin::{Admin, Connection},
    failure::Different,
};

/// Publish the catalog: what is for sale, where it comes from and what it costs
///
/// Shows what would change, and asks before anything does.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  farebox apply catalog.toml\n  farebox apply --yes catalog.toml   # in CI")]
pub(crate) struct Apply {
    /// The catalog, in TOML; `-` for standard input
    #[arg(default_value = "catalog.toml")]
    file: PathBuf,

    /// Publish it without asking
    #[arg(short, long)]
    yes: bool,

    /// Publish it also where it takes away what customers hold
    #[arg(long)]
    remove_held: bool,

    /// Check it and show what would change, but publish nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,

    #[command(flatten)]
    format: Format,
}

/// Show what publishing a catalog would change
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  farebox diff catalog.toml\n  farebox diff --exit-code catalog.toml")]
pub(crate) struct Diff {
    /// The catalog, in TOML; `-` for standard input
    #[arg(default_value = "catalog.toml")]
    file: PathBuf,

    /// Exit with 2 when something would change
    #[arg(long)]
    exit_code: bool,

    #[command(flatten)]
    format: Format,
}

/// Write out the catalog that is published, as it was written
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  farebox export > catalog.toml")]
pub(crate) struct Export {
    #[command(flatten)]
    format: Format,
}

impl Apply {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let (admin, source) = (connection.admin()?, read(&self.file)?);
        let tried = send(&admin, "catalog?dry_run=true", None, &self.file, source.clone())?;
        if self.dry_run {
            return self.tell(&tried, "valid, not published");
        }
        let asks = !self.yes && !tried["changes"].as_array().is_some_and(Vec::is_empty);
        let held = held(&tried);
        if asks {
            // The answer goes to standard output alone, so that it can be read by a program.
            eprint!("{}", changes(&tried));
            ask("Publish it?", "--yes publishes it without asking")?;
        }
        let mut remove_held = self.remove_held;
        if asks && !held.is_empty() && !remove_held {
            eprint!("{held}");
            ask("Take this away from them?", "--remove-held does so without asking")?;
            remove_held = true;
        }
        let path = if remove_held { "catalog?remove_held=true" } else { "catalog" };
        let tag = tried["replaces"].as_str().map(|version| format!("\"{version}\""));
        let documents = documents(&self.file, &source)?;
        let published = send(&admin, path, tag.as_deref(), &self.file, source)?;
        for (product, document) in documents {
            admin.replace(&format!("products/{product}/openapi"), None, &document)?;
        }
        if asks && !self.format.json {
            println!("{}{}", missing(&published), line(&published, "published"));
            return Ok(());
        }
        self.tell(&published, "published")
    }

    fn tell(&self, answer: &Value, done: &str) -> anyhow::Result<()> {
        if self.format.json {
            println!("{answer}");
        } else {
            println!("{}{}{}{}", changes(answer), held(answer), missing(answer), line(answer, done));
        }
        Ok(())
    }
}

impl Diff {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let answer = send(&connection.admin()?, "catalog?dry_run=true", None, &self.file, read(&self.file)?)?;
        if self.format.json {
            println!("{}", answer["changes"])
        } else {
            print!("{}{}", changes(&answer), held(&answer))
        }
        let count = answer["changes"].as_array().map_or(0, Vec::len);
        if self.exit_code && count > 0 {
            bail!(Different(count));
        }
        Ok(())
    }
}

impl Export {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let published = connection.admin()?.get("catalog")?;
        if self.format.json {
            println!("{published}");
        } else {
            print!("{}", published["source"].as_str().context("the gateway answered without `source`")?);
        }
        Ok(())
    }
}

/// Sends a catalog that is in `file`, and says everything that is wrong with it. Where there is a `tag`, it is published in place
/// of the version with this tag only.
pub(super) fn send(admin: &Admin, path: &str, tag: Option<&str>, file: &Path, source: String) -> anyhow::Result<Value> {
    let method = if path.starts_with("catalog") { "PUT" } else { "POST" };
    admin.send_toml(method, path, tag, source).inspect_err(|error| {
        let problems = error.downcast_ref::<Problem>().map_or(&[][..], |problem| &problem.problems);
        problems.iter().for_each(|problem| eprintln!("{}: {problem}", file.display()));
    })
}

/// The OpenAPI documents that a catalog names, read from beside it.
fn documents(catalog: &Path, source: &str) -> anyhow::Result<Vec<(ProductId, Value)>> {
    // The gateway has said what is wrong with one that cannot be compiled.
    let storefront = compile_with_storefront(source).map(|(_, storefront)| storefront).unwrap_or_default();
    let named = storefront.products.into_iter().filter_map(|(product, texts)| Some((product, texts.openapi?)));
    named.map(|(product, name)| Ok((product, document(&catalog.with_file_name(name))?))).collect()
}

fn document(path: &Path) -> anyhow::Result<Value> {
    let text = read(path)?;
    let wrong = || format!("{} cannot be read as an OpenAPI document", path.display());
    match path.extension().and_then(|end| end.to_str()) {
        Some("json") => serde_json::from_str(&text).with_context(wrong),
        _ => serde_saphyr::from_str(&text).with_context(wrong),
    }
}

/// Asks for a yes; without a terminal to ask on, says what to give instead.
fn ask(question: &str, instead: &str) -> anyhow::Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!("there is nobody to ask: {instead}");
    }
    eprint!("{question} [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") { Ok(()) } else { bail!("nothing was changed") }
}

fn line(answer: &Value, done: &str) -> String {
    format!("catalog {} {done}", answer["version"].as_str().unwrap_or_default())
}

/// The secrets that upstreams demand and nobody has set, a command a line.
fn missing(answer: &Value) -> String {
    let names = answer["missing_credentials"].as_array().into_iter().flatten().filter_map(Value::as_str);
    names.map(|name| format!("! calls are answered 503 until you run: farebox secret put {name}\n")).collect()
}

/// What customers hold of what is removed, a product a line.
fn held(answer: &Value) -> String {
    let count = |number: &Value, one: &str| {
        let number = number.as_u64().unwrap_or_default();
        format!("{number} {one}{}", if number == 1 { "" } else { "s" })
    };
    let shown = |held: &Value| {
        let remaining = held["remaining"].as_object().into_iter().flatten();
        let remaining: String = remaining.map(|(meter, left)| format!(", {left} {meter}")).collect();
        let product = held["product"].as_str().unwrap_or_default();
        let (grants, subscriptions) = (count(&held["grants"], "grant"), count(&held["subscriptions"], "subscription"));
        let accounts = count(&held["accounts"], "account");
        format!("! product {product}: {grants}{remaining}, {subscriptions}, held by {accounts}\n")
    };
    let mut lines: String = answer["held"].as_array().into_iter().flatten().map(shown).collect();
    if answer["held_by_others"] == true {
        lines += "! there are more accounts than were asked, and they may hold more\n";
    }
    lines
}

/// The changes of an answer, one a line.
fn changes(answer: &Value) -> String {
    let changes: Vec<Change> = serde_json::from_value(answer["changes"].clone()).unwrap_or_default();
    if changes.is_empty() {
        return "no changes\n".to_owned();
    }
    changes.iter().map(|change| format!("{change}\n")).collect()
}
