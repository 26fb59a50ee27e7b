//! The port of single flight: of those who want the same, one asks and all have the answer.

use std::future::Future;

/// One piece of work at a time under each name.
pub trait SingleFlight {
    /// Starts `work` unless work of this name is under way, and returns when it is over. The result of the work is what
    /// it left in shared memory.
    async fn once<W: Future<Output = ()> + 'static>(&self, name: String, work: W);
}
