//! What a signature must have, and which of several counts.

use super::*;

const GET: &str = "GET\nhttps://h/a?b=1\naccept: */*";

fn unusable(checked: &Result<Option<String>, Rejection>) -> &str {
    match checked {
        Err(Rejection::SignatureUnusable(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_product_demands_must_be_covered() {
    let covers = |input: &str| check(&signed(GET, &format!("({input}){GOOD}")), Body::Unread);
    assert_eq!(covers(r#""@method" "@authority" "@path" "@query""#), Ok(None));
    assert_eq!(covers(r#""@method" "@target-uri""#), Ok(None), "the target has it all");
    assert_eq!(covers(r#""@method" "@authority" "@request-target""#), Ok(None));
    for (open, input) in [
        ("@method", r#""@target-uri""#),
        ("@authority", r#""@method" "@path" "@query""#),
        ("@path", r#""@method" "@authority" "@query""#),
        ("@query", r#""@method" "@authority" "@path""#),
        ("@query", r#""@method" "@authority" "@path" "@query-param";name="b""#),
    ] {
        assert_eq!(unusable(&covers(input)), format!("it does not cover \"{open}\", which this product demands"));
    }
    let without_query = signed("GET\nhttps://h/a", &format!("(\"@method\" \"@authority\" \"@path\"){GOOD}"));
    assert_eq!(check(&without_query, Body::Unread), Ok(None), "there is no query to cover");
}

#[test]
fn a_demanded_field_must_be_covered_whole_where_it_came() {
    let demands = ["content-type".to_owned()];
    let check = |request: &str, input: &str| {
        let demands = Demands { components: &demands, strict: false };
        check_at(&signed(request, &format!("({input}){GOOD}")), Body::Read(b""), demands, NOW)
    };
    let typed = format!("{GET}\ncontent-type: a=1, sha-256=2");
    assert_eq!(check(GET, ""), Ok(None));
    assert!(unusable(&check(&typed, "")).contains("content-type"));
    // One of the names that a digest's member may have, too: only a digest stands for the whole by it.
    for key in ["a", "sha-256"] {
        let part = format!("\"content-type\";key=\"{key}\"");
        assert!(unusable(&check(&typed, &part)).contains("content-type"), "only a part: {key}");
    }
    for whole in ["\"content-type\"", "\"content-type\";sf", "\"content-type\";bs"] {
        assert_eq!(check(&typed, whole), Ok(None), "{whole}");
    }
}

#[test]
fn a_body_must_be_the_one_that_was_signed() {
    let covered =
        |request: &str, digest: &str| signed(request, &format!("(\"@method\" \"@target-uri\" {digest}){GOOD}"));
    let digest = "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:";
    let post = format!("POST +\nhttps://h/a\ncontent-digest: {digest}");
    let request = covered(&post, "\"content-digest\"");
    assert_eq!(check(&request, Body::Unread), Ok(Some("needs the body".into())));
    assert_eq!(check(&request, Body::Read(b"hello")), Ok(None));
    assert_eq!(check(&request, Body::Read(b"Hello")), Err(Rejection::DigestMismatch));
    let by_member = covered(&post, "\"content-digest\";key=\"sha-256\"");
    assert_eq!(check(&by_member, Body::Read(b"hello")), Ok(None));
    assert_eq!(check(&by_member, Body::Read(b"Hello")), Err(Rejection::DigestMismatch));

    let announced = post.replace("content-digest", "content-length: 5\ncontent-digest");
    assert!(unusable(&check(&covered(&announced, ""), Body::Unread)).contains("content-digest"), "not covered");
    for method in ["POST", "DELETE", "OPTIONS"] {
        let unannounced = covered(&format!("{method} +\nhttps://h/a"), "");
        assert_eq!(check(&unannounced, Body::Unread), Ok(Some("needs the body".into())), "only reading tells");
        assert!(unusable(&check(&unannounced, Body::Read(b"hello"))).contains("content-digest"), "not covered");
        assert_eq!(check(&unannounced, Body::Read(b"")), Ok(None), "no body");
        assert_eq!(check(&covered(&format!("{method}\nhttps://h/a"), ""), Body::Unread), Ok(None), "no body");
    }
    let weak = covered("POST\nhttps://h/a\ncontent-digest: md5=:XUFAKrxLKna5cZ2REBfFkg==:", "\"content-digest\"");
    assert_eq!(check(&weak, Body::Read(b"hello")), Err(Rejection::DigestMissing));
    let two = post.replace("sha-256=", "sha-512=:AA==:, sha-256=");
    assert_eq!(check(&covered(&two, "\"content-digest\""), Body::Read(b"hello")), Err(Rejection::DigestMismatch));
    let broken = post.replace("sha-256=:", "sha-256=");
    assert_eq!(check(&covered(&broken, "\"content-digest\""), Body::Read(b"hello")), Err(Rejection::DigestMismatch));
}

#[test]
fn a_body_is_not_asked_for_before_the_signature_holds() {
    let post = "POST +\nhttps://h/a\ncontent-digest: sha-256=:AA==:";
    let request = signed(post, &format!("(\"@method\" \"@target-uri\" \"content-digest\"){GOOD}"));
    let forged = request.replace("POST", "PUT");
    assert!(matches!(check(&forged, Body::Unread), Err(Rejection::SignatureInvalid { .. })));
    let without = signed("POST +\nhttps://h/a", &format!("(\"@method\" \"@target-uri\"){GOOD}"));
    let forged = without.replace("POST", "PUT");
    assert!(matches!(check(&forged, Body::Unread), Err(Rejection::SignatureInvalid { .. })));
}

#[test]
fn what_is_looked_through_for_a_signature_is_bounded() {
    let members: String = (0..60).map(|at| format!("\"x-dict\";key=\"k{at}\" ")).collect();
    let with = |length: usize| {
        let dictionary: String = (0..60).map(|at| format!("k{at}=1, ")).collect();
        let request = format!("GET\nhttps://h/a\nx-dict: {dictionary}l=\"{}\"", "x".repeat(length));
        check_bare(&signed(&request, &format!("({members}){GOOD}")))
    };
    assert_eq!(with(1_000), Ok(None));
    assert!(unusable(&with(30_000)).contains("too often"));
}

#[test]
fn a_nonce_is_short() {
    let with =
        |length: usize| check_bare(&signed(GET, &format!("(\"@method\"){GOOD};nonce=\"{}\"", "n".repeat(length))));
    assert!(with(128).is_ok());
    assert!(matches!(with(129), Err(Rejection::RequestMalformed(_))));
}

#[test]
fn a_signature_has_its_time() {
    let at = |parameters: &str, now: i64| {
        let request = signed(GET, &format!("(\"@method\"){parameters};keyid=\"ak_1\""));
        check_at(
            &request,
            Body::Unread,
            Demands { components: &[], strict: false },
            Timestamp::from_millis(now * 1_000),
        )
    };
    let expired = |now: i64| Err(Rejection::SignatureExpired { now: Timestamp::from_millis(now * 1_000) });
    for inside in [100_000 - 900, 100_000, 100_000 + 900] {
        assert_eq!(at(";created=100000", inside), Ok(None), "{inside}");
    }
    for outside in [100_000 - 901, 100_000 + 901] {
        assert_eq!(at(";created=100000", outside), expired(outside), "{outside}");
    }
    assert_eq!(at(";created=100000;expires=100300", 100_300), Ok(None));
    assert_eq!(at(";created=100000;expires=100300", 100_301), expired(100_301));
    assert_eq!(at(";created=-999999999999999", 0), expired(0));
    assert_eq!(unusable(&at("", 100_000)), "it has no `created`");
    assert!(unusable(&at(";created=\"100000\"", 100_000)).contains("whole numbers"));
    assert!(unusable(&at(";created=100000.5", 100_000)).contains("whole numbers"));
}

#[test]
fn a_strict_product_demands_nonce_and_digest() {
    let strict = |request: &str, input: &str| {
        let demands = Demands { components: &["@method".to_owned()], strict: true };
        check_at(&signed(request, &format!("(\"@method\"){GOOD}{input}")), Body::Unread, demands, NOW)
    };
    assert_eq!(strict(GET, ""), Err(Rejection::NonceMissing));
    assert_eq!(strict(GET, ";nonce=\"\""), Err(Rejection::NonceMissing));
    assert_eq!(strict(GET, ";nonce=\"n\\\"1\""), Ok(Some("n\"1".into())));
    let post = GET.replace("GET", "POST +");
    assert_eq!(strict(&post, ";nonce=\"n\""), Ok(Some("needs the body".into())));
    let announced = format!("{post}\ncontent-length: 1");
    assert!(unusable(&strict(&announced, ";nonce=\"n\"")).contains("content-digest"));
}

#[test]
fn what_could_mean_two_things_is_refused() {
    let refused = |input: &str, why: &str| {
        let checked = check_bare(&signed(&format!("{GET}\nx-f: a=1"), &format!("{input};keyid=\"ak_1\"")));
        assert!(unusable(&checked).contains(why), "{input}: {checked:?}");
    };
    refused("(\"@method\" \"@method\");created=1618884473", "twice");
    refused("(\"x-f\";key=\"a\";sf \"x-f\";sf;key=\"a\");created=1618884473", "twice");
    refused("(\"X-F\");created=1618884473", "lower case");
    refused("(\"x-f\";req);created=1618884473", "not `sf`");
    refused("(\"x-f\";tr);created=1618884473", "not `sf`");
    refused("(\"x-f\";bs;sf);created=1618884473", "exclude");
    refused("(\"x-f\";sf=?0);created=1618884473", "not `sf`");
    refused("(x-f);created=1618884473", "not a string");
    refused("(\"@method\";req);created=1618884473", "does not take");
    refused("(\"@status\");created=1618884473", "does not have");
    refused("(\"@signature-params\");created=1618884473", "does not have");
    refused("(\"@query-param\");created=1618884473", "takes `name`");
    refused("\"@method\";created=1618884473", "something else than lists");
    refused(&format!("({});created=1618884473", "\"a\" ".repeat(65)), "more than 64");
}

#[test]
fn what_is_covered_must_be_there() {
    let covers = |component: &str| {
        let request = "GET\nhttps://h/a?b=1&b=2\nx-text: @\nx-dict: a=1";
        check_bare(&signed(request, &format!("({component}){GOOD}")))
    };
    for (component, why) in [
        ("\"x-other\"", "it covers \"x-other\", and no such field arrived"),
        ("\"x-text\";sf", "it covers \"x-text\";sf, and it is not a structured field"),
        ("\"x-dict\";key=\"b\"", "it covers \"x-dict\";key=\"b\", and it has no such member"),
        ("\"@query-param\";name=\"c\"", "it covers \"@query-param\";name=\"c\", and the query has no such parameter"),
        (
            "\"@query-param\";name=\"b\"",
            "it covers \"@query-param\";name=\"b\", and the query has this parameter more than once",
        ),
    ] {
        assert_eq!(unusable(&covers(component)), why);
    }
}

#[test]
fn of_several_signatures_the_one_with_our_key_counts() {
    let ours = signed(GET, &format!("(\"@method\" \"@target-uri\"){GOOD}"));
    let beside = |label: &str, input: &str| {
        ours.replace("signature-input: ", &format!("signature-input: {label}=(){input}, "))
            .replace("signature: ", &format!("signature: {label}=:AAAA:, "))
    };
    assert_eq!(check(&beside("proxy", ";keyid=\"other\";alg=\"ed25519\""), Body::Unread), Ok(None));
    assert_eq!(check(&beside("proxy", ";keyid=\"other\";created=1"), Body::Unread), Ok(None));
    assert_eq!(check(&beside("proxy", ""), Body::Unread), Ok(None), "without a key id");
    assert_eq!(
        check(&(ours.clone() + "\nsignature-input: p=();keyid=\"x\"\nsignature: p=:AA==:"), Body::Unread),
        Ok(None)
    );
    let many: String = (0..4).map(|at| format!("p{at}=();keyid=\"k{at}\", ")).collect();
    let values: String = (0..4).map(|at| format!("p{at}=:AA==:, ")).collect();
    let behind =
        ours.replace("input: ", &format!("input: {many}")).replace("signature: ", &format!("signature: {values}"));
    assert_eq!(check(&behind, Body::Unread), Err(Rejection::CredentialUnknown), "no more than four are looked at");
}

#[test]
fn what_is_no_signature_says_why() {
    let refused = |input: &str, value: &str| {
        unusable(&check(&format!("{GET}\nsignature-input: {input}\nsignature: {value}"), Body::Unread)).to_owned()
    };
    assert!(refused("s=(", "s=:AA==:").contains("not a dictionary"));
    assert!(refused("s=();keyid=\"k\"", "nonsense!").contains("not a dictionary"));
    assert!(refused("s=();keyid=\"k\"", "t=:AA==:").contains("no value under the same label"));
    assert!(refused("s=();keyid=\"k\"", "s=\"AA==\"").contains("between colons"));
    assert!(refused("s=();keyid=\"k\";alg=\"rsa-pss-sha512\"", "s=:AA==:").contains("hmac-sha256"));
    assert!(refused("s=();keyid=k", "s=:AA==:").contains("strings in quotes"));
    assert!(refused("s=()", "s=:AA==:").contains("no `keyid`"));
    assert!(refused("", "").contains("empty"));
}

#[test]
fn a_truncated_signature_is_none() {
    let request = signed(GET, &format!("(\"@method\" \"@target-uri\"){GOOD}"));
    let (before, value) = request.rsplit_once("s=:").unwrap();
    let bytes = STANDARD.decode(value.trim_end_matches(':')).unwrap();
    for length in [0, 16, 31] {
        let short = format!("{before}s=:{}:", STANDARD.encode(&bytes[..length]));
        assert!(matches!(check(&short, Body::Unread), Err(Rejection::SignatureInvalid { .. })), "{length}");
    }
}

#[test]
fn a_query_parameter_may_be_encoded_as_javascript_does() {
    let request = "GET\nhttps://h/?q=it's+(me)!~*";
    let input = format!("(\"@query-param\";name=\"q\"){GOOD}");
    let base = |value: &str| format!("\"@query-param\";name=\"q\": {value}\n\"@signature-params\": {input}");
    let with = |base: &str| {
        let value = STANDARD.encode(hmac_sha256(secret().reveal().as_bytes(), base.as_bytes()));
        check_bare(&format!("{request}\nsignature-input: s={input}\nsignature: s=:{value}:"))
    };
    assert_eq!(with(&base("it%27s%20%28me%29%21%7E*")), Ok(None));
    assert_eq!(with(&base("it's%20(me)!~*")), Ok(None));
    let shown = with(&base("it's+(me)!~*"));
    assert_eq!(shown, Err(Rejection::SignatureInvalid { string_to_sign: Some(base("it%27s%20%28me%29%21%7E*")) }));
}
