//! Mail in memory, which is kept.

use farebox_ports::{Fault, Mail, Mailer};

use crate::Memory;

impl Memory {
    /// The letters that went out by the platform's own service: who writes, to whom, about what, and the text.
    pub fn mailed(&self) -> Vec<[String; 4]> {
        self.mailed.borrow().clone()
    }
}

impl Mailer for Memory {
    async fn send_mail(&self, mail: &Mail<'_>) -> Result<(), Fault> {
        let Mail { from, to, subject, text, html: _ } = *mail;
        self.mailed.borrow_mut().push([from, to, subject, text].map(str::to_owned));
        Ok(())
    }
}
