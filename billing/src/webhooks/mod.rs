//! Webhooks: telling the provider's own systems what happened, by Standard Webhooks.
//!
//! The ledger is the outbox: messages are made of booked entries. For each account a place says up to which entry each endpoint
//! has everything. Invariants: nothing that was booked can be missing, because nothing has to be written down for it to be sent.
//! The messages of one account go out in the order of their entries, each only when the one before was taken or given up. A
//! message has the same id however often it is sent. It may be sent more than once.

mod deliver;
mod send;

use farebox_core::{
    id::AccountId,
    time::{DAY, Millis, Timestamp},
    webhook::Message,
};
use farebox_ports::{
    Documents, DueIndex, Fault, Host, KeyValue, Web,
    keys::{WEBHOOK_DEAD_LETTERS, WEBHOOK_HEALTH, WEBHOOK_NOTICES, WEBHOOK_POSITIONS, WEBHOOKS, WEBHOOKS_BOOKED},
    reports::Reports,
    stored::{read, write},
};
use serde::{Deserialize, Serialize};

pub(crate) use self::deliver::{are_at_rest, deliver};
use self::send::send;
pub use self::send::{Failure, SECRET_MARK, resend};

/// The most endpoints there can be: each is looked after in each run.
pub const MOST_ENDPOINTS: usize = 20;

/// The place among the accounts for messages that are of none.
const NO_ACCOUNT: &str = "-";

/// How old a message gets before it is given up.
const GIVEN_UP_AFTER: Millis = 5 * DAY;

/// All that sending needs.
pub trait WebhookPorts: KeyValue + Documents + Reports + Web + Host {}

impl<P: KeyValue + Documents + Reports + Web + Host> WebhookPorts for P {}

/// Where messages are sent to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Endpoint {
    /// Which endpoint.
    pub id: String,
    /// Where it is.
    pub url: String,
    /// The types that it wants; `None` for all.
    pub events: Option<Vec<String>>,
    /// The secret it shares with us, sealed.
    pub sealed_secret: String,
    /// Messages of what happened before are not sent to it.
    pub created: Timestamp,
    /// What it was asked for with, where the request had an idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
}

impl Endpoint {
    fn wants(&self, message: &Message) -> bool {
        self.events.as_ref().is_none_or(|events| events.contains(&message.r#type))
    }
}

/// How far an endpoint is with one account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    /// It has everything up to this entry.
    after: u64,
    /// How often the message after it was tried and not taken.
    #[serde(default)]
    attempts: u32,
    /// When it was tried last.
    #[serde(default)]
    failed: Option<Timestamp>,
}

/// How an endpoint does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Since when nothing was taken, where the last try failed.
    pub failing_since: Option<Timestamp>,
    /// When it took something after it had failed.
    pub recovered: Option<Timestamp>,
}

/// A message that was given up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeadLetter {
    /// What was to be told.
    pub message: Message,
    /// When it was given up.
    pub given_up: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// What happened the last time.
    pub reason: String,
}

/// Where an endpoint is.
pub fn endpoint_entry(id: &str) -> String {
    format!("{WEBHOOKS}{id}")
}

/// Where it is kept how an endpoint does.
pub fn health_entry(id: &str) -> String {
    format!("{WEBHOOK_HEALTH}{id}")
}

/// Where the dead letters of an endpoint are.
pub fn dead_letters(endpoint: &str) -> String {
    format!("{WEBHOOK_DEAD_LETTERS}{endpoint}/")
}

fn positions_entry(stream: &str) -> String {
    format!("{WEBHOOK_POSITIONS}{stream}")
}

/// All endpoints.
///
/// # Errors
/// [`Fault`] when the store does not answer.
pub async fn endpoints(ports: &impl KeyValue) -> Result<Vec<Endpoint>, Fault> {
    let mut endpoints = Vec::new();
    for key in ports.list(WEBHOOKS, None, MOST_ENDPOINTS as u32).await?.items {
        endpoints.extend(read::<Endpoint>(ports, &key).await?);
    }
    Ok(endpoints)
}

/// Marks an account that something was booked for, where somebody is there to be told, and has the next runs look after it. A mark
/// that is lost costs the account its place in front, and no message.
///
/// # Errors
/// [`Fault`] when the store does not answer.
pub async fn mark(ports: &(impl KeyValue + DueIndex), account: &AccountId) -> Result<(), Fault> {
    let is_anybody_there = !ports.list(WEBHOOKS, None, 1).await?.items.is_empty();
    if !is_anybody_there {
        return Ok(());
    }
    ports.put(&format!("{WEBHOOKS_BOOKED}{account}"), b"").await?;
    // Whatever else is due of it is due later, and is known again once it was looked after.
    ports.announce(account, Timestamp::default()).await
}

/// Leaves a message that is of no account. `at` must be another for each.
pub(crate) async fn leave_notice(
    ports: &impl KeyValue,
    r#type: &str,
    at: Timestamp,
    data: serde_json::Value,
) -> Result<(), Fault> {
    let seq = at.millis().max(0).unsigned_abs();
    let message = Message { id: format!("msg_{seq}"), seq, r#type: r#type.to_owned(), timestamp: at, data };
    write(ports, &format!("{WEBHOOK_NOTICES}{seq:015}"), &message).await
}

/// The account and the entry that a message was made of, by its id.
fn origin(id: &str) -> Option<(AccountId, u64)> {
    let (account, seq) = id.strip_prefix("msg_")?.rsplit_once('_')?;
    Some((account.parse().ok()?, seq.parse().ok()?))
}
