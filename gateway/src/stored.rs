//! Documents in the key-value store: JSON under a key.

use serde::{Serialize, de::DeserializeOwned};

use crate::ports::{Fault, KeyValue};

const PORT: &str = "key-value";

/// The document under `key`.
///
/// # Errors
/// [`Fault`] when the store does not answer, or holds something else there.
pub(crate) async fn read<T: DeserializeOwned>(store: &impl KeyValue, key: &str) -> Result<Option<T>, Fault> {
    let Some(bytes) = store.get(key).await? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| unreadable(key, &error))
}

/// Puts a document under `key`.
///
/// # Errors
/// [`Fault`] when the store does not take it.
pub(crate) async fn write<T: Serialize>(store: &impl KeyValue, key: &str, document: &T) -> Result<(), Fault> {
    let bytes = serde_json::to_vec(document).map_err(|error| unreadable(key, &error))?;
    store.put(key, &bytes).await
}

fn unreadable(key: &str, error: &serde_json::Error) -> Fault {
    Fault::Unreadable { port: PORT, what: key.to_owned(), detail: error.to_string() }
}
