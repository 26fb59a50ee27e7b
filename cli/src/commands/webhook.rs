//! `farebox webhook`: where the gateway tells the provider's own systems what was booked.

use clap::{Subcommand, builder::PossibleValuesParser};
use farebox_core::webhook::TYPES;
use serde_json::json;
use url::Url;

use super::Format;
use crate::{admin::Connection, given};

const COLUMNS: [&str; 7] = ["id", "url", "events", "secret", "created", "failing_since", "recovered"];

/// Webhooks: endpoints of yours that are told what was booked
#[derive(Debug, Subcommand)]
pub(crate) enum Webhook {
    /// Register an endpoint; the secret that verifies its messages is shown this once
    #[command(
        after_help = "Example:\n  farebox webhook add https://hooks.acme.example/farebox --event account.recharged"
    )]
    Add {
        /// Where to send to
        #[arg(value_parser = given::address)]
        url: Url,
        /// A type of message that it wants; may be given several times [default: all]
        #[arg(long = "event", value_name = "TYPE", value_parser = PossibleValuesParser::new(TYPES))]
        events: Vec<String>,
        #[command(flatten)]
        format: Format,
    },
    /// List the endpoints, and which of them take nothing at the moment
    #[command(after_help = "Example:\n  farebox webhook list")]
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Show one endpoint
    #[command(after_help = "Example:\n  farebox webhook show wh_1")]
    Show {
        /// The endpoint's id
        id: String,
        #[command(flatten)]
        format: Format,
    },
    /// Remove an endpoint
    #[command(after_help = "Example:\n  farebox webhook remove wh_1")]
    Remove {
        /// The endpoint's id
        id: String,
        #[command(flatten)]
        format: Format,
    },
    /// List the messages that an endpoint did not take for five days
    #[command(after_help = "Example:\n  farebox webhook dead-letters wh_1")]
    DeadLetters {
        /// The endpoint's id
        id: String,
        #[command(flatten)]
        format: Format,
    },
    /// Send messages again: those that are named, or the first 50 that were given up
    #[command(after_help = "Example:\n  farebox webhook resend wh_1")]
    Resend {
        /// The endpoint's id
        id: String,
        /// Messages by their ids
        #[arg(value_name = "MESSAGE")]
        messages: Vec<String>,
        #[command(flatten)]
        format: Format,
    },
}

impl Webhook {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let admin = connection.admin()?;
        match self {
            Self::Add { url, events, format } => {
                let events = (!events.is_empty()).then_some(events);
                format.record(&admin.post("webhooks", &json!({ "url": url, "events": events }))?, &COLUMNS);
            }
            Self::List { format } => format.list(admin.list("webhooks", &[])?, &COLUMNS),
            Self::Show { id, format } => format.record(&admin.get(&format!("webhooks/{id}"))?, &COLUMNS),
            Self::Remove { id, format } => {
                format.done(&admin.delete(&format!("webhooks/{id}"))?, &format!("{id} is removed"));
            }
            Self::DeadLetters { id, format } => {
                let columns = ["id", "type", "timestamp", "given_up", "attempts", "reason"];
                format.list(admin.list(&format!("webhooks/{id}/dead-letters"), &[])?, &columns);
            }
            Self::Resend { id, messages, format } => {
                let body = if messages.is_empty() { json!({}) } else { json!({ "messages": messages }) };
                let answer = admin.post(&format!("webhooks/{id}/resends"), &body)?;
                let items = answer["items"].as_array().cloned().unwrap_or_default();
                format.list(items, &["id", "taken", "reason"]);
            }
        }
        Ok(())
    }
}
