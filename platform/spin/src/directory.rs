//! The directory on Spin, in a table of its own. A change is one statement, which changes nothing unless the row holds what the
//! change was made from.
//!
//! Invariant: a row whose time is over is as none. Whoever writes one that ends removes some that have ended, so the table does
//! not grow by what is over.

use farebox_core::time::Timestamp;
use farebox_ports::{Directory, Fault, Host};

use crate::Platform;

const PORT: &str = "directory";

/// How many rows whose time is over are removed with each write: more than a write adds.
const REMOVED: i64 = 4;

/// What stands for a row that is kept for good.
const FOR_GOOD: i64 = i64::MAX;

impl Directory for Platform {
    async fn lookup(&self, key: &str) -> Result<Option<String>, Fault> {
        let statement = "SELECT body FROM farebox_directory WHERE key = $1 AND until > $2";
        let found = self.database().query(statement, &[key.into(), self.now().millis().into()]).await?.pop();
        let Some(body) = found else { return Ok(None) };
        String::from_utf8(body.into_blob()?).map(Some).map_err(|error| Fault::Unreadable {
            port: PORT,
            what: key.to_owned(),
            detail: error.to_string(),
        })
    }

    async fn swap(
        &self,
        key: &str,
        before: Option<&str>,
        after: Option<&str>,
        until: Option<Timestamp>,
    ) -> Result<bool, Fault> {
        let now = self.now().millis();
        let kept = until.map_or(FOR_GOOD, Timestamp::millis);
        if until.is_some() {
            let statement = "DELETE FROM farebox_directory WHERE key IN \
                 (SELECT key FROM farebox_directory WHERE until <= $1 ORDER BY until LIMIT $2)";
            self.database().query(statement, &[now.into(), REMOVED.into()]).await?;
        }
        let changed = match (before, after) {
            (None, None) => return Ok(self.lookup(key).await?.is_none()),
            (None, Some(after)) => {
                let statement = "INSERT INTO farebox_directory (key, body, until) VALUES ($1, $2, $3) \
                     ON CONFLICT (key) DO UPDATE SET body = excluded.body, until = excluded.until \
                     WHERE farebox_directory.until <= $4 RETURNING key";
                let values = [key.into(), after.as_bytes().into(), kept.into(), now.into()];
                self.database().query(statement, &values).await?
            }
            (Some(before), Some(after)) => {
                let statement = "UPDATE farebox_directory SET body = $1, until = $2 \
                     WHERE key = $3 AND body = $4 AND until > $5 RETURNING key";
                let values = [after.as_bytes().into(), kept.into(), key.into(), before.as_bytes().into(), now.into()];
                self.database().query(statement, &values).await?
            }
            (Some(before), None) => {
                let statement =
                    "DELETE FROM farebox_directory WHERE key = $1 AND body = $2 AND until > $3 RETURNING key";
                self.database().query(statement, &[key.into(), before.as_bytes().into(), now.into()]).await?
            }
        };
        Ok(!changed.is_empty())
    }
}
