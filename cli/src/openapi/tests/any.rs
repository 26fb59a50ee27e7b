//! Of any document, each operation is sold at its own address or named; and no text at all makes the reader fall.

use std::collections::BTreeMap;

use farebox_core::catalog::{compile, router::Router};
use proptest::prelude::*;
use url::Url;

use super::{document, read, with};
use crate::{
    draft::Draft,
    openapi::{Api, Kind, Named},
};

/// Many times more conflicts than a report of the compiler holds: each is settled, and none by trying routes one by one.
#[test]
fn thousands_of_paths_that_conflict_are_read() {
    let mut paths = String::new();
    for n in 0..600 {
        paths += &format!("  '/r{n}/{{id}}': {{get: {{}}}}\n  '/r{n}/{{id}}.json': {{get: {{}}}}\n");
        paths += &format!("  '/r{n}/{{id}}/x': {{post: {{}}}}\n  '/r{n}/{{a}}-{{b}}': {{put: {{}}}}\n");
    }
    let api = read(&document(&paths));
    check(&document(&paths), &api);
}

/// Every operation of a document, by a walk that shares nothing with the reader: sold at its address, or named.
fn check(text: &str, api: &Api) {
    let root: serde_json::Value =
        serde_json::from_str(text).or_else(|_| serde_saphyr::from_str(text)).expect("JSON or YAML");
    let draft =
        Draft { schema: "s", provider: "P", currency: "USD".parse().expect("USD"), price: "1".parse().expect("1") };
    let catalog = compile(&draft.text(api)).expect("a catalog");
    let router = Router::new(&catalog).expect("a router");
    let mut by_path: BTreeMap<&str, Vec<&Named>> = BTreeMap::new();
    for named in &api.named {
        by_path.entry(named.path.as_deref().unwrap_or_default()).or_default().push(named);
    }
    let server = |value: &serde_json::Value| value["servers"][0]["url"].as_str().map(str::to_owned);
    for (path, item) in root["paths"].as_object().into_iter().flatten() {
        for (key, operation) in item.as_object().into_iter().flatten() {
            if !METHODS_IN_TEST.contains(&key.as_str()) {
                continue;
            }
            let method = key.to_ascii_uppercase();
            let is_named =
                by_path.get(path.as_str()).into_iter().flatten().any(|named| {
                    named.kind != Kind::Note && (named.methods.is_empty() || named.methods.contains(&method))
                });
            let address = server(operation).or_else(|| server(item)).or_else(|| server(&root)).expect("an address");
            let sample =
                Url::parse(&format!("https://h.example{}", path.replace(['{', '}'], "q"))).expect("an address");
            let found = router.route(&method, sample.path(), None).ok();
            let found = found.map(|target| catalog.products[target.product].upstream.clone());
            assert!(
                is_named || found.as_deref() == Some(address.as_str()),
                "{method} {path} at {address}: {found:?}\n{text}"
            );
        }
    }
}

const METHODS_IN_TEST: [&str; 5] = ["get", "put", "post", "delete", "trace"];

/// A path of segments that like to conflict.
fn any_path() -> impl Strategy<Value = String> {
    let segment = prop::sample::select(vec![
        "a",
        "b",
        "{x}",
        "{y}",
        "{x}.json",
        "v{x}",
        "{x}-{y}",
        "{x}:act",
        "{rest+}",
        "",
        "..",
        "é",
        "{",
        "}",
        "x y",
        "*",
        "_farebox",
        "{a b}",
        "{{z}}",
        "c?d",
        "c#d",
        "{q:\\d+}",
        ":id",
        "(x={x},y={y})",
    ]);
    prop::collection::vec(segment, 1..4).prop_map(|segments| format!("/{}", segments.join("/")))
}

fn any_servers() -> impl Strategy<Value = Option<&'static str>> {
    prop::sample::select(vec![None, None, None, Some("https://a.example"), Some("https://b.example/v2")])
}

fn any_document() -> impl Strategy<Value = String> {
    let method = prop::sample::select(METHODS_IN_TEST.to_vec());
    let item = (any_path(), any_servers(), prop::collection::btree_map(method, any_servers(), 0..4));
    (any::<String>(), prop::collection::vec(item, 1..14)).prop_map(|(title, items)| {
        let servers = |url: &Option<&str>| url.map(|url| serde_json::json!([{ "url": url }]));
        let mut paths = serde_json::Map::new();
        for (path, own, operations) in items {
            let mut item = serde_json::Map::new();
            item.extend(servers(&own).map(|servers| ("servers".to_owned(), servers)));
            for (method, own) in operations {
                item.insert(method.to_owned(), servers(&own).map_or_else(|| serde_json::json!({}), |own| serde_json::json!({ "servers": own })));
            }
            paths.insert(path, item.into());
        }
        serde_json::json!({ "openapi": "3.0.0", "info": { "title": title }, "servers": [{ "url": "https://api.example" }],
            "paths": paths })
        .to_string()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn of_any_document_each_operation_is_sold_at_its_address_or_named(text in any_document()) {
        match with(&text, None) {
            Ok(api) => check(&text, &api),
            Err(error) => prop_assert!(format!("{error:#}").starts_with("the document has no path"), "{error:#}"),
        }
    }

    #[test]
    fn no_text_at_all_makes_the_reader_fall(text in "\\PC*", path in "\\PC{0,20}", url in "\\PC{0,20}") {
        let _ = with(&text, None);
        let json = serde_json::json!({ "openapi": "3.0.0", "info": { "title": text }, "servers": [{ "url": url }],
            "paths": { path: { "get": { "servers": [{ "url": text }] }, "put": {} }, "/ok": { "get": {} } } });
        let api = with(&json.to_string(), Some("https://u.example"));
        prop_assert!(api.is_ok(), "{api:?}");
    }
}
