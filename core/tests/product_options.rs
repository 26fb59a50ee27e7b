//! What a product may leave out, and that one which was published before has all of it.

use farebox_core::catalog::{AnswerStyle, Product, compile};

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
