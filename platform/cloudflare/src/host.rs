//! Time, waiting and the operator's log on Workers.

use std::{cell::Cell, time::Duration};

use farebox_core::time::{Millis, Timestamp};
use farebox_gateway::{
    admin::CLOCK_ENTRY,
    ports::{Fault, Host, KeyValue},
};
use worker::{Delay, console_error};

use crate::Platform;

/// How long a moved clock may go unnoticed.
const CLOCK_HOLDS: Millis = 250;

/// The runtime's clock, and, where a deployment for development allows it, how far it was moved.
pub(crate) struct Clock {
    movable: bool,
    offset: Cell<Millis>,
    read: Cell<Millis>,
}

impl Clock {
    pub(crate) fn new(movable: bool) -> Self {
        Self { movable, offset: Cell::new(0), read: Cell::new(0) }
    }
}

/// The runtime's own time, in milliseconds since the epoch.
fn runtime_now() -> Millis {
    // The runtime's clock is whole milliseconds, far below where a float would round them.
    worker::Date::now().as_millis() as Millis
}

impl Host for Platform {
    async fn sleep(&self, millis: Millis) {
        Delay::from(Duration::from_millis(millis.max(0).unsigned_abs())).await;
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(runtime_now().saturating_add(self.clock.offset.get()))
    }

    fn log(&self, message: &str) {
        console_error!("{message}");
    }
}

impl Platform {
    /// Notices that the clock was moved, where it can be: in development only.
    ///
    /// # Errors
    /// [`Fault`] when the store does not answer.
    pub async fn synchronize(&self) -> Result<(), Fault> {
        let now = runtime_now();
        if self.clock.movable && now - self.clock.read.get() >= CLOCK_HOLDS {
            self.clock.read.set(now);
            let offset = self.get(CLOCK_ENTRY).await?;
            let offset = offset.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok());
            self.clock.offset.set(offset.unwrap_or(0));
        }
        Ok(())
    }

    /// Whether the clock may be moved here.
    pub fn has_movable_clock(&self) -> bool {
        self.clock.movable
    }
}

/// Bytes from the runtime's random source.
///
/// # Panics
/// When the runtime has none, which Workers always has within a request.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("Workers have a random source");
    bytes
}
