//! The rules of the scheme, one test each. Those of the strict profile are in `strict`, and what a check costs in `cost`.

use super::*;
use crate::time::MINUTE;

pub(super) const VECTOR_1: &str = "GET\nhttps://api.example/Third/Tools/checkSign\n\
    accept: application/json\ncontent-type: application/json\nx-ca-key: appKey\n\
    x-ca-nonce: 787dd0c2-7bd8-41cd-9c19-62c05ea524a2\nx-ca-timestamp: 1646365291734\n\
    x-ca-signature-headers: x-ca-key,x-ca-nonce,x-ca-timestamp\n\
    x-ca-signature: EdJSFAMOWyXZOpXhevZnjuS0ZafnwnCqaSk5hz+tXo8=";

pub(super) const VECTOR_2: &str = "POST +\nhttps://api.example/Third/User/getNyAccessToken\n\
    accept: application/json\ncontent-type: application/x-www-form-urlencoded\nx-ca-key: appKey\n\
    x-ca-nonce: ca5a6753-b76c-4fff-a9d9-e5bb643e8cdf\nx-ca-timestamp: 1646646682418\n\
    x-ca-signature-headers: x-ca-key,x-ca-nonce,x-ca-timestamp\n\
    x-ca-signature: gmf9xq0hc95Hmt+7G+OocS009ka3v1v0rvfshKzYc3w=";

pub(super) const VECTOR_2_BODY: &[u8] = b"nickname=nickname&room_id=6893&uuid=uuid&photo=photo";

#[test]
fn the_public_vectors_hold() {
    let at = Timestamp::from_millis(1_646_365_291_734);
    let verified = Verified { nonce: Some("787dd0c2-7bd8-41cd-9c19-62c05ea524a2"), signed_at: Some(at) };
    assert_eq!(check(VECTOR_1, Body::Unread, Profile::default(), at), Ok(Check::Passed(verified)));
    let verified = Verified { nonce: Some("ca5a6753-b76c-4fff-a9d9-e5bb643e8cdf"), signed_at: Some(NOW) };
    assert_eq!(check(VECTOR_2, Body::Read(VECTOR_2_BODY), Profile::default(), NOW), Ok(Check::Passed(verified)));
}

#[test]
fn a_timestamp_is_good_for_exactly_fifteen_minutes_either_way() {
    let at = |offset| check(VECTOR_2, Body::Read(VECTOR_2_BODY), Profile::default(), NOW.plus(offset));
    for offset in [-15 * MINUTE, 15 * MINUTE] {
        assert!(at(offset).is_ok());
        let now = NOW.plus(offset + offset.signum());
        assert_eq!(at(offset + offset.signum()), Err(Rejection::SignatureExpired { now }));
    }
    for timestamp in ["soon", "1646646682418.5", "99999999999999999999", " "] {
        let packed = VECTOR_2.replace("1646646682418", timestamp);
        let rejected = check(&packed, Body::Unread, Profile::default(), NOW);
        assert_eq!(rejected, Err(Rejection::TimestampInvalid), "{timestamp}");
    }
    let far = VECTOR_2.replace("1646646682418", "-9223372036854775808");
    assert_eq!(check(&far, Body::Unread, Profile::default(), NOW), Err(Rejection::SignatureExpired { now: NOW }));
}

#[test]
fn only_a_timestamp_under_the_signature_says_when_it_was_made() {
    for (list, lines, signed_at) in [("", "", None), ("x-ca-timestamp", "x-ca-timestamp:1646646682418\n", Some(NOW))] {
        let headers =
            format!("x-ca-key: appKey\nx-ca-timestamp: 1646646682418\nx-ca-signature-headers: {list}\nx-ca-nonce: n");
        let packed = packed("GET", "/a", &headers, &format!("GET\n\n\n\n\n{lines}/a"));
        let verified = Verified { nonce: Some("n"), signed_at };
        assert_eq!(check(&packed, Body::Unread, Profile::default(), NOW), Ok(Check::Passed(verified)));
    }
}

#[test]
fn a_forms_body_is_asked_for_but_never_for_a_request_that_is_refused_anyway() {
    assert_eq!(check(VECTOR_2, Body::Unread, Profile::default(), NOW), Ok(Check::NeedsBody));
    let late = check(VECTOR_2, Body::Unread, Profile::default(), NOW.plus(16 * MINUTE));
    assert!(matches!(late, Err(Rejection::SignatureExpired { .. })));
    let empty = VECTOR_2.replace("POST +", "POST");
    assert!(matches!(
        check(&empty, Body::Unread, Profile::default(), NOW),
        Err(Rejection::SignatureInvalid { string_to_sign: Some(_) })
    ));
}

#[test]
fn a_digest_is_checked_after_the_signature_and_against_the_body() {
    let digest = verify::content_md5(b"{}");
    let text = format!("PUT\n\n{digest}\napplication/json\n\n/a");
    let headers = format!("content-md5: {digest}\ncontent-type: application/json\nx-ca-key: appKey");
    let packed = packed("PUT +", "/a", &headers, &text);
    let with = |body| check(&packed, body, Profile::default(), NOW);
    assert_eq!(with(Body::Unread), Ok(Check::NeedsBody));
    assert_eq!(with(Body::Read(b"{}")), Ok(Check::Passed(Verified { nonce: None, signed_at: None })));
    assert_eq!(with(Body::Read(b"{ }")), Err(Rejection::DigestMismatch));
    assert_eq!(with(Body::Read(b"")), Err(Rejection::BodyEmpty));
    let forged = packed.replace("PUT +", "POST +");
    let rejected = check(&forged, Body::Unread, Profile::default(), NOW);
    assert!(matches!(rejected, Err(Rejection::SignatureInvalid { .. })));
}

#[test]
fn sha1_is_taken_only_where_a_product_allows_it() {
    use hmac::{Hmac, KeyInit, Mac};
    let mac = Hmac::<sha1::Sha1>::new_from_slice(b"appSecret").unwrap().chain_update("GET\n\n\n\n\n/a");
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let packed =
        format!("GET\nhttps://h/a\nx-ca-key: appKey\nx-ca-signature-method: HmacSHA1\nx-ca-signature: {signature}");
    let with = |sha1| check(&packed, Body::Unread, Profile { sha1, strict: false }, NOW);
    assert!(with(true).is_ok());
    assert!(matches!(with(false), Err(Rejection::RequestMalformed(_))));
    let other = packed.replace("HmacSHA1", "HmacMD5");
    assert!(matches!(
        check(&other, Body::Unread, Profile { sha1: true, strict: false }, NOW),
        Err(Rejection::RequestMalformed(_))
    ));
}

#[test]
fn a_mismatch_shows_the_documented_string_and_nothing_of_the_secret() {
    let packed = VECTOR_2.replace("appKey", "otherKey");
    let Err(Rejection::SignatureInvalid { string_to_sign: Some(text) }) =
        check(&packed, Body::Read(VECTOR_2_BODY), Profile::default(), NOW)
    else {
        panic!("the signature holds for another key")
    };
    assert_eq!(
        text,
        "POST\napplication/json\n\napplication/x-www-form-urlencoded\n\nx-ca-key:otherKey\n\
        x-ca-nonce:ca5a6753-b76c-4fff-a9d9-e5bb643e8cdf\nx-ca-timestamp:1646646682418\n\
        /Third/User/getNyAccessToken?nickname=nickname&photo=photo&room_id=6893&uuid=uuid"
    );
}

#[test]
fn headers_with_lines_of_their_own_and_names_that_are_none_are_not_signed_twice() {
    let list = "Accept, Content-MD5,content-type,Date,X-Ca-Signature,X-Ca-Signature-Headers,,/evil?a,x-b , X-Missing";
    let text = "GET\n*/*\n\n\n\nx-b:1\nX-Missing:\n/a";
    let headers = format!("accept: */*\nx-b: 1\nx-ca-key: appKey\nx-ca-signature-headers: {list}");
    assert!(passes(&packed("GET", "/a", &headers, text), b""));
}

#[test]
fn a_parameter_cannot_be_passed_off_as_a_header_or_a_path() {
    // The same text, once as a signed header and once inside a path, must not pass for one another.
    let text = "GET\n\n\n\n\nx-b:1\n/a";
    let moved = packed("GET", "/a", "x-ca-key: appKey\nx-ca-signature-headers: /a?x-b", text);
    assert!(!passes(&moved, b""));
    let ambiguous = packed("GET", "/a%3Fb=1", "x-ca-key: appKey", "GET\n\n\n\n\n/a?b=1");
    assert!(!passes(&ambiguous, b""), "an encoded question mark is part of the path");
    let ambiguous = packed("GET", "/a%2541", "x-ca-key: appKey", "GET\n\n\n\n\n/a%41");
    assert!(!passes(&ambiguous, b""), "a path encoded twice is another path");
    let ambiguous = packed("GET", "/a%2Fb", "x-ca-key: appKey", "GET\n\n\n\n\n/a/b");
    assert!(!passes(&ambiguous, b""), "an encoded slash is part of a segment");
}
