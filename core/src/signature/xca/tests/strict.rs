//! The strict profile: nothing that reaches the upstream may be changed under a signature that still holds.
//!
//! | rule | broken on purpose | seen to fail |
//! | --- | --- | --- |
//! | a body has a digest, however it comes | `Body::is_there` that believes the header fields | `a_body_needs_a_digest_whatever_announces_it` |
//! | parameters read back in one way | `check_unique` that finds nothing | `no_other_parameters_are_taken_under_the_same_signature` |
//! | a content type is signed whole | `signed_type` by prefix | `a_content_type_is_signed_whole` |
//! | a method is signed as it is sent | `write_head` in capitals | `a_method_in_another_case_is_another_method` |

use super::{
    rules::{VECTOR_1, VECTOR_2, VECTOR_2_BODY},
    *,
};

const STRICT: Profile = Profile { sha1: false, strict: true };

const HEAD: &str = "x-ca-nonce:n\nx-ca-timestamp:1646646682418\n";

const HEADERS: &str = "x-ca-key: appKey\nx-ca-nonce: n\nx-ca-timestamp: 1646646682418\n\
    x-ca-signature-headers: x-ca-nonce,x-ca-timestamp";

const FORM: &str = "application/x-www-form-urlencoded";

/// What becomes of a call to `target` under a strict signature over `resource`, with a form where there is one.
fn strictly<'a>(packed: &'a str, form: &str) -> Result<Check<'a>, Rejection> {
    let body = if form.is_empty() { Body::Unread } else { Body::Read(form.as_bytes()) };
    // The same signature is good where not everything has to be signed.
    assert!(matches!(check(packed, body, Profile::default(), NOW), Ok(Check::Passed(_))), "{packed}");
    check(packed, body, STRICT, NOW)
}

fn over(target: &str, form: &str, resource: &str) -> String {
    if form.is_empty() {
        return packed("GET", target, HEADERS, &format!("GET\n\n\n\n\n{HEAD}{resource}"));
    }
    let headers = format!("{HEADERS}\ncontent-type: {FORM}\ncontent-length: {}", form.len());
    packed("POST +", target, &headers, &format!("POST\n\n\n{FORM}\n\n{HEAD}{resource}"))
}

#[test]
fn strict_demands_timestamp_and_nonce_under_the_signature() {
    assert!(check(VECTOR_2, Body::Read(VECTOR_2_BODY), STRICT, NOW).is_ok());
    for (from, to) in [
        ("x-ca-nonce: ca5a6753-b76c-4fff-a9d9-e5bb643e8cdf\n", ""),
        ("x-ca-timestamp: 1646646682418\n", ""),
        ("x-ca-key,x-ca-nonce,", "x-ca-key,"),
        (",x-ca-timestamp", ""),
    ] {
        let packed = VECTOR_2.replace(from, to);
        assert_eq!(check(&packed, Body::Unread, STRICT, NOW), Err(Rejection::NonceMissing), "without {from}");
    }
}

#[test]
fn a_body_needs_a_digest_whatever_announces_it() {
    let unsigned = |method: &str, fields: &str| {
        let text = format!("{}\n\n\n\n\n{HEAD}/a", method.trim_end_matches(" +"));
        packed(method, "/a", &format!("{HEADERS}{fields}"), &text)
    };
    for method in ["POST +", "PUT +", "DELETE +", "OPTIONS +", "PROPFIND +"] {
        let unannounced = unsigned(method, "");
        assert_eq!(
            check(&unannounced, Body::Unread, STRICT, NOW),
            Ok(Check::NeedsBody),
            "{method}: only reading tells"
        );
        assert_eq!(check(&unannounced, Body::Read(b"{}"), STRICT, NOW), Err(Rejection::DigestMissing), "{method}");
        assert!(matches!(check(&unannounced, Body::Read(b""), STRICT, NOW), Ok(Check::Passed(_))), "{method}");
        let announced = unsigned(method, "\ncontent-length: 2");
        assert_eq!(check(&announced, Body::Unread, STRICT, NOW), Err(Rejection::DigestMissing), "{method}");
        // Chunks have no length, whatever is announced (RFC 9112, section 6.3).
        let both = unsigned(method, "\ncontent-length: 0");
        assert_eq!(check(&both, Body::Unread, STRICT, NOW), Ok(Check::NeedsBody), "{method}");
    }
    for method in ["GET", "DELETE", "POST"] {
        assert!(
            matches!(check(&unsigned(method, ""), Body::Unread, STRICT, NOW), Ok(Check::Passed(_))),
            "{method}: none"
        );
    }
    let announced = unsigned("GET", "\ncontent-length: 2");
    assert_eq!(check(&announced, Body::Unread, STRICT, NOW), Err(Rejection::DigestMissing));
}

#[test]
fn a_body_is_not_read_for_who_cannot_sign() {
    let forged = packed("DELETE +", "/a", HEADERS, "DELETE\n\n\n\n\nanother");
    assert!(matches!(check(&forged, Body::Unread, STRICT, NOW), Err(Rejection::SignatureInvalid { .. })));
    let at = Timestamp::from_millis(1_646_365_291_734);
    assert!(check(VECTOR_1, Body::Unread, STRICT, at).is_ok());
}

#[test]
fn strict_takes_the_documented_form_only() {
    for (resource, holds) in [("/a?b", true), ("/a?b=", false)] {
        let packed = over("/a?b=", "", resource);
        assert_eq!(strictly(&packed, "").is_ok(), holds, "{resource}");
    }
}

#[test]
fn no_other_parameters_are_taken_under_the_same_signature() {
    for (target, form, resource) in [
        ("/a?b=1&b=2", "", "/a?b=1"),
        ("/a?b=1&%62=2", "", "/a?b=1"),
        ("/a?b=1", "b=2", "/a?b=2"),
        ("/a", "b=2&b=3", "/a?b=2"),
        ("/a?b=1%26c=2", "", "/a?b=1&c=2"),
        ("/a?b%26c=2", "", "/a?b&c=2"),
        ("/a?b%3D1=2", "", "/a?b=1=2"),
        ("/a?b%23=1", "", "/a?b#=1"),
        ("/a?b%0a=1", "", "/a?b\n=1"),
        ("/a?b=%ff", "", "/a?b=\u{fffd}"),
        ("/a?%ff=1", "", "/a?\u{fffd}=1"),
        ("/a", "b=%c3", "/a?b=\u{fffd}"),
        ("/a", "b=1%26c=2", "/a?b=1&c=2"),
        ("/a?=1&=2", "", "/a?=1"),
    ] {
        let packed = over(target, form, resource);
        let checked = strictly(&packed, form);
        assert!(matches!(checked, Err(Rejection::SignatureUnusable(_))), "{target} {form}: {checked:?}");
    }
    for (target, form, resource) in [
        ("/a?b=1&c=2", "", "/a?b=1&c=2"),
        ("/a?b=1%3D2", "", "/a?b=1=2"),
        ("/a?b=%EF%BF%BD", "", "/a?b=\u{fffd}"),
        ("/a?b=x%23;y+z", "", "/a?b=x#;y z"),
        ("/a?", "", "/a"),
        ("/a?c=1", "b=2", "/a?b=2&c=1"),
    ] {
        let packed = over(target, form, resource);
        assert!(strictly(&packed, form).is_ok(), "{target} {form}");
    }
}

#[test]
fn a_content_type_is_signed_whole() {
    let signed = |content_type: &str, signed: &str, line: &str| {
        let headers = format!("{HEADERS}\ncontent-type: {content_type}\nx-ca-signed-content-type: {signed}");
        packed("GET", "/a", &headers, &format!("GET\n\n\n{line}\n\n{HEAD}/a"))
    };
    let browser = signed("multipart/form-data; boundary=x", "multipart/form-data", "multipart/form-data");
    assert!(matches!(strictly(&browser, ""), Err(Rejection::SignatureInvalid { .. })));
    assert!(strictly(&signed("a/b; c=d", "a/b; c=d", "a/b; c=d"), "").is_ok());
    for prefix in ["m", "multipart", "multipart/", "multipart/form", "multipart/form-data;"] {
        let packed = signed("multipart/form-data; boundary=x", prefix, prefix);
        for profile in [STRICT, Profile::default()] {
            let checked = check(&packed, Body::Unread, profile, NOW);
            assert!(matches!(checked, Err(Rejection::SignatureInvalid { .. })), "{prefix}: {checked:?}");
        }
    }
    let json = signed("application/json; charset=x", "application/json", "application/json");
    let checked = check(&json, Body::Unread, Profile::default(), NOW);
    assert!(matches!(checked, Err(Rejection::SignatureInvalid { .. })), "only the boundary is not known beforehand");
}

#[test]
fn a_field_that_comes_twice_is_signed_whole_or_refused() {
    let list = HEADERS.replace("headers: ", "headers: cookie,");
    let signed = |line: &str| {
        packed("GET", "/a", &format!("{list}\ncookie: a=1\ncookie: b=2"), &format!("GET\n\n\n\n\n{line}{HEAD}/a"))
    };
    assert!(strictly(&signed("cookie:a=1, b=2\n"), "").is_ok());
    assert!(matches!(
        check(&signed("cookie:a=1\n"), Body::Unread, STRICT, NOW),
        Err(Rejection::SignatureInvalid { .. })
    ));
    for field in ["accept: a\naccept: b", "date: a\ndate: b", "content-type: a/b\ncontent-type: c/d", "x-ca-nonce: m"] {
        let line = |name: &str| field.lines().next().and_then(|first| first.strip_prefix(name)).unwrap_or_default();
        let text = format!("GET\n{}\n\n{}\n{}\n{HEAD}/a", line("accept: "), line("content-type: "), line("date: "));
        let text =
            text.replace("x-ca-nonce:n", if field.starts_with("x-ca") { "x-ca-nonce:n, m" } else { "x-ca-nonce:n" });
        let packed = packed("GET", "/a", &format!("{HEADERS}\n{field}"), &text);
        let checked = strictly(&packed, "");
        assert!(matches!(checked, Err(Rejection::SignatureUnusable(_))), "{field}: {checked:?}");
    }
}

#[test]
fn a_method_in_another_case_is_another_method() {
    let signed = format!("POST\n\n\n\n\n{HEAD}/a");
    for (method, passes) in [("POST", true), ("POsT", false), ("post", false)] {
        let packed = packed(method, "/a", HEADERS, &signed);
        let checked = check(&packed, Body::Unread, Profile::default(), NOW);
        assert_eq!(matches!(checked, Ok(Check::Passed(_))), passes, "{method} goes on as it was sent");
    }
}
