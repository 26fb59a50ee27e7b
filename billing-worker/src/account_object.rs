//! The Durable Object of one account.
//!
//! Why one object per account makes its book exact: Cloudflare runs at most one instance of an object, a JavaScript
//! turn is not interrupted, and the object's SQLite answers within the turn. Between loading the book and appending to
//! it there is no await that yields, so no other command can come between. The object answers only after the platform
//! has made the write durable: its output gate holds the response until then.
#![allow(unsafe_code, missing_docs)] // what `#[durable_object]` expands to

use farebox_cloudflare::{Ask, Platform, SqlEntryStore};
use farebox_gateway::{
    ledger::{self, Accounts},
    log::tell,
    ports::{Fault, Host},
};
use serde::Serialize;
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

/// The object: the account's store, and the book as it was after the last command.
#[durable_object(fetch)]
pub struct AccountObject {
    store: SqlEntryStore,
    accounts: Accounts,
    platform: Platform,
}

impl DurableObject for AccountObject {
    fn new(state: State, env: Env) -> Self {
        let store = SqlEntryStore::new(state.storage().sql()).expect("the migration gives the object SQLite");
        let platform = Platform::new(&env).expect("wrangler.toml binds what the platform needs");
        Self { store, accounts: Accounts::default(), platform }
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
                answer(ledger::execute(&self.store, &self.accounts, &account, key.as_ref(), &command, now).await)
            }
            Ask::Admit { account, nonce, command } => {
                answer(ledger::admit(&self.store, &self.accounts, &account, nonce.as_deref(), &command, now).await)
            }
            Ask::Report { account, query } => {
                answer(ledger::report(&self.store, &self.accounts, &account, &query).await)
            }
        }
    }
}

/// What an ask came to: for the gateway, which knows the account's refusals from the object's faults.
fn answer<T: Serialize, E: Serialize>(
    answer: std::result::Result<std::result::Result<T, E>, Fault>,
) -> Result<Response> {
    let answer = answer.map_err(|fault| fault.to_string());
    Response::ok(serde_json::to_string(&answer)?)
}
