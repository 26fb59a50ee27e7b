//! From an OpenAPI document to what a catalog says of an API: its products, their upstreams and their routes.
//!
//! It reads OpenAPI 3 of any minor version, and Swagger 2.0. It reads only what a catalog takes, so a document that is not valid
//! in other places does as well. `docs/openapi.md` says what is read and what is named. Invariants: what comes out compiles as a
//! catalog. Every operation of the document is sold at its own address, or it is named. The time is about proportional to the
//! document.

mod fit;
mod library;
mod names;
mod node;
mod operations;
mod path;
mod security;
mod server;
mod source;
mod swagger;
#[cfg(test)]
mod tests;
pub(crate) mod text;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, anyhow, bail};
use serde::Serialize;
use url::Url;

use self::{
    fit::{Outcome, fit},
    library::Library,
    names::{Names, title},
    node::{Node, with_room},
    operations::{Operation, Reader},
    server::Address,
};
pub use self::{
    library::{Beside, Nothing},
    names::{Kind, Named},
    source::Source,
    text::toml_text,
};

/// An API, as a catalog sells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Api {
    /// One for each address, first that of the document as a whole; each with at least one route.
    pub products: Vec<Product>,
    /// What a catalog's `upstream_auth` says of each product; `None` where the gateway adds no credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_auth: Option<String>,
    /// What the document says and the products do not, or say wider.
    pub named: Vec<Named>,
}

/// What is sold at one address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Product {
    /// Its id, which no other product of the API has.
    pub id: String,
    /// Its name, for people, which no other product of the API has.
    pub title: String,
    /// Scheme, host and a path that is put before each call's own.
    pub upstream: String,
    /// Its routes.
    pub routes: Vec<Route>,
}

/// A route of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Route {
    /// In upper case; none for all.
    pub methods: Vec<String>,
    /// A pattern, as a catalog has it.
    pub path: String,
}

impl Api {
    /// Reads a document, in JSON or YAML. `upstream` stands in place of the document's own address.
    ///
    /// # Errors
    ///
    /// When it is not an OpenAPI document, names no address in full while none is given, or has nothing that can be sold.
    pub fn read(source: &Source, upstream: Option<&Url>) -> anyhow::Result<Self> {
        with_room(|| Self::read_here(source, upstream))
    }

    fn read_here(source: &Source, upstream: Option<&Url>) -> anyhow::Result<Self> {
        let root = Node::parse(&source.text).context("not an OpenAPI document")?;
        let is_swagger = is_swagger(&root)?;
        let name = root.get("info").and_then(|info| info.get("title")).and_then(Node::text).unwrap_or_default();
        let name = title(name);
        let library = Library::new(root, source.location.clone(), &*source.beside);
        let mut reader = Reader::new(library, is_swagger);
        reader.read();
        let Reader { mut library, mut names, operations, address, .. } = reader;
        let upstream_auth = security::name(&mut library, &mut names);
        if operations.is_empty() {
            return Err(nothing_to_sell(names, "the document has no path with a method"));
        }
        // The document's own address counts only where an operation has it.
        let main = if operations.iter().any(|operation| operation.address == address) {
            address
        } else {
            operations[0].address.clone()
        };
        let (addresses, located) = located(operations, &main, upstream, &mut names)?;
        let (routes, outcomes) = fit(&located, &addresses);
        for ((_, operation), outcome) in located.iter().zip(&outcomes) {
            name_outcome(operation, outcome, &mut names);
        }
        let products = products(&name, &addresses, routes);
        if products.is_empty() {
            return Err(nothing_to_sell(names, "the document has no path that can be sold"));
        }
        Ok(Self { products, upstream_auth, named: names.into_list() })
    }
}

/// Whether it is of Swagger 2.0, and not of OpenAPI 3.
fn is_swagger(root: &Node) -> anyhow::Result<bool> {
    let version = |key| root.get(key).and_then(Node::text).map(str::trim);
    let is_of = |version: &str, major: &str| version == major || version.starts_with(&format!("{major}."));
    match (version("openapi"), version("swagger")) {
        (Some(openapi), _) if is_of(openapi, "3") => return Ok(false),
        (_, Some(swagger)) if is_of(swagger, "2") => return Ok(true),
        (Some(other), _) => bail!("it is of OpenAPI {}, and only 3 and Swagger 2.0 are read", names::visible(other)),
        (_, Some(other)) => {
            bail!("it is of Swagger {}, and only OpenAPI 3 and Swagger 2.0 are read", names::visible(other))
        }
        (None, None) => {}
    }
    if version("swaggerVersion").is_some() {
        bail!("it is of Swagger 1, and only OpenAPI 3 and Swagger 2.0 are read");
    }
    if version("asyncapi").is_some() {
        bail!("it is an AsyncAPI document, not an OpenAPI document");
    }
    if !root.is_map() {
        bail!("not an OpenAPI document: it is {}", root.kind());
    }
    let said = ["error", "message", "title", "detail"].iter().find_map(|key| {
        let value = root.get(key)?;
        value.text().or_else(|| value.get("message").and_then(Node::text))
    });
    let said = said.map(|said| format!(", and says: {}", title(said))).unwrap_or_default();
    bail!("not an OpenAPI document: it has no member `openapi` or `swagger`{said}")
}

fn nothing_to_sell(names: Names, what: &str) -> anyhow::Error {
    let out: Vec<String> =
        names.into_list().iter().filter(|named| named.kind == Kind::LeftOut).map(ToString::to_string).collect();
    match out.as_slice() {
        [] => anyhow!("{what}"),
        [only] => anyhow!("{what} ({only})"),
        [first, more @ ..] => anyhow!("{what} ({first}; and {} more)", more.len()),
    }
}

/// An operation, and the index of its address.
type Located = (usize, Operation);

/// The addresses that are sold, the document's own first, and the operations with the index of each one's address.
fn located(
    operations: Vec<Operation>,
    main: &Address,
    upstream: Option<&Url>,
    names: &mut Names,
) -> anyhow::Result<(Vec<String>, Vec<Located>)> {
    let mut addresses = vec![main_address(main, upstream, names)?];
    if !text::is_upstream(&addresses[0]) {
        bail!("{} is no address of an upstream: say where the API is, with --upstream", addresses[0]);
    }
    let mut indices = BTreeMap::from([(main.clone(), Ok(0))]);
    let mut by_address = BTreeMap::from([(addresses[0].clone(), 0)]);
    let mut located = Vec::with_capacity(operations.len());
    for operation in operations {
        let index = indices.entry(operation.address.clone()).or_insert_with_key(|address| {
            let address = other_address(address, upstream)?;
            if !text::is_upstream(&address) {
                return Err(format!("{address} is no address of an upstream"));
            }
            let next = addresses.len();
            let index = *by_address.entry(address.clone()).or_insert(next);
            if index == next {
                addresses.push(address);
            }
            Ok(index)
        });
        match index {
            Ok(index) => located.push((*index, operation)),
            Err(why) => names.of(Kind::LeftOut, &operation.path, operation.method.as_deref(), why),
        }
    }
    Ok((addresses, located))
}

/// The address of the document as a whole.
fn main_address(main: &Address, upstream: Option<&Url>, names: &mut Names) -> anyhow::Result<String> {
    let ask = "say where the API is, with --upstream";
    let Some(upstream) = upstream else {
        return match main {
            Address::Full(address) => Ok(address.clone()),
            Address::Relative(path) => Err(anyhow!("the document names no server in full, only {path}: {ask}")),
            Address::Missing(why) => Err(anyhow!("the document names no server in full ({why}): {ask}")),
        };
    };
    let given = server::full(upstream.as_str()).map_err(|why| anyhow!("--upstream: {why}"))?;
    let is_bare = upstream.path() == "/";
    match main {
        Address::Relative(path) if is_bare => server::join(upstream, path).map_err(|why| anyhow!("{path}: {why}")),
        Address::Relative(path) => {
            if server::join(upstream, path).is_ok_and(|joined| joined != given) {
                names.add(Kind::Note, format!("--upstream has a path, so the document's {path} is not put behind it"));
            }
            Ok(given)
        }
        Address::Full(address) => {
            let path = Url::parse(address).map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default();
            if is_bare && !path.is_empty() {
                let what = format!(
                    "--upstream stands for {address}, path and all: give it as {given}{path} if the API is there"
                );
                names.add(Kind::Note, what);
            }
            Ok(given)
        }
        Address::Missing(_) => Ok(given),
    }
}

/// The address of operations that have one of their own; why they have none that is full.
fn other_address(address: &Address, upstream: Option<&Url>) -> Result<String, String> {
    match (address, upstream) {
        (Address::Full(address), _) => Ok(address.clone()),
        (Address::Relative(path), Some(upstream)) => server::join(upstream, path),
        (Address::Relative(path), None) => {
            Err(format!("its server {path} is relative to where the API is: say where, with --upstream"))
        }
        (Address::Missing(why), _) => Err(format!("it has no server in full ({why})")),
    }
}

/// Names what is not sold as the document has it.
fn name_outcome(operation: &Operation, outcome: &Outcome, names: &mut Names) {
    let (path, method) = (&operation.path, operation.method.as_deref());
    match outcome {
        Outcome::Out(why) => names.of(Kind::LeftOut, path, method, why),
        Outcome::Sold(pattern) => {
            let template = &operation.template;
            let mut why: Vec<&str> = template.wider.clone();
            if path::anonymous(pattern) != path::anonymous(&template.patterns[0]) {
                why.push("no narrower route can stand beside those of other paths");
            } else if template.is_whole {
                why.push("a route has one parameter between two slashes");
            }
            if !why.is_empty() {
                names.of(Kind::Wider, path, method, format!("sold as {pattern}, for {}", why.join("; ")));
            }
        }
    }
}

/// The products that have routes, with ids and titles that tell them apart.
fn products(name: &str, addresses: &[String], routes: Vec<Vec<Route>>) -> Vec<Product> {
    let (mut ids, mut titles) = (Taken::default(), Taken::default());
    let mut products = Vec::new();
    for (address, routes) in addresses.iter().zip(routes).filter(|(_, routes)| !routes.is_empty()) {
        let place = address.split_once("://").map_or(address.as_str(), |(_, place)| place);
        let is_first = products.is_empty();
        let base = id(name, 30);
        let id = ids.take(if is_first { id(name, 40) } else { format!("{base}-{}", id(place, 20)) }, "-");
        let told = if is_first { String::new() } else { format!(" ({})", head(place, 90)) };
        // Room for a number behind it.
        let title = titles.take(format!("{}{told}", head(name, 190 - told.chars().count())), " ");
        products.push(Product { id, title, upstream: address.clone(), routes });
    }
    products
}

/// Names that are taken, and the last number that each needed to be another.
#[derive(Default)]
struct Taken {
    names: BTreeSet<String>,
    numbers: BTreeMap<String, usize>,
}

impl Taken {
    /// Takes a name; with a number behind it when it is taken.
    fn take(&mut self, name: String, gap: &str) -> String {
        let mut free = name.clone();
        while !self.names.insert(free.clone()) {
            let number = self.numbers.entry(name.clone()).or_insert(1);
            *number += 1;
            free = format!("{name}{gap}{number}");
        }
        free
    }
}

fn head(text: &str, longest: usize) -> String {
    text.chars().take(longest).collect()
}

/// An id: the text in lower case, with dashes.
fn id(text: &str, longest: usize) -> String {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let id: String = words.collect::<Vec<_>>().join("-").chars().take(longest).collect();
    let id = id.trim_matches('-');
    if id.is_empty() { "api".to_owned() } else { id.to_owned() }
}
