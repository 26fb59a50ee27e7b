//! Documents in the key-value store: JSON under a key.

use serde::{Serialize, de::DeserializeOwned};

use crate::{Documents, Fault, KeyValue};

const PORT: &str = "key-value";

/// How often a change is made anew because another came first.
const ATTEMPTS: u32 = 64;

/// The document under `key`.
///
/// # Errors
/// [`Fault`] when the store does not answer, or holds something else there.
pub async fn read<T: DeserializeOwned>(store: &impl KeyValue, key: &str) -> Result<Option<T>, Fault> {
    let Some(bytes) = store.get(key).await? else { return Ok(None) };
    parsed(key, &bytes).map(Some)
}

/// Changes the document under `key`, or a default one, by what it is at that moment: of two changes at once none is lost.
///
/// # Errors
/// [`Fault`] when the store does not answer, or holds something else there.
pub async fn change<T: Default + Serialize + DeserializeOwned>(
    store: &impl Documents,
    key: &str,
    change: impl Fn(&mut T),
) -> Result<T, Fault> {
    for _ in 0..ATTEMPTS {
        let before = store.current(key).await?;
        let mut document = before.as_deref().map(|text| parsed(key, text.as_bytes())).transpose()?.unwrap_or_default();
        change(&mut document);
        let after = serde_json::to_string(&document).map_err(|error| unreadable(key, &error))?;
        if store.exchange(key, before.as_deref(), Some(&after)).await? {
            return Ok(document);
        }
    }
    Err(Fault::Unavailable { port: PORT, detail: format!("{ATTEMPTS} other changes of {key} came first") })
}

/// The document that `bytes` are, which were under `key`.
///
/// # Errors
/// [`Fault::Unreadable`] when they are something else.
pub fn parsed<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(bytes).map_err(|error| unreadable(key, &error))
}

/// Puts a document under `key`.
///
/// # Errors
/// [`Fault`] when the store does not take it.
pub async fn write<T: Serialize>(store: &impl KeyValue, key: &str, document: &T) -> Result<(), Fault> {
    let bytes = serde_json::to_vec(document).map_err(|error| unreadable(key, &error))?;
    store.put(key, &bytes).await
}

/// That what is under `key` is not what it should be.
pub fn unreadable(key: &str, error: &serde_json::Error) -> Fault {
    Fault::Unreadable { port: PORT, what: key.to_owned(), detail: error.to_string() }
}
