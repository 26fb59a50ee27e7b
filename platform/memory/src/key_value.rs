//! The key-value store in memory. What is written is there at once, which a real one does not promise, unless it is told to
//! show what it held before.

use std::collections::BTreeMap;

use farebox_ports::{Fault, KeyValue, Page};

use crate::Memory;

impl Memory {
    /// Shows from now on what the key-value store holds now, whatever is written; or, with `false`, all that was written.
    pub fn show_as_of_now(&self, only: bool) {
        *self.late.borrow_mut() = only.then(|| self.key_value.borrow().clone());
    }

    fn shown<T>(&self, read: impl FnOnce(&BTreeMap<String, Vec<u8>>) -> T) -> T {
        match &*self.late.borrow() {
            Some(late) => read(late),
            None => read(&self.key_value.borrow()),
        }
    }

    /// The fault of a port while the platform is down.
    pub(crate) fn up(&self, port: &'static str) -> Result<(), Fault> {
        if self.is_down.get() { Err(Fault::Unavailable { port, detail: "it is down".to_owned() }) } else { Ok(()) }
    }
}

impl KeyValue for Memory {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        self.turn().await;
        self.up("key-value")?;
        Ok(self.shown(|store| store.get(key).cloned()))
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Fault> {
        self.turn().await;
        self.up("key-value")?;
        self.key_value.borrow_mut().insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), Fault> {
        self.turn().await;
        self.up("key-value")?;
        self.key_value.borrow_mut().remove(key);
        Ok(())
    }

    /// The cursor is the last key of the page before.
    async fn list(&self, prefix: &str, cursor: Option<&str>, limit: u32) -> Result<Page<String>, Fault> {
        self.turn().await;
        self.up("key-value")?;
        Ok(self.shown(|store| {
            let is_next = |key: &&String| key.starts_with(prefix) && cursor.is_none_or(|last| key.as_str() > last);
            let mut keys = store.keys().filter(is_next);
            let items: Vec<String> = keys.by_ref().take(limit as usize).cloned().collect();
            let cursor = keys.next().and_then(|_| items.last().cloned());
            Page { items, cursor }
        }))
    }
}
