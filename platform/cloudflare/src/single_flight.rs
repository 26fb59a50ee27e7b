//! One piece of work at a time, over requests.
//!
//! A Worker must not let one request wait for another through a Rust waker: I/O belongs to the request that started it,
//! and the runtime ends a request that is woken from outside. A JavaScript promise may be shared: each waiter goes on in
//! its own context when it is settled.

use std::{cell::RefCell, collections::HashMap, future::Future, rc::Rc};

use farebox_ports::SingleFlight;
use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

use crate::Platform;

/// The work under way, by name: a promise that is settled when it is over.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flights(Rc<RefCell<HashMap<String, Promise>>>);

impl Flights {
    async fn once<W: Future<Output = ()> + 'static>(&self, name: String, work: W) {
        let under_way = self.0.borrow().get(&name).cloned();
        if let Some(promise) = under_way {
            // It is only ever resolved; were its request ended from outside, the runtime lets us wait in vain no longer
            // than our own request lives.
            let _ = JsFuture::from(promise).await;
            return;
        }
        let mut landed = None;
        let promise = Promise::new(&mut |resolve, _| landed = Some(resolve));
        self.0.borrow_mut().insert(name.clone(), promise);
        work.await;
        self.0.borrow_mut().remove(&name);
        if let Some(landed) = landed {
            // Settling a promise cannot fail.
            let _ = landed.call0(&JsValue::NULL);
        }
    }
}

impl SingleFlight for Platform {
    async fn once<W: Future<Output = ()> + 'static>(&self, name: String, work: W) {
        self.flights.once(name, work).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use wasm_bindgen_futures::future_to_promise;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    /// Work that takes a turn of the event loop and counts its runs.
    fn work(runs: &Rc<Cell<u32>>) -> impl Future<Output = ()> + 'static {
        let runs = Rc::clone(runs);
        async move {
            let _ = JsFuture::from(Promise::resolve(&JsValue::UNDEFINED)).await;
            runs.set(runs.get() + 1);
        }
    }

    fn start(flights: &Flights, name: &str, runs: &Rc<Cell<u32>>) -> Promise {
        let (flights, name, work) = (flights.clone(), name.to_owned(), work(runs));
        future_to_promise(async move {
            flights.once(name, work).await;
            Ok(JsValue::UNDEFINED)
        })
    }

    #[wasm_bindgen_test]
    async fn however_many_wait_the_work_is_done_once() {
        let (flights, runs) = (Flights::default(), Rc::default());
        let waiting: Vec<Promise> = (0..10).map(|_| start(&flights, "one", &runs)).collect();
        let other = start(&flights, "other", &runs);
        for promise in waiting.into_iter().chain([other]) {
            JsFuture::from(promise).await.unwrap();
        }
        assert_eq!(runs.get(), 2, "once for each name");
        flights.once("one".into(), work(&runs)).await;
        assert_eq!(runs.get(), 3, "and again when it is over");
    }
}
