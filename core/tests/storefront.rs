//! The part of a catalog that is shown, and that says whom the provider lets in.
//!
//! Broken on purpose, each seen to fail here: a grant that costs something was taken; the keys of `sign_up` were not held against
//! the schema.
#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect must fail")]

use std::collections::BTreeSet;

use farebox_core::catalog::{Language, SCHEMA, SignUpMode, Storefront, compile, compile_with_storefront};

const CATALOG: &str = r##"
[provider]
name = "Acme"
currency = "USD"

[storefront]
logo = "/logo.svg"
colour = "#0A7CFF"
language = "zh"
links = [{ text = "Terms", url = "https://acme.example/terms" }]

[sign_up]
mode = "open"
grant = "welcome"

[payments]
suspend_on_dispute = true

[invoices]
seller = ["Acme GmbH", "VAT DE1"]
prefix = "A-"
tax = { name = "VAT", percent = "7.7" }

[[products]]
id = "echo"
summary = "Says it again"
description = "# Echo"
tags = ["text"]
openapi = "docs/echo.yaml"
upstream = "https://origin.example"
auth = ["key"]
routes = [{ path = "/echo" }]

  [[products.packages]]
  id = "welcome"
  price = "0.00"
  once = true
  calls = 100
"##;

#[test]
fn what_is_shown_is_compiled_beside_the_catalog() {
    let (catalog, storefront) = compile_with_storefront(CATALOG).unwrap();
    assert_eq!(compile(CATALOG).unwrap(), catalog);
    assert_eq!((storefront.logo.as_deref(), storefront.colour.as_deref()), (Some("/logo.svg"), Some("#0a7cff")));
    assert_eq!((storefront.language, storefront.links[0].text.as_str()), (Language::Chinese, "Terms"));
    assert_eq!((storefront.sign_up.mode, storefront.sign_up.grant.clone()), (SignUpMode::Open, "welcome".parse().ok()));
    assert!(storefront.suspends_on_dispute);
    let invoices = storefront.invoices.as_ref().unwrap();
    assert_eq!((invoices.seller.len(), invoices.prefix.as_str()), (2, "A-"));
    assert_eq!(invoices.tax.as_ref().unwrap().percent, "7.7".parse().unwrap());
    let echo = &storefront.products[&catalog.products[0].id];
    assert_eq!((echo.summary.as_deref(), echo.description.as_deref()), (Some("Says it again"), Some("# Echo")));
    assert_eq!(echo.openapi.as_deref(), Some("docs/echo.yaml"));
    assert!(catalog.products[0].packages[0].is_gift());
    let json = serde_json::to_string(&storefront).unwrap();
    assert_eq!(serde_json::from_str::<Storefront>(&json).unwrap(), storefront);
}

#[test]
fn a_catalog_that_says_nothing_lets_nobody_in() {
    let plain = CATALOG.split("[storefront]").next().unwrap();
    let storefront = compile_with_storefront(plain).unwrap().1;
    assert_eq!((storefront.sign_up.mode, storefront.sign_up.grant), (SignUpMode::Closed, None));
    assert_eq!((storefront.invoices, storefront.suspends_on_dispute), (None, false));
}

#[test]
fn what_is_wrong_is_said_at_its_place() {
    for (right, wrong, place) in [
        ("\"/logo.svg\"", "\"//evil.example/logo.svg\"", "storefront.logo"),
        ("\"/logo.svg\"", "\"javascript:alert(1)\"", "storefront.logo"),
        ("\"#0A7CFF\"", "\"red;}\"", "storefront.colour"),
        ("\"zh\"", "\"fr\"", "storefront.language"),
        ("https://acme.example/terms", "javascript:alert(1)", "storefront.links[0].url"),
        ("\"open\"", "\"all\"", "sign_up.mode"),
        ("grant = \"welcome\"", "grant = \"unheard\"", "sign_up"),
        ("[\"Acme GmbH\", \"VAT DE1\"]", "[]", "invoices.seller"),
        ("\"A-\"", "\"A 1\"", "invoices.prefix"),
        ("\"7.7\"", "\"0\"", "invoices.tax.percent"),
        ("\"7.7\"", "\"101\"", "invoices.tax.percent"),
        ("price = \"0.00\"", "price = \"0.01\"", "sign_up"),
        ("once = true", "once = false", "sign_up"),
    ] {
        let problems = compile(&CATALOG.replace(right, wrong)).unwrap_err();
        assert_eq!(problems.iter().map(|problem| problem.path.as_str()).collect::<Vec<_>>(), [place], "{wrong}");
    }
}

#[test]
fn the_schema_has_the_keys_of_the_storefront() {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let problems = compile(
        "storefront = { unheard_of = 1, links = [{ unheard_of = 1 }] }\nsign_up = { unheard_of = 1 }\n\
         payments = { unheard_of = 1 }\n\
         invoices = { unheard_of = 1, tax = { unheard_of = 1 } }\n[provider]",
    )
    .unwrap_err();
    for (path, name) in [
        ("storefront", "storefront"),
        ("storefront.links[0]", "link"),
        ("sign_up", "sign_up"),
        ("payments", "payments"),
        ("invoices", "invoices"),
        ("invoices.tax", "tax"),
    ] {
        let mut said = problems.iter().filter(|problem| problem.path == path);
        let known = said.find_map(|problem| problem.reason.split_once("known are ")).unwrap().1;
        let keys = schema["$defs"][name]["properties"].as_object().unwrap().keys().cloned();
        assert_eq!(keys.collect::<BTreeSet<_>>(), known.split(", ").map(str::to_owned).collect(), "{path}");
    }
}

#[test]
fn a_document_is_a_file_below_the_catalogs_folder() {
    for wrong in [
        "/etc/passwd.json",
        "../secrets.json",
        "a/../../b.yaml",
        "C:\\\\a.json",
        "https://a.example/a.json",
        "a.toml",
        ".json",
    ] {
        let problems = compile_with_storefront(&CATALOG.replace("docs/echo.yaml", wrong)).unwrap_err();
        assert!(problems[0].path.ends_with("openapi"), "{wrong}: {problems:?}");
    }
}
