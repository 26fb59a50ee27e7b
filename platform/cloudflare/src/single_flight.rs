//! One piece of work at a time, over requests.
//!
//! A Worker must not let one request wait for another through a Rust waker: I/O belongs to the request that started it,
//! and the runtime ends a request that is woken from outside. A JavaScript promise may be shared: each waiter goes on in
//! its own context when it is settled.

use std::{future::Future, rc::Rc};

use farebox_gateway::ports::SingleFlight;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{JsFuture, future_to_promise};

use crate::Platform;

impl SingleFlight for Platform {
    async fn once<W: Future<Output = ()> + 'static>(&self, name: String, work: W) {
        let under_way = self.flights.borrow().get(&name).cloned();
        let promise = under_way.unwrap_or_else(|| {
            let (flights, own) = (Rc::clone(&self.flights), name.clone());
            let promise = future_to_promise(async move {
                work.await;
                flights.borrow_mut().remove(&own);
                Ok(JsValue::UNDEFINED)
            });
            self.flights.borrow_mut().insert(name, promise.clone());
            promise
        });
        // The work cannot fail; were it ended from outside, the caller finds nothing changed and asks again.
        let _ = JsFuture::from(promise).await;
    }
}
