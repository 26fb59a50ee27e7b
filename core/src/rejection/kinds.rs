//! One rejection of each code, as the pages of the codes show them.

use super::{Limited, Rejection};
use crate::time::Timestamp;

impl Rejection {
    /// One of each code, without what only a real call has.
    pub fn kinds() -> Vec<Self> {
        vec![
            Self::CredentialMissing(Vec::new()),
            Self::CredentialUnknown,
            Self::CredentialRevoked,
            Self::SignatureInvalid { string_to_sign: None },
            Self::SignatureExpired { now: Timestamp::default() },
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
