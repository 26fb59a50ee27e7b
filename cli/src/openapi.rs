//! From an OpenAPI 3 document to what a catalog says of an API: its name, its upstream and its routes.
//!
//! Only that much of a document is read, so that one which is not valid in other places does as well, of any 3.x version.
//! Invariant: what comes out compiles as a catalog. A path that a route cannot say as it stands becomes a wider one, and
//! is named, so that nobody sells more than they know.

use std::{collections::BTreeMap, fmt::Write};

use anyhow::{Context, bail};
use farebox_core::catalog::compile;
use serde::{Deserialize, de::IgnoredAny};
use url::Url;

/// The methods that a path item can have.
const METHODS: [&str; 9] = ["get", "put", "post", "delete", "options", "head", "patch", "trace", "query"];

/// An API, as a catalog sells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// Its name, for people.
    pub title: String,
    /// Scheme, host and a path that is put before each call's own; `None` where the document names none in full.
    pub upstream: Option<String>,
    /// Its routes: a path, and methods in upper case.
    pub routes: BTreeMap<String, Vec<String>>,
    /// Paths that stand wider in `routes` than in the document, each with what became of it.
    pub widened: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Document {
    openapi: String,
    info: Info,
    #[serde(default)]
    servers: Vec<Server>,
    #[serde(default)]
    paths: BTreeMap<String, BTreeMap<String, IgnoredAny>>,
}

#[derive(Deserialize)]
struct Info {
    #[serde(default)]
    title: String,
}

#[derive(Deserialize)]
struct Server {
    url: String,
    #[serde(default)]
    variables: BTreeMap<String, Variable>,
}

#[derive(Deserialize)]
struct Variable {
    default: String,
}

impl Api {
    /// Reads a document, in JSON or YAML.
    ///
    /// # Errors
    ///
    /// When it is not an OpenAPI 3 document, or has no path that could be sold.
    pub fn read(text: &str) -> anyhow::Result<Self> {
        let parsed: Document = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).context("not an OpenAPI document")?
        } else {
            serde_saphyr::from_str(text).map_err(|error| {
                let text = error.to_string();
                anyhow::anyhow!("not an OpenAPI document: {}", text.lines().next().unwrap_or_default())
            })?
        };
        let Document { openapi, info, servers, paths } = parsed;
        if !openapi.starts_with("3.") {
            bail!("it is of version {openapi}, and only OpenAPI 3 is read: convert it first");
        }
        let upstream = servers.iter().find_map(Server::address);
        let mut api = Self { title: title(&info.title), upstream, routes: BTreeMap::new(), widened: Vec::new() };
        for (path, item) in paths {
            let methods: Vec<String> = METHODS
                .iter()
                .filter(|method| item.contains_key(**method) && **method != "trace")
                .map(|method| method.to_ascii_uppercase())
                .collect();
            if !methods.is_empty() {
                api.add(&path, &path_of(&path), &methods);
            }
        }
        if api.routes.is_empty() {
            bail!("the document has no path with a method");
        }
        Ok(api)
    }

    /// Adds a route, as wide as it must be to stand beside those that are there.
    fn add(&mut self, stated: &str, path: &str, methods: &[String]) {
        let tries = [path.to_owned(), whole_segments(path), cut_at_parameter(path)];
        for wider in tries {
            let mut routes = self.routes.clone();
            let taken = routes.entry(wider.clone()).or_default();
            taken.extend(methods.iter().filter(|method| !taken.contains(method)).cloned().collect::<Vec<_>>());
            if fits(&routes) {
                self.routes = routes;
                if wider != path {
                    self.widened.push((stated.to_owned(), wider));
                }
                return;
            }
        }
        self.widened.push((stated.to_owned(), "left out: it conflicts with another path".to_owned()));
    }

    /// An id for it: its name in lower case, with dashes.
    pub fn id(&self) -> String {
        let lower = self.title.to_lowercase();
        let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let id: String = words.collect::<Vec<_>>().join("-").chars().take(40).collect();
        let id = id.trim_matches('-');
        if id.is_empty() { "api".to_owned() } else { id.to_owned() }
    }

    /// The routes, as they stand in a catalog.
    pub fn routes_in_toml(&self) -> String {
        routes_in_toml(&self.routes)
    }
}

impl Server {
    /// Its address with its variables filled in; `None` for one that is relative to wherever the document was.
    fn address(&self) -> Option<String> {
        let filled = self
            .variables
            .iter()
            .fold(self.url.clone(), |url, (name, variable)| url.replace(&format!("{{{name}}}"), &variable.default));
        let url = Url::parse(&filled).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        Some(url.as_str().trim_end_matches('/').to_owned())
    }
}

fn routes_in_toml(routes: &BTreeMap<String, Vec<String>>) -> String {
    let mut text = String::new();
    for (path, methods) in routes {
        let methods = methods.iter().map(|method| toml_text(method)).collect::<Vec<_>>().join(", ");
        let _ = write!(text, "\n  [[products.routes]]\n  methods = [{methods}]\n  path = {}\n", toml_text(path));
    }
    text
}

/// A text in TOML's quotes.
pub fn toml_text(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Whether a catalog can have these routes.
fn fits(routes: &BTreeMap<String, Vec<String>>) -> bool {
    let head = "provider = { name = \"n\", currency = \"USD\" }\n[[products]]\nid = \"p\"\nauth = [\"x-ca\"]\n\
        upstream = \"https://o.example\"\nrate = { per_1000_calls = \"1\" }\n";
    compile(&format!("{head}{}", routes_in_toml(routes))).is_ok()
}

/// A name on one line.
fn title(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let title: String = words.collect::<Vec<_>>().join(" ").chars().take(200).collect();
    if title.is_empty() { "My API".to_owned() } else { title }
}

/// A templated path with parameter names that a route can have; what comes after `?` or `#` is no part of a path.
fn path_of(templated: &str) -> String {
    let path = templated.split(['?', '#']).next().unwrap_or_default();
    let (mut out, mut in_name) = (String::with_capacity(path.len()), false);
    for c in path.chars() {
        in_name = match c {
            '{' => true,
            '}' => false,
            _ => in_name,
        };
        let is_plain = c.is_ascii_alphanumeric() || "{}_".contains(c);
        if in_name && !is_plain {
            out.push('_');
        } else if c.is_ascii_graphic() {
            out.push(c);
        } else {
            c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| {
                let _ = write!(out, "%{byte:02X}");
            });
        }
    }
    if out.starts_with('/') { out } else { format!("/{out}") }
}

/// The path with every segment that holds a parameter beside something else taken whole: `/{name}.json` is `/{name}`.
fn whole_segments(path: &str) -> String {
    let segment = |segment: &str| match segment.split_once('{').and_then(|(_, rest)| rest.split_once('}')) {
        Some((name, _)) => format!("{{{name}}}"),
        None => segment.to_owned(),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// The path up to its first parameter, and everything below.
fn cut_at_parameter(path: &str) -> String {
    let fixed: Vec<&str> = path.split('/').take_while(|segment| !segment.contains('{')).collect();
    format!("{}/{{*rest}}", fixed.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_routes_and_the_first_server_the_upstream() {
        let text = r##"{"openapi": "3.1.0", "info": {"title": "Cat\n Facts"}, "servers": [{"url": "/v1"},
            {"url": "https://{region}.cats.example/v2/", "variables": {"region": {"default": "eu"}}}],
            "paths": {"/facts/{fact-id}": {"get": {}, "delete": {}, "parameters": []}, "/caf\u00e9": {"post": {}},
            "/nothing": {"summary": "no method"}}}"##;
        let api = Api::read(text).expect("an API");
        assert_eq!((api.title.as_str(), api.id().as_str()), ("Cat Facts", "cat-facts"));
        assert_eq!(api.upstream.as_deref(), Some("https://eu.cats.example/v2"));
        let routes: Vec<_> = api.routes.iter().map(|(path, methods)| (path.as_str(), methods.join(" "))).collect();
        assert_eq!(routes, [("/caf%C3%A9", "POST".to_owned()), ("/facts/{fact_id}", "GET DELETE".to_owned())]);
        assert_eq!(api.widened, []);
    }

    #[test]
    fn a_path_that_no_route_can_say_is_widened_and_named() {
        let text = "openapi: 3.0.3\ninfo: { title: T }\npaths:\n  /a/{x}-{y}: { get: {} }\n  /a/{z}: { put: {} }\n  \
            /b/{x}/c: { get: {} }\n  /b/{y}.{f}/{g}: { get: {} }\n";
        let api = Api::read(text).expect("an API");
        assert_eq!(api.routes["/a/{x}"], ["GET"]);
        assert_eq!(api.widened[0], ("/a/{x}-{y}".to_owned(), "/a/{x}".to_owned()));
        assert_eq!((api.upstream.as_ref(), fits(&api.routes)), (None, true), "{api:?}");
    }

    #[test]
    fn what_is_no_openapi_document_is_refused_in_one_line() {
        for text in
            ["", "{", "{}", "a: [", "swagger: '2.0'\ninfo: {}", "openapi: 2.0.0\ninfo: {}", "openapi: 3.0.0\ninfo: {}"]
        {
            let error = format!("{:#}", Api::read(text).expect_err(text));
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
}
