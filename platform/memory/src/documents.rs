//! Documents in memory, that several may change at once.

use farebox_ports::{Documents, Fault};

use crate::Memory;

impl Documents for Memory {
    async fn current(&self, key: &str) -> Result<Option<String>, Fault> {
        self.turn().await;
        self.up("documents")?;
        Ok(self.key_value.borrow().get(key).map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
    }

    async fn exchange(&self, key: &str, before: Option<&str>, after: Option<&str>) -> Result<bool, Fault> {
        self.turn().await;
        self.up("documents")?;
        let mut store = self.key_value.borrow_mut();
        let mut removed = self.removed.borrow_mut();
        if store.get(key).map(Vec::as_slice) != before.map(str::as_bytes) || (before.is_none() && removed.contains(key))
        {
            return Ok(false);
        }
        match after {
            Some(after) => drop(store.insert(key.to_owned(), after.as_bytes().to_vec())),
            None => drop((store.remove(key), removed.insert(key.to_owned()))),
        }
        Ok(true)
    }
}
