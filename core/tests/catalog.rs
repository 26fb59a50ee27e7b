//! The catalog's source, from the outside: what is read, what is refused and with which words.

use std::collections::BTreeSet;

use farebox_core::{
    catalog::{Admission, AuthScheme, Catalog, SCHEMA, compile, difference::difference, router::Router},
    ledger::{Beyond, Every},
    meter::Meter,
    money::Micros,
    rate::TierMode,
    rejection::Limited,
    time::{DAY, SECOND},
};
use proptest::prelude::*;

/// A catalog that uses every key there is. The table of bad catalogs below changes a line of it at a time.
const GOOD: &str = r#"[provider]
name = "Acme"
currency = "USD"

[[products]]
id = "translate"
title = "Acme Translate"
upstream = "https://origin.acme.example/api/"
timeout = "10s"
auth = ["x-ca", "appcode"]
hmac_sha1 = true
strict_signature = true
accounts = ["acc_1", "acc_2"]

  [[products.routes]]
  methods = ["GET", "POST"]
  path = "/v1/translate/{*rest}"

  [[products.routes]]
  path = "/v1/languages"

  [products.rate]
  tiers = "volume"
  minimum = "1.00"
  per_gib_egress = "0.09"

    [[products.rate.calls]]
    up_to = 1_000
    per_1000 = "0.00"

    [[products.rate.calls]]
    per_1000 = "2.00"

  [[products.packages]]
  id = "translate-10k"
  title = "10,000 calls"
  price = "15.00"
  calls = 10_000
  valid = "90d"
  priority = -1

  [[products.packages]]
  id = "translate-10g"
  price = "0"
  egress_bytes = "10 GiB"

[[products]]
id = "plain"
upstream = "http://127.0.0.1:8080"
auth = ["x-ca", "rfc9421"]
rate = { per_1000_calls = "0.50" }
routes = [{ path = "/plain" }]
admission = "strict"
rfc9421_components = ["@target-uri", "content-type"]
limits = { per_product = "500/second", per_account = "1000 / minute", per_credential = "9/hour" }

  [[products.subscriptions]]
  id = "plain-pro"
  title = "Pro"
  price = "49.00"
  every = "1 month"
  calls = 50_000
  egress_bytes = "1 GiB"
  beyond = "rate"
  grace = "5d"
  priority = 2
"#;

fn good() -> Catalog {
    compile(GOOD).expect("the good catalog compiles")
}

#[test]
fn every_key_of_a_good_catalog_is_understood() {
    let catalog = good();
    assert_eq!((catalog.provider.name.as_str(), catalog.provider.currency.as_str()), ("Acme", "USD"));
    assert_eq!(catalog.version.len(), 16);
    let [translate, plain] = &catalog.products[..] else { panic!("two products") };
    assert_eq!(translate.upstream, "https://origin.acme.example/api");
    assert_eq!((translate.timeout, plain.timeout), (Some(10 * SECOND), None));
    assert_eq!(translate.auth, [AuthScheme::XCa, AuthScheme::AppCode]);
    assert!(translate.hmac_sha1 && translate.strict_signature && !plain.hmac_sha1 && !plain.strict_signature);
    assert_eq!(plain.auth, [AuthScheme::XCa, AuthScheme::Rfc9421]);
    assert_eq!(plain.rfc9421_components, ["@target-uri", "content-type"]);
    assert_eq!(translate.rfc9421_components, ["@method", "@authority", "@path", "@query", "content-digest"]);
    assert_eq!((translate.admission, plain.admission), (Admission::Leased, Admission::Strict));
    assert_eq!(translate.accounts.as_ref().map(Vec::len), Some(2));
    assert!(!translate.is_open_to(&"acc_3".parse().unwrap()) && plain.is_open_to(&"acc_3".parse().unwrap()));
    assert_eq!((translate.routes[0].methods.len(), translate.routes[1].methods.len()), (2, 0));
    assert_eq!(plain.title, "plain");
    let limits: Vec<_> = plain.limits.each().map(|(limited, limit)| (limited, limit.to_string())).collect();
    let expected =
        [(Limited::Credential, "9/hour"), (Limited::Account, "1000/minute"), (Limited::Product, "500/second")];
    assert_eq!(limits, expected.map(|(limited, limit)| (limited, limit.to_owned())));
    assert_eq!(translate.limits.each().count(), 0);

    let rate = translate.rate.as_ref().unwrap();
    let calls = rate.prices.get(Meter::Calls).unwrap();
    assert_eq!((calls.mode, calls.tiers[0].up_to, calls.tiers[1].up_to), (TierMode::Volume, Some(1_000), None));
    assert_eq!(rate.prices.get(Meter::EgressBytes).unwrap().tiers[0].per_block, Micros::new(90_000));
    assert_eq!(rate.minimum, Micros::new(1_000_000));

    let terms = translate.package_terms(&"translate-10k".parse().unwrap()).unwrap();
    assert_eq!((terms.price, terms.valid, terms.priority), (Micros::new(15_000_000), Some(90 * DAY), -1));
    let traffic = translate.package_terms(&"translate-10g".parse().unwrap()).unwrap();
    assert_eq!((traffic.quantities.get(Meter::EgressBytes), traffic.valid), (Some(&(10 << 30)), None));
}

#[test]
fn a_plan_keeps_its_terms() {
    let catalog = good();
    let terms = catalog.products[1].plan_terms(&"plain-pro".parse().unwrap()).unwrap();
    assert_eq!((terms.price, terms.every, terms.beyond), (Micros::new(49_000_000), Every::Months(1), Beyond::Rate));
    assert_eq!((terms.grace, terms.priority), (5 * DAY, 2));
    let included: Vec<_> = terms.quantities.iter().map(|(meter, quantity)| (meter, *quantity)).collect();
    assert_eq!(included, [(Meter::Calls, 50_000), (Meter::EgressBytes, 1 << 30)]);
}

#[test]
fn the_compiled_form_travels_as_json() {
    let json = serde_json::to_string(&good()).unwrap();
    let back: Catalog = serde_json::from_str(&json).unwrap();
    assert_eq!(back, good());
    let target = Router::new(&back).unwrap().route("POST", "/v1/translate/en/de", None).unwrap();
    assert_eq!((target.product, target.route), (0, 0));
}

#[test]
fn the_demo_catalog_is_good() {
    let demo = compile(include_str!("../../xtask/demo/catalog.toml")).unwrap();
    assert!(demo.products[0].package_terms(&"demo-100".parse().unwrap()).is_some());
}

/// A line of [`GOOD`], what stands there instead, the line that is blamed, and words of the reason.
const BAD: &[(&str, &str, usize, &str)] = &[
    ("name = \"Acme\"", "", 1, "`name` is missing"),
    ("name = \"Acme\"", "name = \" \"", 2, "1 to 200 characters"),
    ("currency = \"USD\"", "currency = \"usd\"", 3, "`usd` is not a currency"),
    ("currency = \"USD\"", "currency = \"ABC\"", 3, "`ABC` is not a currency"),
    ("currency = \"USD\"", "currency = \"XXX\"", 3, "`XXX` is not a currency"),
    ("currency = \"USD\"", "currency = \"XAU\"", 3, "`XAU` is not a currency"),
    ("currency = \"USD\"", "currency = 5", 3, "expected a text in quotes, found a whole number"),
    ("currency = \"USD\"", "currency = \"USD\"\ncolour = 1", 4, "`colour` is not known here; known are name, currency"),
    ("id = \"translate\"", "id = \"a b\"", 6, "`a b` is not an id"),
    ("id = \"translate\"", "id = \"\"", 6, "is not an id"),
    ("id = \"translate\"", "", 5, "`id` is missing"),
    ("id = \"plain\"", "id = \"translate\"", 48, "this id is taken on line 6"),
    ("upstream = \"http://127.0.0.1:8080\"", "upstream = \"origin\"", 49, "`origin` is not an address"),
    ("upstream = \"http://127.0.0.1:8080\"", "upstream = \"https://u:p@o\"", 49, "must not hold a user or a password"),
    ("upstream = \"http://127.0.0.1:8080\"", "upstream = \"https://o/?k=1\"", 49, "without ? and #"),
    ("timeout = \"10s\"", "timeout = \"soon\"", 9, "`soon` is not a duration"),
    ("timeout = \"10s\"", "timeout = \"0s\"", 9, "more than nothing"),
    ("timeout = \"10s\"", "answer = \"twice\"", 9, "use annotated or untouched"),
    ("timeout = \"10s\"", "upstream_signature = \"no\"", 9, "expected true or false"),
    ("auth = [\"x-ca\", \"rfc9421\"]", "auth = []", 50, "the list is empty"),
    (
        "auth = [\"x-ca\", \"rfc9421\"]",
        "auth = [\"basic\"]",
        50,
        "`basic` is not an auth scheme: use x-ca, rfc9421, appcode",
    ),
    ("auth = [\"x-ca\", \"rfc9421\"]", "auth = [\"x-ca\", \"x-ca\"]", 50, "in the list already"),
    ("auth = [\"x-ca\", \"rfc9421\"]", "", 47, "`auth` is missing"),
    ("hmac_sha1 = true", "hmac_sha1 = \"yes\"", 11, "expected true or false, found a text"),
    ("accounts = [\"acc_1\", \"acc_2\"]", "accounts = [\"acc_1\", 2]", 13, "expected a text in quotes"),
    ("admission = \"strict\"", "admission = \"loose\"", 53, "use leased or strict"),
    ("[\"@target-uri\", \"content-type\"]", "[\"@status\"]", 54, "`@status` is not a component"),
    ("[\"@target-uri\", \"content-type\"]", "[\"Content-Type\"]", 54, "a header's name in lower case"),
    ("\"500/second\"", "\"500/day\"", 55, "`500/day` is not a limit: write it as 100/second"),
    ("\"500/second\"", "\"0/second\"", 55, "is not a limit"),
    ("limits = { per_product", "limits = { per_day", 55, "`per_day` is not known here"),
    (
        "{ per_product = \"500/second\", per_account = \"1000 / minute\", per_credential = \"9/hour\" }",
        "{}",
        55,
        "limits nothing",
    ),
    ("methods = [\"GET\", \"POST\"]", "methods = [\"get\"]", 16, "`get` is not a method"),
    ("methods = [\"GET\", \"POST\"]", "methods = []", 16, "the list is empty"),
    ("path = \"/v1/languages\"", "path = \"v1\"", 20, "must begin with a slash"),
    ("path = \"/v1/languages\"", "path = \"/_farebox/admin\"", 20, "belongs to the gateway"),
    ("path = \"/v1/languages\"", "path = \"/v1/{*rest}/x\"", 20, "must be the end of the path"),
    ("path = \"/v1/languages\"", "path = \"/v1/translat%65/{*x}\"", 20, "conflicts with the route on line 17"),
    ("path = \"/v1/languages\"", "path = \"/v1/%2e%2E/languages\"", 20, "would never match"),
    ("path = \"/v1/languages\"", "path = \"/v1/languages?q\"", 20, "leave out the query"),
    ("routes = [{ path = \"/plain\" }]", "routes = [{ path = \"/v1/languages\" }]", 52, "route on line 20"),
    ("routes = [{ path = \"/plain\" }]", "", 47, "it has no `routes`"),
    ("routes = [{ path = \"/plain\" }]", "routes = [1]", 52, "expected a table, found a whole number"),
    ("rate = { per_1000_calls = \"0.50\" }", "rate = {}", 51, "it has no price"),
    ("rate = { per_1000_calls = \"0.50\" }", "rate = { per_1000_calls = 0.5 }", 51, "found a number with a point"),
    ("rate = { per_1000_calls = \"0.50\" }", "rate = { per_1000_calls = \"-1\" }", 51, "cannot be below nothing"),
    ("rate = { per_1000_calls = \"0.50\" }", "rate = { per_1000_calls = \"0.0000001\" }", 51, "millionth"),
    ("rate = { per_1000_calls = \"0.50\" }", "rate = { calls = [] }", 51, "it has no tiers"),
    ("tiers = \"volume\"", "tiers = \"steps\"", 23, "use graduated or volume"),
    ("tiers = \"volume\"", "per_1000_calls = \"1\"", 22, "two prices for one meter"),
    ("up_to = 1_000", "up_to = 0", 28, "more than nothing"),
    ("up_to = 1_000", "", 27, "only the last tier has no `up_to`"),
    ("per_1000 = \"2.00\"", "per_1000 = \"2.00\"\nup_to = 2000", 31, "the last tier must have no `up_to`"),
    ("id = \"translate-10g\"", "id = \"translate-10k\"", 43, "this id is taken on line 35"),
    ("price = \"15.00\"", "price = \"15.0000001\"", 37, "millionth"),
    ("price = \"15.00\"", "price = \"15.005\"", 37, "the smallest amount of USD is 0.01"),
    ("price = \"49.00\"", "price = \"49.001\"", 60, "the smallest amount of USD is 0.01"),
    ("minimum = \"1.00\"", "minimum = \"1.0001\"", 24, "the smallest amount of USD is 0.01"),
    ("price = \"15.00\"", "price = \".5\"", 37, "is not an amount"),
    ("price = \"15.00\"", "price = 15", 37, "expected a text in quotes"),
    ("calls = 10_000", "calls = 0", 38, "more than nothing"),
    ("calls = 10_000", "calls = -1", 38, "out of range"),
    ("calls = 10_000", "calls = \"10 GiB\"", 38, "expected a whole number"),
    ("calls = 10_000", "", 34, "exactly one of `calls`, `ingress_bytes`"),
    ("calls = 10_000", "calls = 1\ntotal_bytes = 1", 34, "exactly one of"),
    ("egress_bytes = \"10 GiB\"", "egress_bytes = \"10 GB\"", 45, "`10 GB` is not a size"),
    ("valid = \"90d\"", "valid = \"3 months\"", 39, "is not a duration"),
    ("priority = -1", "priority = 3_000_000_000", 40, "out of range"),
    ("[[products.packages]]", "[[products.bundles]]", 34, "`bundles` is not known here"),
    ("id = \"plain-pro\"", "id = \"translate-10k\"", 58, "this id is taken on line 35"),
    ("every = \"1 month\"", "every = \"monthly\"", 61, "`monthly` is not a period"),
    ("every = \"1 month\"", "", 57, "`every` is missing"),
    ("beyond = \"rate\"", "beyond = \"never\"", 64, "use rate or reject"),
    ("rate = { per_1000_calls = \"0.50\" }", "", 64, "the product has no `rate`"),
    ("calls = 50_000\n  egress_bytes = \"1 GiB\"\n  beyond = \"rate\"", "", 57, "at least one of `calls`"),
    ("[provider]", "[provider", 1, ""),
];

#[test]
fn what_is_wrong_is_said_with_its_line() {
    for (line, instead, blamed, reason) in BAD {
        assert!(GOOD.contains(line), "{line}");
        let problems = compile(&GOOD.replacen(line, instead, 1)).expect_err(instead);
        let said = problems.iter().any(|problem| problem.line == *blamed && problem.reason.contains(reason));
        assert!(said, "{line} -> {instead}\nexpected line {blamed}: {reason}\nfound {problems:#?}");
    }
}

/// What is paid as it stands has the currency's digits; what a call costs may be finer.
#[test]
fn prices_are_held_to_the_digits_of_the_currency() {
    let said = |currency: &str, price: &str, rate: &str| {
        let source = format!(
            "provider = {{ name = \"A\", currency = {currency:?} }}\n[[products]]\nid = \"p\"\nupstream = \"http://o\"\n\
            auth = [\"appcode\"]\nroutes = [{{ path = \"/\" }}]\nrate = {{ per_1000_calls = {rate:?}, minimum = {price:?} }}\n\
            packages = [{{ id = \"k\", price = {price:?}, calls = 1 }}]\n\
            subscriptions = [{{ id = \"s\", price = {price:?}, every = \"1 month\", calls = 1 }}]\n"
        );
        compile(&source).map_or_else(|problems| problems.len(), |_| 0)
    };
    for (currency, coin, finer) in [
        ("USD", "0.01", "0.001"),
        ("JPY", "1", "0.5"),
        ("KRW", "100.0", "0.1"),
        ("KWD", "0.001", "0.0001"),
        ("BHD", "1.001", "1.0015"),
    ] {
        assert_eq!(said(currency, coin, "0.000001"), 0, "{currency}");
        assert_eq!(said(currency, finer, "0.000001"), 3, "{currency}");
    }
}

#[test]
fn a_product_that_nothing_pays_for_is_refused() {
    let free = &GOOD[..GOOD.find("rate = {").unwrap()];
    let problems = compile(&format!("{free}routes = [{{ path = \"/plain\" }}]")).unwrap_err();
    assert_eq!((problems.len(), problems[0].line), (1, 47));
    assert!(problems[0].reason.contains("nothing pays for it"));
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let bad = GOOD
        .replace("price = \"15.00\"", "price = \"free\"")
        .replace("currency = \"USD\"", "currency = \"\"")
        .replace("path = \"/plain\"", "path = \"plain\"");
    let problems = compile(&bad).unwrap_err();
    let places: Vec<_> = problems.iter().map(|problem| (problem.line, problem.path.as_str())).collect();
    let expected =
        [(3, "provider.currency"), (37, "products[0].packages[0].price"), (52, "products[1].routes[0].path")];
    assert_eq!(places, expected);
    let shown = problems[1].to_string();
    assert!(shown.starts_with("line 37, column 11: products[0].packages[0].price: `free` is not"), "{shown}");
}

#[test]
fn an_empty_text_misses_its_provider() {
    let problems = compile("").unwrap_err();
    assert_eq!((problems.len(), problems[0].line), (1, 1));
    assert!(problems[0].reason.contains("`provider` is missing"));
}

#[test]
fn a_difference_names_what_changes_and_nothing_else() {
    assert_eq!(difference(Some(&good()), &compile(&format!("{GOOD}\n# a comment")).unwrap()), []);
    let changed = GOOD
        .replace("price = \"15.00\"", "price = \"20.00\"")
        .replace("valid = \"90d\"", "")
        .replace("id = \"plain\"", "id = \"simple\"");
    let changes: Vec<_> =
        difference(Some(&good()), &compile(&changed).unwrap()).iter().map(ToString::to_string).collect();
    let expected = [
        "+ product simple: admission strict, auth x-ca rfc9421, limits 9/hour a credential, 1000/minute an account, 500/second in all, price per 1,000 calls 0.50, rfc9421_components @target-uri content-type, routes all methods /plain, title simple, \
         upstream http://127.0.0.1:8080",
        "+ plan plain-pro of simple: beyond rate, every 1 month, grace 5d, price 49.00, priority 2, quantity 50000 \
         calls, 1073741824 egress_bytes, title Pro",
        "~ package translate-10k of translate: price 15.00 -> 20.00",
        "~ package translate-10k of translate: valid 90d -> for ever",
        "- product plain",
        "- plan plain-pro of plain",
    ];
    assert_eq!(changes, expected);
    assert_eq!(difference(None, &good()).len(), 6);
}

/// Whatever single line of a good catalog is taken away, either it does not compile or the difference shows it. Lines
/// that only repeat a default are none in [`GOOD`].
#[test]
fn no_line_can_be_dropped_unseen() {
    let lines: Vec<&str> = GOOD.lines().collect();
    for dropped in (0..lines.len()).filter(|index| !lines[*index].is_empty()) {
        let kept: Vec<&str> =
            lines.iter().enumerate().filter(|(index, _)| *index != dropped).map(|(_, line)| *line).collect();
        if let Ok(catalog) = compile(&kept.join("\n")) {
            assert_ne!(difference(Some(&good()), &catalog), [], "without `{}`", lines[dropped]);
        }
    }
}

/// The schema is written by hand, for its words; so its keys are held against those that the compiler asks for.
#[test]
fn the_schema_has_the_keys_that_are_understood() {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let keys = |object: &serde_json::Value| -> BTreeSet<String> {
        object["properties"].as_object().unwrap().keys().cloned().collect()
    };
    let everywhere = "unheard_of = 1\nprovider = { unheard_of = 1 }\n[[products]]\nunheard_of = 1\n\
        routes = [{ unheard_of = 1 }]\nprices = [{ unheard_of = 1 }]\npackages = [{ unheard_of = 1 }]\nsubscriptions = [{ unheard_of = 1 }]\n\
        limits = { unheard_of = 1 }\ncors = { unheard_of = 1 }\n\
        stages = { unheard_of = 1, test = { unheard_of = 1 } }\n\
        rate = { unheard_of = 1, calls = [{ unheard_of = 1 }], egress = [{ unheard_of = 1 }], units = [{ unheard_of = 1 }] }";
    let places = [
        ("", &schema),
        ("provider", &schema["$defs"]["provider"]),
        ("products[0]", &schema["$defs"]["product"]),
        ("products[0].routes[0]", &schema["$defs"]["route"]),
        ("products[0].prices[0]", &schema["$defs"]["agreed_price"]),
        ("products[0].packages[0]", &schema["$defs"]["package"]),
        ("products[0].subscriptions[0]", &schema["$defs"]["plan"]),
        ("products[0].limits", &schema["$defs"]["limits"]),
        ("products[0].stages", &schema["$defs"]["stages"]),
        ("products[0].stages.test", &schema["$defs"]["test_stage"]),
        ("products[0].cors", &schema["$defs"]["cors"]),
        ("products[0].rate", &schema["$defs"]["rate"]),
        ("products[0].rate.calls[0]", &schema["$defs"]["calls_tier"]),
        ("products[0].rate.egress[0]", &schema["$defs"]["bytes_tier"]),
        ("products[0].rate.units[0]", &schema["$defs"]["units_tier"]),
    ];
    let problems = compile(everywhere).unwrap_err();
    for (path, object) in places {
        let mut said = problems.iter().filter(|problem| problem.path == path);
        let known = said.find_map(|problem| problem.reason.split_once("known are ")).unwrap().1;
        assert_eq!(keys(object), known.split(", ").map(str::to_owned).collect(), "{path}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC*") {
        let _ = compile(&text);
    }

    /// A good catalog with a piece cut out and another put in: close enough to good to get far into the checks.
    #[test]
    fn no_mutation_makes_it_panic_or_fail_without_a_reason(
        at in 0..GOOD.len(), cut in 0usize..40, piece in "[-a-z0-9\"\\[\\]{}=./_\n #]{0,12}"
    ) {
        let end = (at + cut).min(GOOD.len());
        let text = format!("{}{piece}{}", &GOOD[..at], &GOOD[end..]);
        match compile(&text) {
            Ok(catalog) => prop_assert!(Router::new(&catalog).is_ok()),
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                let lines = text.split('\n').count();
                prop_assert!(problems.iter().all(|problem| (1..=lines).contains(&problem.line)));
            }
        }
    }
}
