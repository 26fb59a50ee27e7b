//! The Durable Object of one account, of one document, or of the index of what is due.
//!
//! Why one object per account makes its book exact: Cloudflare runs at most one instance of an object, a JavaScript turn is not
//! interrupted, and the object's SQLite answers within the turn. Between loading the book and appending to it there is no await
//! that yields, so no other command can come between. The object answers only after the platform has made the write durable: its
//! output gate holds the response until then. In the same way a document, or a record of the directory, stays exact when several
//! change it at once. A document's object also puts it into Workers KV. An alarm does so again for a request that was ended
//! before.
#![allow(unsafe_code, missing_docs)] // what `#[durable_object]` expands to

use farebox_books::Accounts;
use farebox_cloudflare::{Ask, Platform, SqlDocument, SqlDueIndex, SqlEntryStore, SqlRecord};
use farebox_core::time::{Millis, SECOND, Timestamp};
use farebox_ports::{Fault, Host, log::tell};
use serde::Serialize;
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

/// How long after a change of a document it is put into KV once more.
const PUBLISHED_AGAIN: Millis = 30 * SECOND;

/// The object: the account's store, and the book as it was after the last command; or a document; or a record of the directory.
#[durable_object(alarm)]
pub struct AccountObject {
    state: State,
    store: SqlEntryStore,
    accounts: Accounts,
    platform: Platform,
}

impl DurableObject for AccountObject {
    fn new(state: State, env: Env) -> Self {
        let store = SqlEntryStore::new(state.storage().sql()).expect("the migration gives the object SQLite");
        let platform = Platform::new(&env).expect("wrangler.toml binds what the platform needs");
        Self { state, store, accounts: Accounts::default(), platform }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let ask: Ask = match serde_json::from_str(&request.text().await?) {
            Ok(ask) => ask,
            Err(error) => return Response::error(error.to_string(), 400),
        };
        if let Err(fault) = self.platform.synchronize().await {
            tell(&self.platform, "clock.unread", &[], &fault);
        }
        let now = self.platform.now();
        match ask {
            Ask::Execute { account, key, command } => {
                let done =
                    farebox_books::execute(&self.store, &self.accounts, &account, key.as_ref(), &command, now).await;
                farebox_books::announce(&self.platform, &self.accounts).await;
                answer(done)
            }
            Ask::Admit { account, nonce, command } => {
                let done =
                    farebox_books::admit(&self.store, &self.accounts, &account, nonce.as_deref(), &command, now).await;
                farebox_books::announce(&self.platform, &self.accounts).await;
                answer(done)
            }
            Ask::Report { account, query } => {
                answer(farebox_books::report(&self.store, &self.accounts, &account, &query).await)
            }
            Ask::Announce { account, at } => answer(self.due_index().and_then(|index| index.announce(&account, at))),
            Ask::Due { until, most } => answer(self.due_index().and_then(|index| index.due(until, most))),
            Ask::LookedAfter { accounts } => answer(self.due_index().and_then(|index| index.looked_after(&accounts))),
            Ask::Document { key } => answer(self.document().current(&self.platform, &key).await),
            Ask::Exchange { key, before, after } => {
                answer(self.exchange(&key, before.as_deref(), after.as_deref()).await)
            }
            Ask::Lookup => answer(self.record().lookup(now)),
            Ask::Swap { before, after, until } => {
                answer(self.swap(before.as_deref(), after.as_deref(), until, now).await)
            }
        }
    }

    async fn alarm(&self) -> Result<Response> {
        let now = self.platform.now();
        match self.record().ends().map_err(|fault| worker::Error::RustError(fault.to_string()))? {
            None => {}
            Some(until) if until <= now => {
                self.state.storage().delete_all().await?;
                return Response::empty();
            }
            // It was prolonged, or the clock was moved.
            Some(until) => {
                self.state.storage().set_alarm(until.since(now)).await?;
                return Response::empty();
            }
        }
        match self.document().publish(&self.platform).await {
            Ok(()) => Response::empty(),
            // The platform sounds an alarm again that failed.
            Err(fault) => Err(worker::Error::RustError(fault.to_string())),
        }
    }
}

impl AccountObject {
    fn due_index(&self) -> std::result::Result<SqlDueIndex, Fault> {
        SqlDueIndex::new(self.state.storage().sql())
    }

    fn document(&self) -> SqlDocument {
        SqlDocument::new(self.state.storage().sql())
    }

    fn record(&self) -> SqlRecord {
        SqlRecord::new(self.state.storage().sql())
    }

    /// Puts a record of the directory in place of another, and sees to it that what it takes is freed when its time is over.
    async fn swap(
        &self,
        before: Option<&str>,
        after: Option<&str>,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> std::result::Result<bool, Fault> {
        let is_done = self.record().swap(before, after, until, now)?;
        if let (true, Some(until)) = (is_done, until) {
            let alarm = self.state.storage().set_alarm(until.since(now).max(0)).await;
            alarm.map_err(|error| Fault::Unavailable { port: "directory", detail: error.to_string() })?;
        }
        Ok(is_done)
    }

    /// Puts a document in place of another, here and then in KV.
    async fn exchange(&self, key: &str, before: Option<&str>, after: Option<&str>) -> std::result::Result<bool, Fault> {
        let document = self.document();
        let is_done = document.exchange(&self.platform, key, before, after).await?;
        if is_done {
            let alarm = self.state.storage().set_alarm(PUBLISHED_AGAIN).await;
            alarm.map_err(|error| Fault::Unavailable { port: "documents", detail: error.to_string() })?;
            document.publish(&self.platform).await?;
        }
        Ok(is_done)
    }
}

/// What an ask came to: for the gateway, which knows the account's refusals from the object's faults.
fn answer<T: Serialize>(answer: std::result::Result<T, Fault>) -> Result<Response> {
    let answer = answer.map_err(|fault| fault.to_string());
    Response::ok(serde_json::to_string(&answer)?)
}
