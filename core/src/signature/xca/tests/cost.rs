//! What a check may cost: bounds that hold before anything is taken apart, and work that grows as the request does.

use super::*;

fn unread(packed: &str) -> Result<Check<'_>, Rejection> {
    check(packed, Body::Unread, Profile::default(), NOW)
}

fn signed(list: &str) -> String {
    let headers = format!("x-ca-key: appKey\nx-ca-signature-headers: {list}");
    packed("GET", "/a", &headers, "GET\n\n\n\n\n/a")
}

#[test]
fn a_list_of_signed_fields_is_short_and_names_each_once() {
    let list = |names: usize| (0..names).map(|at| format!("/{at}")).collect::<Vec<_>>().join(",");
    assert!(unread(&signed(&list(64))).is_ok());
    assert!(matches!(unread(&signed(&list(65))), Err(Rejection::HeadTooLarge(_))));
    assert!(matches!(unread(&signed(&",".repeat(30_000))), Err(Rejection::HeadTooLarge(_))));
    assert!(matches!(unread(&signed("x-a,x-b,X-A")), Err(Rejection::RequestMalformed(_))));
}

#[test]
fn parameters_are_counted_before_they_are_taken_apart() {
    let query = |count: usize| packed("GET", &format!("/a?{}", vec!["a"; count].join("&")), "x-ca-key: appKey", "");
    assert!(matches!(unread(&query(2_048)), Err(Rejection::SignatureInvalid { .. })));
    assert!(matches!(unread(&query(2_049)), Err(Rejection::RequestMalformed(_))));
    let form = packed("POST +", "/a?b", "x-ca-key: appKey\ncontent-type: application/x-www-form-urlencoded", "");
    for pair in ["=&", "a&", "&"] {
        let body = pair.repeat(4 << 20);
        let checked = check(&form, Body::Read(body.as_bytes()), Profile::default(), NOW);
        assert!(matches!(checked, Err(Rejection::RequestMalformed(_))), "{pair}");
    }
}

#[test]
fn a_nonce_is_short() {
    let with = |length: usize| {
        let nonce = "n".repeat(length);
        packed("GET", "/a", &format!("x-ca-key: appKey\nx-ca-nonce: {nonce}"), "GET\n\n\n\n\n/a")
    };
    assert!(unread(&with(128)).is_ok());
    assert!(matches!(unread(&with(129)), Err(Rejection::RequestMalformed(_))));
}

#[test]
fn a_caller_is_shown_the_beginning_of_a_long_string() {
    let long = packed("GET", &format!("/{}", "\u{e9}".repeat(20_000)), "x-ca-key: appKey", "");
    let Err(Rejection::SignatureInvalid { string_to_sign: Some(shown) }) = unread(&long) else { panic!("it holds") };
    assert!(shown.len() <= 16 << 10 && shown.len() > (16 << 10) - 4, "{}", shown.len());
}

/// Each form of the string is made of at most so many bytes, so that a forged signature costs little more than a good one.
#[test]
fn what_is_made_of_a_forged_request_grows_no_faster_than_it_and_ends() {
    let made = |params: usize| {
        // Each dialect writes it in a way of its own.
        let form: Vec<_> = (0..params).map(|at| format!("p{at}=&p{at}=0&p{at}=+&q{at}=false&r{at}=%20")).collect();
        let target = format!("/caf%C3%A9?{}", form.join("&"));
        let packed = packed("GET", &target, "x-ca-key: appKey\nx-ca-signature-headers: X-B,x-a", "");
        let facts = Facts::unpack(&packed).unwrap();
        let Ok(Presented::XCa(claim)) = present(&facts) else { panic!("another scheme") };
        let canonical = canonical::Canonical { claim: &claim, facts: &facts, form: &[], strict: false };
        let bytes = |texts: Vec<String>| texts.iter().map(String::len).sum::<usize>();
        (target.len(), bytes(canonical.resources()), canonical.heads().len())
    };
    let (small, large, huge) = (made(4), made(32), made(1_500));
    assert!(large.1 * small.0 <= large.0 * small.1 * 11 / 10, "{small:?} {large:?}");
    assert!(huge.1 <= 256 << 10 && huge.2 <= 3, "{huge:?}");
}
