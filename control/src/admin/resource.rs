//! The paths of the admin API, and the names it gives to what it makes.

use super::tokens::Role;

/// Where the admin API begins.
pub(super) const ROOT: &str = "/_farebox/admin/v1/";

/// What a path of the admin API stands for. Texts are parts of the path, not yet checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resource<'a> {
    OpenApi,
    CatalogSchema,
    Health,
    Catalog,
    Accounts,
    Account(&'a str),
    Credentials(&'a str),
    CredentialImports(&'a str),
    Credential(&'a str, &'a str),
    Rotations(&'a str, &'a str),
    Recharges(&'a str),
    Refunds(&'a str),
    Adjustments(&'a str),
    Purchases(&'a str),
    Subscriptions(&'a str),
    Subscription(&'a str, &'a str),
    Terms(&'a str),
    Balance(&'a str),
    Grants(&'a str),
    Leases(&'a str),
    Entries(&'a str),
    Usage(&'a str),
    Statements(&'a str),
    Statement(&'a str, &'a str),
    Settlements,
    Refused,
    Repricings,
    Clock,
    Tokens,
    Token(&'a str),
    Audit,
    Metrics,
    UsageEvents(&'a str),
    Webhooks,
    Webhook(&'a str),
    DeadLetters(&'a str),
    Resends(&'a str),
    UpstreamSecret(&'a str),
}

impl<'a> Resource<'a> {
    pub(super) fn of(path: &'a str) -> Option<Self> {
        match path {
            "/_farebox/openapi.json" => return Some(Self::OpenApi),
            "/_farebox/catalog.schema.json" => return Some(Self::CatalogSchema),
            _ => {}
        }
        let segments: Vec<&str> = path.strip_prefix(ROOT)?.split('/').collect();
        Some(match *segments.as_slice() {
            ["health"] => Self::Health,
            ["catalog"] => Self::Catalog,
            ["settlements"] => Self::Settlements,
            ["settlements", "refused"] => Self::Refused,
            ["repricings"] => Self::Repricings,
            ["clock"] => Self::Clock,
            ["admin-tokens"] => Self::Tokens,
            ["admin-tokens", id] => Self::Token(id),
            ["metrics"] => Self::Metrics,
            ["accounts", id, "usage", "events"] => Self::UsageEvents(id),
            ["audit"] => Self::Audit,
            ["webhooks"] => Self::Webhooks,
            ["webhooks", id] => Self::Webhook(id),
            ["webhooks", id, "dead-letters"] => Self::DeadLetters(id),
            ["webhooks", id, "resends"] => Self::Resends(id),
            ["products", id, "upstream-secret"] => Self::UpstreamSecret(id),
            ["accounts"] => Self::Accounts,
            ["accounts", id] => Self::Account(id),
            ["accounts", id, "credentials"] => Self::Credentials(id),
            ["accounts", id, "credentials", "imports"] => Self::CredentialImports(id),
            ["accounts", id, "credentials", key] => Self::Credential(id, key),
            ["accounts", id, "credentials", key, "rotations"] => Self::Rotations(id, key),
            ["accounts", id, "recharges"] => Self::Recharges(id),
            ["accounts", id, "refunds"] => Self::Refunds(id),
            ["accounts", id, "adjustments"] => Self::Adjustments(id),
            ["accounts", id, "subscriptions"] => Self::Subscriptions(id),
            ["accounts", id, "subscriptions", subscription] => Self::Subscription(id, subscription),
            ["accounts", id, "terms"] => Self::Terms(id),
            ["accounts", id, "purchases"] => Self::Purchases(id),
            ["accounts", id, "balance"] => Self::Balance(id),
            ["accounts", id, "grants"] => Self::Grants(id),
            ["accounts", id, "leases"] => Self::Leases(id),
            ["accounts", id, "entries"] => Self::Entries(id),
            ["accounts", id, "statements"] => Self::Statements(id),
            ["accounts", id, "statements", period] => Self::Statement(id, period),
            ["accounts", id, "usage"] => Self::Usage(id),
            _ => return None,
        })
    }

    /// What it takes; where GET is among them, HEAD is too.
    pub(super) const fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Catalog | Self::Terms(_) => &["GET", "PUT"],
            Self::Accounts
            | Self::Entries(_)
            | Self::Credentials(_)
            | Self::Subscriptions(_)
            | Self::Settlements
            | Self::Clock
            | Self::Tokens
            | Self::Webhooks => &["GET", "POST"],
            Self::Webhook(_) => &["DELETE", "GET"],
            Self::Account(_) => &["GET", "PATCH"],
            Self::Subscription(..) | Self::Credential(..) => &["DELETE", "PATCH"],
            Self::Token(_) => &["DELETE"],
            Self::Repricings
            | Self::Resends(_)
            | Self::Rotations(..)
            | Self::CredentialImports(_)
            | Self::Recharges(_)
            | Self::Refunds(_)
            | Self::Adjustments(_)
            | Self::Purchases(_) => &["POST"],
            Self::OpenApi
            | Self::CatalogSchema
            | Self::Health
            | Self::Balance(_)
            | Self::Grants(_)
            | Self::Leases(_)
            | Self::Usage(_)
            | Self::Statements(_)
            | Self::Statement(..)
            | Self::Refused
            | Self::DeadLetters(_)
            | Self::Metrics
            | Self::UsageEvents(_)
            | Self::UpstreamSecret(_)
            | Self::Audit => &["GET"],
        }
    }

    /// Whether a request with this method can change something.
    pub(super) fn is_changed_by(self, method: &str) -> bool {
        method != "GET" && self != Self::Repricings
    }

    /// Whether a request with this method stands in the audit log.
    pub(super) fn is_recorded(self, method: &str) -> bool {
        self.is_changed_by(method) || matches!(self, Self::UpstreamSecret(_))
    }

    /// The least that the sender of a request with this method must be.
    pub(super) fn needs(self, method: &str) -> Role {
        match self {
            Self::Tokens | Self::Token(_) | Self::UpstreamSecret(_) => Role::Owner,
            Self::Entries(_) if self.is_changed_by(method) => Role::Owner,
            _ if self.is_changed_by(method) => Role::Operator,
            _ => Role::ReadOnly,
        }
    }

    /// Whether it is answered without the admin token.
    pub(super) const fn is_open(self) -> bool {
        matches!(self, Self::OpenApi | Self::CatalogSchema | Self::Health)
    }
}

/// Bytes in Crockford's base32, in lower case, without padding: 10 bytes are 16 characters.
pub(super) fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut bits, mut held) = (0u32, 0);
    for byte in bytes {
        bits = bits << 8 | u32::from(*byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            text.push(char::from(ALPHABET[(bits >> held) as usize & 31]));
        }
    }
    if held > 0 {
        text.push(char::from(ALPHABET[(bits << (5 - held)) as usize & 31]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_bytes_are_sixteen_characters() {
        assert_eq!(base32(&[0; 10]), "0000000000000000");
        assert_eq!(base32(&[255; 10]), "zzzzzzzzzzzzzzzz");
        assert_eq!(base32(&[0, 0, 0, 0, 1]), "00000001");
        assert_eq!(base32(&[0xff]), "zw");
    }

    #[test]
    fn paths_are_matched_whole() {
        assert_eq!(Resource::of("/_farebox/admin/v1/accounts/acc_1/usage"), Some(Resource::Usage("acc_1")));
        for wrong in ["/_farebox/admin/v1", "/_farebox/admin/v1/", "/_farebox/admin/v1/health/", "/health"] {
            assert_eq!(Resource::of(wrong), None, "{wrong}");
        }
    }
}
