//! Usage by time: how it is asked for, and the rows that come back.

use farebox_core::{
    id::{CredentialKey, ProductId},
    ledger::Step,
    statuses::Statuses,
    time::Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::Time;

/// What is asked about usage by time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesAsked {
    /// How long each point is.
    pub every: Step,
    /// Points from the one on that holds this moment.
    pub from: Timestamp,
    /// Points before this moment.
    pub until: Timestamp,
    /// What is told apart.
    pub by: SeriesBy,
    /// Only of this product.
    pub product: Option<ProductId>,
    /// Only of this route.
    pub route: Option<String>,
    /// Only of this credential.
    pub credential: Option<CredentialKey>,
}

/// What usage by time is told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeriesBy {
    /// Nothing: one series.
    Total,
    /// Product.
    Product,
    /// Product and route.
    Route,
    /// Credential.
    Credential,
}

/// What was used in each hour or day, of what was asked to be told apart. The one without a name is the total, or where something is
/// told apart, what an hour had no room to tell apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UsageSeries {
    /// The product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The route as methods and pattern, such as `GET /v1/{id}`; empty for usage of which it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The key of the credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// By time; those in which nothing was used are left out.
    pub points: Vec<SeriesPoint>,
}

/// What was used in an hour or a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SeriesPoint {
    /// When it begins.
    #[schemars(with = "Time")]
    pub at: Timestamp,
    /// Calls that are charged.
    pub calls: u64,
    /// Bytes of request bodies.
    pub ingress_bytes: u64,
    /// Bytes of response bodies.
    pub egress_bytes: u64,
    /// Units.
    pub units: u64,
    /// Calls that went to the upstream and are not charged.
    pub uncharged: u64,
    /// How calls were answered, charged or not.
    pub statuses: StatusCounts,
}

/// How calls were answered, by the class of their status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StatusCounts {
    /// Successful.
    #[serde(rename = "2xx")]
    pub successful: u64,
    /// Redirected.
    #[serde(rename = "3xx")]
    pub redirected: u64,
    /// Errors of the caller.
    #[serde(rename = "4xx")]
    pub client_errors: u64,
    /// Errors of the upstream, and calls that it did not answer.
    #[serde(rename = "5xx")]
    pub server_errors: u64,
}

impl From<Statuses> for StatusCounts {
    fn from(Statuses { successful, redirected, client_errors, server_errors }: Statuses) -> Self {
        Self { successful, redirected, client_errors, server_errors }
    }
}
