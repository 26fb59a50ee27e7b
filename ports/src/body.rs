//! What a platform says of a request's body that it could not read whole.

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// It is longer than it may be.
    TooLong,
    /// It breaks off.
    Broken,
}
