//! Putting a book back from a copy of its entries.
//!
//! Invariant: the ledger takes only entries that follow those it has, whole as they were written. It passes over what it has
//! already, so the same copy may be sent again. Each page must follow the one before it, and nothing else may be booked
//! meanwhile. So this is done before usage is settled and calls are let in.

use farebox_core::ledger::{Command, Entry};
use farebox_ports::keys::{Status, account_entry};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::accounts::account_id;
use crate::{
    http::{Answered, Call, Ports, Response, failure::Failure, names},
    schema::LedgerEntry,
    store::{self, AccountRecord},
};

/// A part of a copy, as `GET entries` gave it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CopiedEntries")]
pub(crate) struct Copied {
    /// The account's name, where it is not known any more. Its id when left out.
    #[schemars(
        length(min = 1, max = 200),
        regex(pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")
    )]
    name: Option<String>,
    /// In order.
    #[schemars(with = "Vec<LedgerEntry>")]
    items: Vec<Value>,
}

impl<P: Ports> Call<'_, P> {
    pub(crate) async fn restore(&self, account: &str) -> Answered {
        let id = account_id(account)?;
        let Copied { name, items } = self.body()?;
        let name = name.unwrap_or_else(|| id.to_string());
        names::check("name", &name)?;
        let items: Vec<Entry> = items.iter().map(entry).collect::<Result<_, _>>()?;
        let Some(created) = items.first().map(|first| first.at) else { return Ok(Response::empty()) };
        self.ports
            .execute(&id, None, &Command::Restore { entries: items.iter().map(Entry::to_bytes).collect() })
            .await??;
        let record = AccountRecord { id, name, created, status: Status::Active, invoice_to: Vec::new(), asked: None };
        // One that is known keeps its name.
        if store::current::<AccountRecord>(self.ports, &account_entry(&record.id)).await?.is_none() {
            store::make(self.ports, &account_entry(&record.id), &record).await?;
        }
        Ok(Response::empty())
    }
}

/// An entry as it was copied.
fn entry(copied: &Value) -> Result<Entry, Failure> {
    let malformed = |error: &dyn std::fmt::Display| Failure::Malformed(format!("the body cannot be read: {error}"));
    let entry = Entry::deserialize(copied).map_err(|error| malformed(&error))?;
    let written = serde_json::to_value(&entry).map_err(|error| Failure::Unwritable(error.to_string()))?;
    if is_shaped(copied, &written) { Ok(entry) } else { Err(malformed(&"a list stands for an object in an entry")) }
}

/// Whether objects are objects: serde would take a list of an object's values, in order, for the object.
fn is_shaped(copied: &Value, written: &Value) -> bool {
    match (copied, written) {
        (Value::Array(_), Value::Object(_)) => false,
        (Value::Array(copied), Value::Array(written)) => {
            copied.iter().zip(written).all(|(one, other)| is_shaped(one, other))
        }
        (Value::Object(copied), Value::Object(written)) => {
            copied.iter().all(|(name, one)| written.get(name).is_none_or(|other| is_shaped(one, other)))
        }
        _ => true,
    }
}
