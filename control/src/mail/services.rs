//! The services that mail can go out by: the platform's own, and others over HTTP.
//!
//! Resend (<https://resend.com/docs/api-reference/emails/send-email>), Postmark
//! (<https://postmarkapp.com/developer/api/email-api>), and a webhook of the provider's own, signed by Standard Webhooks
//! (<https://www.standardwebhooks.com>). A service that can count who opens a letter is told not to.

use farebox_core::{time::Timestamp, webhook};
use serde_json::json;

use super::Letter;

/// What a deployment sets for its mail. Empty texts stand for what is not set.
#[derive(Debug, Clone, Default)]
pub struct MailSettings {
    /// `cloudflare`, `resend`, `postmark` or `webhook`.
    pub service: String,
    /// Who writes: `Acme <hello@acme.example>`.
    pub from: String,
    /// The service's token; for a webhook the secret that signs.
    pub token: String,
    /// Where the webhook is.
    pub url: String,
    /// Scheme and host by which customers reach the gateway: `https://api.acme.example`.
    pub origin: String,
}

/// How mail goes out.
#[derive(Clone)]
pub struct MailService {
    kind: Kind,
    from: String,
    token: String,
    url: String,
    origin: String,
}

impl std::fmt::Debug for MailService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Cloudflare,
    Resend,
    Postmark,
    Webhook,
}

/// A request that hands a letter over.
pub(super) struct Posted {
    pub(super) url: String,
    pub(super) headers: [(&'static str, String); 4],
    pub(super) body: String,
}

impl MailService {
    /// The service that the deployment names; `None` where it names none.
    ///
    /// # Errors
    /// What of the settings is missing or wrong, in words.
    pub fn of(settings: MailSettings) -> Result<Option<Self>, String> {
        let MailSettings { service, from, token, url, origin } = settings;
        let kind = match service.as_str() {
            "" => return Ok(None),
            "cloudflare" => Kind::Cloudflare,
            "resend" => Kind::Resend,
            "postmark" => Kind::Postmark,
            "webhook" => Kind::Webhook,
            other => return Err(format!("`{other}` is no mail service: use cloudflare, resend, postmark or webhook")),
        };
        let url = match kind {
            Kind::Resend => "https://api.resend.com/emails".to_owned(),
            Kind::Postmark => "https://api.postmarkapp.com/email".to_owned(),
            Kind::Webhook => url,
            Kind::Cloudflare => String::new(),
        };
        let has_binding = kind == Kind::Cloudflare;
        if from.is_empty() || !has_binding && (token.is_empty() || url.is_empty()) {
            return Err(format!(
                "mail by {service} needs who writes, a token unless it is cloudflare, and a webhook its URL"
            ));
        }
        let host = origin.strip_prefix("https://").unwrap_or_default();
        if host.is_empty() || host.contains(['/', '?', '#', '@']) {
            return Err("mail needs the origin that its links lead to, such as https://api.acme.example".to_owned());
        }
        Ok(Some(Self { kind, from, token, url, origin }))
    }

    /// Where the links in letters lead. What a request says of its host does not count. A link to the sender's own host would
    /// hand them the token of whoever follows it.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Who writes.
    pub(super) fn from(&self) -> &str {
        &self.from
    }

    pub(super) const fn name(&self) -> &'static str {
        match self.kind {
            Kind::Cloudflare => "cloudflare",
            Kind::Resend => "resend",
            Kind::Postmark => "postmark",
            Kind::Webhook => "the mail webhook",
        }
    }

    /// What hands `letter` over to a service over HTTP, `None` where the platform sends it. `id` names it, so that a letter that is
    /// handed over twice is sent once.
    pub(super) fn posted(&self, letter: &Letter, id: &str, now: Timestamp) -> Option<Posted> {
        let Letter { to, subject, text, html } = letter;
        let (from, url) = (&self.from, self.url.clone());
        let json_type = ("content-type", "application/json".to_owned());
        Some(match self.kind {
            Kind::Cloudflare => return None,
            Kind::Resend => {
                let body = json!({ "from": from, "to": [to], "subject": subject, "text": text, "html": html });
                let headers = [
                    json_type,
                    ("authorization", format!("Bearer {}", self.token)),
                    ("idempotency-key", id.to_owned()),
                    ("accept", "application/json".to_owned()),
                ];
                Posted { url, headers, body: body.to_string() }
            }
            Kind::Postmark => {
                let body = json!({
                    "From": from, "To": to, "Subject": subject, "TextBody": text, "HtmlBody": html,
                    "MessageStream": "outbound", "TrackOpens": false, "TrackLinks": "None"
                });
                let headers = [
                    json_type,
                    ("x-postmark-server-token", self.token.clone()),
                    ("x-farebox-letter", id.to_owned()),
                    ("accept", "application/json".to_owned()),
                ];
                Posted { url, headers, body: body.to_string() }
            }
            Kind::Webhook => {
                let data = json!({ "from": from, "to": to, "subject": subject, "text": text, "html": html });
                let body = json!({ "type": "mail", "timestamp": now, "data": data }).to_string();
                let headers = [
                    json_type,
                    ("webhook-id", id.to_owned()),
                    ("webhook-timestamp", now.seconds().to_string()),
                    ("webhook-signature", webhook::sign(self.token.as_bytes(), id, now.seconds(), &body)),
                ];
                Posted { url, headers, body }
            }
        })
    }
}
