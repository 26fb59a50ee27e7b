//! Documents that several may change at once: each in a Durable Object of its own, which also puts it into Workers KV.
//!
//! KV alone cannot hold them. It answers from a cache for half a minute and compares nothing, so that whoever writes back what
//! was read undoes what another wrote meanwhile. An object runs one turn at a time, and between comparing and writing there is no
//! await. Invariant: once no more changes come, a document is in KV as its object has it. Each request looks after its write
//! whether the object has a newer one. An alarm does it again for a request that was ended before.

use farebox_core::time::{Millis, SECOND};
use farebox_ports::{Documents, Fault, Host, KeyValue};
use worker::{SqlStorage, SqlStorageValue};

use crate::{Ask, Platform, fault};

const PORT: &str = "documents";

/// A row holds at most 2 MB, and a catalog may be larger: a document is kept in parts of this many bytes.
const PART: usize = 1 << 20;

/// KV takes one write a second for each key.
const WRITTEN_AGAIN: Millis = SECOND + 100;

/// How often a document is put into KV that has changed meanwhile, or that KV did not take.
const ATTEMPTS: u32 = 8;

/// No account has a name with a blank in it, so this is no account's object.
fn object(key: &str) -> String {
    format!("document {key}")
}

impl Documents for Platform {
    async fn current(&self, key: &str) -> Result<Option<String>, Fault> {
        self.ask_object(&object(key), &Ask::Document { key: key.to_owned() }).await
    }

    async fn exchange(&self, key: &str, before: Option<&str>, after: Option<&str>) -> Result<bool, Fault> {
        let (before, after) = (before.map(str::to_owned), after.map(str::to_owned));
        self.ask_object(&object(key), &Ask::Exchange { key: key.to_owned(), before, after }).await
    }
}

/// The document of the one object whose storage this is. It has no rows until it is first changed, and one empty part once it
/// is removed: what was removed is not made again.
pub struct SqlDocument {
    sql: SqlStorage,
}

impl SqlDocument {
    /// The document in an object's SQLite.
    pub const fn new(sql: SqlStorage) -> Self {
        Self { sql }
    }

    fn make_tables(&self) -> Result<(), Fault> {
        let schema = "
            CREATE TABLE IF NOT EXISTS document (part INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
            CREATE TABLE IF NOT EXISTS document_key (key TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
        ";
        self.sql.exec(schema, None).map(drop).map_err(fault(PORT))
    }

    /// The one column that `statement` selects.
    fn column(&self, statement: &str) -> Result<Vec<SqlStorageValue>, Fault> {
        let rows = self.sql.exec(statement, None).map_err(fault(PORT))?;
        let last = |row: worker::Result<Vec<SqlStorageValue>>| row.map(|mut row| row.pop()).map_err(fault(PORT));
        rows.raw().filter_map(|row| last(row).transpose()).collect()
    }

    /// What was last kept: nothing when it was never changed here, an empty text when it was removed.
    fn kept(&self) -> Result<Option<String>, Fault> {
        self.make_tables()?;
        let parts = self.column("SELECT body FROM document ORDER BY part")?;
        if parts.is_empty() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        for part in parts {
            let SqlStorageValue::Blob(part) = part else { return Err(unreadable("no bytes")) };
            bytes.extend(part);
        }
        String::from_utf8(bytes).map(Some).map_err(unreadable)
    }

    fn keep(&self, key: &str, body: &str) -> Result<(), Fault> {
        let run = |statement: &str, row: Vec<SqlStorageValue>| self.sql.exec(statement, row).map_err(fault(PORT));
        run("INSERT INTO document_key (key) VALUES (?) ON CONFLICT DO NOTHING", vec![key.into()])?;
        run("DELETE FROM document", Vec::new())?;
        let parts = if body.is_empty() { vec![&b""[..]] } else { body.as_bytes().chunks(PART).collect() };
        for (number, part) in (0i64..).zip(parts) {
            let row = vec![SqlStorageValue::Integer(number), part.to_vec().into()];
            run("INSERT INTO document (part, body) VALUES (?, ?)", row)?;
        }
        Ok(())
    }

    /// The document as it is now.
    ///
    /// # Errors
    /// The storage failed, or KV where the document was never changed here.
    pub async fn current(&self, platform: &Platform, key: &str) -> Result<Option<String>, Fault> {
        let current = match self.kept()? {
            Some(kept) => Some(kept),
            None => published(platform, key).await?,
        };
        Ok(current.filter(|body| !body.is_empty()))
    }

    /// Keeps `after` in place of `before`, if that is what it holds. Says whether it was. The caller puts it into KV.
    ///
    /// # Errors
    /// As [`SqlDocument::current`].
    pub async fn exchange(
        &self,
        platform: &Platform,
        key: &str,
        before: Option<&str>,
        after: Option<&str>,
    ) -> Result<bool, Fault> {
        let is_adopted = self.kept()?.is_some() || before.is_none();
        let published = if is_adopted { None } else { published(platform, key).await? };
        // Others may have come while KV was asked; nobody comes from here to the end.
        if self.kept()?.or(published).as_deref() != before {
            return Ok(false);
        }
        self.keep(key, after.unwrap_or_default())?;
        Ok(true)
    }

    /// Puts the document into KV as it is now. One that was never changed here is there already.
    ///
    /// # Errors
    /// KV did not take it.
    pub async fn publish(&self, platform: &Platform) -> Result<(), Fault> {
        self.make_tables()?;
        let Some(SqlStorageValue::String(key)) = self.column("SELECT key FROM document_key")?.pop() else {
            return Ok(());
        };
        let mut put = Ok(());
        for _ in 0..ATTEMPTS {
            let Some(body) = self.kept()? else { return Ok(()) };
            put = if body.is_empty() { platform.delete(&key).await } else { platform.put(&key, body.as_bytes()).await };
            match put {
                Ok(()) if self.kept()?.as_ref() == Some(&body) => return Ok(()),
                // Another change may have been put there before this one arrived.
                Ok(()) => {}
                Err(_) => platform.sleep(WRITTEN_AGAIN).await,
            }
        }
        put
    }
}

/// The document as KV shows it.
async fn published(platform: &Platform, key: &str) -> Result<Option<String>, Fault> {
    platform.get(key).await?.map(String::from_utf8).transpose().map_err(unreadable)
}

fn unreadable(detail: impl ToString) -> Fault {
    Fault::Unreadable { port: PORT, what: "a document".to_owned(), detail: detail.to_string() }
}
