//! What the provider is told of by webhooks: messages made of ledger entries, and their signatures.
//!
//! The form is Standard Webhooks (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
//! Invariant: a message is a function of its entry. However often it is made, lost and made again, it has the same id and says
//! the same.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    id::{AccountId, GrantId},
    ledger::{Account, Ending, Entry, Event, Grant, Notice},
    signature::hmac_sha256,
    time::{HOUR, MINUTE, Millis, Timestamp},
};

/// The types of messages.
pub const TYPES: [&str; 16] = [
    "account.activated",
    "account.recharged",
    "account.suspended",
    "balance.exhausted",
    "balance.low",
    "limit.reached",
    "package.bought",
    "package.expired",
    "quota.exhausted",
    "quota.low",
    "settlement.failed",
    "statement.closed",
    "subscription.begun",
    "subscription.ended",
    "subscription.renewal_failed",
    "subscription.renewed",
];

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// For `webhook-id`: the same whenever the message is sent.
    pub id: String,
    /// Its place among the messages of its stream: the number of its entry.
    pub seq: u64,
    /// One of [`TYPES`].
    pub r#type: String,
    /// When it happened.
    pub timestamp: Timestamp,
    /// What happened.
    pub data: Value,
}

impl Message {
    /// The body that is sent.
    pub fn body(&self) -> String {
        json!({ "type": self.r#type, "timestamp": self.timestamp, "data": self.data }).to_string()
    }
}

/// The value of `webhook-signature` for `body`, sent under `id` at `seconds` since the epoch.
pub fn sign(secret: &[u8], id: &str, seconds: i64, body: &str) -> String {
    let signed = format!("{id}.{seconds}.{body}");
    format!("v1,{}", STANDARD.encode(hmac_sha256(secret, signed.as_bytes())))
}

/// How long to wait after the `attempts`th attempt in a row that failed.
pub const fn wait_after(attempts: u32) -> Millis {
    match attempts {
        0 | 1 => MINUTE,
        2 => 5 * MINUTE,
        3 => 30 * MINUTE,
        4 => 2 * HOUR,
        5 => 5 * HOUR,
        _ => 10 * HOUR,
    }
}

/// The message that `entry` of `id` makes, if any. `account` is the account at any moment after it, and `bought` says whether
/// a grant came from a package.
pub fn message(id: &AccountId, account: &Account, entry: &Entry, bought: bool) -> Option<Message> {
    let (r#type, mut data) = told(account, &entry.event, entry.seq, bought)?;
    data.insert("account".to_owned(), json!(id));
    data.insert("entry".to_owned(), json!(entry.seq));
    if let Some(currency) = account.currency() {
        data.insert("currency".to_owned(), json!(currency));
    }
    Some(Message {
        id: format!("msg_{id}_{}", entry.seq),
        seq: entry.seq,
        r#type: r#type.to_owned(),
        timestamp: entry.at,
        data: Value::Object(data),
    })
}

/// The grant whose origin decides about the message of `event`.
pub fn asks_for_origin(event: &Event) -> Option<GrantId> {
    if let Event::GrantExpired { grant, .. } = event { Some(*grant) } else { None }
}

/// The type of the message that an event makes, and what is special about it.
fn told(account: &Account, event: &Event, seq: u64, bought: bool) -> Option<(&'static str, Map<String, Value>)> {
    let (name, data) = match event {
        Event::Recharged { amount, reference } => {
            ("account.recharged", json!({ "amount": amount, "reference": reference }))
        }
        Event::StatusSet { suspended: true } => ("account.suspended", json!({})),
        Event::StatusSet { suspended: false } => ("account.activated", json!({})),
        Event::Purchased { terms, until } => (
            "package.bought",
            json!({
                "grant": GrantId(seq).to_string(), "product": terms.product, "package": terms.offer,
                "price": terms.price, "quantities": terms.quantities, "until": until
            }),
        ),
        Event::GrantExpired { grant, forfeited } if bought => {
            ("package.expired", with_grant(account, *grant, json!({ "forfeited": forfeited })))
        }
        Event::Subscribed(begun) => (
            "subscription.begun",
            json!({
                "subscription": format!("subscription-{seq}"), "product": begun.terms.product, "plan": begun.terms.offer,
                "price": begun.terms.price, "from": begun.period.from, "until": begun.period.until
            }),
        ),
        Event::Renewed { subscription, price, period } => (
            "subscription.renewed",
            json!({
                "subscription": subscription.to_string(), "grant": GrantId(seq).to_string(), "price": price,
                "from": period.from, "until": period.until
            }),
        ),
        Event::RenewalFailed { subscription, needed, until } => (
            "subscription.renewal_failed",
            json!({ "subscription": subscription.to_string(), "needed": needed, "tried_until": until }),
        ),
        Event::SubscriptionEnded { subscription, ending, .. } => {
            let ending = match ending {
                Ending::AtOnce => "at_once",
                Ending::AtPeriodEnd => "at_period_end",
                Ending::Unpaid => "unpaid",
                Ending::Suspended => "suspended",
            };
            ("subscription.ended", json!({ "subscription": subscription.to_string(), "ending": ending }))
        }
        Event::Noticed(notice) => noticed(account, notice),
        Event::StatementClosed { month } => ("statement.closed", json!({ "period": month.to_string() })),
        _ => return None,
    };
    let Value::Object(data) = data else { return None };
    Some((name, data))
}

fn noticed(account: &Account, notice: &Notice) -> (&'static str, Value) {
    match notice {
        Notice::LowBalance { balance, limit } => ("balance.low", json!({ "balance": balance, "limit": limit })),
        Notice::BalanceExhausted { balance } => ("balance.exhausted", json!({ "balance": balance })),
        Notice::LowQuota { grant, meter, remaining } => {
            ("quota.low", with_grant(account, *grant, json!({ "meter": meter.as_str(), "remaining": remaining })))
        }
        Notice::QuotaExhausted { grant, meter } => {
            ("quota.exhausted", with_grant(account, *grant, json!({ "meter": meter.as_str() })))
        }
        Notice::LimitReached { credential, limit, from, spent, percent } => (
            "limit.reached",
            json!({
                "credential": credential, "per": limit.per, "percent": percent, "from": from,
                "renews": limit.per.bounds(*from).1, "spent": spent,
                "limit": { "calls": limit.calls, "units": limit.units, "money": limit.money }
            }),
        ),
    }
}

/// `data`, and what never changes of a grant.
fn with_grant(account: &Account, id: GrantId, mut data: Value) -> Value {
    data["grant"] = json!(id.to_string());
    if let Some(Grant { product, offer, .. }) = account.grant(id) {
        data["product"] = json!(product);
        data["package"] = json!(offer);
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_standards_own_example() {
        // The example of the reference libraries' tests.
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn types_are_sorted_so_that_the_description_is_stable() {
        assert!(TYPES.is_sorted());
    }
}
