//! The built pages on Workers: static assets, which the platform keeps beside the Worker.

use farebox_ports::{Assets, Fault};

use crate::{Platform, fault};

/// What stands for a host in a URL that only the binding reads.
const ORIGIN: &str = "https://assets.invalid/";

impl Assets for Platform {
    async fn asset(&self, path: &str) -> Result<Option<Vec<u8>>, Fault> {
        let fault = fault("assets");
        let Some(assets) = &self.assets else { return Ok(None) };
        let mut response = assets.fetch(format!("{ORIGIN}{path}"), None).await.map_err(&fault)?;
        match response.status_code() {
            200 => response.bytes().await.map(Some).map_err(&fault),
            404 => Ok(None),
            status => Err(fault(worker::Error::RustError(format!("status {status} for {path}")))),
        }
    }
}
