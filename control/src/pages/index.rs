//! What programs read of what is for sale: a sitemap (<https://www.sitemaps.org/protocol.html>) for search engines and a summary in
//! Markdown (<https://llmstxt.org/>) for models.

use std::fmt::Write;

use super::{PageRequest, PageResponse, Published, address_of, escaped, policy};

/// How long they may be kept: a catalog changes seldom.
const FOR_AN_HOUR: &str = "public, max-age=3600";

/// Every page that a stranger can open.
pub(super) fn sitemap(published: Option<&Published>, request: &PageRequest<'_>) -> PageResponse {
    let home = format!("{}/_farebox/", request.origin);
    let products = published.into_iter().flat_map(Published::products);
    let pages = std::iter::once(home).chain(products.map(|product| address_of(product, request.origin)));
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n",
    );
    for page in pages {
        let _ = writeln!(text, "  <url><loc>{}</loc></url>", escaped(&page));
    }
    text.push_str("</urlset>\n");
    answer("application/xml; charset=utf-8", text)
}

/// What is for sale, and where its price and its description are read by a program.
pub(super) fn summary(published: Option<&Published>, request: &PageRequest<'_>) -> PageResponse {
    let origin = request.origin;
    let mut text = String::new();
    if let Some(published) = published {
        let provider = &published.catalog.provider.name;
        let _ = write!(
            text,
            "# {provider}\n\n> APIs for sale, paid ahead by package, by plan, or as they are called.\n\n## APIs\n\n"
        );
        for product in published.products() {
            let _ = writeln!(
                text,
                "- [{}]({}): {} Prices as JSON: {origin}/_farebox/v1/products/{}",
                product.title,
                address_of(product, origin),
                published.summary_of(product),
                product.id,
            );
        }
    }
    let _ = write!(
        text,
        "\n## Customers\n\n- [Account]({origin}/_farebox/portal/): sign up, keys, what is left\n\
         - [API of customers]({origin}/_farebox/v1/openapi.json): OpenAPI 3.1\n\
         - [Why a call is turned away]({origin}/_farebox/problems): each code, and what to do next\n"
    );
    answer("text/markdown; charset=utf-8", text)
}

fn answer(media_type: &str, text: String) -> PageResponse {
    let mut headers = vec![("content-type", media_type.to_owned()), ("cache-control", FOR_AN_HOUR.to_owned())];
    headers.extend(policy::of_all());
    PageResponse { status: 200, headers, body: text.into_bytes() }
}
