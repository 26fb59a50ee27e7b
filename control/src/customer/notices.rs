//! What an account was told: the messages that its book makes, as the provider's webhooks carry them.
//!
//! Invariant: a notice follows from an entry of the account's own book, so nobody is told here what the entries do not show.

use farebox_core::{
    time::{DAY, Millis, Timestamp},
    webhook::Message,
};
use farebox_ports::{
    reports::{Outbox, Query, Report},
    schema::Time,
};
use schemars::{JsonSchema, json_schema};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    admin::reports::mismatch,
    http::{Answered, Call, Ports, Response, paging::Items},
    schema::MessageType,
};

/// How far back notices go where the query does not say.
const RECENT: Millis = 30 * DAY;

farebox_ports::stand_ins! {
    /// What a notice is about.
    NoticeData => json_schema!({
        "type": "object", "additionalProperties": true,
        "description": "As the webhook of this type has it: amounts as decimals, and what of product, package, meter and credential it is about."
    });
}

/// One thing that the account was told.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Notice")]
pub(super) struct Notice {
    /// Also the `webhook-id` under which the provider was told.
    id: String,
    #[schemars(with = "MessageType")]
    r#type: String,
    #[schemars(with = "Time")]
    at: Timestamp,
    #[schemars(with = "NoticeData")]
    data: Map<String, Value>,
}

impl From<Message> for Notice {
    fn from(Message { id, r#type, timestamp: at, data, .. }: Message) -> Self {
        let Value::Object(mut data) = data else { return Self { id, r#type, at, data: Map::new() } };
        // The account is the one that was asked for.
        data.remove("account");
        Self { id, r#type, at, data }
    }
}

impl<P: Ports> Call<'_, P> {
    /// Notices by their time, the earliest first. A page may be empty and another follow.
    pub(super) async fn notices(&self, account: &str) -> Answered {
        let from = self.moment("from")?.unwrap_or_else(|| self.now.plus(-RECENT));
        let (after, limit) = (self.entry_cursor()?, self.limit()?);
        match self.report(account, Query::Outbox { after, from: Some(from), limit }).await? {
            Report::Outbox(Outbox { seen, more, messages }) => {
                let items = messages.into_iter().map(Notice::from).collect();
                Response::json(200, &Items { items, cursor: more.then(|| seen.to_string()) })
            }
            other => Err(mismatch(&other)),
        }
    }
}
