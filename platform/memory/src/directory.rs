//! The directory in memory.

use farebox_core::time::Timestamp;
use farebox_ports::{Directory, Fault, Host};

use crate::Memory;

/// A record, and when its time is over.
#[derive(Debug)]
pub(crate) struct Record {
    body: String,
    until: Option<Timestamp>,
}

impl Memory {
    /// Every record of the directory whose time is not over, by its key.
    pub fn directory(&self) -> Vec<(String, String)> {
        let records = self.directory.borrow();
        let kept = records.iter().filter(|(_, record)| record.until.is_none_or(|until| until > self.now()));
        kept.map(|(key, record)| (key.clone(), record.body.clone())).collect()
    }
}

impl Directory for Memory {
    async fn lookup(&self, key: &str) -> Result<Option<String>, Fault> {
        self.turn().await;
        self.up("directory")?;
        let records = self.directory.borrow();
        let found = records.get(key).filter(|record| record.until.is_none_or(|until| until > self.now()));
        Ok(found.map(|record| record.body.clone()))
    }

    async fn swap(
        &self,
        key: &str,
        before: Option<&str>,
        after: Option<&str>,
        until: Option<Timestamp>,
    ) -> Result<bool, Fault> {
        self.turn().await;
        self.up("directory")?;
        let mut records = self.directory.borrow_mut();
        records.retain(|_, record| record.until.is_none_or(|until| until > self.now()));
        if records.get(key).map(|record| record.body.as_str()) != before {
            return Ok(false);
        }
        match after {
            Some(after) => drop(records.insert(key.to_owned(), Record { body: after.to_owned(), until })),
            None => drop(records.remove(key)),
        }
        Ok(true)
    }
}
