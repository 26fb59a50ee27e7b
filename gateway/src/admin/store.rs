//! How the admin API keeps its documents in the key-value store: JSON under a key.

use farebox_core::{catalog::Catalog, id::AccountId, time::Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::failure::Failure;
use crate::{ports::KeyValue, stored};

/// The published catalog, under [`farebox_core::catalog::CATALOG_ENTRY`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Published {
    /// The provider's text, to give back as it was written.
    pub(super) source: String,
    /// What it was compiled to: what gateways read.
    pub(super) catalog: Catalog,
}

/// An account, under `account/{id}`. Its money is in the ledger.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AccountRecord {
    pub(super) id: AccountId,
    pub(super) name: String,
    pub(super) created: Timestamp,
    /// As it was last set. The book decides.
    #[serde(default)]
    pub(super) status: Status,
    /// What it was asked for with, where the request had an idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) asked: Option<String>,
}

/// Whether an account may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AccountStatus", inline)]
pub(super) enum Status {
    #[default]
    Active,
    Suspended,
}

/// Where the accounts are.
pub(super) const ACCOUNTS: &str = "account/";

/// Where an account is.
pub(super) fn account_entry(id: &AccountId) -> String {
    format!("{ACCOUNTS}{id}")
}

/// The document under `key`.
pub(super) async fn read<T: DeserializeOwned>(store: &impl KeyValue, key: &str) -> Result<Option<T>, Failure> {
    Ok(stored::read(store, key).await?)
}

/// Puts a document under `key`.
pub(super) async fn write(store: &impl KeyValue, key: &str, document: &impl Serialize) -> Result<(), Failure> {
    Ok(stored::write(store, key, document).await?)
}
