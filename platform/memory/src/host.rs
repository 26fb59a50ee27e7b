//! Time that passes only when someone waits, and a log that can be read.

use farebox_core::time::{Millis, Timestamp};
use farebox_ports::Host;

use crate::Memory;

impl Host for Memory {
    async fn sleep(&self, millis: Millis) {
        self.now.set(self.now.get().plus(millis));
    }

    fn now(&self) -> Timestamp {
        self.now.get()
    }

    fn log(&self, message: &str) {
        self.log.borrow_mut().push(message.to_owned());
    }
}
