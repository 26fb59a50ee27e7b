//! The books of all accounts in one database, written by many instances at once.
//!
//! Invariant: a book cannot fork. An append is one statement that inserts nothing unless the book ends where it was
//! expected to, and the number of an entry is part of its key, so that of two at the same moment one fails whole.

use farebox_core::{
    id::AccountId,
    ledger::{Account, Entry},
    time::{SECOND, Timestamp},
};
use farebox_gateway::{
    ledger::{AppendError, EntryStore, PAGE},
    ports::Fault,
};

use crate::database::{Database, Dialect, Outcome, Value};

const PORT: &str = "ledger";

/// Nonces that are too old are removed about once in so many seconds of calls that take one.
const SWEPT_EVERY: i64 = 16;

/// The books in a database.
#[derive(Debug)]
pub struct SqlEntryStore {
    database: Database,
}

impl SqlEntryStore {
    /// The books in `database`, which needs no tables yet.
    pub const fn new(database: Database) -> Self {
        Self { database }
    }

    pub(crate) const fn database(&self) -> &Database {
        &self.database
    }

    /// The statement that appends `count` entries, and its placeholders' order: the account, each entry's number, time and
    /// bytes, and the number that the last entry must have.
    fn append_statement(&self, count: usize) -> String {
        let [account, seq, at, body] = self.database.dialect().casts;
        let row = |index: usize| {
            let first = 2 + 3 * index;
            format!("($1{account}, ${first}{seq}, ${}{at}, ${}{body})", first + 1, first + 2)
        };
        let rows: Vec<String> = (0..count).map(row).collect();
        format!(
            "INSERT INTO farebox_entries (account, seq, at, body) SELECT * FROM (VALUES {}) AS new \
             WHERE (SELECT coalesce(max(seq), 0) FROM farebox_entries WHERE account = $1{account}) = ${} RETURNING seq",
            rows.join(", "),
            2 + 3 * count,
        )
    }
}

impl EntryStore for SqlEntryStore {
    /// Dozens of instances begin each second of a busy gateway, and each reads what came after the snapshot.
    const SNAPSHOT_EVERY: u64 = 64;

    async fn snapshot(&self, account: &AccountId) -> Result<Option<Vec<u8>>, Fault> {
        let statement = "SELECT body FROM farebox_states WHERE account = $1";
        self.database.query(statement, &[account.as_str().into()]).await?.pop().map(Value::into_blob).transpose()
    }

    async fn save_snapshot(&self, account: &AccountId, seq: u64, snapshot: &[u8]) -> Result<(), Fault> {
        let statement = "INSERT INTO farebox_states (account, seq, body) VALUES ($1, $2, $3) \
                         ON CONFLICT (account) DO UPDATE SET seq = excluded.seq, body = excluded.body";
        self.database.query(statement, &[account.as_str().into(), seq.into(), snapshot.into()]).await.map(drop)
    }

    /// One statement, because dozens of instances that begin at once wait for each in turns of their event loops. The entries come
    /// last, and the snapshot before them where there is one.
    async fn opening(&self, account: &AccountId) -> Result<(Account, Vec<Entry>), Fault> {
        let Dialect { hex_body, bytes, .. } = self.database.dialect();
        let statement = format!(
            "SELECT part FROM (SELECT 1 AS nth, body AS part FROM farebox_states WHERE account = $1 \
             UNION ALL SELECT 2, CAST(coalesce(string_agg({hex_body}, ',' ORDER BY seq), '') AS {bytes}) \
             FROM (SELECT seq, body FROM farebox_entries WHERE account = $1 \
             AND seq > coalesce((SELECT seq FROM farebox_states WHERE account = $1), 0) \
             ORDER BY seq LIMIT {PAGE}) AS page) AS parts ORDER BY nth"
        );
        let mut parts = self.database.query(&statement, &[account.as_str().into()]).await?;
        let page = String::from_utf8(parts.pop().map_or(Ok(Vec::new()), Value::into_blob)?);
        let entries = page_of(&page.map_err(|error| unreadable(&error))?)?;
        match parts.pop().map(Value::into_blob).transpose()? {
            None => Ok((Account::default(), entries)),
            Some(snapshot) => match Account::from_snapshot(&snapshot) {
                Some(known) => Ok((known, entries)),
                None => Ok((Account::default(), self.entries(account, 0, PAGE).await?)),
            },
        }
    }

    /// Read as one text of hexadecimal digits: each row costs a crossing, and there can be many.
    async fn entries(&self, account: &AccountId, after: u64, limit: usize) -> Result<Vec<Entry>, Fault> {
        let statement = format!(
            "SELECT string_agg({}, ',' ORDER BY seq) FROM (SELECT seq, body FROM farebox_entries \
             WHERE account = $1 AND seq > $2 ORDER BY seq LIMIT $3) AS page",
            self.database.dialect().hex_body,
        );
        let values = [account.as_str().into(), after.into(), (limit as u64).into()];
        match self.database.query(&statement, &values).await?.pop() {
            Some(Value::Text(page)) => page_of(&page),
            _ => Ok(Vec::new()),
        }
    }

    async fn append(&self, account: &AccountId, after: u64, entries: &[Entry]) -> Result<(), AppendError> {
        let mut values = vec![account.as_str().into()];
        for entry in entries {
            values.extend([entry.seq.into(), entry.at.millis().into(), entry.to_bytes().as_slice().into()]);
        }
        values.push(after.into());
        let statement = self.append_statement(entries.len());
        match self.database.try_insert(&statement, &values).await? {
            Outcome::Rows(rows) if rows.len() == entries.len() => Ok(()),
            _ => Err(AppendError::Conflict),
        }
    }

    async fn take_nonce(
        &self,
        account: &AccountId,
        nonce: &str,
        now: Timestamp,
        since: Timestamp,
    ) -> Result<bool, Fault> {
        if now.millis() / SECOND % SWEPT_EVERY == 0 {
            let statement = "DELETE FROM farebox_nonces WHERE account = $1 AND at < $2";
            self.database.query(statement, &[account.as_str().into(), since.millis().into()]).await?;
        }
        let statement = "INSERT INTO farebox_nonces (account, nonce, at) VALUES ($1, $2, $3) \
                         ON CONFLICT (account, nonce) DO UPDATE SET at = excluded.at \
                         WHERE farebox_nonces.at < $4 RETURNING at";
        let values = [account.as_str().into(), nonce.into(), now.millis().into(), since.millis().into()];
        Ok(!self.database.query(statement, &values).await?.is_empty())
    }
}

/// Entries that were read as one text.
fn page_of(page: &str) -> Result<Vec<Entry>, Fault> {
    page.split(',').filter(|entry| !entry.is_empty()).map(entry).collect()
}

/// An entry out of its bytes in hexadecimal digits.
fn entry(digits: &str) -> Result<Entry, Fault> {
    let digit = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
    let pairs = digits.as_bytes().chunks(2);
    let bytes: Option<Vec<u8>> = pairs.map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect();
    let bytes = bytes.ok_or_else(|| unreadable(&"it is not hexadecimal"))?;
    Entry::from_bytes(&bytes).map_err(|error| unreadable(&error))
}

fn unreadable(detail: &impl ToString) -> Fault {
    Fault::Unreadable { port: PORT, what: "an entry".to_owned(), detail: detail.to_string() }
}
