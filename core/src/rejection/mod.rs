//! What a caller may know about why a call was not forwarded.
//!
//! A [`Rejection`] has a stable code, a status, and words that say what to do next. It never tells what only the
//! operator may know: for that there are the faults of each port, which are logged and answered as `5xx`.

mod kinds;
mod xca;

use serde::Serialize;

pub use self::xca::XcaError;
pub(crate) use self::xca::header_text;
use crate::{catalog::AuthScheme, signature::jwt, time::Timestamp};

/// What a caller is told whose body broke off on its way to us.
pub const BODY_BROKEN: &str = "its body breaks off";

/// Whose rate limit was hit; decides the message that existing x-ca clients match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limited {
    /// The limit of the whole product.
    Product,
    /// The limit of the account.
    Account,
    /// The limit of the credential.
    Credential,
}

/// Why a call was not forwarded. The texts carried along are shown to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// Nothing to identify the caller by that the product takes; holds what it does take, and nothing where no product is
    /// known.
    CredentialMissing(Vec<AuthScheme>),
    /// A key or an app code that nobody has.
    CredentialUnknown,
    /// A credential that was revoked or has expired.
    CredentialRevoked,
    /// An `X-Ca-Key` without `X-Ca-Signature`.
    SignatureMissing,
    /// The signature does not match; `string_to_sign` is the server's own, where the scheme has one.
    SignatureInvalid {
        /// What the server signed, for the caller to compare.
        string_to_sign: Option<String>,
    },
    /// The signature cannot be used; says why, without what was signed.
    SignatureUnusable(String),
    /// The token is not good; says why.
    TokenRefused(jwt::Refused),
    /// The keys of the token's issuer cannot be read.
    IssuerUnavailable,
    /// The timestamp is not a number of milliseconds.
    TimestampInvalid,
    /// The timestamp is outside the window of 15 minutes either way.
    SignatureExpired {
        /// The server's time.
        now: Timestamp,
    },
    /// The product demands a nonce.
    NonceMissing,
    /// The nonce was used before.
    NonceUsed,
    /// The body does not match the digest that came with it.
    DigestMismatch,
    /// The product demands a digest of the body.
    DigestMissing,
    /// A digest came, and the body is empty.
    BodyEmpty,
    /// No product has this path.
    RouteUnknown,
    /// The path is known, the method is not; holds those that are.
    MethodUnsupported {
        /// The methods of the path, comma separated, for `Allow`.
        allow: String,
    },
    /// The credential or the account may not use this product.
    ProductForbidden,
    /// The call is a test, and the product has no test stage.
    StageMissing,
    /// The provider has suspended the account.
    AccountSuspended,
    /// The credential may not be used from the address that the call came from.
    AddressForbidden,
    /// Every package of the account for this product is used up, and nothing else pays.
    QuotaExhausted,
    /// Every package of the account for this product has expired, and nothing else pays.
    QuotaExpired,
    /// The balance does not pay for one more call.
    BalanceExhausted,
    /// What the credential may spend in a period is spent.
    LimitExhausted {
        /// When the period ends.
        renews: Timestamp,
    },
    /// Too many calls in a time.
    RateLimited {
        /// Whose limit it was.
        limited: Limited,
        /// Seconds until it is worth trying again.
        retry_after: u32,
    },
    /// The body is larger than the gateway takes for this kind of request.
    BodyTooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The request cannot be understood; says what about it.
    RequestMalformed(&'static str),
    /// The request's head is larger than the gateway takes; says in what.
    HeadTooLarge(&'static str),
    /// The connection is to become another protocol's, which cannot be metered.
    UpgradeUnsupported,
    /// The upstream demands a credential that the provider has not set.
    UpstreamUnconfigured,
    /// The upstream could not be reached, or broke the connection before it answered.
    UpstreamUnreachable,
    /// The upstream did not answer in time.
    UpstreamTimeout,
    /// The upstream answered with something that cannot be handed on: a status outside of 200 to 599, or lengths that differ.
    UpstreamMalformed,
    /// The ledger did not answer; nothing is admitted that cannot be paid for.
    LedgerUnavailable,
    /// All that the account has left is set aside for calls under way, and some of it may come back.
    LeasedOut,
}

/// Where the pages are of the codes, each under its code: what the `type` of a problem document names (RFC 9457, section 3.1.1).
pub const PROBLEMS: &str = "/_farebox/problems/";

/// After how many seconds a call is worth trying again that could not be decided on.
const UNDECIDED_FOR: u32 = 1;

/// A problem document (RFC 9457), with our members `code` and `request_id`. A program that signs finds `string_to_sign` when the
/// signature does not match, and `now` when the timestamp is too far off.
#[derive(Debug, Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: String,
    code: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    string_to_sign: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<Timestamp>,
}

/// How a caller proves who it is, in words.
const fn way(scheme: AuthScheme) -> &'static str {
    match scheme {
        AuthScheme::AppCode => "your app code (curl -H 'Authorization: APPCODE …')",
        AuthScheme::Key => "your key (curl -H 'Authorization: Bearer …')",
        AuthScheme::Jwt => "a token of your provider's issuer (curl -H 'Authorization: Bearer …')",
        AuthScheme::XCa => "a signature in X-Ca-Key, X-Ca-Timestamp, X-Ca-Nonce and X-Ca-Signature",
        AuthScheme::Rfc9421 => "a signature in Signature-Input and Signature (RFC 9421)",
    }
}

impl Rejection {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.row().0
    }

    /// The HTTP status for every scheme but x-ca.
    pub fn status(&self) -> u16 {
        self.row().1
    }

    /// For `Retry-After`, in seconds, where trying again can help (RFC 9110, section 10.2.3).
    pub const fn retry_after(&self) -> Option<u32> {
        match self {
            Self::RateLimited { retry_after, .. } => Some(*retry_after),
            Self::LedgerUnavailable | Self::LeasedOut | Self::IssuerUnavailable => Some(UNDECIDED_FOR),
            _ => None,
        }
    }

    /// For `Link` with the relation `payment` (RFC 8288): where whoever pays for the account can do something about it.
    pub const fn pay_at(&self) -> Option<&'static str> {
        match self {
            Self::QuotaExhausted | Self::QuotaExpired | Self::BalanceExhausted => {
                Some("/_farebox/portal/offers?recharge")
            }
            _ => None,
        }
    }

    /// A short title, the same for every occurrence.
    pub fn title(&self) -> &'static str {
        self.row().2
    }

    /// Code, status and title.
    fn row(&self) -> (&'static str, u16, &'static str) {
        match self {
            Self::CredentialMissing(_) => ("credential.missing", 401, "No credential"),
            Self::CredentialUnknown => ("credential.unknown", 401, "Unknown credential"),
            Self::CredentialRevoked => ("credential.revoked", 401, "Revoked credential"),
            Self::SignatureMissing | Self::SignatureUnusable(_) | Self::SignatureInvalid { .. } => {
                ("signature.invalid", 401, "The signature does not match")
            }
            Self::TokenRefused(jwt::Refused::Expired | jwt::Refused::Early) => {
                ("token.expired", 401, "The token is out of its time")
            }
            Self::TokenRefused(_) => ("token.invalid", 401, "Token refused"),
            Self::TimestampInvalid | Self::SignatureExpired { .. } => {
                ("signature.expired", 401, "The signature is out of its time")
            }
            Self::NonceMissing => ("nonce.missing", 401, "No nonce"),
            Self::NonceUsed => ("nonce.used", 401, "Nonce used before"),
            Self::DigestMismatch | Self::DigestMissing | Self::BodyEmpty => {
                ("digest.mismatch", 401, "The body does not match its digest")
            }
            Self::RouteUnknown => ("route.unknown", 404, "No such route"),
            Self::MethodUnsupported { .. } => ("method.unsupported", 405, "Method not supported here"),
            Self::ProductForbidden => ("product.forbidden", 403, "Product not open to this credential"),
            Self::StageMissing => ("stage.missing", 403, "No test stage"),
            Self::AccountSuspended => ("account.suspended", 403, "Account suspended"),
            Self::AddressForbidden => ("address.forbidden", 403, "Address not open to this credential"),
            Self::QuotaExhausted => ("quota.exhausted", 402, "Package used up"),
            Self::QuotaExpired => ("quota.expired", 402, "Package expired"),
            Self::BalanceExhausted => ("balance.exhausted", 402, "Balance used up"),
            Self::LimitExhausted { .. } => ("limit.exhausted", 402, "Limit used up"),
            Self::RateLimited { .. } => ("rate.limited", 429, "Too many calls"),
            Self::BodyTooLarge { .. } => ("body.too_large", 413, "Body too large"),
            Self::RequestMalformed(_) => ("request.malformed", 400, "Malformed request"),
            Self::HeadTooLarge(_) => ("request.malformed", 431, "Request head too large"),
            Self::UpgradeUnsupported => ("upgrade.unsupported", 501, "No WebSocket here"),
            Self::UpstreamUnconfigured => ("upstream.unconfigured", 503, "Upstream not set up"),
            Self::UpstreamUnreachable => ("upstream.unreachable", 502, "Upstream unreachable"),
            Self::UpstreamTimeout => ("upstream.timeout", 504, "Upstream timed out"),
            Self::UpstreamMalformed => ("upstream.malformed", 502, "Upstream answer unusable"),
            Self::LedgerUnavailable | Self::LeasedOut | Self::IssuerUnavailable => {
                ("temporarily.unavailable", 503, "Temporarily unavailable")
            }
        }
    }

    /// What happened here and what to do next.
    pub fn detail(&self) -> String {
        match self {
            Self::CredentialMissing(takes) => {
                let all: &[AuthScheme] = &[AuthScheme::AppCode, AuthScheme::Key, AuthScheme::XCa, AuthScheme::Rfc9421];
                let takes = if takes.is_empty() { all } else { takes };
                let ways: Vec<&str> = takes.iter().map(|scheme| way(*scheme)).collect();
                format!("Send {}. `farebox call` signs for you.", ways.join(", or "))
            }
            Self::CredentialUnknown => "Nobody has this key or app code. Check it for typing errors, or ask your \
                provider for a new credential."
                .into(),
            Self::CredentialRevoked => "This credential was revoked or has expired. Use another credential of the \
                account, or ask your provider for one."
                .into(),
            Self::SignatureMissing => "X-Ca-Key came without X-Ca-Signature. Sign the request.".into(),
            Self::SignatureUnusable(why) => format!("The signature cannot be used: {why}. Sign the request anew."),
            Self::SignatureInvalid { string_to_sign: Some(text) } => format!(
                "The signature was not made over what the server received. The server signed `{text}`. Compare with \
                yours, or run `farebox explain`."
            ),
            Self::SignatureInvalid { string_to_sign: None } => {
                "The signature was not made over what the server received, or not with this credential's secret.".into()
            }
            Self::TokenRefused(why) => format!("The token is refused: {why}. Get a new one from your provider's issuer."),
            Self::IssuerUnavailable => "The gateway cannot read the keys of the token's issuer at the moment. Nothing was \
                charged; try again."
                .into(),
            Self::TimestampInvalid => "X-Ca-Timestamp must be a number of milliseconds since 1970.".into(),
            Self::SignatureExpired { now } => format!(
                "The signature was made more than 15 minutes away from the server's time, {now}, or has passed its own \
                end. Set the clock, and sign each request when it is sent."
            ),
            Self::NonceMissing => {
                "This product demands a signed nonce and timestamp. Add X-Ca-Nonce and X-Ca-Timestamp \
                to the signed headers, or `nonce` and `created` to Signature-Input."
                    .into()
            }
            Self::NonceUsed => "A request with this nonce was taken before. Use a new nonce for each request, also \
                when you try again."
                .into(),
            Self::DigestMismatch => "The body that arrived is not the one that was signed.".into(),
            Self::DigestMissing => {
                "This product demands a digest of the body. Add Content-MD5, the base64 of the body's \
                MD5, or with RFC 9421 a signed Content-Digest with sha-256 or sha-512."
                    .into()
            }
            Self::BodyEmpty => "A digest of the body came, but no body.".into(),
            Self::RouteUnknown => "No product has a route for this path. Check the path.".into(),
            Self::MethodUnsupported { allow } => format!("This path takes {allow}."),
            Self::ProductForbidden => "This credential may not use this product. Ask your provider to open it.".into(),
            Self::StageMissing => {
                "This product cannot be tried out: it has no test stage. Call it with a credential that is not for tests."
                    .into()
            }
            Self::AccountSuspended => {
                "Your provider has suspended this account. Ask them why; nothing was charged.".into()
            }
            Self::AddressForbidden => {
                "This credential may be used from certain addresses only, and the call came from \
                another. Call from one of them, or ask your provider to change the credential."
                    .into()
            }
            Self::QuotaExhausted => "What you bought of this product is used up. Buy another package, or recharge \
                where the product is sold by use."
                .into(),
            Self::QuotaExpired => "What you bought of this product has expired. Buy another package.".into(),
            Self::BalanceExhausted => "The balance does not pay for this call. Recharge the account.".into(),
            Self::LimitExhausted { renews } => format!(
                "What this credential may spend is spent, and renews at {renews}. Wait until then, raise the limit, or call \
                with another credential of the account."
            ),
            Self::RateLimited { retry_after, .. } => format!("Too many calls. Try again in {retry_after} s."),
            Self::BodyTooLarge { limit } => {
                format!("The body is larger than {limit} bytes. Send it in parts, or send it unsigned as a stream.")
            }
            Self::RequestMalformed(what) => format!("The request cannot be read: {what}."),
            Self::HeadTooLarge(what) => format!("The request is too large: {what}. Send less of it in one request."),
            Self::UpgradeUnsupported => {
                "WebSockets do not go through this gateway. Call by plain HTTP; answers may stream, as server-sent events do.".into()
            }
            Self::UpstreamUnconfigured => "The provider has not set the credential that the API behind this gateway \
                demands. Nothing was charged; tell the provider."
                .into(),
            Self::UpstreamUnreachable => "The API behind this gateway cannot be reached. The call was not charged; \
                try again later."
                .into(),
            Self::UpstreamTimeout => "The API behind this gateway did not answer in time. The call was not charged; \
                try again later."
                .into(),
            Self::UpstreamMalformed => {
                "The API behind this gateway gave an answer that cannot be handed on. The call was \
                not charged; tell the provider."
                    .into()
            }
            Self::LedgerUnavailable => "The gateway cannot reach the account at the moment. Nothing was charged; try \
                again."
                .into(),
            Self::LeasedOut => "All that the account has left is set aside for calls under way. Nothing was charged; \
                try again, because some of it may come back."
                .into(),
        }
    }

    /// The problem document, as JSON (RFC 9457, section 3).
    pub fn problem(&self, status: u16, request_id: &str) -> String {
        let problem = Problem {
            r#type: format!("{PROBLEMS}{}", self.code()),
            title: self.title(),
            status,
            detail: self.detail(),
            code: self.code(),
            request_id,
            string_to_sign: if let Self::SignatureInvalid { string_to_sign } = self {
                string_to_sign.as_deref()
            } else {
                None
            },
            now: if let Self::SignatureExpired { now } = self { Some(*now) } else { None },
        };
        serde_json::to_string(&problem).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_brings_no_credential_gets_the_line_that_sends_an_app_code_where_one_is_taken() {
        let detail = |takes: &[AuthScheme]| Rejection::CredentialMissing(takes.to_vec()).detail();
        let line = "curl -H 'Authorization: APPCODE …'";
        assert!(detail(&[AuthScheme::XCa, AuthScheme::AppCode]).contains(line));
        assert!(!detail(&[AuthScheme::XCa]).contains("APPCODE"));
        assert!(detail(&[]).contains(line) && detail(&[]).contains("X-Ca-Key"));
    }

    #[test]
    fn who_may_pass_later_is_told_when_and_never_that_nothing_is_left() {
        for rejection in [Rejection::LeasedOut, Rejection::LedgerUnavailable] {
            assert_eq!((rejection.code(), rejection.status()), ("temporarily.unavailable", 503));
            assert_eq!((rejection.xca().status, rejection.retry_after()), (503, Some(1)));
        }
        assert_eq!(Rejection::QuotaExhausted.retry_after(), None);
    }
}
