//! How the control plane keeps its documents: JSON under a key.
//!
//! Invariant: a document that can change is changed here only, by what it is at that moment. So of two changes at once none is
//! lost, also where the key-value store shows late what was written. What is revoked, removed or restricted stays so.

use farebox_core::{
    catalog::{Catalog, Storefront},
    id::{AccountId, ProductId},
    time::Timestamp,
};
use farebox_ports::{Documents, Fault, KeyValue, keys::Status, stored};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::http::failure::Failure;

/// The published catalog, under [`farebox_core::catalog::CATALOG_ENTRY`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Published {
    /// The provider's text, to give back as it was written.
    pub(crate) source: String,
    /// What it was compiled to: what gateways read.
    pub(crate) catalog: Catalog,
    /// What is shown beside it.
    #[serde(default)]
    pub(crate) storefront: Storefront,
    /// The products that were for sale once and are not any more.
    #[serde(default)]
    pub(crate) gone: Vec<ProductId>,
    /// The id of the token it was published with.
    #[serde(default)]
    pub(crate) by: Option<String>,
}

/// An account, under `account/{id}`. Its money is in the ledger.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AccountRecord {
    pub(crate) id: AccountId,
    pub(crate) name: String,
    pub(crate) created: Timestamp,
    /// As it was last set. The book decides.
    #[serde(default)]
    pub(crate) status: Status,
    /// Who stands on its invoices, a line each; empty for its name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) invoice_to: Vec<String>,
    /// What it was asked for with, where the request had an idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) asked: Option<String>,
}

/// The document under `key`.
pub(crate) async fn read<T: DeserializeOwned>(store: &impl KeyValue, key: &str) -> Result<Option<T>, Failure> {
    Ok(stored::read(store, key).await?)
}

/// How often a change is made anew because another came first.
const ATTEMPTS: u32 = 64;

/// What became of a document that was to be made.
pub(crate) enum Made<T> {
    /// It is there.
    Now,
    /// It was there before, as this.
    Before(T),
    /// It was there before, and was removed.
    Removed,
}

/// The document under `key`, as it was last changed, whatever the key-value store shows.
pub(crate) async fn current<T: DeserializeOwned>(store: &impl Documents, key: &str) -> Result<Option<T>, Failure> {
    store.current(key).await?.map(|text| parsed(key, &text)).transpose()
}

/// Makes the document under `key`, unless there is or was one.
pub(crate) async fn make<T: Serialize + DeserializeOwned>(
    store: &impl Documents,
    key: &str,
    document: &T,
) -> Result<Made<T>, Failure> {
    if store.exchange(key, None, Some(&written(document)?)).await? {
        return Ok(Made::Now);
    }
    Ok(current(store, key).await?.map_or(Made::Removed, Made::Before))
}

/// Changes the document under `key`: `change` makes of what it is now what it is to be. `None` when there is none.
pub(crate) async fn change<T: Serialize + DeserializeOwned>(
    store: &impl Documents,
    key: &str,
    change: impl Fn(T) -> Result<T, Failure>,
) -> Result<Option<T>, Failure> {
    for _ in 0..ATTEMPTS {
        let Some(before) = store.current(key).await? else { return Ok(None) };
        let after = change(parsed(key, &before)?)?;
        // Also where nothing changes: the change before may not have been shown yet.
        if store.exchange(key, Some(&before), Some(&written(&after)?)).await? {
            return Ok(Some(after));
        }
    }
    Err(busy(key))
}

/// Removes the document under `key`. Says whether there was one.
pub(crate) async fn remove(store: &impl Documents, key: &str) -> Result<bool, Failure> {
    for _ in 0..ATTEMPTS {
        let Some(before) = store.current(key).await? else { return Ok(false) };
        if store.exchange(key, Some(&before), None).await? {
            return Ok(true);
        }
    }
    Err(busy(key))
}

/// A document that was read.
pub(crate) fn parsed<T: DeserializeOwned>(key: &str, text: &str) -> Result<T, Failure> {
    let unreadable = |error: serde_json::Error| Fault::Unreadable {
        port: "documents",
        what: key.to_owned(),
        detail: error.to_string(),
    };
    Ok(serde_json::from_str(text).map_err(unreadable)?)
}

/// A document as it is kept.
pub(crate) fn written(document: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(document).map_err(|error| Failure::Unwritable(error.to_string()))
}

fn busy(key: &str) -> Failure {
    let detail = format!("{ATTEMPTS} other changes of {key} came first");
    Failure::Port(Fault::Unavailable { port: "documents", detail })
}

/// Puts a document under `key` that nobody changes.
pub(crate) async fn write(store: &impl KeyValue, key: &str, document: &impl Serialize) -> Result<(), Failure> {
    Ok(stored::write(store, key, document).await?)
}
