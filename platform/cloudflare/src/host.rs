//! Time, waiting and the operator's log on Workers.

use std::time::Duration;

use farebox_core::time::{Millis, Timestamp};
use farebox_ports::{Fault, Host};
use worker::{Delay, console_error};

use crate::Platform;

/// The runtime's own time, in milliseconds since the epoch.
fn runtime_now() -> Millis {
    // The runtime's clock is whole milliseconds, far below where a float would round them.
    js_sys::Date::now() as Millis
}

impl Host for Platform {
    async fn sleep(&self, millis: Millis) {
        Delay::from(Duration::from_millis(millis.max(0).unsigned_abs())).await;
    }

    fn now(&self) -> Timestamp {
        self.clock.now(runtime_now())
    }

    fn operations(&self) -> u32 {
        self.operations
    }

    async fn notice_clock(&self) {
        if self.has_movable_clock()
            && let Err(fault) = self.synchronize().await
        {
            self.log(&fault.to_string());
        }
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
        self.clock.synchronize(self, runtime_now()).await
    }

    /// The time, where the runtime's own is known to be `runtime` milliseconds since the epoch.
    pub const fn at(&self, runtime: Millis) -> Timestamp {
        self.clock.now(runtime)
    }

    /// Whether the clock may be moved here.
    pub fn has_movable_clock(&self) -> bool {
        self.clock.is_movable()
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
