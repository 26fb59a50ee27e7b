//! Time, waiting and the operator's log on Spin.

use farebox_core::time::{Millis, SECOND, Timestamp};
use farebox_ports::{Fault, Host};
use spin_sdk::wasip3::{
    clocks::{monotonic_clock, system_clock},
    random::random::get_random_bytes,
};

use crate::Platform;

/// What the runtime counts in, in ours.
pub(crate) const NANOS_PER_MILLI: u64 = 1_000_000;

/// The runtime's own time, in milliseconds since the epoch.
fn runtime_now() -> Millis {
    let instant = system_clock::now();
    instant.seconds * SECOND + Millis::from(instant.nanoseconds) / 1_000_000
}

/// Returns after `millis`.
pub(crate) async fn sleep(millis: Millis) {
    monotonic_clock::wait_for(millis.max(0).unsigned_abs().saturating_mul(NANOS_PER_MILLI)).await;
}

impl Host for Platform {
    async fn sleep(&self, millis: Millis) {
        sleep(millis).await;
    }

    fn now(&self) -> Timestamp {
        self.clock.now(runtime_now())
    }

    /// Spin limits none, but a run is an HTTP call that somebody waits for: this is what some twenty seconds suffice for.
    fn operations(&self) -> u32 {
        20_000
    }

    async fn notice_clock(&self) {
        if self.has_movable_clock()
            && let Err(fault) = self.synchronize().await
        {
            self.log(&fault.to_string());
        }
    }

    fn log(&self, message: &str) {
        eprintln!("{message}");
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

    /// Whether the clock may be moved here.
    pub fn has_movable_clock(&self) -> bool {
        self.clock.is_movable()
    }
}

/// Bytes from the runtime's random source.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&get_random_bytes(N as u64));
    bytes
}
