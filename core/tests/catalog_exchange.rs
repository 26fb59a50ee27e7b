//! What a catalog has changed between caller and upstream.

use farebox_core::catalog::{Catalog, Forwarded, Problem, compile, difference::difference};

/// A catalog whose product has these lines more, and this route.
fn with(lines: &str, route: &str) -> Result<Catalog, Vec<Problem>> {
    compile(&format!(
        "[provider]\nname = \"Acme\"\ncurrency = \"USD\"\n[[products]]\nid = \"maps\"\nupstream = \"https://o.example/v1\"\n\
        auth = [\"key\"]\nroutes = [{{ path = \"{route}\" }}]\nrate = {{ per_1000_calls = \"1.00\" }}\n{lines}\n"
    ))
}

const ALL: &str = "forwarded = \"x-forwarded\"\nstrip_prefix = \"/maps\"\nrewrite_addresses = true\n\
    request_headers = { set = { \"X-Tenant\" = \"acme\" }, add = { via = \"1.1 f\" }, remove = [\"X-Internal\"] }\n\
    response_headers = { remove = [\"X-Powered-By\"] }";

#[test]
fn a_product_says_what_is_changed_and_one_that_does_not_has_nothing_of_it() {
    let plain = with("", "/maps/{*rest}").unwrap();
    assert_eq!(plain.products[0].exchange, None);
    let all = with(ALL, "/maps/{*rest}").unwrap();
    let exchange = all.products[0].exchange.clone().unwrap();
    assert_eq!((exchange.forwarded, exchange.strip_prefix.as_str()), (Some(Forwarded::XForwarded), "/maps"));
    assert_eq!(exchange.request_headers.set, [("x-tenant".to_owned(), "acme".to_owned())]);
    assert!(exchange.rewrite_addresses && exchange.response_headers.remove == ["x-powered-by"]);
    let changes: Vec<_> = difference(Some(&plain), &all).iter().map(ToString::to_string).collect();
    let expected = [
        "~ product maps: forwarded none -> x-forwarded",
        "~ product maps: request_headers none -> set x-tenant: acme, add via: 1.1 f, remove x-internal",
        "~ product maps: response_headers none -> remove x-powered-by",
        "~ product maps: rewrite_addresses none -> on",
        "~ product maps: strip_prefix none -> /maps",
    ];
    assert_eq!(changes, expected);
}

#[test]
fn what_cannot_be_changed_is_refused_with_a_reason() {
    for (lines, reason) in [
        ("forwarded = \"via\"", "is no way to say where a call came from"),
        ("strip_prefix = \"/map\"", "its route `/maps/{*rest}` does not begin with that"),
        ("strip_prefix = \"/maps/\"", "is no beginning of a path"),
        ("strip_prefix = \"/maps/{x}\"", "is no beginning of a path"),
        ("strip_prefix = \"/maps/..\"", "is no beginning of a path"),
        ("request_headers = {}", "it must change 1 to 8 fields"),
        ("request_headers = { set = { host = \"x\" } }", "is a field of the connection"),
        ("request_headers = { set = { \"X-Forwarded-For\" = \"x\" } }", "is a field of the connection"),
        ("request_headers = { set = { farebox_x = \"x\" } }", "is a field of the connection"),
        ("request_headers = { set = { x = \"a\\nb\" } }", "a field's value must be"),
        ("request_headers = { set = { x = \"\" } }", "a field's value must be"),
        ("request_headers = { set = { x = \"1\" }, remove = [\"X\"] }", "`x` is changed twice"),
        ("request_headers = { add = { cookie = \"a=1\" } }", "use `set` for `cookie`"),
        ("response_headers = { remove = [\"content-length\"] }", "is a field of the connection"),
        ("response_headers = { replace = {} }", "`replace`"),
        ("answer = \"untouched\"\nrewrite_addresses = true", "its `answer` is \"untouched\""),
        ("upstream_auth = \"bearer\"\nrequest_headers = { remove = [\"authorization\"] }", "its `upstream_auth` sets"),
    ] {
        let problems = with(lines, "/maps/{*rest}").expect_err(lines);
        let said = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(said.contains(reason), "{lines}\n{said}");
    }
}
