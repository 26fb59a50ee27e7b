//! One piece of work at a time. Nothing in memory waits, so nothing can come in between either.

use std::future::Future;

use farebox_ports::SingleFlight;

use crate::Memory;

impl SingleFlight for Memory {
    async fn once<W: Future<Output = ()> + 'static>(&self, _name: String, work: W) {
        work.await;
    }
}
