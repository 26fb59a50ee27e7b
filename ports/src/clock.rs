//! The clock of an instance: the runtime's own and, where a deployment for development allows it, how far it was moved.
//!
//! Invariant: where the clock cannot be moved, nothing is read and the runtime's time is the time.

use std::cell::Cell;

use farebox_core::time::{Millis, Timestamp};

use crate::{Fault, KeyValue, keys::CLOCK_ENTRY};

/// How long a moved clock may go unnoticed.
pub const HOLDS: Millis = 250;

/// A clock. What it is given as `runtime` is the runtime's own time, in milliseconds since the epoch.
#[derive(Debug)]
pub struct Clock {
    movable: bool,
    offset: Cell<Millis>,
    read: Cell<Millis>,
}

impl Clock {
    /// A clock that nobody has moved yet, and that can be moved or not.
    pub const fn new(movable: bool) -> Self {
        Self { movable, offset: Cell::new(0), read: Cell::new(0) }
    }

    /// The time.
    pub const fn now(&self, runtime: Millis) -> Timestamp {
        Timestamp::from_millis(runtime.saturating_add(self.offset.get()))
    }

    /// Whether it can be moved.
    pub const fn is_movable(&self) -> bool {
        self.movable
    }

    /// Notices that it was moved, where it can be. A call that comes while another reads how far the clock was moved reads that
    /// too. By the time of before, it would ask for a lease that is over when it comes.
    ///
    /// # Errors
    /// [`Fault`] when the store does not answer.
    pub async fn synchronize(&self, store: &impl KeyValue, runtime: Millis) -> Result<(), Fault> {
        if self.movable && runtime - self.read.get() >= HOLDS {
            let offset = store.get(CLOCK_ENTRY).await?;
            let offset = offset.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok());
            // It only moves forward, so of two answers the one that was asked for later is right.
            if runtime >= self.read.get() {
                self.offset.set(offset.unwrap_or(0));
                self.read.set(runtime);
            }
        }
        Ok(())
    }
}
