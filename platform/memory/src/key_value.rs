//! The key-value store in memory. What is written is there at once, which a real one does not promise.

use farebox_gateway::ports::{Fault, KeyValue, Page};

use crate::Memory;

impl Memory {
    /// The fault of a port while the platform is down.
    pub(crate) fn up(&self, port: &'static str) -> Result<(), Fault> {
        if self.is_down.get() { Err(Fault::Unavailable { port, detail: "it is down".to_owned() }) } else { Ok(()) }
    }
}

impl KeyValue for Memory {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        self.up("key-value")?;
        Ok(self.key_value.borrow().get(key).cloned())
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Fault> {
        self.up("key-value")?;
        self.key_value.borrow_mut().insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), Fault> {
        self.up("key-value")?;
        self.key_value.borrow_mut().remove(key);
        Ok(())
    }

    /// The cursor is the last key of the page before.
    async fn list(&self, prefix: &str, cursor: Option<&str>, limit: u32) -> Result<Page<String>, Fault> {
        self.up("key-value")?;
        let store = self.key_value.borrow();
        let mut keys =
            store.keys().filter(|key| key.starts_with(prefix) && cursor.is_none_or(|last| key.as_str() > last));
        let items: Vec<String> = keys.by_ref().take(limit as usize).cloned().collect();
        let cursor = keys.next().and_then(|_| items.last().cloned());
        Ok(Page { items, cursor })
    }
}
