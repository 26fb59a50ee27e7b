//! Events: what the service tells of, and how it signs them (<https://docs.stripe.com/webhooks#verify-manually>).

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::Service;

/// An event on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Its id.
    pub id: String,
    /// What happened, such as `checkout.session.completed`.
    pub kind: String,
    /// What is posted.
    pub body: String,
}

/// The value of `Stripe-Signature` for `body` at `seconds` since the epoch.
pub fn signature(secret: &str, seconds: i64, body: &str) -> String {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(format!("{seconds}.{body}").as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={seconds},v1={hex}")
}

impl Service {
    /// The events that were not taken yet, in their order.
    pub fn take_events(&mut self) -> Vec<Sent> {
        std::mem::take(&mut self.outbox)
    }

    /// Tells of `kind` with the object as it is now.
    pub(crate) fn tell(&mut self, kind: &str, id: &str) {
        let object = self.objects.get(id).cloned().unwrap_or(Value::Null);
        let event = json!({ "type": kind, "api_version": "2024-06-20", "data": { "object": object } });
        let id = self.make("evt", "event", event);
        let body = self.objects[&id].to_string();
        self.outbox.push(Sent { id, kind: kind.to_owned(), body });
    }
}
