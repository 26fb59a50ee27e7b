//! Configuration, in a table of the ledger's database: Spin's key-value stores cannot list by prefix, and one of them holds
//! the usage journal. What is written is there at once, for every instance.

use farebox_ports::{Fault, KeyValue, Page};

use crate::{Platform, database::Value};

/// The most keys on one page.
const PAGE: u32 = 1_000;

impl KeyValue for Platform {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        let statement = "SELECT value FROM farebox_config WHERE key = $1";
        self.database().query(statement, &[key.into()]).await?.pop().map(Value::into_blob).transpose()
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Fault> {
        let statement = "INSERT INTO farebox_config (key, value) VALUES ($1, $2) \
                         ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        self.database().query(statement, &[key.into(), value.into()]).await.map(drop)
    }

    async fn delete(&self, key: &str) -> Result<(), Fault> {
        self.database().query("DELETE FROM farebox_config WHERE key = $1", &[key.into()]).await.map(drop)
    }

    /// The cursor is the last key of the page before.
    async fn list(&self, prefix: &str, cursor: Option<&str>, limit: u32) -> Result<Page<String>, Fault> {
        let limit = limit.min(PAGE);
        let (compare, from) = cursor.map_or((">=", prefix), |last| (">", last));
        let statement =
            format!("SELECT key FROM farebox_config WHERE key {compare} $1 AND key < $2 ORDER BY key LIMIT $3");
        let until = format!("{prefix}{}", char::MAX);
        // One more than a page holds, to know whether there is another.
        let values = [from.into(), until.as_str().into(), (i64::from(limit) + 1).into()];
        let rows = self.database().query(&statement, &values).await?;
        let mut items = rows.into_iter().map(Value::into_text).collect::<Result<Vec<_>, _>>()?;
        let is_last = items.len() <= limit as usize;
        items.truncate(limit as usize);
        let cursor = items.last().filter(|_| !is_last).cloned();
        Ok(Page { items, cursor })
    }
}
