//! The audit log: who changed what, or tried to.
//!
//! Invariant: every request that could have changed something and came with a valid token leaves a record, whatever became
//! of it. A record that the store does not take goes to the operator's log instead, and never holds back an answer: what
//! was done was done. Bodies are kept without what may be a secret in them: of an address only the host is. One that is
//! a secret as a whole is not kept, and none that the operation does not take.

use farebox_core::time::{Millis, Timestamp};
use farebox_ports::{keys::AUDIT, log::tell, schema::Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::{Position, Url};

use crate::{
    http::{
        Answered, Call, Ports, Request,
        permission::{Actor, Role},
    },
    store,
};

/// The last moment that a key can hold, in milliseconds.
const LAST: Millis = 9_999_999_999_999;

/// The longest body that is kept, in bytes.
const KEPT_BODY: usize = 2_048;

/// One request.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AuditRecord")]
pub(crate) struct Record {
    #[schemars(with = "Time")]
    at: Timestamp,
    request_id: String,
    /// The id of the token that was used, or `deployment`.
    token: String,
    /// Whom it was issued to.
    name: String,
    /// What it may do.
    role: Role,
    method: String,
    /// With its query.
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<String>,
    /// The body, where it is JSON, not long and no secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
    /// What was answered.
    status: u16,
    /// Why it was not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

/// A body as it is kept, where it is JSON.
fn kept(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body).ok().map(without_secrets)
}

/// An address may hold a secret in its user, path or query, as those of webhooks do. Its scheme and host say whose it is.
fn without_secrets(value: Value) -> Value {
    match value {
        Value::String(text) => match Url::parse(text.trim()).ok().filter(Url::has_host) {
            Some(url) => {
                let (scheme, host) = (url.scheme(), &url[Position::BeforeHost..Position::BeforePath]);
                Value::String(format!("{scheme}://{host}/…"))
            }
            None => Value::String(text),
        },
        Value::Array(items) => items.into_iter().map(without_secrets).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, without_secrets(value))).collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

impl<P: Ports> Call<'_, P> {
    /// Records what became of this request.
    pub(crate) async fn record(&self, actor: &Actor, request_id: &str, status: u16, code: Option<&str>) {
        let Request { method, path, query, idempotency_key, body, .. } = self.request;
        let record = Record {
            at: self.now,
            request_id: request_id.to_owned(),
            token: actor.token.clone(),
            name: actor.name.clone(),
            role: actor.role,
            method: method.to_owned(),
            path: if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") },
            idempotency_key: idempotency_key.map(str::to_owned),
            body: Some(body).filter(|body| body.len() <= KEPT_BODY && !self.hides_body.get()).and_then(kept),
            status,
            code: code.map(str::to_owned),
        };
        let key = format!("{AUDIT}{:013}/{request_id}", LAST.saturating_sub(self.now.millis()).max(0));
        if store::write(self.ports, &key, &record).await.is_err() {
            let record = serde_json::to_string(&record).unwrap_or_default();
            tell(self.ports, "audit.unwritten", &[("request_id", &request_id)], &record);
        }
    }

    /// The latest first.
    pub(crate) async fn list_audit(&self) -> Answered {
        self.documents::<Record, _>(AUDIT, std::convert::identity).await
    }
}
