//! What can be asked of an account's book without changing it, and the rows that come back.
//!
//! Questions and reports travel as JSON between the admin API and wherever the book is kept (on Workers, the account's
//! Durable Object). Invariant: the rows are the shapes of the public API; a member is never taken away or renamed.

mod series;

use farebox_core::{
    credential_limit::LimitPeriod,
    id::{AccountId, CredentialKey, OfferId, ProductId, WriterId},
    ledger::{Answer, Entry, IdempotencyKey, Refusal, Sale, Statement},
    meter::{Meter, PerMeter, Usage},
    money::{Currency, Micros},
    time::Timestamp,
    webhook::Message,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::series::{SeriesAsked, SeriesBy, SeriesPoint, StatusCounts, UsageSeries};
use crate::{
    Fault,
    schema::{Amount, CurrencyCode, Id, LimitPeriodName, MeterName, PerMeterName, Time, UsageCounts},
};

/// A question about one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Query {
    /// How much money is there?
    Balance,
    /// What was bought, and what is left of it?
    Grants,
    /// What is set aside for running instances?
    Leases,
    /// What have credentials with limits spent of them?
    Limits,
    /// What is paid for period by period?
    Subscriptions,
    /// What else was agreed?
    Terms,
    /// What was used of each product in `[from, until)`, by the hour?
    Usage {
        /// The first moment that counts.
        from: Timestamp,
        /// The first moment that does not count any more.
        until: Timestamp,
    },
    /// What was used by time?
    Series(SeriesAsked),
    /// What was booked, entry by entry?
    Entries {
        /// Only entries with a higher number.
        after: u64,
        /// Only entries booked then or later.
        #[serde(default)]
        from: Option<Timestamp>,
        /// At most so many.
        limit: u16,
        /// Whether usage that is not sealed yet is sealed first, where the page reaches the end of the book.
        #[serde(default)]
        sealed: bool,
    },
    /// What is the provider to be told of, entry by entry?
    Outbox {
        /// Only of entries with a higher number.
        after: u64,
        /// Only of entries booked then or later.
        from: Option<Timestamp>,
        /// At most so many messages.
        limit: u16,
    },
    /// What was booked in `[from, until)`, and what would it have cost by another catalog?
    Reprice {
        /// The first moment that counts.
        from: Timestamp,
        /// The first moment that does not count any more.
        until: Timestamp,
        /// The other catalog, compiled, as JSON: the edge asks questions too, and need not know how a catalog is written.
        catalog: String,
    },
    /// Was this sold under this key before, and what was answered then?
    Sold {
        /// The idempotency key of the request.
        key: IdempotencyKey,
        /// What it asks for.
        sale: Sale,
    },
    /// What happened in `[from, until)`, and what did it cost?
    Statement {
        /// The first moment that counts.
        from: Timestamp,
        /// The first moment that does not count any more.
        until: Timestamp,
    },
}

/// The answer to a [`Query`] of the same name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// The money.
    Balance(BalanceReport),
    /// One row per grant and meter, by age; those that have ended too.
    Grants(Vec<GrantRow>),
    /// Open leases by age.
    Leases(Vec<LeaseRow>),
    /// One row per credential and limit.
    Limits(Vec<LimitRow>),
    /// Running subscriptions by age.
    Subscriptions(Vec<SubscriptionRow>),
    /// What was agreed.
    Terms(TermsReport),
    /// One row per product that was used, by its id.
    Usage(Vec<UsageRow>),
    /// One for each of what was asked to be told apart.
    Series(Vec<UsageSeries>),
    /// Entries by their number, with all that is needed to verify their chain.
    Entries(Vec<Entry>),
    /// One row per product that was paid for or used, by its id.
    Repriced(Vec<RepricedRow>),
    /// Messages, and how far the book was read.
    Outbox(Outbox),
    /// What the sale was answered; `None` when nothing was sold under its key.
    Sold(Option<Answer>),
    /// The statement.
    Statement(Box<Statement>),
}

/// The money of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BalanceReport {
    /// What was recharged and not spent.
    #[schemars(with = "Amount")]
    pub balance: Micros,
    /// The balance less what is leased.
    #[schemars(with = "Amount")]
    pub available: Micros,
    /// What open leases can cost at most.
    #[schemars(with = "Amount")]
    pub leased: Micros,
    /// Of all three.
    #[schemars(with = "CurrencyCode")]
    pub currency: Currency,
}

/// One meter of one grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GrantRow {
    /// The grant.
    pub id: String,
    /// What it pays for.
    #[schemars(with = "Id")]
    pub product: ProductId,
    /// The package it came from.
    #[schemars(with = "Id")]
    pub package: OfferId,
    /// What is counted.
    #[schemars(with = "MeterName")]
    pub meter: Meter,
    /// How much was bought.
    pub quantity: u64,
    /// How much was not used, leased out or not.
    pub remaining: u64,
    /// How much open leases hold.
    pub leased: u64,
    /// Lower burns down first.
    pub priority: i32,
    /// From when on it pays.
    #[schemars(with = "Time")]
    pub from: Timestamp,
    /// From when on it does not pay any more; `None` for never.
    #[schemars(with = "Option<Time>")]
    pub until: Option<Timestamp>,
}

/// An open lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeaseRow {
    /// The lease.
    pub id: String,
    /// For which product.
    #[schemars(with = "Id")]
    pub product: ProductId,
    /// Which instance has it.
    #[schemars(with = "Id")]
    pub writer: WriterId,
    /// What pays: a grant's id, or `balance`.
    pub source: String,
    /// How much may be used on it, by meter.
    #[schemars(with = "PerMeterName")]
    pub allowance: PerMeter<u64>,
    /// How much of it was settled.
    #[schemars(with = "UsageCounts")]
    pub used: Usage,
    /// From when on nothing is admitted on it.
    #[schemars(with = "Time")]
    pub until: Timestamp,
}

/// What a credential has spent of one limit, as far as it was settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LimitRow {
    /// The credential.
    #[schemars(with = "Id")]
    pub credential: CredentialKey,
    /// The limit's period, in UTC.
    #[schemars(with = "LimitPeriodName")]
    pub per: LimitPeriod,
    /// When the period began.
    #[schemars(with = "Time")]
    pub from: Timestamp,
    /// When it ends and the limit renews.
    #[schemars(with = "Time")]
    pub renews: Timestamp,
    /// What the credential may spend in it; null for what is not limited.
    pub limit: LimitAmounts,
    /// What it has spent.
    pub spent: SpentAmounts,
}

/// What a credential may spend in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LimitAmounts {
    /// Calls that are charged.
    pub calls: Option<u64>,
    /// Units.
    pub units: Option<u64>,
    /// What is taken from the balance for use.
    #[schemars(with = "Option<Amount>")]
    pub money: Option<Micros>,
}

/// What a credential has spent in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SpentAmounts {
    /// Calls that are charged.
    pub calls: u64,
    /// Units.
    pub units: u64,
    /// What was taken from the balance for use.
    #[schemars(with = "Amount")]
    pub money: Micros,
}

/// A running subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SubscriptionRow {
    /// The subscription.
    pub id: String,
    /// What it pays for.
    #[schemars(with = "Id")]
    pub product: ProductId,
    /// The plan that was subscribed to.
    #[schemars(with = "Id")]
    pub plan: OfferId,
    /// What a period costs.
    #[schemars(with = "Amount")]
    pub price: Micros,
    /// How long a period is, such as `1 month`.
    pub every: String,
    /// When the period that is paid for began.
    #[schemars(with = "Time")]
    pub from: Timestamp,
    /// When it ends.
    #[schemars(with = "Time")]
    pub until: Timestamp,
    /// What the period gave.
    pub grant: String,
    /// Whether another period follows.
    pub renews: bool,
    /// Set when the next period could not be paid for: until when it is tried again.
    #[schemars(with = "Option<Time>")]
    pub grace_until: Option<Timestamp>,
}

/// What was agreed with an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TermsReport {
    /// How far below nothing the balance may go.
    #[schemars(with = "Amount")]
    pub credit_limit: Micros,
    /// A balance below this raises a notice.
    #[schemars(with = "Option<Amount>")]
    pub low_balance: Option<Micros>,
    /// A grant with less than this part of its quantity left raises a notice. In percent.
    pub low_quota: Option<u8>,
    /// The IANA name of the time zone in which subscriptions are renewed; `None` for UTC.
    pub time_zone: Option<String>,
}

/// What was used of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UsageRow {
    /// The product.
    #[schemars(with = "Id")]
    pub product: ProductId,
    /// What was counted.
    #[serde(flatten)]
    #[schemars(with = "UsageCounts")]
    pub usage: Usage,
}

/// What a product came to by two catalogs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RepricedRow {
    /// The product.
    #[schemars(with = "Id")]
    pub product: ProductId,
    /// What was booked as used.
    #[serde(flatten)]
    #[schemars(with = "UsageCounts")]
    pub usage: Usage,
    /// What was paid for use, packages and periods, less what went back.
    #[schemars(with = "Amount")]
    pub before: Micros,
    /// What the same would have come to.
    #[schemars(with = "Amount")]
    pub after: Micros,
    /// What that is more; negative when it is less.
    #[schemars(with = "Amount")]
    pub difference: Micros,
    /// The part of the usage that nothing in the other catalog pays for. Left out when there is none.
    #[serde(default, skip_serializing_if = "Usage::is_zero")]
    #[schemars(with = "Option<UsageCounts>")]
    pub unsold: Usage,
    /// Offers that were priced as they were sold: the other catalog does not have them, or with periods of another length.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Id>")]
    pub kept: Vec<OfferId>,
}

/// What the provider is to be told of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Outbox {
    /// The number of the last entry that was looked at.
    pub seen: u64,
    /// Whether there may be more after it.
    pub more: bool,
    /// The messages, in the order of their entries.
    pub messages: Vec<Message>,
}

/// Reading accounts' books.
pub trait Reports {
    /// Answers `query`; refuses when the account is not open.
    async fn report(&self, account: &AccountId, query: &Query) -> Result<Result<Report, Refusal>, Fault>;
}
