//! Running a future in the context of the request it belongs to.
//!
//! The executor of `wasm-bindgen-futures` has one queue for all requests, and whichever request's turn it is polls them all. On
//! Workers that is an error now and then, under load. What a future makes while it is polled (a fetch, a response) belongs to the
//! request whose turn it was. Here each future is polled by a loop in `handler.js` that belongs to its own request. Invariant: a
//! future is polled by its loop and by nobody else. Whoever wakes it only settles the promise that the loop waits for, and the
//! runtime goes on with the loop in its own context.
#![allow(unsafe_code)] // what `#[wasm_bindgen]` expands to

use std::{
    cell::RefCell,
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use js_sys::Function;
use wasm_bindgen::prelude::*;

thread_local! {
    /// What wakes each task that waits. A waker must be able to cross threads, and a function of JavaScript cannot; so a
    /// waker holds the task's number.
    static WAITING: RefCell<HashMap<u64, Function>> = RefCell::default();
    static NEXT: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// A future of one request, to be run by `handler.js`. What it comes to it leaves where both sides look.
#[wasm_bindgen]
pub struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    number: Number,
}

#[derive(Debug, Clone, Copy)]
struct Number(u64);

impl Task {
    /// A task.
    pub fn new(future: impl Future<Output = ()> + 'static) -> Self {
        let number = NEXT.replace(NEXT.get() + 1);
        Self { future: Box::pin(future), number: Number(number) }
    }
}

#[wasm_bindgen]
impl Task {
    /// Goes on with the task. Says whether it is done; else `wake` is called once it is worth polling again.
    pub fn poll(&mut self, wake: Function) -> bool {
        WAITING.with_borrow_mut(|waiting| waiting.insert(self.number.0, wake));
        let waker = Waker::from(Arc::new(self.number));
        match self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(()) => {
                WAITING.with_borrow_mut(|waiting| waiting.remove(&self.number.0));
                true
            }
            Poll::Pending => false,
        }
    }
}

impl Wake for Number {
    fn wake(self: Arc<Self>) {
        let wake = WAITING.with_borrow_mut(|waiting| waiting.remove(&self.0));
        if let Some(wake) = wake {
            // Settling a promise cannot fail.
            let _ = wake.call0(&JsValue::NULL);
        }
    }
}

#[cfg(test)]
mod tests {
    use js_sys::Promise;
    use wasm_bindgen_futures::JsFuture;
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    #[wasm_bindgen_test]
    async fn a_task_says_when_it_is_worth_polling_again_and_is_polled_by_nobody_else() {
        let mut open = None;
        let gate = Promise::new(&mut |resolve, _| open = Some(resolve));
        let mut task = Task::new(async move {
            let _ = JsFuture::from(gate).await;
        });
        let mut wake = None;
        let woken = Promise::new(&mut |resolve, _| wake = Some(resolve));
        assert!(!task.poll(wake.unwrap()));
        open.unwrap().call0(&JsValue::NULL).unwrap();
        JsFuture::from(woken).await.unwrap();
        assert!(task.poll(Function::new_no_args("")));
        assert!(WAITING.with_borrow(HashMap::is_empty));
    }
}
