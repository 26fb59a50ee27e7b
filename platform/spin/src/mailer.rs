//! Mail on Spin, which has no service of its own for it.

use farebox_ports::{Fault, Mail, Mailer};

use crate::Platform;

impl Mailer for Platform {
    async fn send_mail(&self, _mail: &Mail<'_>) -> Result<(), Fault> {
        Err(Fault::Unavailable { port: "mail", detail: "Spin sends no mail: set mail_service to another".to_owned() })
    }
}
