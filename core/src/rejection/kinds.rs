//! One rejection of each code, as the pages of the codes show them.

use super::{Limited, Rejection};
use crate::{signature::jwt, time::Timestamp};

/// A time where a real call has its own: the beginning of 2027.
const SOME_TIME: Timestamp = Timestamp::from_millis(1_798_761_600_000);

impl Rejection {
    /// One of each code, without what only a real call has.
    pub fn kinds() -> Vec<Self> {
        vec![
            Self::CredentialMissing(Vec::new()),
            Self::CredentialUnknown,
            Self::CredentialRevoked,
            Self::SignatureInvalid { string_to_sign: None },
            Self::SignatureExpired { now: SOME_TIME },
            Self::TokenRefused(jwt::Refused::Signature),
            Self::TokenRefused(jwt::Refused::Expired),
            Self::NonceMissing,
            Self::NonceUsed,
            Self::DigestMismatch,
            Self::RouteUnknown,
            Self::MethodUnsupported { allow: "the methods that its routes name".to_owned() },
            Self::ProductForbidden,
            Self::StageMissing,
            Self::AccountSuspended,
            Self::AddressForbidden,
            Self::QuotaExhausted,
            Self::QuotaExpired,
            Self::BalanceExhausted,
            Self::LimitExhausted { renews: SOME_TIME },
            Self::RateLimited { limited: Limited::Account, retry_after: 1 },
            Self::BodyTooLarge { limit: 1 << 20 },
            Self::RequestMalformed("something in it has no meaning in HTTP"),
            Self::UpgradeUnsupported,
            Self::UpstreamUnconfigured,
            Self::UpstreamUnreachable,
            Self::UpstreamTimeout,
            Self::UpstreamMalformed,
            Self::LedgerUnavailable,
        ]
    }
}
