//! What a product may leave out, and that one which was published before has all of it.

use farebox_core::catalog::{AnswerStyle, Catalog, Product, Served, compile};

const PRODUCT: &str = r#"
[provider]
name = "Acme"
currency = "USD"
[[products]]
id = "plain"
upstream = "https://origin.acme.example"
auth = ["x-ca"]
routes = [{ path = "/plain" }]
rate = { per_1000_calls = "2.00" }
"#;

fn product(more: &str) -> Product {
    compile(&format!("{PRODUCT}{more}")).expect("a good catalog").products.remove(0)
}

#[test]
fn answers_are_annotated_and_upstreams_get_a_signature_unless_the_product_says_otherwise() {
    let usual = product("");
    assert_eq!((usual.answer, usual.upstream_signature), (AnswerStyle::Annotated, true));
    let plain = product("answer = \"untouched\"\nupstream_signature = false");
    assert_eq!((plain.answer, plain.upstream_signature), (AnswerStyle::Untouched, false));
}

#[test]
fn a_product_that_was_published_before_there_was_the_choice_is_as_it_was() {
    let usual = product("");
    let mut stored = serde_json::to_value(&usual).unwrap();
    for key in ["answer", "upstream_signature"] {
        assert!(stored.as_object_mut().unwrap().remove(key).is_some());
    }
    assert_eq!(serde_json::from_value::<Product>(stored).unwrap(), usual);
}

#[test]
fn a_gateway_reads_all_of_a_catalog_but_what_is_bought_ahead() {
    let more = "timeout = \"5s\"\nkey_parameter = \"k\"\nhmac_sha1 = true\ncharge_on = \"2xx\"\naccounts = [\"a\"]\nadmission = \"strict\"\n\
        upstream_signature = false\nlimits = { per_account = \"5/second\" }\ncors = { origins = [\"*\"] }\nunits = \"header\"\nmax_units = 3\n\
        prices = [{ accounts = [\"b\"], rate = { per_call = \"1\" } }]\n\
        stages = { test = { upstream = \"http://t\", limits = { per_account = \"1/second\" } } }\n\
        packages = [{ id = \"k\", price = \"1\", calls = 1 }]\n\
        subscriptions = [{ id = \"s\", price = \"1\", every = \"1 month\", unlimited = true }]";
    let more = more.replace(
        "\nkey_parameter",
        "\nauth = [\"key\", \"jwt\"]\njwt = { issuer = \"i\", audience = \"a\", jwks = \"https://j\" }\nkey_parameter",
    );
    let source = PRODUCT.replace("auth = [\"x-ca\"]\n", "");
    let whole = compile(&format!("{source}{more}")).expect("a good catalog");
    let served: Served = serde_json::from_value(serde_json::to_value(&whole).unwrap()).unwrap();
    let mut expected = whole;
    expected.products[0].packages.clear();
    expected.products[0].subscriptions.clear();
    assert_eq!(Catalog::from(served), expected);
}
