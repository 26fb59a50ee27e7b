//! What a price list can say of units, plans and packages, and what is refused with which words. Each row is a catalog of one product.

use farebox_core::{
    catalog::{Product, Units, compile},
    ledger::Beyond,
    meter::Meter,
    money::Micros,
    time::DAY,
};

fn source(product: &str) -> String {
    format!(
        "provider = {{ name = \"A\", currency = \"USD\" }}\n[[products]]\nid = \"p\"\nupstream = \"https://o.example\"\n\
         auth = [\"key\"]\n{product}"
    )
}

fn product(text: &str) -> Product {
    compile(&source(text)).unwrap_or_else(|problems| panic!("{text}: {problems:?}")).products.remove(0)
}

const ROUTE: &str = "routes = [{ path = \"/a\" }]\n";

/// What stands in a product, and a part of why it is refused.
const BAD: &[(&str, &str)] = &[
    ("routes = [{ path = \"/a\" }]\nrate = { per_unit = \"1\" }", "say in `units` how many a call of /a comes to"),
    ("routes = [{ path = \"/a\", units = \"header\" }]\nrate = { per_unit = \"1\" }", "`max_units` is missing"),
    ("routes = [{ path = \"/a\", units = 1, max_units = 2 }]\nrate = { per_unit = \"1\" }", "leave out `max_units`"),
    ("routes = [{ path = \"/a\", max_units = 2 }]\nrate = { per_call = \"1\" }", "no `units`"),
    ("routes = [{ path = \"/a\", units = -1 }]\nrate = { per_unit = \"1\" }", "out of range"),
    ("routes = [{ path = \"/a\", units = 1_000_000_001 }]\nrate = { per_unit = \"1\" }", "at most"),
    ("routes = [{ path = \"/a\", units = \"usage\", max_units = 2 }]\nrate = { per_unit = \"1\" }", "a pointer into"),
    (
        "routes = [{ path = \"/a\", units = \"/a~2\", max_units = 2 }]\nrate = { per_unit = \"1\" }",
        "not a JSON pointer",
    ),
    ("routes = [{ path = \"/a\", units = {}, max_units = 2 }]\nrate = { per_unit = \"1\" }", "1 to 8 pointers"),
    (
        "routes = [{ path = \"/a\", units = { \"/a\" = 0 }, max_units = 2 }]\nrate = { per_unit = \"1\" }",
        "more than nothing",
    ),
    (
        "routes = [{ path = \"/a\", units = \"header\", max_units = 20 }]\npackages = [{ id = \"k\", price = \"1\", units = 19 }]",
        "k pays for no call: a call may come to 20 units",
    ),
    (
        "routes = [{ path = \"/a\", units = 1 }]\nrate = { per_unit = \"1\", per_1000_units = \"1\" }",
        "two prices for one meter",
    ),
    ("routes = [{ path = \"/a\", units = 1 }]\nrate = { per_unit = \"9999999999\" }", "too large"),
    (
        "routes = [{ path = \"/a\", units = 1 }]\nrate = { units = [{ up_to = 1 }] }",
        "`per_million` or `per_1000` or `per_unit` is missing",
    ),
    ("routes = [{ path = \"/a\", query = {} }]\nrate = { per_call = \"1\" }", "asks for no parameter"),
    ("routes = [{ path = \"/a\", query = { b = 1 } }]\nrate = { per_call = \"1\" }", "expected a text"),
    (
        "routes = [{ path = \"/a\", query = { b = \"1\" } }, { path = \"/a\", query = { c = \"1\" } }]\nrate = { per_call = \"1\" }",
        "both take the same requests",
    ),
    (
        "routes = [{ path = \"/a\" }]\npackages = [{ id = \"k\", price = \"1\", calls = 1, also_for = [\"q\"] }]",
        "no such product",
    ),
    (
        "routes = [{ path = \"/a\" }]\nprices = [{ accounts = [\"x\"], rate = { per_call = \"1\" } }, \
         { accounts = [\"x\"], rate = { per_call = \"2\" } }]",
        "another price was agreed with x",
    ),
    (
        "routes = [{ path = \"/a\" }]\nsubscriptions = [{ id = \"k\", price = \"1\", every = \"1 month\", unlimited = true, calls = 1 }]",
        "keep one",
    ),
    (
        "routes = [{ path = \"/a\" }]\nsubscriptions = [{ id = \"k\", price = \"1\", every = \"1 month\", unlimited = true, \
         rate = { per_call = \"1\" } }]",
        "nothing is beyond it",
    ),
    (
        "routes = [{ path = \"/a\" }]\nsubscriptions = [{ id = \"k\", price = \"1\", every = \"1 month\", calls = 1, \
         beyond = \"reject\", rate = { per_call = \"1\" } }]",
        "leave out `beyond`",
    ),
    (
        "routes = [{ path = \"/a\" }]\nsubscriptions = [{ id = \"k\", price = \"1\", every = \"1 month\", calls = 1, setup_fee = \"0.001\" }]",
        "cannot be paid",
    ),
    (
        "routes = [{ path = \"/a\" }]\nsubscriptions = [{ id = \"k\", price = \"1\", every = \"1 month\", calls = 1, \
         rollover = { total_bytes = 1 } }]",
        "includes nothing of what goes over",
    ),
    (
        "routes = [{ path = \"/a\" }]\nsubscriptions = [{ id = \"k\", price = \"1\", every = \"1 month\", calls = 1, rollover = {} }]",
        "it names no quantity",
    ),
];

#[test]
fn what_a_price_list_gets_wrong_is_said() {
    for (text, reason) in BAD {
        let problems = compile(&source(text)).expect_err(text);
        assert!(problems.iter().any(|problem| problem.reason.contains(reason)), "{text}: {problems:?}");
    }
}

#[test]
fn a_price_is_the_same_by_whichever_number_it_is_written() {
    let rate = |text: &str| product(&format!("routes = [{{ path = \"/a\", units = 1 }}]\nrate = {{ {text} }}")).rate;
    assert_eq!(rate("per_unit = \"0.002\""), rate("per_1000_units = \"2\""));
    assert_eq!(rate("per_unit = \"0.002\""), rate("per_million_units = \"2000\""));
    assert_eq!(rate("per_call = \"0.002\""), rate("per_1000_calls = \"2\""));
    assert_eq!(rate("units = [{ per_unit = \"0.002\" }]"), rate("units = [{ per_1000 = \"2\" }]"));
}

#[test]
fn what_a_route_says_of_units_goes_before_what_its_product_says() {
    let sold = product(
        "units = \"header\"\nmax_units = 9\nrate = { per_unit = \"1\" }\nroutes = [{ path = \"/a\" }, { path = \"/b\", units = 3 }, \
         { path = \"/c\", max_units = 5 }, { path = \"/d\", units = { \"/n\" = 2 } }]",
    );
    let units: Vec<_> = sold.routes.into_iter().map(|route| route.units.unwrap()).collect();
    let pointers = vec![("/n".to_owned(), 2)];
    let expected =
        [Units::Header { most: 9 }, Units::Fixed(3), Units::Header { most: 5 }, Units::Body { pointers, most: 9 }];
    assert_eq!(units, expected);
}

#[test]
fn plans_have_rates_trials_and_fees_of_their_own() {
    let plan = |text: &str| {
        let plan = format!("subscriptions = [{{ id = \"k\", price = \"9\", every = \"1 month\", {text} }}]");
        product(&format!("{ROUTE}{plan}")).subscriptions.remove(0)
    };
    let rolls = plan("calls = 5, egress_bytes = 7, rollover = { calls = 9 }");
    assert_eq!(rolls.rollover, [(Meter::Calls, 9)].into_iter().collect());
    let own = plan("calls = 5, rate = { per_call = \"2\" }, setup_fee = \"7\", trial = \"14d\"");
    assert!(matches!(own.beyond, Beyond::At(_)));
    assert_eq!((own.setup_fee, own.trial), (Micros::new(7_000_000), Some(14 * DAY)));
    let base = plan("rate = { per_call = \"2\" }");
    assert_eq!(base.quantities.get(Meter::Calls), Some(&0), "a base fee includes nothing");
    assert!(plan("unlimited = true").quantities.is_empty());
}
