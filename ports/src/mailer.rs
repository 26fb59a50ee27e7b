//! The port of mail: letters that a platform sends by a service of its own.
//!
//! Only Cloudflare has one (<https://developers.cloudflare.com/email-service/>). Services of others are asked over [`Web`](crate::Web).

use crate::Fault;

/// A letter, in plain text and HTML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mail<'a> {
    /// Who writes: `Acme <hello@acme.example>`, or an address alone.
    pub from: &'a str,
    /// The address that it goes to.
    pub to: &'a str,
    /// What it is about.
    pub subject: &'a str,
    /// It in plain text.
    pub text: &'a str,
    /// It in HTML.
    pub html: &'a str,
}

/// Mail by the platform's own service.
pub trait Mailer {
    /// Sends a letter. After a fault it is not known whether it went out.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] also where the platform has no such service, or the deployment does not bind it.
    async fn send_mail(&self, mail: &Mail<'_>) -> Result<(), Fault>;
}
