//! What only the operator may know: a port did not do what it was asked.
//!
//! Invariant: a caller is never shown one; what a caller may know is a `Rejection` or a `Refusal` of the core.

/// What only the operator may know: a port did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The platform's service failed or did not answer. Trying again may help.
    #[error("{port}: {detail}")]
    Unavailable {
        /// Which port.
        port: &'static str,
        /// What the platform said.
        detail: String,
    },
    /// What the store holds cannot be read. Trying again does not help.
    #[error("{port}: cannot read {what}: {detail}")]
    Unreadable {
        /// Which port.
        port: &'static str,
        /// The key.
        what: String,
        /// What is wrong with it.
        detail: String,
    },
}
