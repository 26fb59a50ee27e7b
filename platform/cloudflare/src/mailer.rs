//! Mail by Cloudflare's Email Service: the binding `MAIL` of kind `send_email`, which the deployment may leave out.

use farebox_ports::{Fault, Mail, Mailer};
use worker::{EmailAddress, SendEmailBuilder};

use crate::Platform;

const PORT: &str = "mail";

impl Mailer for Platform {
    async fn send_mail(&self, mail: &Mail<'_>) -> Result<(), Fault> {
        let unsent = |detail: String| Fault::Unavailable { port: PORT, detail };
        let Some(service) = &self.mail else {
            return Err(unsent(
                "`[[send_email]]` with the name MAIL is missing in the billing Worker's wrangler.toml".into(),
            ));
        };
        let Mail { from, to, subject, text, html } = *mail;
        let letter = match named(from) {
            Some((name, address)) => {
                SendEmailBuilder::new_with_email_address_and_str(&EmailAddress::new(name, address), to, subject)
            }
            None => SendEmailBuilder::new(from, to, subject),
        };
        letter.set_text(text);
        letter.set_html(html);
        service.send_with_builder(&letter).await.map(drop).map_err(|error| unsent(String::from(error.message())))
    }
}

/// Name and address of `Acme <hello@acme.example>`; `None` for an address alone.
fn named(from: &str) -> Option<(&str, &str)> {
    let (name, address) = from.strip_suffix('>')?.split_once('<')?;
    Some((name.trim(), address))
}
