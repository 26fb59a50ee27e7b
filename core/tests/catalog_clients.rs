//! What a catalog says of a product's clients: which keys they send, and where.

use farebox_core::{
    catalog::{AuthScheme, Catalog, ChargeOn, Problem, SCHEMA, compile, difference::difference},
    time::MINUTE,
};

/// A catalog whose provider and product have these lines more.
fn with(provider: &str, product: &str) -> Result<Catalog, Vec<Problem>> {
    compile(&format!(
        "[provider]\nname = \"Acme\"\ncurrency = \"USD\"\n{provider}\n[[products]]\nid = \"maps\"\n\
        upstream = \"https://o.example\"\nroutes = [{{ path = \"/\" }}]\nrate = {{ per_1000_calls = \"1.00\" }}\n{product}\n"
    ))
}

/// Why such a catalog is refused.
fn refused(provider: &str, product: &str) -> String {
    let problems = with(provider, product).expect_err(product);
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

const KEYED: &str = "auth = [\"key\"]";

#[test]
fn a_product_takes_plain_keys_and_names_where_else_they_may_come() {
    let plain = with("", KEYED).unwrap();
    assert_eq!((&plain.products[0].auth[..], &plain.products[0].key_parameter), (&[AuthScheme::Key][..], &None));
    assert_eq!(plain.provider.key_prefix, "fb");
    let named = with("key_prefix = \"acme\"", "auth = [\"x-ca\", \"key\"]\nkey_parameter = \"api_key\"").unwrap();
    assert_eq!(named.provider.key_prefix, "acme");
    assert_eq!(named.products[0].key_parameter.as_deref(), Some("api_key"));
    let changes: Vec<_> = difference(Some(&plain), &named).iter().map(ToString::to_string).collect();
    let expected = [
        "~ provider: key_prefix fb -> acme",
        "~ product maps: auth key -> x-ca key",
        "~ product maps: key_parameter none -> api_key",
    ];
    assert_eq!(changes, expected);
}

#[test]
fn what_no_key_can_have_is_refused_with_its_line() {
    for (provider, product, reason) in [
        ("key_prefix = \"A\"", KEYED, "line 4, column 14: provider.key_prefix: `A` is not a prefix of keys"),
        ("", "auth = [\"key\"]\nkey_parameter = \"a b\"", "line 11, column 17"),
        ("", "auth = [\"key\"]\nkey_parameter = \"\"", "is not a parameter's name"),
        ("", "auth = [\"x-ca\"]\nkey_parameter = \"api_key\"", "takes no keys: put \"key\" into `auth`"),
    ] {
        let said = refused(provider, product);
        assert!(said.contains(reason), "{provider} {product}\n{said}");
    }
}

#[test]
fn a_product_names_the_issuer_whose_tokens_it_takes() {
    let jwt = "jwt = { issuer = \"https://id.example\", audience = \"api\", jwks = \"https://id.example/keys\" }";
    let taken = with("", &format!("auth = [\"key\", \"jwt\"]\n{jwt}")).unwrap();
    let issuer = taken.products[0].jwt.as_ref().unwrap();
    assert_eq!((issuer.issuer.as_str(), issuer.claim.as_str()), ("https://id.example", "sub"));
    let changes: Vec<_> = difference(Some(&with("", KEYED).unwrap()), &taken).iter().map(ToString::to_string).collect();
    let expected = [
        "~ product maps: auth key -> key jwt",
        "~ product maps: jwt none -> of https://id.example for api with keys at https://id.example/keys, `sub` names the credential",
    ];
    assert_eq!(changes, expected);
    for (product, reason) in [
        ("auth = [\"jwt\"]".to_owned(), "names no issuer of them: give it a table `jwt`"),
        (format!("{KEYED}\n{jwt}"), "takes no tokens: put \"jwt\" into `auth`"),
        (format!("auth = [\"jwt\"]\n{}", jwt.replace("audience = \"api\", ", "")), "audience"),
        (
            format!("auth = [\"jwt\"]\n{}", jwt.replace("https://id.example/keys", "http://id.example/keys")),
            "write https://",
        ),
        (format!("auth = [\"jwt\"]\n{}", jwt.replace("\"api\"", "\"\"")), "write 1 to 256 bytes"),
        (format!("auth = [\"jwt\"]\n{}", jwt.replace(" }", ", claim = \"aud\" }")), "name another claim"),
    ] {
        let said = refused("", &product);
        assert!(said.contains(reason), "{product}\n{said}");
    }
}

#[test]
fn a_product_says_which_answers_are_charged() {
    let charged =
        |line: &str| with("", &format!("{KEYED}\n{line}")).map(|catalog| catalog.products[0].charge_on.clone());
    assert_eq!(charged(""), Ok(ChargeOn::default()));
    assert_eq!(charged("charge_on = [\"2xx\", \"3xx\", \"400-499\"]"), Ok(ChargeOn::default()));
    assert_eq!(charged("charge_on = \"2xx\"").unwrap().to_string(), "200-299");
    assert_eq!(charged("charge_on = [\"404\", \"2xx\"]").unwrap().to_string(), "200-299 404");
    let (plain, picky) = (with("", KEYED).unwrap(), with("", &format!("{KEYED}\ncharge_on = \"2xx\"")).unwrap());
    let changes: Vec<_> = difference(Some(&plain), &picky).iter().map(ToString::to_string).collect();
    assert_eq!(changes, ["~ product maps: charge_on none -> 200-299"]);
    for (line, reason) in [
        ("charge_on = \"all\"", "`all` are no statuses of answers"),
        ("charge_on = []", "the list is empty"),
        ("charge_on = [200]", "expected a text in quotes"),
        ("charge_on = true", "expected a list"),
    ] {
        let said = refused("", &format!("{KEYED}\n{line}"));
        assert!(said.contains(reason), "{line}\n{said}");
    }
}

#[test]
fn a_product_names_the_secret_that_its_upstream_demands_and_never_holds_it() {
    let auth = |line: &str| {
        let product = with("", &format!("{KEYED}\n{line}")).expect(line).products.remove(0);
        let auth = product.exchange.and_then(|exchange| exchange.upstream_auth);
        auth.map(|auth| (auth.header, auth.prefix, auth.secret.to_string()))
    };
    let said = |header: &str, prefix: &str, secret: &str| Some((header.into(), prefix.into(), secret.into()));
    assert_eq!(auth(""), None);
    assert_eq!(auth("upstream_auth = \"bearer\""), said("authorization", "Bearer ", "maps"));
    assert_eq!(auth("upstream_auth = {}"), said("authorization", "Bearer ", "maps"));
    assert_eq!(auth("upstream_auth = { header = \"X-API-Key\", secret = \"s\" }"), said("x-api-key", "", "s"));
    assert_eq!(auth("upstream_auth = { prefix = \"Token \" }"), said("authorization", "Token ", "maps"));
    for (line, reason) in [
        ("upstream_auth = \"sk-live-1\"", "is no way to show a credential"),
        (
            "upstream_auth = { header = \"Farebox_Key\" }",
            "is a field of the connection, of the platform or of the gateway",
        ),
        ("upstream_auth = { header = \"Host\" }", "is a field of the connection"),
        ("upstream_auth = { header = \"a b\" }", "is not a header field's name"),
        ("upstream_auth = { prefix = \" x\" }", "printable characters"),
        ("upstream_auth = { secret = \"a b\" }", "is not an id"),
        ("upstream_auth = { value = \"hush\" }", "`value`"),
    ] {
        let said = refused("", &format!("{KEYED}\n{line}"));
        assert!(said.contains(reason), "{line}\n{said}");
    }
}

#[test]
fn a_test_stage_has_a_secret_of_its_own_or_none() {
    let lines = |auth: &str| {
        let stage = "upstream = \"https://sandbox.example\"\nlimits = { per_account = \"1/minute\" }";
        format!("{KEYED}\nupstream_auth = \"bearer\"\n[products.stages.test]\n{stage}\n{auth}")
    };
    let stage = |auth: &str| with("", &lines(auth)).unwrap().products[0].test_stage().unwrap().exchange;
    assert_eq!(stage(""), None, "the product's own never goes there");
    let exchange = stage("upstream_auth = \"bearer\"").unwrap();
    assert_eq!(exchange.upstream_auth.unwrap().secret.as_str(), "maps.test");
    let [without, with_one] = ["", "upstream_auth = \"bearer\""].map(|auth| with("", &lines(auth)).unwrap());
    let changes: Vec<_> = difference(Some(&without), &with_one).iter().map(ToString::to_string).collect();
    assert!(changes.len() == 1 && changes[0].contains("with the secret maps.test"), "{changes:?}");
}

#[test]
fn a_product_names_the_pages_that_may_call_it() {
    let cors = |line: &str| with("", &format!("{KEYED}\n{line}"));
    let some = cors("cors = { origins = [\"https://a.example\", \"http://localhost:3000\"] }").unwrap();
    let named = some.products[0].cors.clone().unwrap();
    assert_eq!((named.origins.len(), named.max_age), (2, 10 * MINUTE));
    let changes = |after: &Catalog| difference(Some(&some), after).iter().map(ToString::to_string).collect::<Vec<_>>();
    let before = "cors https://a.example http://localhost:3000 for 10m";
    assert_eq!(changes(&cors("").unwrap()), [format!("~ product maps: {before} -> none")]);
    let all = cors("cors = { origins = [\"*\"], max_age = \"1h\" }").unwrap();
    assert_eq!(changes(&all), [format!("~ product maps: {before} -> * for 1h")]);
    for (line, reason) in [
        ("cors = true", "expected a table"),
        ("cors = {}", "`origins` is missing"),
        ("cors = { origins = [] }", "the list is empty"),
        ("cors = { origins = [\"https://a.example/\"] }", "a browser writes it `https://a.example`"),
        ("cors = { origins = [\"*\", \"https://a.example\"] }", "leave out the others"),
        ("cors = { origins = [\"*\"], methods = [\"GET\"] }", "`methods` is not known here"),
    ] {
        let said = refused("", &format!("{KEYED}\n{line}"));
        assert!(said.contains(reason), "{line}\n{said}");
    }
}

#[test]
fn a_product_can_be_tried_out_where_nothing_real_is_reached() {
    let staged = |test: &str| with("", &format!("{KEYED}\n[products.stages]\ntest = {test}"));
    let limits = "limits = { per_account = \"9/minute\" }";
    let catalog = staged(&format!("{{ upstream = \"https://sandbox.example/\", {limits} }}")).unwrap();
    let tried = catalog.products[0].test_stage().unwrap();
    assert_eq!((tried.upstream.as_str(), tried.is_test), ("https://sandbox.example", true));
    assert_eq!(with("", KEYED).unwrap().products[0].test_stage(), None);
    let changes: Vec<_> =
        difference(Some(&with("", KEYED).unwrap()), &catalog).iter().map(ToString::to_string).collect();
    assert_eq!(changes, ["~ product maps: test stage none -> at https://sandbox.example, 9/minute an account"]);
    for (test, reason) in [
        ("{}".to_owned(), "`upstream` is missing"),
        ("{ upstream = \"https://sandbox.example\" }".to_owned(), "`limits` is missing"),
        (format!("{{ upstream = \"https://o.example/\", {limits} }}"), "has the product's own upstream"),
    ] {
        let said = staged(&test).unwrap_err().iter().map(ToString::to_string).collect::<String>();
        assert!(said.contains(reason), "{test}\n{said}");
    }
}

#[test]
fn a_catalog_that_was_published_before_is_read_as_ever() {
    let mut stored = serde_json::to_value(with("", KEYED).unwrap()).unwrap();
    stored["provider"].as_object_mut().unwrap().remove("key_prefix");
    for added in ["key_parameter", "charge_on", "cors", "stages"] {
        stored["products"][0].as_object_mut().unwrap().remove(added);
    }
    assert_eq!(serde_json::from_value::<Catalog>(stored).unwrap(), with("", KEYED).unwrap());
}

#[test]
fn the_schema_names_what_may_stand_for_a_way_to_prove_who_calls() {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let named = &schema["$defs"]["product"]["properties"]["auth"]["items"]["enum"];
    for scheme in named.as_array().unwrap() {
        let jwt = "jwt = { issuer = \"i\", audience = \"a\", jwks = \"https://j.example\" }";
        let more = if scheme == "jwt" { jwt } else { "" };
        assert!(with("", &format!("auth = [{scheme}]\n{more}")).is_ok(), "{scheme}");
    }
    assert!(refused("", "auth = [\"basic\"]").contains("use x-ca, rfc9421, appcode, key, jwt"));
    assert_eq!(named.as_array().unwrap().len(), 5);
}
