//! One message to one endpoint.

use base64::{Engine, engine::general_purpose::STANDARD};
use farebox_core::{
    credential::MasterKey,
    time::Timestamp,
    webhook::{self, Message},
};
use farebox_ports::{
    Fault, Web,
    reports::{Query, Report},
    stored::read,
};

use super::{DeadLetter, Endpoint, WebhookPorts, dead_letters, origin};

/// What every endpoint's secret begins with.
pub const SECRET_MARK: &str = "whsec_";

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It was answered with another status than 2xx.
    #[error("the endpoint answered {0}")]
    Status(u16),
    /// It was not answered.
    #[error("the endpoint did not answer")]
    Unanswered,
    /// The secret cannot be opened.
    #[error("the endpoint's secret cannot be opened with this master key")]
    Secret,
}

/// Sends `message` to `endpoint` at `now`.
pub(super) async fn send(
    ports: &impl Web,
    master_key: &MasterKey,
    endpoint: &Endpoint,
    message: &Message,
    now: Timestamp,
) -> Result<(), Failure> {
    let secret = master_key.open(&*endpoint.id, &endpoint.sealed_secret).map_err(|_| Failure::Secret)?;
    let key = secret.reveal().strip_prefix(SECRET_MARK).and_then(|text| STANDARD.decode(text).ok());
    let key = key.ok_or(Failure::Secret)?;
    let body = message.body();
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("webhook-id", message.id.clone()),
        ("webhook-timestamp", now.seconds().to_string()),
        ("webhook-signature", webhook::sign(&key, &message.id, now.seconds(), &body)),
    ];
    match ports.post(&endpoint.url, &headers, &body).await {
        Ok(200..300) => Ok(()),
        Ok(status) => Err(Failure::Status(status)),
        Err(_) => Err(Failure::Unanswered),
    }
}

/// Sends a message again that is known by its id: a dead letter, or one of an account's book. `None` when there is none.
///
/// # Errors
/// [`Fault`] when the message cannot be read, or the dead letter not be removed.
pub async fn resend<P: WebhookPorts>(
    ports: &P,
    master_key: &MasterKey,
    endpoint: &Endpoint,
    id: &str,
    now: Timestamp,
) -> Result<Option<Result<(), Failure>>, Fault> {
    let entry = format!("{}{id}", dead_letters(&endpoint.id));
    let dead: Option<DeadLetter> = read(ports, &entry).await?;
    let was_dead = dead.is_some();
    let message = match dead {
        Some(dead) => Some(dead.message),
        None => rebuilt(ports, id).await?,
    };
    let Some(message) = message else { return Ok(None) };
    let sent = send(ports, master_key, endpoint, &message, now).await;
    if sent.is_ok() && was_dead {
        ports.delete(&entry).await?;
    }
    Ok(Some(sent))
}

async fn rebuilt<P: WebhookPorts>(ports: &P, id: &str) -> Result<Option<Message>, Fault> {
    let Some((account, seq)) = origin(id) else { return Ok(None) };
    let query = Query::Outbox { after: seq.saturating_sub(1), from: None, limit: 1 };
    match ports.report(&account, &query).await? {
        Ok(Report::Outbox(outbox)) => Ok(outbox.messages.into_iter().find(|message| message.id == id)),
        _ => Ok(None),
    }
}
