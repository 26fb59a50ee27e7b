//! Keys and signatures of others in memory: checked by the function itself.

use farebox_core::signature::jwt::PublicKey;
use farebox_ports::{Fault, PublicKeys, Web, WebAnswer, WebMethod, WebRequest};

use crate::Memory;

impl PublicKeys for Memory {
    async fn jwk_set(&self, url: &str) -> Result<String, Fault> {
        let request = WebRequest { method: WebMethod::Get, url, headers: &[], body: "" };
        let WebAnswer { status, body } = self.ask(&request).await?;
        let refused = || Fault::Unavailable { port: "public_keys", detail: format!("it answers with {status}") };
        if status == 200 { Ok(body) } else { Err(refused()) }
    }

    async fn verifies(&self, key: &PublicKey, message: &str, signature: &[u8]) -> Result<bool, Fault> {
        Ok(key.verifies(message.as_bytes(), signature))
    }
}
