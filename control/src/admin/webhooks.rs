//! The endpoints of webhooks: registering and removing them, and sending again what they did not take.
//!
//! Invariant: an endpoint's secret is shown once, in the answer that makes it, and stored only sealed.

use base64::{Engine, engine::general_purpose::STANDARD};
use farebox_billing::webhooks::{self, DeadLetter, Endpoint, Health, MOST_ENDPOINTS, SECRET_MARK};
use farebox_core::{address::is_local, credential::Secret, id::is_id, time::Timestamp, webhook::TYPES};
use farebox_ports::{
    keys::WEBHOOKS,
    schema::{Id, Time},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::{
    http::{
        Answered, Call, LocalHosts, Ports, Response, base32::base32, failure::Failure, paging::Items, retry::Before,
    },
    schema::{MessageType, WebhookUrl},
    store::{self, Made},
};

/// The most messages that one request sends again.
const RESENT_AT_ONCE: usize = 50;

/// The longest URL.
const LONGEST_URL: usize = 2_000;

/// What an endpoint is made from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WebhookWanted")]
pub(crate) struct Wanted {
    /// Where to send to.
    #[schemars(with = "WebhookUrl")]
    url: String,
    /// The types of messages that it wants; missing for all.
    #[schemars(with = "Option<Vec<MessageType>>")]
    events: Option<Vec<String>>,
}

/// A new endpoint.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NewWebhook")]
pub(crate) struct Registered {
    /// To verify signatures with. Shown this once.
    secret: String,
    #[serde(flatten)]
    row: Row,
}

/// An endpoint.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Webhook")]
pub(crate) struct Row {
    #[schemars(with = "Id")]
    id: String,
    url: String,
    /// The types of messages that it wants; null for all.
    #[schemars(with = "Option<Vec<MessageType>>")]
    events: Option<Vec<String>>,
    #[schemars(with = "Time")]
    created: Timestamp,
    /// Since when it has taken nothing, where the last try failed.
    #[schemars(with = "Option<Time>")]
    failing_since: Option<Timestamp>,
    /// When it took something again after it had failed.
    #[schemars(with = "Option<Time>")]
    recovered: Option<Timestamp>,
}

impl Row {
    fn new(Endpoint { id, url, events, created, .. }: Endpoint, health: Health) -> Self {
        let Health { failing_since, recovered } = health;
        Self { id, url, events, created, failing_since, recovered }
    }
}

/// A message that was given up.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeadLetter")]
pub(crate) struct Dead {
    /// Names the message: its `webhook-id`.
    id: String,
    #[schemars(with = "MessageType")]
    r#type: String,
    #[schemars(with = "Time")]
    timestamp: Timestamp,
    data: Value,
    /// When it was given up.
    #[schemars(with = "Time")]
    given_up: Timestamp,
    /// How often it was tried.
    attempts: u32,
    /// What happened the last time.
    reason: String,
}

impl From<DeadLetter> for Dead {
    fn from(DeadLetter { message, given_up, attempts, reason }: DeadLetter) -> Self {
        let farebox_core::webhook::Message { id, r#type, timestamp, data, .. } = message;
        Self { id, r#type, timestamp, data, given_up, attempts, reason }
    }
}

/// What is sent again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Resend")]
pub(crate) struct Resend {
    /// Messages by their ids; missing for the first 50 that were given up.
    #[schemars(length(max = 50))]
    messages: Option<Vec<String>>,
}

/// What became of a message that was sent again.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Resent {
    id: String,
    /// Whether it was taken.
    taken: bool,
    /// Why it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl<P: Ports> Call<'_, P> {
    pub(crate) async fn register_webhook(&self) -> Answered {
        let Wanted { url, events } = self.body()?;
        check_url(&url, &self.settings.local_hosts)?;
        if let Some(unknown) = events.iter().flatten().find(|event| !TYPES.contains(&event.as_str())) {
            let types = TYPES.join(", ");
            return Err(Failure::Malformed(format!(
                "there are no messages of the type `{unknown}`; the types are {types}"
            )));
        }
        let seed = self.seed("webhook")?;
        let id = format!("wh_{}", base32(seed.id()));
        let secret = format!("{SECRET_MARK}{}", STANDARD.encode(seed.secret()));
        let sealed = self.settings.master_key.seal(&*id, &Secret::new(secret.clone()), seed.nonce());
        let sealed_secret = sealed.map_err(|error| Failure::Unwritable(error.to_string()))?;
        let endpoint = Endpoint { id, url, events, sealed_secret, created: self.now, asked: seed.asked.clone() };
        let entry = webhooks::endpoint_entry(&endpoint.id);
        let is_full = webhooks::endpoints(self.ports).await?.len() >= MOST_ENDPOINTS;
        let made = match is_full {
            false => store::make(self.ports, &entry, &endpoint).await?,
            true => {
                let before = store::current(self.ports, &entry).await?;
                Made::Before(before.ok_or(Failure::WebhooksFull(MOST_ENDPOINTS))?)
            }
        };
        match made {
            Made::Now => Response::json(201, &Registered { secret, row: Row::new(endpoint, Health::default()) }),
            Made::Before(found) => {
                self.check_repetition(&seed, &Before { asked: &found.asked, made: found.created })?;
                Response::json(201, &Registered { secret, row: self.webhook_row(found).await? })
            }
            Made::Removed => Err(Failure::MadeAndRemoved),
        }
    }

    pub(crate) async fn list_webhooks(&self) -> Answered {
        let (keys, cursor) = self.keys(WEBHOOKS).await?;
        let mut items = Vec::with_capacity(keys.len());
        for key in &keys {
            if let Some(endpoint) = store::read(self.ports, key).await? {
                items.push(self.webhook_row(endpoint).await?);
            }
        }
        Response::json(200, &Items { items, cursor })
    }

    pub(crate) async fn show_webhook(&self, id: &str) -> Answered {
        let endpoint = self.webhook(id).await?;
        Response::json(200, &self.webhook_row(endpoint).await?)
    }

    pub(crate) async fn remove_webhook(&self, id: &str) -> Answered {
        if !is_id(id) || !store::remove(self.ports, &webhooks::endpoint_entry(id)).await? {
            return Err(Failure::WebhookUnknown);
        }
        self.ports.delete(&webhooks::health_entry(id)).await?;
        Ok(Response::empty())
    }

    pub(crate) async fn dead_letters(&self, id: &str) -> Answered {
        let prefix = webhooks::dead_letters(&self.webhook(id).await?.id);
        self.documents::<DeadLetter, _>(&prefix, Dead::from).await
    }

    pub(crate) async fn resend(&self, id: &str) -> Answered {
        let endpoint = self.webhook(id).await?;
        let Resend { messages } = self.body()?;
        let messages = match messages {
            Some(messages) => messages,
            None => {
                let prefix = webhooks::dead_letters(&endpoint.id);
                let keys = self.ports.list(&prefix, None, RESENT_AT_ONCE as u32).await?.items;
                keys.iter().filter_map(|key| key.strip_prefix(&prefix)).map(str::to_owned).collect()
            }
        };
        if messages.len() > RESENT_AT_ONCE {
            return Err(Failure::Malformed(format!("at most {RESENT_AT_ONCE} messages are sent again at once")));
        }
        let mut items = Vec::with_capacity(messages.len());
        for id in messages {
            let sent = match is_id(&id) {
                true => webhooks::resend(self.ports, &self.settings.master_key, &endpoint, &id, self.now).await?,
                false => None,
            };
            let reason = match sent {
                Some(sent) => sent.err().map(|failure| failure.to_string()),
                None => Some("there is no such message".to_owned()),
            };
            items.push(Resent { id, taken: reason.is_none(), reason });
        }
        Response::json(200, &Items { items, cursor: None })
    }

    async fn webhook(&self, id: &str) -> Result<Endpoint, Failure> {
        let known = if is_id(id) { store::read(self.ports, &webhooks::endpoint_entry(id)).await? } else { None };
        known.ok_or(Failure::WebhookUnknown)
    }

    async fn webhook_row(&self, endpoint: Endpoint) -> Result<Row, Failure> {
        let health = store::read(self.ports, &webhooks::health_entry(&endpoint.id)).await?.unwrap_or_default();
        Ok(Row::new(endpoint, health))
    }
}

/// What is sent tells of customers and money, so it is sent encrypted, unless it stays on the machine.
fn check_url(text: &str, local_hosts: &LocalHosts) -> Result<(), Failure> {
    let is_fit = |url: &Url| {
        let is_safe = url.scheme() == "https" || (url.scheme() == "http" && url.host_str().is_some_and(is_local));
        is_safe && url.username().is_empty() && url.password().is_none() && url.fragment().is_none()
    };
    let url = Url::parse(text).ok().filter(|url| text.len() <= LONGEST_URL && is_fit(url));
    let wrong = "`url` must begin with https://, and name neither a user nor a fragment";
    local_hosts.check(&url.ok_or_else(|| Failure::Malformed(wrong.to_owned()))?)
}
