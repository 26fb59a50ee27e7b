//! The keys of what is stored, in one place: what each holds, in which form, and for how long.
//!
//! Invariant: no key is the beginning of another kind's keys. Forms are JSON but for usage, whose number is in its key. A form of
//! JSON grows by members that may be missing, and what cannot grow so gets a key with another number. Keys that core itself makes
//! are in the table by the names that core gives them.

mod directory;

pub use directory::DIRECTORY;

use farebox_core::{
    catalog::CATALOG_ENTRY,
    id::{AccountId, ProductId},
    journal,
    upstream_credential::UPSTREAM_CREDENTIALS,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which credentials an account has.
pub const ACCOUNT_CREDENTIALS: &str = "account-credential/";

/// Which invoices an account has.
pub const ACCOUNT_INVOICES: &str = "account-invoice/";

/// Which orders an account has made.
pub const ACCOUNT_ORDERS: &str = "account-order/";

/// Which recharges an account has asked for.
pub const ACCOUNT_RECHARGE_REQUESTS: &str = "account-recharge/";

/// An account: its name, when it was made, whether it may call.
pub const ACCOUNTS: &str = "account/";

/// An admin token, by a hash.
pub const ADMIN_TOKENS: &str = "admin-token/";

/// A request that could change something.
pub const AUDIT: &str = "audit/1/";

/// How far the clock was moved, in milliseconds; in development only.
pub const CLOCK_ENTRY: &str = "clock/offset";

/// An invoice.
pub const INVOICES: &str = "invoice/";

/// The last invoice of live payments, and of test payments.
pub const INVOICE_TAILS: &str = "invoice-tail/";

/// Which invoice a payment or a month has.
pub const INVOICES_OF: &str = "invoice-of/";

/// What an ended instance counted.
pub const METRICS_LEFT: &str = "metrics-left/";

/// What all ended instances counted.
pub const METRICS_SUM: &str = "metrics-sum";

/// What a running instance counted.
pub const METRICS: &str = "metrics/";

/// A product's OpenAPI document.
pub const PRODUCT_DOCUMENTS: &str = "product-openapi/";

/// Which credentials and accounts changed lately.
pub const RECENT_CHANGES: &str = "recent-changes";

/// A recharge that a customer asked for.
pub const RECHARGE_REQUESTS: &str = "recharge-request/";

/// Usage that an account would not book.
pub const REFUSED: &str = "refused/";

/// Usage that is to be handed in by a later run.
pub const SETTLEMENT_ASIDE: &str = "settlement/aside/";

/// Up to where everything was handed in.
pub const SETTLEMENT_CHECKPOINT: &str = "settlement/checkpoint";

/// What the last runs did.
pub const SETTLEMENT_REPORTS: &str = "settlement/reports";

/// What all runs did together.
pub const SETTLEMENT_TOTALS: &str = "settlement/totals";

/// An account that something was booked for by request.
pub const WEBHOOKS_BOOKED: &str = "webhook-booked/";

/// A message that was given up.
pub const WEBHOOK_DEAD_LETTERS: &str = "webhook-dead/";

/// How an endpoint does.
pub const WEBHOOK_HEALTH: &str = "webhook-health/";

/// A message that is of no account.
pub const WEBHOOK_NOTICES: &str = "webhook-notice/";

/// How far endpoints are with an account.
pub const WEBHOOK_POSITIONS: &str = "webhook-position/";

/// Whether the next run has something to send though nothing happens.
pub const WEBHOOK_REST: &str = "webhook-rest";

/// Up to which account the last run has looked.
pub const WEBHOOK_SWEEP: &str = "webhook-sweep";

/// An endpoint, its secret sealed.
pub const WEBHOOKS: &str = "webhook/";

/// Where an account is.
pub fn account_entry(id: &AccountId) -> String {
    format!("{ACCOUNTS}{id}")
}

/// Where a product's OpenAPI document is.
pub fn product_document_entry(id: &ProductId) -> String {
    format!("{PRODUCT_DOCUMENTS}{id}")
}

/// Whether an account may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AccountStatus", inline)]
pub enum Status {
    /// It may.
    #[default]
    Active,
    /// It may not: its book gives no lease.
    Suspended,
}

/// A kind of documents in the key-value store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// What the key begins with, or the key.
    pub prefix: &'static str,
    /// The rest of the key; empty where the prefix is the key.
    pub rest: &'static str,
    /// The crate and the type that is kept there.
    pub form: &'static str,
    /// What it says.
    pub says: &'static str,
    /// For how long it is kept.
    pub kept: &'static str,
}

/// Everything that is in the key-value store, by its key. `docs/stores.md` shows it, and a test holds both together.
pub static STORED: [Stored; 35] = [
    stored(ACCOUNT_CREDENTIALS, "{account}/{key}", "nothing", "which credentials an account has", "for good"),
    stored(ACCOUNT_INVOICES, "{account}/{invoice}", "nothing", "which invoices an account has", "for good"),
    stored(
        ACCOUNT_ORDERS,
        "{account}/{milliseconds, counted down}.{order}",
        "nothing",
        "which orders an account has made",
        "for good",
    ),
    stored(
        ACCOUNT_RECHARGE_REQUESTS,
        "{account}/{request}",
        "nothing",
        "which recharges an account has asked for",
        "for good",
    ),
    stored(
        ACCOUNTS,
        "{account}",
        "`control`: `AccountRecord`",
        "an account: its name, when it was made, whether it may call",
        "for good",
    ),
    stored(ADMIN_TOKENS, "{token}", "`control`: `tokens::Record`", "an admin token, by a hash", "for good"),
    stored("app-code/", "{hash}", "a key, as text", "whose an app code is", "for good"),
    stored(
        AUDIT,
        "{milliseconds, counted down}/{request}",
        "`control`: `audit::Record`",
        "a request that could change something",
        "for good",
    ),
    stored(
        CATALOG_ENTRY,
        "",
        "`control`: `store::Published`",
        "the catalog: as it was written, and compiled",
        "until the next",
    ),
    stored(
        CLOCK_ENTRY,
        "",
        "a number",
        "how far the clock was moved, in milliseconds; in development only",
        "for good",
    ),
    stored("credential/", "{key}", "`core`: `Credential`", "a credential, its secret sealed", "for good"),
    stored(
        INVOICES_OF,
        "{account}/{order or month}",
        "the id of an invoice",
        "which invoice a payment or a month has",
        "for good",
    ),
    stored(
        INVOICE_TAILS,
        "{mode}",
        "`core`: `Invoice`",
        "the last invoice, of live payments and of test payments",
        "until the next",
    ),
    stored(INVOICES, "{invoice}", "`core`: `Invoice`", "an invoice", "for good"),
    stored(
        METRICS_LEFT,
        "{writer}-{times}",
        "`ports`: `counters::Written`",
        "what an ended instance counted",
        "until it is added up",
    ),
    stored(METRICS_SUM, "", "`ports`: `counters::ended::Sum`", "what all ended instances counted", "for good"),
    stored(
        METRICS,
        "{hour}/{writer}",
        "`ports`: `counters::Written`",
        "what a running instance counted",
        "an hour or two",
    ),
    stored(
        PRODUCT_DOCUMENTS,
        "{product}",
        "an OpenAPI document",
        "what a product's page shows of its API",
        "until the next",
    ),
    stored(
        RECENT_CHANGES,
        "",
        "`ports`: `RecentChanges`",
        "which credentials and accounts changed lately",
        "each name for 40 minutes",
    ),
    stored(
        RECHARGE_REQUESTS,
        "{request}",
        "`control`: `RechargeRequest`",
        "a recharge that a customer asked for",
        "for good",
    ),
    stored(
        REFUSED,
        "{batch}/{account}",
        "`billing`: `settlement::Refused`",
        "usage that an account would not book",
        "for good",
    ),
    stored(
        SETTLEMENT_ASIDE,
        "{number}",
        "`billing`: batches of accounts",
        "usage that is to be handed in by a later run",
        "until it is",
    ),
    stored(SETTLEMENT_CHECKPOINT, "", "`billing`: `Checkpoint`", "up to where everything was handed in", "for good"),
    stored(SETTLEMENT_REPORTS, "", "`billing`: `settlement::Kept`, a list", "what the last runs did", "50 runs"),
    stored(SETTLEMENT_TOTALS, "", "`billing`: `settlement::Totals`", "what all runs did together", "for good"),
    stored(
        UPSTREAM_CREDENTIALS,
        "{name}",
        "`core`: `UpstreamCredential`",
        "a secret that an upstream demands, sealed",
        "until it is removed",
    ),
    stored(
        journal::PREFIX,
        "{minute}/{writer}/{number}",
        "`core`: `Batch`",
        "a batch of usage",
        "8 days; on Spin until it is settled",
    ),
    stored(
        WEBHOOKS_BOOKED,
        "{account}",
        "nothing",
        "an account that something was booked for by request",
        "until a run has looked at it",
    ),
    stored(
        WEBHOOK_DEAD_LETTERS,
        "{webhook}/{message}",
        "`billing`: `webhooks::DeadLetter`",
        "a message that was given up",
        "until it is sent again, or the endpoint removed",
    ),
    stored(WEBHOOK_HEALTH, "{webhook}", "`billing`: `webhooks::Health`", "how an endpoint does", "until it is removed"),
    stored(
        WEBHOOK_NOTICES,
        "{milliseconds}",
        "`core`: `Message`",
        "a message that is of no account",
        "until all endpoints have it",
    ),
    stored(
        WEBHOOK_POSITIONS,
        "{account}",
        "`billing`: a `Position` for each endpoint",
        "how far endpoints are with an account",
        "for good",
    ),
    stored(WEBHOOK_REST, "", "`billing`: `webhooks::Rest`", "whether the next run has something to send", "for good"),
    stored(WEBHOOK_SWEEP, "", "a key", "up to which account the last run has looked", "for good"),
    stored(
        WEBHOOKS,
        "{webhook}",
        "`billing`: `webhooks::Endpoint`",
        "an endpoint, its secret sealed",
        "until it is removed",
    ),
];

const fn stored(
    prefix: &'static str,
    rest: &'static str,
    form: &'static str,
    says: &'static str,
    kept: &'static str,
) -> Stored {
    Stored { prefix, rest, form, says, kept }
}

impl Stored {
    /// Whether `key` is one of these.
    pub fn is_of(&self, key: &str) -> bool {
        if self.rest.is_empty() { key == self.prefix } else { key.starts_with(self.prefix) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_what_is_stored() {
        let page = include_str!("../../docs/stores.md");
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
        let expected = STORED.map(|Stored { prefix, rest, form, says, kept }| {
            format!("| `{prefix}{rest}` | {form} | {says} | {kept} |")
        });
        assert_eq!(rows[..expected.len()], expected, "docs/stores.md");
        let records = DIRECTORY.map(|Stored { prefix, rest, form, says, kept }| {
            format!("| `{prefix}{rest}` | {form} | {says} | {kept} |")
        });
        assert_eq!(rows[expected.len()..][..records.len()], records, "docs/stores.md");
    }

    #[test]
    fn no_key_is_of_two_kinds() {
        for one in STORED {
            let others = STORED.into_iter().filter(|other| other.prefix != one.prefix);
            assert!(!others.into_iter().any(|other| other.is_of(one.prefix)), "{}", one.prefix);
        }
    }
}
