//! The reference page of the catalog is what the schema says: `FAREBOX_WRITE=1 cargo test -p farebox-core --test catalog_reference`
//! writes it.
#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect must fail")]

use std::{env, fmt::Write, fs};

use farebox_core::catalog::SCHEMA;
use serde_json::Value;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/catalog-reference.md");

const HEAD: &str = "# The catalog, key by key

This page is made from the schema (`core/src/catalog/catalog.schema.json`, also served at `/_farebox/catalog.schema.json`). A key without
a default can be left out, unless it is required. [`examples/catalogs/`](../examples/catalogs) has price lists to begin with.
";

/// The tables of a catalog, in the order in which somebody meets them: where each stands, and its definition.
const TABLES: &[(&str, &str)] = &[
    ("provider", "`[provider]`"),
    ("product", "`[[products]]`"),
    ("route", "`[[products.routes]]`"),
    ("rate", "`[products.rate]`, and the `rate` of a plan or an agreed price"),
    ("calls_tier", "A tier of `rate.calls`"),
    ("bytes_tier", "A tier of `rate.ingress`, `rate.egress` or `rate.total`"),
    ("units_tier", "A tier of `rate.units`"),
    ("agreed_price", "`[[products.prices]]`"),
    ("package", "`[[products.packages]]`"),
    ("plan", "`[[products.subscriptions]]`"),
    ("limits", "`limits`"),
    ("cors", "`[products.cors]`"),
    ("stages", "`[products.stages]`"),
    ("test_stage", "`[products.stages.test]`"),
    ("field_changes", "`[products.request_headers]` and `[products.response_headers]`"),
    ("storefront", "`[storefront]`"),
    ("link", "A link of `storefront.links`"),
    ("sign_up", "`[sign_up]`"),
    ("payments", "`[payments]`"),
    ("invoices", "`[invoices]`"),
    ("tax", "`[invoices.tax]`"),
];

fn page() -> String {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let mut page = HEAD.to_owned();
    for (name, title) in TABLES {
        let table = &schema["$defs"][name];
        let about = table["description"].as_str().unwrap_or_default();
        let _ = write!(page, "\n## {title}\n\n");
        if !about.is_empty() {
            let _ = write!(page, "{about}\n\n");
        }
        page.push_str("| key | what it is | default | example |\n| --- | --- | --- | --- |\n");
        for (key, property) in table["properties"].as_object().unwrap() {
            let target = property["$ref"].as_str().and_then(|path| path.rsplit('/').next());
            let target = target.map_or(&Value::Null, |name| &schema["$defs"][name]);
            let of = |member: &str| if property[member].is_null() { &target[member] } else { &property[member] };
            let is_required =
                table["required"].as_array().is_some_and(|required| required.contains(&key.as_str().into()));
            let default = match of("default") {
                Value::Null if is_required => "required".to_owned(),
                Value::Null => String::new(),
                default => code(default),
            };
            let example = example(property, target).map(|example| code(&example)).unwrap_or_default();
            let about = of("description").as_str().unwrap_or_default().replace('|', "\\|");
            assert!(!about.is_empty() && !example.is_empty(), "{name}.{key} lacks a description or an example");
            let _ = writeln!(page, "| `{key}` | {about} | {default} | {example} |");
        }
    }
    page
}

/// One of its examples, or a value that it can have.
fn example(property: &Value, target: &Value) -> Option<Value> {
    let member = |name: &str| [property, target].into_iter().find_map(|of| of.get(name).cloned());
    let first = |values: Value| values.as_array().and_then(|values| values.first().cloned());
    let by_type = || match member("type")?.as_str()? {
        "boolean" => Some(true.into()),
        "integer" => Some(member("minimum").unwrap_or_else(|| 1.into())),
        _ => None,
    };
    let of_items = || Some(vec![first(property.get("items")?.get("enum")?.clone())?].into());
    let found = member("examples").and_then(first).or_else(|| member("enum").and_then(first));
    found.or_else(of_items).or_else(by_type)
}

/// A value as TOML has it.
fn code(value: &Value) -> String {
    fn toml(value: &Value) -> String {
        match value {
            Value::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
            Value::Object(pairs) => {
                let is_bare =
                    |key: &str| key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
                let key = |key: &String| if is_bare(key) { key.clone() } else { format!("\"{key}\"") };
                let pairs = pairs.iter().map(|(name, value)| format!("{} = {}", key(name), toml(value)));
                format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
            }
            other => other.to_string(),
        }
    }
    format!("`{}`", toml(value))
}

#[test]
fn the_reference_page_says_what_the_schema_says() {
    if env::var_os("FAREBOX_WRITE").is_some() {
        fs::write(PAGE, page()).unwrap();
    }
    let written = fs::read_to_string(PAGE).unwrap_or_default();
    assert!(written == page(), "the page is of another schema: write it anew with FAREBOX_WRITE=1");
}

#[test]
fn every_table_of_the_schema_is_on_the_page() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let tables = schema["$defs"].as_object().unwrap().iter().filter(|(_, def)| def["properties"].is_object());
    for (name, _) in tables {
        assert!(TABLES.iter().any(|(table, _)| table == name), "{name}");
    }
}
