//! The pages on the platform in memory: what is shown of a catalog, how it is escaped, and how files are served.

use farebox_control::pages::{PageRequest, PageResponse, handle};
use farebox_core::{
    catalog::{CATALOG_ENTRY, compile_with_storefront},
    rejection::Rejection,
};
use farebox_memory::Memory;
use farebox_ports::KeyValue;
use serde_json::{Value, json};

use crate::admin::shop::ready;

/// What Vite makes of a document, as far as it matters.
const DOCUMENT: &str = "<html lang=\"en\"><head><!--head--></head><body><div id=\"page\"></div></body></html>";

/// Everything that may go wrong in a text stands in a title and in a summary.
const CATALOG: &str = r##"
[provider]
name = "Acme & <Sons>"
currency = "USD"

[storefront]
logo = "https://cdn.example/logo.svg"
colour = "#0a7cff"
language = "zh"

[[products]]
id = "maps"
title = "Maps </script><script>alert(1)</script>"
summary = "Every \"street\" & lane"
upstream = "https://origin.example"
auth = ["key"]
routes = [{ path = "/maps" }]
rate = { per_1000_calls = "2.00" }

  [[products.packages]]
  id = "maps-100"
  title = "A hundred"
  price = "0.15"
  calls = 100

[[products]]
id = "private"
upstream = "https://origin.example"
auth = ["key"]
accounts = ["acc_1"]
routes = [{ path = "/private" }]
rate = { per_1000_calls = "1.00" }
"##;

/// A deployment with built pages and, where it is said, a catalog.
fn deployed(catalog: Option<&str>) -> Memory {
    let memory = Memory::default();
    for (path, content) in [
        ("storefront.html", DOCUMENT),
        ("portal.html", DOCUMENT),
        ("favicon.svg", "<svg/>"),
        ("assets/app-B3k.js", "plain"),
        ("assets/app-B3k.js.br", "by brotli"),
        ("assets/app-B3k.js.gz", "by gzip"),
        ("assets/font-1.woff2", "font"),
    ] {
        memory.deploy(path, content.as_bytes());
    }
    if let Some(source) = catalog {
        let (catalog, storefront) = compile_with_storefront(source).unwrap();
        let published = json!({ "source": source, "catalog": catalog, "storefront": storefront }).to_string();
        ready(memory.put(CATALOG_ENTRY, published.as_bytes())).unwrap();
    }
    memory
}

fn request(path: &str) -> PageRequest<'_> {
    PageRequest {
        method: "GET",
        path,
        origin: "https://api.example",
        accept_encoding: None,
        if_none_match: None,
        is_development: false,
    }
}

fn got(memory: &Memory, request: PageRequest<'_>) -> PageResponse {
    ready(handle(memory, &request)).unwrap_or_else(|| panic!("{} is no page", request.path))
}

fn header<'a>(response: &'a PageResponse, name: &str) -> &'a str {
    response.headers.iter().find(|(have, _)| *have == name).map_or("", |(_, value)| value)
}

fn text(response: &PageResponse) -> String {
    String::from_utf8(response.body.clone()).unwrap()
}

#[test]
fn a_products_page_says_what_it_is_and_what_it_costs_and_no_text_leaves_its_place() {
    let page = got(&deployed(Some(CATALOG)), request("/_farebox/products/maps"));
    let html = text(&page);
    assert_eq!((page.status, header(&page, "content-type")), (200, "text/html; charset=utf-8"));
    assert!(html.contains("<title>Maps &lt;/script&gt;") && html.contains("Acme &amp; &lt;Sons&gt;"), "{html}");
    assert!(html.contains("content=\"Every &quot;street&quot; &amp; lane\""), "{html}");
    assert!(html.contains("rel=\"canonical\" href=\"https://api.example/_farebox/products/maps\""), "{html}");
    assert!(html.contains("<html lang=\"zh-CN\">") && html.contains("content=\"#0a7cff\""), "{html}");
    assert_eq!(html.matches("<script").count(), 1, "the one of JSON-LD: {html}");
    let (_, after) = html.split_once("application/ld+json\">").unwrap();
    let structured: Value = serde_json::from_str(after.split_once("</script>").unwrap().0).unwrap();
    assert_eq!(structured["@type"], "Product");
    assert_eq!(structured["offers"][0]["priceSpecification"]["referenceQuantity"]["value"], 1000);
    assert_eq!(structured["offers"][1]["price"], "0.15");
    assert_eq!(structured["offers"][1]["priceCurrency"], "USD");
}

#[test]
fn a_policy_lets_nothing_run_or_load_that_is_not_ours_but_the_providers_logo() {
    for path in ["/_farebox", "/_farebox/", "/_farebox/products/maps", "/_farebox/portal", "/_farebox/portal/keys"] {
        let page = got(&deployed(Some(CATALOG)), request(path));
        let policy = header(&page, "content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self' 'wasm-unsafe-eval';"), "{path}: {policy}");
        assert!(policy.contains("img-src 'self' data: https://cdn.example;"), "{path}: {policy}");
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{path}: {policy}");
        assert_eq!(header(&page, "x-content-type-options"), "nosniff", "{path}");
    }
}

#[test]
fn the_type_of_each_rejection_is_a_page_that_says_what_to_do() {
    let memory = deployed(Some(CATALOG));
    for kind in Rejection::kinds() {
        let problem: Value = serde_json::from_str(&kind.problem(kind.status(), "r")).unwrap();
        let page = got(&memory, request(problem["type"].as_str().unwrap()));
        assert!(page.status == 200 && text(&page).contains(kind.title()), "{problem}");
    }
    assert_eq!(got(&memory, request("/_farebox/problems")).status, 200);
    assert_eq!(got(&memory, request("/_farebox/problems/none")).status, 404);
}

#[test]
fn what_is_sold_to_some_only_is_shown_to_nobody_here() {
    let memory = deployed(Some(CATALOG));
    assert_eq!(got(&memory, request("/_farebox/products/private")).status, 404);
    for path in ["/_farebox/", "/_farebox/sitemap.xml", "/_farebox/llms.txt"] {
        let shown = text(&got(&memory, request(path)));
        assert!(shown.contains("products/maps") && !shown.contains("private"), "{path}: {shown}");
    }
    assert!(text(&got(&memory, request("/_farebox/sitemap.xml"))).contains("<loc>https://api.example/_farebox/</loc>"));
}

#[test]
fn a_gateway_without_a_catalog_has_pages_that_no_search_engine_keeps() {
    let memory = deployed(None);
    for path in ["/_farebox/", "/_farebox/portal/"] {
        let page = got(&memory, request(path));
        assert!(page.status == 200 && text(&page).contains("noindex"), "{path}");
    }
    assert_eq!(got(&memory, request("/_farebox/llms.txt")).status, 200);
}

#[test]
fn a_file_is_sent_in_the_smallest_form_that_is_taken_and_never_twice() {
    let memory = deployed(None);
    let path = "/_farebox/assets/app-B3k.js";
    for (accept_encoding, encoding, body) in
        [(Some("gzip, br"), "br", "by brotli"), (Some("gzip, br;q=0"), "gzip", "by gzip"), (None, "", "plain")]
    {
        let file = got(&memory, PageRequest { accept_encoding, ..request(path) });
        assert_eq!((header(&file, "content-encoding"), text(&file).as_str()), (encoding, body));
        assert!(header(&file, "cache-control").contains("immutable"));
        let tag = header(&file, "etag").to_owned();
        let again = got(&memory, PageRequest { if_none_match: Some(&tag), accept_encoding, ..request(path) });
        assert_eq!((again.status, again.body.len(), header(&again, "etag")), (304, 0, tag.as_str()));
    }
    let font = got(&memory, PageRequest { accept_encoding: Some("br"), ..request("/_farebox/assets/font-1.woff2") });
    assert_eq!((header(&font, "content-encoding"), text(&font).as_str()), ("", "font"));
    for gone in ["/_farebox/assets/other.js", "/_farebox/assets/../storefront.html", "/_farebox/assets/app-B3k.js.br"] {
        assert_eq!(got(&memory, request(gone)).status, 404, "{gone}");
    }
}

#[test]
fn a_document_that_did_not_change_is_not_sent_again_and_one_that_did_is() {
    let memory = deployed(Some(CATALOG));
    let tag = header(&got(&memory, request("/_farebox/")), "etag").to_owned();
    let asked = PageRequest { if_none_match: Some(&tag), ..request("/_farebox/") };
    assert_eq!(got(&memory, asked).status, 304);
    assert_eq!(got(&deployed(Some(&CATALOG.replace("lane", "road"))), asked).status, 200);
}

#[test]
fn only_reading_is_for_pages_and_what_is_no_page_is_for_an_api() {
    let memory = deployed(None);
    let head = got(&memory, PageRequest { method: "HEAD", ..request("/_farebox/") });
    assert_eq!((head.status, head.body.len()), (200, 0));
    let post = got(&memory, PageRequest { method: "POST", ..request("/_farebox/") });
    assert_eq!((post.status, header(&post, "allow")), (405, "GET, HEAD"));
    for path in
        ["/_farebox/v1/me", "/_farebox/admin/v1/health", "/_farebox/openapi.json", "/_farebox/dev/mailbox", "/x"]
    {
        assert_eq!(ready(handle(&memory, &request(path))), None, "{path}");
    }
    let mailbox = PageRequest { is_development: true, ..request("/_farebox/dev/mailbox") };
    assert_eq!(got(&memory, mailbox).status, 200);
    memory.set_down(true);
    assert_eq!(got(&memory, request("/_farebox/")).status, 503);
}
