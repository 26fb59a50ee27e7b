//! What people see: the storefront, the portal, and what search engines and models read of what is for sale.
//!
//! The documents are built by `portal`; here their head is filled in from the published catalog, and all of it is served alike on
//! both runtimes. Invariants: nothing here needs a session, or shows what needs one. Every text of the catalog is escaped for its
//! place. No document runs, shows or asks for anything of another host.

mod document;
mod files;
mod index;
mod policy;
mod structured;

use std::fmt::Display;

use farebox_core::catalog::{CATALOG_ENTRY, Catalog, Product, Storefront};
use farebox_ports::{Assets, Fault, Host, KeyValue, log::tell, stored};
use serde::Deserialize;

/// A request, as far as it matters to a page.
#[derive(Debug, Clone, Copy)]
pub struct PageRequest<'a> {
    /// The method, as sent.
    pub method: &'a str,
    /// The whole path, as sent.
    pub path: &'a str,
    /// Scheme and authority by which this host was called, such as `https://api.example`.
    pub origin: &'a str,
    /// The `Accept-Encoding` header.
    pub accept_encoding: Option<&'a str>,
    /// The `If-None-Match` header.
    pub if_none_match: Option<&'a str>,
    /// Whether this is development, which alone has a mailbox.
    pub is_development: bool,
}

/// What to answer. The body is packed already where `content-encoding` is among the headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageResponse {
    /// The HTTP status.
    pub status: u16,
    /// Header fields, names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What the pages need.
pub trait PagePorts: KeyValue + Assets + Host {}

impl<P: KeyValue + Assets + Host> PagePorts for P {}

/// What is published, as far as the pages show it.
#[derive(Deserialize)]
struct Published {
    catalog: Catalog,
    #[serde(default)]
    storefront: Storefront,
}

/// A place that a person or a program can look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place<'a> {
    Storefront,
    Product(&'a str),
    /// Why a call is turned away: all reasons, or one of them.
    Problems(Option<&'a str>),
    Portal,
    Mailbox,
    File(&'a str),
    Sitemap,
    Summary,
}

/// Answers a request for a page; `None` where the path is none of a page, so that it is for an API.
pub async fn handle<P: PagePorts>(ports: &P, request: &PageRequest<'_>) -> Option<PageResponse> {
    let place = Place::of(request.path).filter(|place| *place != Place::Mailbox || request.is_development)?;
    if !matches!(request.method, "GET" | "HEAD") {
        return Some(refused(405, &[("allow", "GET, HEAD")]));
    }
    let mut response = answer(ports, place, request).await.unwrap_or_else(|fault| {
        let about: [(&str, &dyn Display); 2] = [("method", &request.method), ("path", &request.path)];
        tell(ports, "page.failed", &about, &fault);
        refused(503, &[("retry-after", "5")])
    });
    if request.method == "HEAD" {
        response.body.clear();
    }
    Some(response)
}

impl<'a> Place<'a> {
    /// The place at a path: no other path below `/_farebox` is a page.
    fn of(path: &'a str) -> Option<Self> {
        let rest = path.strip_prefix("/_farebox")?;
        Some(match rest.strip_prefix('/').unwrap_or(rest) {
            "" => Self::Storefront,
            "sitemap.xml" => Self::Sitemap,
            "llms.txt" => Self::Summary,
            "dev/mailbox" => Self::Mailbox,
            "portal" => Self::Portal,
            "problems" => Self::Problems(None),
            name if name.starts_with("problems/") => Self::Problems(name.strip_prefix("problems/")),
            name if name == "favicon.svg" || name.starts_with("assets/") => Self::File(name),
            name if name.starts_with("portal/") => Self::Portal,
            name => Self::Product(name.strip_prefix("products/")?),
        })
    }
}

async fn answer<P: PagePorts>(ports: &P, place: Place<'_>, request: &PageRequest<'_>) -> Result<PageResponse, Fault> {
    if let Place::File(name) = place {
        return files::serve(ports, name, request).await;
    }
    let published: Option<Published> = stored::read(ports, CATALOG_ENTRY).await?;
    match place {
        Place::Sitemap => Ok(index::sitemap(published.as_ref(), request)),
        Place::Summary => Ok(index::summary(published.as_ref(), request)),
        _ => document::serve(ports, place, published.as_ref(), request).await,
    }
}

impl Published {
    /// The products that everybody may see, in the catalog's order.
    fn products(&self) -> impl Iterator<Item = &Product> {
        self.catalog.products.iter().filter(|product| product.accounts.is_none())
    }

    /// One line on a product.
    fn summary_of(&self, product: &Product) -> &str {
        let texts = self.storefront.products.get(&product.id);
        texts.and_then(|texts| texts.summary.as_deref()).unwrap_or_default()
    }
}

/// The address of a product's page. Its id is made of what stands in a URL as it is.
fn address_of(product: &Product, origin: &str) -> String {
    format!("{origin}/_farebox/products/{}", product.id)
}

fn refused(status: u16, headers: &[(&'static str, &str)]) -> PageResponse {
    let mut all: Vec<_> = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    all.push(("cache-control", "no-store".to_owned()));
    PageResponse { status, headers: all, body: Vec::new() }
}

/// `text` where HTML or XML is read, between tags or quotes.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}
