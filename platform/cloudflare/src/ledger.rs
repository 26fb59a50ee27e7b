//! The ledger on Workers: one Durable Object per account, asked over its `fetch`.

use farebox_core::{
    id::AccountId,
    ledger::{Answer, Command, IdempotencyKey, Refusal},
    time::Timestamp,
};
use farebox_ports::{
    Due, Fault, Ledger,
    reports::{Query, Report, Reports},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use wasm_bindgen::JsValue;
use worker::{Method, Request, RequestInit, Stub};

use crate::{Platform, fault};

const PORT: &str = "ledger";

/// What the object of an account, of a document, of a record of the directory, or of the index of what is due, is asked.
#[derive(Debug, Serialize, Deserialize)]
pub enum Ask {
    /// To carry out a command.
    Execute {
        /// Whose book it is, for a book that is not open yet.
        account: AccountId,
        /// The command's idempotency key.
        key: Option<IdempotencyKey>,
        /// The command.
        command: Command,
    },
    /// To admit one call.
    Admit {
        /// Whose book it is.
        account: AccountId,
        /// The call's nonce.
        nonce: Option<String>,
        /// The command for its lease.
        command: Command,
    },
    /// To report.
    Report {
        /// Whose book it is.
        account: AccountId,
        /// What about.
        query: Query,
    },
    /// To note when something of an account is due.
    Announce {
        /// Whose.
        account: AccountId,
        /// When.
        at: Timestamp,
    },
    /// For the accounts of which something is due.
    Due {
        /// By then.
        until: Timestamp,
        /// So many at most.
        most: u32,
    },
    /// To note that accounts were looked after, and when something of them is due next.
    LookedAfter {
        /// Which.
        accounts: Vec<(Due, Option<Timestamp>)>,
    },
    /// For the document that it holds.
    Document {
        /// Where that is.
        key: String,
    },
    /// To put a document in place of another.
    Exchange {
        /// Where that is.
        key: String,
        /// What it must hold.
        before: Option<String>,
        /// What it is to hold.
        after: Option<String>,
    },
    /// For the record of the directory that it holds.
    Lookup,
    /// To put a record of the directory in place of another.
    Swap {
        /// What it must hold.
        before: Option<String>,
        /// What it is to hold.
        after: Option<String>,
        /// Until when.
        until: Option<Timestamp>,
    },
}

impl Ledger for Platform {
    async fn execute(
        &self,
        account: &AccountId,
        key: Option<&IdempotencyKey>,
        command: &Command,
    ) -> Result<Result<Answer, Refusal>, Fault> {
        let ask = Ask::Execute { account: account.clone(), key: key.cloned(), command: command.clone() };
        self.ask(account, &ask).await
    }

    async fn admit(
        &self,
        account: &AccountId,
        nonce: Option<&str>,
        command: &Command,
    ) -> Result<Result<Answer, Refusal>, Fault> {
        let (account, nonce) = (account.clone(), nonce.map(str::to_owned));
        self.ask(&account, &Ask::Admit { account: account.clone(), nonce, command: command.clone() }).await
    }
}

impl Reports for Platform {
    async fn report(&self, account: &AccountId, query: &Query) -> Result<Result<Report, Refusal>, Fault> {
        self.ask(account, &Ask::Report { account: account.clone(), query: query.clone() }).await
    }
}

impl Platform {
    /// Asks the object of `account`.
    async fn ask<T: DeserializeOwned>(&self, account: &AccountId, ask: &Ask) -> Result<Result<T, Refusal>, Fault> {
        self.ask_object(account.as_str(), ask).await
    }

    /// Asks the object of a name. A stub belongs to the request that made it, so each question has its own.
    pub(crate) async fn ask_object<T: DeserializeOwned>(&self, name: &str, ask: &Ask) -> Result<T, Fault> {
        let stub = self.accounts.get_by_name(name).map_err(fault(PORT))?;
        let body = serde_json::to_string(ask).map_err(|error| unavailable(&error))?;
        let answer = send(&stub, &body).await.map_err(fault(PORT))?;
        let answer: Result<T, String> = serde_json::from_str(&answer).map_err(|error| unavailable(&error))?;
        answer.map_err(|detail| unavailable(&detail))
    }
}

/// One exchange with an object. The URL is never looked at.
async fn send(stub: &Stub, body: &str) -> worker::Result<String> {
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_body(Some(JsValue::from_str(body)));
    let mut response = stub.fetch_with_request(Request::new_with_init("https://account/", &init)?).await?;
    response.text().await
}

fn unavailable(detail: &impl ToString) -> Fault {
    Fault::Unavailable { port: PORT, detail: detail.to_string() }
}
