//! Mail: how a letter goes out.
//!
//! Invariants: the token of a mail service, and what a letter says, are in no log. A letter that was not taken is a fault for who
//! asked for it: nobody waits for mail that was never sent.

pub(crate) mod letters;
mod services;

use farebox_ports::{Fault, Mail};
use serde::{Deserialize, Serialize};

pub use services::{MailService, MailSettings};

use crate::{
    customer::keep_in_mailbox,
    http::{Call, Ports, failure::Failure},
};

/// One letter, in plain text and HTML, without anything that tells when it is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Letter {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

impl<P: Ports> Call<'_, P> {
    /// Sends a letter as the deployment says; in development, where it says nothing, into the mailbox.
    pub(crate) async fn post_letter(&self, letter: Letter) -> Result<(), Failure> {
        match &self.settings.mail {
            Some(service) => self.post_by(service, &letter).await,
            None if self.settings.clock_moves => keep_in_mailbox(self, letter).await,
            None => Err(Failure::MailUnset),
        }
    }

    async fn post_by(&self, service: &MailService, letter: &Letter) -> Result<(), Failure> {
        let id = crate::http::request_id(&self.random);
        let Some(services::Posted { url, headers, body }) = service.posted(letter, &id, self.now) else {
            let Letter { to, subject, text, html } = letter;
            return Ok(self.ports.send_mail(&Mail { from: service.from(), to, subject, text, html }).await?);
        };
        match self.ports.post(&url, &headers, &body).await? {
            200..300 => Ok(()),
            status => Err(Failure::Port(Fault::Unavailable {
                port: "mail",
                detail: format!("{} answered {status}", service.name()),
            })),
        }
    }
}
