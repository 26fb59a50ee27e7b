//! The port of documents that change: compared and exchanged, so that no change is lost.

use crate::Fault;

/// Documents that must not lose a change to another that is made at the same time. Every instance reads them by [`KeyValue`](crate::KeyValue),
/// where a change shows late; who changes one reads it here, and says what the change was made from.
pub trait Documents {
    /// The document under `key`, as it was last changed. One that was never changed here is what [`KeyValue`](crate::KeyValue) shows.
    async fn current(&self, key: &str) -> Result<Option<String>, Fault>;

    /// Puts `after` in place of `before`, if that is what is under `key`, and shows it by [`KeyValue`](crate::KeyValue); `None` stands for no
    /// document. Says whether it did. A document that was removed is not made again.
    ///
    /// After a fault it is not known whether it did; it can be asked for again, from what is current then.
    async fn exchange(&self, key: &str, before: Option<&str>, after: Option<&str>) -> Result<bool, Fault>;
}
