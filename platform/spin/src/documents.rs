//! Documents that several may change at once, in the table of the configuration. A change is one statement, which changes nothing
//! unless the row holds what the change was made from.
//!
//! Invariant: what was removed is not made again. The key that says so is written before the row is removed, and nothing
//! removes it.

use farebox_ports::{Documents, Fault, KeyValue};

use crate::Platform;

/// Where it stands that a document was removed.
fn removed(key: &str) -> String {
    format!("removed/{key}")
}

impl Documents for Platform {
    async fn current(&self, key: &str) -> Result<Option<String>, Fault> {
        self.get(key).await?.map(String::from_utf8).transpose().map_err(|error| Fault::Unreadable {
            port: "documents",
            what: key.to_owned(),
            detail: error.to_string(),
        })
    }

    async fn exchange(&self, key: &str, before: Option<&str>, after: Option<&str>) -> Result<bool, Fault> {
        let tombstone = removed(key);
        let changed = match (before, after) {
            (None, None) => return Ok(true),
            (None, Some(after)) => {
                let [text, .., bytes] = self.database().dialect().casts;
                let statement = format!(
                    "INSERT INTO farebox_config (key, value) SELECT $1{text}, $2{bytes} \
                     WHERE NOT EXISTS (SELECT 1 FROM farebox_config WHERE key = $3) \
                     ON CONFLICT (key) DO NOTHING RETURNING key"
                );
                let values = [key.into(), after.as_bytes().into(), tombstone.as_str().into()];
                self.database().query(&statement, &values).await?
            }
            (Some(before), Some(after)) => {
                let statement = "UPDATE farebox_config SET value = $1 WHERE key = $2 AND value = $3 RETURNING key";
                let values = [after.as_bytes().into(), key.into(), before.as_bytes().into()];
                self.database().query(statement, &values).await?
            }
            (Some(before), None) => {
                self.put(&tombstone, b"").await?;
                let statement = "DELETE FROM farebox_config WHERE key = $1 AND value = $2 RETURNING key";
                self.database().query(statement, &[key.into(), before.as_bytes().into()]).await?
            }
        };
        Ok(!changed.is_empty())
    }
}
