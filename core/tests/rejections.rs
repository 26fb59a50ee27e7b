//! What a caller is told for each rejection, in the words of problem documents and in those that clients of x-ca know: who changes
//! one sees what callers will read.
#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect must fail")]

use farebox_core::{
    catalog::AuthScheme,
    rejection::{Limited, Rejection},
    signature::jwt,
    time::Timestamp,
};

fn all() -> Vec<Rejection> {
    use Rejection::*;
    let all_schemes = [AuthScheme::XCa, AuthScheme::Rfc9421, AuthScheme::AppCode, AuthScheme::Key, AuthScheme::Jwt];
    vec![
        CredentialMissing(Vec::new()),
        CredentialMissing(all_schemes.to_vec()),
        CredentialUnknown,
        CredentialRevoked,
        SignatureMissing,
        SignatureInvalid { string_to_sign: None },
        SignatureInvalid { string_to_sign: Some("GET\n\n/".to_owned()) },
        SignatureUnusable("its parameter `expires` is not a number".to_owned()),
        TokenRefused(jwt::Refused::Audience),
        TokenRefused(jwt::Refused::Expired),
        IssuerUnavailable,
        TimestampInvalid,
        SignatureExpired { now: Timestamp::from_millis(1_800_000_000_000) },
        NonceMissing,
        NonceUsed,
        DigestMismatch,
        DigestMissing,
        BodyEmpty,
        RouteUnknown,
        MethodUnsupported { allow: "GET, POST".to_owned() },
        ProductForbidden,
        StageMissing,
        AccountSuspended,
        AddressForbidden,
        QuotaExhausted,
        QuotaExpired,
        BalanceExhausted,
        LimitExhausted { renews: Timestamp::from_millis(1_800_000_000_000) },
        RateLimited { limited: Limited::Product, retry_after: 3 },
        RateLimited { limited: Limited::Account, retry_after: 3 },
        RateLimited { limited: Limited::Credential, retry_after: 3 },
        BodyTooLarge { limit: 1_024 },
        RequestMalformed("its body breaks off"),
        HeadTooLarge("it has more than 100 fields"),
        UpgradeUnsupported,
        UpstreamUnconfigured,
        UpstreamUnreachable,
        UpstreamTimeout,
        UpstreamMalformed,
        LedgerUnavailable,
        LeasedOut,
    ]
}

#[test]
fn each_code_has_a_page() {
    let pages: Vec<&str> = Rejection::kinds().iter().map(Rejection::code).collect();
    for rejection in all() {
        assert!(pages.contains(&rejection.code()), "{}", rejection.code());
        let problem: serde_json::Value = serde_json::from_str(&rejection.problem(400, "r")).unwrap();
        assert_eq!(problem["type"], format!("/_farebox/problems/{}", rejection.code()));
    }
}

#[test]
fn each_rejection_says_what_it_said_before() {
    let told = all().into_iter().map(|rejection| {
        let xca = rejection.xca();
        let problem = rejection.problem(rejection.status(), "req-1");
        format!("{} {problem}\n    x-ca: {} {} {}\n", rejection.status(), xca.status, xca.code, xca.message)
    });
    insta::assert_snapshot!("rejections", told.collect::<String>());
}
