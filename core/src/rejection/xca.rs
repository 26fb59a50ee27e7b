//! A rejection as clients of Alibaba Cloud API Gateway know it: a status, and a code and a message in two header fields.
//!
//! Invariant: what existing x-ca clients match on stays as that gateway spells it, and a message is one line of ASCII.

use super::{Limited, Rejection};

/// How a rejection looks to a client of Alibaba Cloud API Gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XcaError {
    /// The HTTP status.
    pub status: u16,
    /// For `X-Ca-Error-Code`.
    pub code: &'static str,
    /// For `X-Ca-Error-Message`, in ASCII.
    pub message: String,
}

/// How many characters of a string to sign `X-Ca-Error-Message` shows: Node refuses answers with more than 16 KiB of
/// headers, and a signed form can be longer than that.
const SHOWN: usize = 8_000;

impl Rejection {
    /// How the same rejection looks to a client that signed with the x-ca scheme.
    pub fn xca(&self) -> XcaError {
        let (status, code, message): (u16, &'static str, &str) = match self {
            Self::CredentialMissing(_) | Self::SignatureMissing => (401, "A401ES", "Empty Signature"),
            Self::CredentialUnknown | Self::CredentialRevoked => (400, "A400IK", "Invalid AppKey"),
            Self::SignatureInvalid { string_to_sign } => {
                let mut text = header_text(string_to_sign.as_deref().unwrap_or_default());
                text.truncate(SHOWN);
                let message = format!("Invalid Signature, Server StringToSign:`{text}`");
                return XcaError { status: 400, code: "A403IS", message };
            }
            Self::SignatureUnusable(_) => (400, "A403IS", "Invalid Signature"),
            Self::TokenRefused(_) => (401, "A401IT", "Invalid Token"),
            Self::TimestampInvalid => (400, "A400IT", "Invalid Timestamp"),
            Self::SignatureExpired { .. } => (400, "A400TE", "Timestamp Expired"),
            Self::NonceMissing => (400, "A400MN", "Nonce Missing"),
            Self::NonceUsed => (400, "A400NU", "Nonce Used"),
            Self::DigestMismatch | Self::DigestMissing => (400, "A400IM", "Invalid Content-MD5"),
            Self::BodyEmpty => (400, "A400EB", "Empty Request Body"),
            Self::RouteUnknown => (404, "I404NF", "Invalid Url"),
            Self::MethodUnsupported { .. } => (405, "I405MN", "Unsupported HTTP Method"),
            Self::ProductForbidden => (403, "A403UN", "Unauthorized"),
            Self::StageMissing => (403, "A403SM", "Stage Missing"),
            Self::AccountSuspended => (403, "A403AS", "Account Suspended"),
            Self::AddressForbidden => (403, "A403IP", "IP Address Forbidden"),
            Self::QuotaExhausted => (403, "B403MQ", "Quota Exhausted: Api Market Subscription quota exhausted"),
            Self::QuotaExpired => (403, "B403ME", "Quota Expired"),
            Self::BalanceExhausted => (403, "B403MA", "User Arrears"),
            Self::LimitExhausted { .. } => (403, "B403ML", "Limit Exhausted"),
            Self::RateLimited { limited, .. } => match limited {
                Limited::Product => (403, "T429PA", "Throttled by API Flow Control"),
                Limited::Account => (403, "T429PU", "Throttled by USER Flow Control"),
                Limited::Credential => (403, "T429PP", "Throttled by APP Flow Control"),
            },
            Self::BodyTooLarge { .. } => (413, "I413RL", "Request Body Too Large"),
            Self::RequestMalformed(_) => (400, "I400MR", "Malformed Request"),
            Self::HeadTooLarge(_) => (431, "I431RL", "Request Header Fields Too Large"),
            Self::UpgradeUnsupported => (501, "I501UU", "Upgrade Unsupported"),
            Self::UpstreamUnconfigured => (503, "D503UU", "Backend Unconfigured"),
            Self::UpstreamUnreachable => (502, "D502BB", "Backend Unreachable"),
            Self::UpstreamTimeout => (504, "D504TO", "Backend Timeout"),
            Self::UpstreamMalformed => (502, "D502BM", "Backend Response Malformed"),
            Self::LedgerUnavailable | Self::LeasedOut | Self::IssuerUnavailable => {
                (503, "D503LU", "Service Unavailable")
            }
        };
        XcaError { status, code, message: message.to_owned() }
    }
}

/// `text` as it may stand in a header: a line feed is `#`, and what else is not printable ASCII is percent-encoded.
pub(crate) fn header_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'\n' => out.push('#'),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mismatch_shows_the_servers_string_in_one_header_line() {
        let rejection = Rejection::SignatureInvalid { string_to_sign: Some("GET\n\n/caf\u{e9}".into()) };
        let shown = rejection.xca();
        assert_eq!(shown.message, "Invalid Signature, Server StringToSign:`GET##/caf%C3%A9`");
        assert_eq!((shown.status, rejection.status()), (400, 401));
    }

    #[test]
    fn the_text_that_market_clients_match_is_in_the_message() {
        assert!(Rejection::QuotaExhausted.xca().message.contains("Api Market Subscription quota exhausted"));
    }
}
