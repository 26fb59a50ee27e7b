//! The built pages in memory: those that a test puts there.

use farebox_ports::{Assets, Fault};

use super::Memory;

impl Memory {
    /// Deploys a file of the pages.
    pub fn deploy(&self, path: &str, bytes: &[u8]) {
        self.assets.borrow_mut().insert(path.to_owned(), bytes.to_owned());
    }
}

impl Assets for Memory {
    async fn asset(&self, path: &str) -> Result<Option<Vec<u8>>, Fault> {
        self.turn().await;
        self.up("assets")?;
        Ok(self.assets.borrow().get(path).cloned())
    }
}
