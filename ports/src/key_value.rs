//! The port of the configuration: a key-value store that every instance reads.

use farebox_core::time::{Millis, SECOND};

use crate::Fault;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last.
    pub cursor: Option<String>,
}

/// How long a platform may show the edge a value of [`KeyValue`] as a place near it has read it, before it asks the store again.
pub const LOCATION_HOLDS: Millis = 15 * SECOND;

/// Configuration that every instance reads: catalog, credentials, accounts' names. Eventually consistent.
pub trait KeyValue {
    /// The value of `key`.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Fault>;

    /// Sets the value of `key`.
    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Fault>;

    /// Removes `key`, if it is there.
    async fn delete(&self, key: &str) -> Result<(), Fault>;

    /// The keys that start with `prefix`, in order, `limit` at most, from where `cursor` of the page before says.
    async fn list(&self, prefix: &str, cursor: Option<&str>, limit: u32) -> Result<Page<String>, Fault>;
}
