//! On Workers: a Durable Object that runs the suite over its own SQLite, as the account object has it.
//!
//! One object owns an account, so the two instances of the suite are two stores on the storage of one object. What the port
//! promises must hold between them too: Cloudflare can move an object while its predecessor still has work. A record of the
//! directory is in an object of its own, so the suite of the directory asks one for each key.
#![allow(unsafe_code, missing_docs)] // what `#[durable_object]` expands to

use std::panic;

use farebox_books::conformance;
use farebox_cloudflare::{Platform, SqlEntryStore, SqlRecord};
use farebox_core::time::{Millis, Timestamp};
use farebox_ports::{Directory, Fault, Host, Mail, Mailer};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use wasm_bindgen::JsValue;
use worker::{
    Context, DurableObject, Env, Method, Request, RequestInit, Response, Result, State, console_error, durable_object,
    event,
};

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

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        if let Ok(ask) = serde_json::from_str(&request.text().await?) {
            return self.directory(ask);
        }
        let account = "acc_conformance".parse().map_err(|error| worker::Error::RustError(format!("{error}")))?;
        let store = || SqlEntryStore::new(self.state.storage().sql()).expect("the object has SQLite");
        conformance::check(store, &account).await;
        let last = store();
        conformance::check_rows_read(&last, &account, || last.rows_read()).await;
        Response::ok("kept")
    }
}

impl Store {
    /// What the account object does with a record of the directory.
    fn directory(&self, Ask { swap, now }: Ask) -> Result<Response> {
        let record = SqlRecord::new(self.state.storage().sql());
        let done = match swap {
            None => record.lookup(now).map(|found| serde_json::to_string(&found)),
            Some((before, after, until)) => record
                .swap(before.as_deref(), after.as_deref(), until, now)
                .map(|is_done| serde_json::to_string(&is_done)),
        };
        Response::ok(done.map_err(|fault| worker::Error::RustError(fault.to_string()))??)
    }
}

/// What an object is asked of its record.
#[derive(Serialize, Deserialize)]
struct Ask {
    swap: Option<(Option<String>, Option<String>, Option<Timestamp>)>,
    now: Timestamp,
}

/// The directory: each record in an object of its own.
struct Objects {
    env: Env,
}

impl Objects {
    async fn ask<T: DeserializeOwned>(&self, key: &str, ask: &Ask) -> std::result::Result<T, Fault> {
        let answered = async {
            let mut init = RequestInit::new();
            init.with_method(Method::Post).with_body(Some(JsValue::from_str(&serde_json::to_string(ask)?)));
            let request = Request::new_with_init("http://record.test/", &init)?;
            let stub = self.env.durable_object("STORE")?.get_by_name(&format!("directory {key}"))?;
            stub.fetch_with_request(request).await?.text().await
        };
        let fault = |detail: String| Fault::Unavailable { port: "directory", detail };
        let text = answered.await.map_err(|error| fault(error.to_string()))?;
        serde_json::from_str(&text).map_err(|error| fault(format!("{error}: {text}")))
    }
}

impl Directory for Objects {
    async fn lookup(&self, key: &str) -> std::result::Result<Option<String>, Fault> {
        self.ask(key, &Ask { swap: None, now: self.now() }).await
    }

    async fn swap(
        &self,
        key: &str,
        before: Option<&str>,
        after: Option<&str>,
        until: Option<Timestamp>,
    ) -> std::result::Result<bool, Fault> {
        let swap = Some((before.map(str::to_owned), after.map(str::to_owned), until));
        self.ask(key, &Ask { swap, now: self.now() }).await
    }
}

impl Host for Objects {
    async fn sleep(&self, _millis: Millis) {}

    /// The suite asks only what comes before what.
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_000_000)
    }

    fn log(&self, message: &str) {
        console_error!("{message}");
    }
}

#[event(fetch)]
async fn fetch(request: Request, env: Env, _context: Context) -> Result<Response> {
    if request.path() == "/mail" {
        return mail(&env).await;
    }
    conformance::check_directory(&[Objects { env: env.clone() }], "suite").await;
    env.durable_object("STORE")?.get_by_name("store")?.fetch_with_request(request).await
}

/// Sends a letter by the platform's own service, as the billing Worker does.
async fn mail(env: &Env) -> Result<Response> {
    let letter = Mail {
        from: "Acme <hello@acme.example>",
        to: "ann@example.com",
        subject: "Sign in",
        text: "The code is 123456.",
        html: "<p>The code is 123456.</p>",
    };
    match Platform::new(env)?.send_mail(&letter).await {
        Ok(()) => Response::ok("sent"),
        Err(fault) => Response::error(fault.to_string(), 500),
    }
}
