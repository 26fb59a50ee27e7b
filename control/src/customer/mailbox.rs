//! The mailbox of development: the last letters, for whoever develops on this machine.
//!
//! Invariant: where the clock cannot be moved there is none.

use farebox_core::time::Timestamp;
use farebox_ports::schema::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::directory::{self, After};
use crate::{
    http::{Answered, Call, Ports, Response, failure::Failure, paging::Items},
    mail::Letter,
};

/// Where it is in the directory.
const MAILBOX: &str = "mailbox";

/// How many letters it holds.
const LETTERS: usize = 50;

/// A letter that was sent.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Letter")]
pub(super) struct Sent {
    to: String,
    subject: String,
    text: String,
    html: String,
    #[schemars(with = "Time")]
    at: Timestamp,
}

/// Keeps a letter in place of sending it.
pub(crate) async fn keep_in_mailbox<P: Ports>(call: &Call<'_, P>, letter: Letter) -> Result<(), Failure> {
    let Letter { to, subject, text, html } = letter;
    let sent = Sent { to, subject, text, html, at: call.now };
    let kept = |letters: Option<Vec<Sent>>| {
        let mut letters = letters.unwrap_or_default();
        letters.insert(0, sent.clone());
        letters.truncate(LETTERS);
        Ok((After::Kept(letters, None), ()))
    };
    directory::change(call.ports, MAILBOX, kept).await
}

impl<P: Ports> Call<'_, P> {
    /// The latest first.
    pub(super) async fn mailbox(&self) -> Answered {
        if !self.settings.clock_moves {
            return Err(Failure::DevelopmentOnly);
        }
        let letters: Option<Vec<Sent>> = directory::read(self.ports, MAILBOX).await?;
        Response::json(200, &Items { items: letters.unwrap_or_default(), cursor: None })
    }
}
