//! On Workers: a Durable Object that runs the suite over its own SQLite, as the account object has it.
//!
//! One object owns an account, so the two instances of the suite are two stores on the storage of one object: what the port
//! promises must hold between them as well, because an object can be moved while its predecessor still has work.
#![allow(unsafe_code, missing_docs)] // what `#[durable_object]` expands to

use std::panic;

use farebox_books::conformance;
use farebox_cloudflare::SqlEntryStore;
use worker::{Context, DurableObject, Env, Request, Response, Result, State, console_error, durable_object, event};

/// The object: nothing but its storage.
#[durable_object(fetch)]
pub struct Store {
    state: State,
}

impl DurableObject for Store {
    fn new(state: State, _env: Env) -> Self {
        // A panic ends the instance; what it says must be said before.
        panic::set_hook(Box::new(|panic| console_error!("{panic}")));
        Self { state }
    }

    async fn fetch(&self, _request: Request) -> Result<Response> {
        let account = "acc_conformance".parse().map_err(|error| worker::Error::RustError(format!("{error}")))?;
        let store = || SqlEntryStore::new(self.state.storage().sql()).expect("the object has SQLite");
        conformance::check(store, &account).await;
        let last = store();
        conformance::check_rows_read(&last, &account, || last.rows_read()).await;
        Response::ok("kept")
    }
}

#[event(fetch)]
async fn fetch(request: Request, env: Env, _context: Context) -> Result<Response> {
    env.durable_object("STORE")?.get_by_name("store")?.fetch_with_request(request).await
}
