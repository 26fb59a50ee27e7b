//! The port of the runtime itself: its clock, its timer and its log.

use farebox_core::time::{Millis, Timestamp};

/// Waiting, and telling the operator.
pub trait Host {
    /// Returns after `millis`.
    async fn sleep(&self, millis: Millis);

    /// The time now. Only for background work, which has no entry to take the time from.
    fn now(&self) -> Timestamp;

    /// How many operations one invocation may make of the platform: reads, writes, lists, and questions to ledgers. It is
    /// safely below what the platform itself allows.
    fn operations(&self) -> u32 {
        900
    }

    /// Notices that the clock was moved, where it can be: in development only. What goes on for long has no entry that does.
    async fn notice_clock(&self) {}

    /// Tells the operator. Never holds a secret or a body.
    fn log(&self, message: &str);
}
