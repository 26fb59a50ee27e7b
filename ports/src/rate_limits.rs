//! The port of rate limits that all instances share.

use farebox_core::{limit::Limit, time::Millis};

use crate::Fault;

/// Rate limits over all instances, where the platform ends an instance soon and has many at once.
pub trait RateLimits {
    /// Whether it is such a platform; elsewhere each instance counts for itself, and none asks.
    const SHARED: bool;

    /// Takes up to `want` calls off the bucket `name` under `limit`: how many, or else after how many milliseconds there is
    /// one. At least one of the two is more than zero.
    async fn take_calls(&self, name: &str, limit: Limit, want: u32) -> Result<Taken, Fault>;
}

/// What was taken off a bucket that all instances share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// So many calls, at least one.
    Calls(u32),
    /// None. There is one after so many milliseconds.
    Later(Millis),
}
