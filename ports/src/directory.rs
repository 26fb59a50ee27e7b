//! The port of the directory: who may sign in, who is signed in, and who belongs to an account.

use farebox_core::time::Timestamp;

use crate::Fault;

/// Records of persons that only the control plane reads. A change shows at once, everywhere: a session that was ended is over,
/// and a code that was used is used. Nothing of it is in [`KeyValue`](crate::KeyValue), which shows what was some time ago.
pub trait Directory {
    /// The record under `key`; `None` where there is none, or where its time is over.
    async fn lookup(&self, key: &str) -> Result<Option<String>, Fault>;

    /// Puts `after` in place of `before`, if that is what [`Directory::lookup`] would say, and keeps it until `until`, or for good;
    /// `None` stands for no record. Says whether it did.
    ///
    /// After a fault it is not known whether it did; it can be asked for again, from what is there then.
    async fn swap(
        &self,
        key: &str,
        before: Option<&str>,
        after: Option<&str>,
        until: Option<Timestamp>,
    ) -> Result<bool, Fault>;
}
