//! What the operations of the admin API are about.
//!
//! Invariant: a subject is a tag of the description, so one that was served stays.

use serde::Serialize;

/// What an operation is about: its tag in the description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Subject {
    Description,
    Catalog,
    Accounts,
    Credentials,
    Money,
    Subscriptions,
    Books,
    Settlement,
    Webhooks,
    Administration,
}
