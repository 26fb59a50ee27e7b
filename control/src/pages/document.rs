//! The documents: what `portal` built, with the head and the first words of the page that they are.
//!
//! Invariant: who runs no scripts reads a title, a description and what is for sale; scripts then draw the page over it.

use std::fmt::Write;

use farebox_core::{
    catalog::{Language, Product},
    rejection::{PROBLEMS, Rejection},
};
use farebox_ports::Fault;
use sha2::{Digest, Sha256};

use super::{
    PagePorts, PageRequest, PageResponse, Place, Published, address_of, escaped, files::is_known, policy, refused,
    structured,
};

/// Where the head goes in a built document, and where what it says first.
const HEAD: &str = "<!--head-->";
const BODY: &str = "<div id=\"page\"></div>";

/// What the provider is called before a catalog is published.
const NAMELESS: &str = "Farebox";

/// A document's own words.
struct Words {
    status: u16,
    title: String,
    description: String,
    /// Its one address, where search engines may keep it.
    canonical: Option<String>,
    /// More of the head.
    head: String,
    /// What stands there until scripts have drawn the page.
    body: String,
}

/// Answers with the document of a place.
pub(super) async fn serve<P: PagePorts>(
    ports: &P,
    place: Place<'_>,
    published: Option<&Published>,
    request: &PageRequest<'_>,
) -> Result<PageResponse, Fault> {
    let is_portal = place == Place::Portal;
    let name = if is_portal { "portal.html" } else { "storefront.html" };
    let Some(built) = ports.asset(name).await? else { return Ok(refused(404, &[])) };
    let words = Words::of(place, published, request.origin);
    let page = fill(&String::from_utf8_lossy(&built), &words, published);
    let hash = Sha256::digest(page.as_bytes());
    let tag = hash[..10].iter().fold("\"".to_owned(), |tag, byte| tag + &format!("{byte:02x}")) + "\"";
    let logo = published.and_then(|published| published.storefront.logo.as_deref());
    let mut headers = vec![
        ("cache-control", "no-cache".to_owned()),
        ("content-security-policy", policy::of_document(logo)),
        ("cross-origin-opener-policy", "same-origin".to_owned()),
        ("etag", tag.clone()),
    ];
    headers.extend(policy::of_all());
    if words.status == 200 && is_known(request.if_none_match, &tag) {
        return Ok(PageResponse { status: 304, headers, body: Vec::new() });
    }
    headers.push(("content-type", "text/html; charset=utf-8".to_owned()));
    Ok(PageResponse { status: words.status, headers, body: page.into_bytes() })
}

/// The built document with its words.
fn fill(built: &str, words: &Words, published: Option<&Published>) -> String {
    let (title, description) = (escaped(&words.title), escaped(&words.description));
    let mut head = format!("<title>{title}</title>\n    <meta name=\"description\" content=\"{description}\" />");
    match &words.canonical {
        Some(address) => {
            let _ = write!(head, "\n    <link rel=\"canonical\" href=\"{0}\" />", escaped(address));
            for (name, content) in [("title", &title), ("description", &description), ("url", &escaped(address))] {
                let _ = write!(head, "\n    <meta property=\"og:{name}\" content=\"{content}\" />");
            }
        }
        None => head.push_str("\n    <meta name=\"robots\" content=\"noindex\" />"),
    }
    if let Some(colour) = published.and_then(|published| published.storefront.colour.as_deref()) {
        let _ = write!(head, "\n    <meta name=\"theme-color\" content=\"{}\" />", escaped(colour));
    }
    head.push_str(&words.head);
    let language = published.map(|published| published.storefront.language).unwrap_or_default();
    let built = if language == Language::Chinese {
        built.replace("<html lang=\"en\">", "<html lang=\"zh-CN\">")
    } else {
        built.to_owned()
    };
    let body = format!("<div id=\"page\">{}</div>", words.body);
    built.replacen(HEAD, &head, 1).replacen(BODY, &body, 1)
}

impl Words {
    fn of(place: Place<'_>, published: Option<&Published>, origin: &str) -> Self {
        let provider = published.map_or(NAMELESS, |published| &published.catalog.provider.name);
        let hidden = |status, title: String| Self {
            status,
            title,
            description: String::new(),
            canonical: None,
            head: String::new(),
            body: String::new(),
        };
        let Some(published) = published else { return hidden(200, provider.to_owned()) };
        match place {
            Place::Product(id) => match published.products().find(|product| product.id.as_str() == id) {
                Some(product) => Self::of_product(published, product, origin),
                None => hidden(404, provider.to_owned()),
            },
            Place::Problems(code) => Self::of_problems(published, code, origin),
            Place::Storefront => Self::of_storefront(published, origin),
            _ => hidden(200, provider.to_owned()),
        }
    }

    fn of_storefront(published: &Published, origin: &str) -> Self {
        let provider = &published.catalog.provider.name;
        let names: Vec<&str> = published.products().map(|product| product.title.as_str()).collect();
        let links = published.products().map(|product| {
            let (address, title) = (escaped(&address_of(product, "")), escaped(&product.title));
            format!("<li><a href=\"{address}\">{title}</a> {}</li>", escaped(published.summary_of(product)))
        });
        Self {
            status: 200,
            title: format!("{provider}: APIs"),
            description: format!("APIs by {provider}: {}", names.join(", ")),
            canonical: Some(format!("{origin}/_farebox/")),
            head: String::new(),
            body: format!("<main><h1>{}</h1><ul>{}</ul></main>", escaped(provider), links.collect::<String>()),
        }
    }

    /// Reasons why a call is turned away. Of a code that no rejection has, all are shown.
    fn of_problems(published: &Published, code: Option<&str>, origin: &str) -> Self {
        let provider = &published.catalog.provider.name;
        let all = Rejection::kinds();
        let asked = all.iter().find(|kind| code == Some(kind.code()));
        let about =
            |kind: &Rejection| format!("<h2>{}: {}</h2><p>{}</p>", kind.code(), kind.title(), escaped(&kind.detail()));
        let body = match asked {
            Some(kind) => about(kind),
            None => all.iter().map(about).collect(),
        };
        let title = asked.map_or("Why a call is turned away", Rejection::title);
        Self {
            status: if code.is_some() && asked.is_none() { 404 } else { 200 },
            title: format!("{title} · {provider}"),
            description: asked.map_or_else(String::new, Rejection::detail),
            canonical: Some(format!("{origin}{PROBLEMS}{}", asked.map_or("", Rejection::code))),
            head: String::new(),
            body: format!("<main><h1>{title}</h1>{body}</main>"),
        }
    }

    fn of_product(published: &Published, product: &Product, origin: &str) -> Self {
        let (provider, summary) = (&published.catalog.provider.name, published.summary_of(product));
        let described =
            if summary.is_empty() { format!("{}, an API by {provider}", product.title) } else { summary.to_owned() };
        Self {
            status: 200,
            title: format!("{} · {provider}", product.title),
            body: format!("<main><h1>{}</h1><p>{}</p></main>", escaped(&product.title), escaped(&described)),
            description: described,
            canonical: Some(address_of(product, origin)),
            head: format!("\n    {}", structured::product(published, product, origin)),
        }
    }
}
