//! The books of all accounts in one database, written by many instances at once.
//!
//! Invariant: a book cannot fork. A write is one statement. It inserts nothing unless the book ends where it was expected to and
//! the till is the expected one. The number of an entry is part of its key, so that of two at the same moment one fails whole.
//! The till stands in the row of number 0, with its own number in the place of the time. The register stands in that of -1, and
//! rows of usage by time far below. So one statement writes all of them, on both databases.

use std::ops::RangeInclusive;

use farebox_books::{Change, EntryStore, News, PAGE, SeriesRow, WriteError};
use farebox_core::{
    id::AccountId,
    ledger::{Account, Entry, Register, Till},
    time::{SECOND, Timestamp},
};
use farebox_ports::Fault;

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

    /// The statement that writes `count` rows. Its placeholders' order: the account; each row's number, time or number of the
    /// till, and bytes; the number that the last entry must have; and the till's where there is one.
    ///
    /// A row takes the place of one that is there if it is the register's. It also does if it is the till's, and the one there
    /// has the number before. Any other makes the statement fail, because it may not be empty: somebody else was there at the
    /// same moment, and was not seen.
    fn write_statement(&self, count: usize, has_till: bool) -> String {
        let [account, seq, at, body] = self.database.dialect().casts;
        let row = |index: usize| {
            let first = 2 + 3 * index;
            format!("($1{account}, ${first}{seq}, ${}{at}, ${}{body})", first + 1, first + 2)
        };
        let rows: Vec<String> = (0..count).map(row).collect();
        let (after, till) = (2 + 3 * count, 3 + 3 * count);
        let (same_till, replaces) = if has_till {
            (
                format!(
                    " AND coalesce((SELECT at FROM farebox_entries WHERE account = $1{account} AND seq = 0), 0) = ${till}"
                ),
                format!(
                    " ON CONFLICT (account, seq) DO UPDATE SET at = excluded.at, body = CASE \
                     WHEN farebox_entries.seq < 0 OR (farebox_entries.seq = 0 AND farebox_entries.at = ${till}) \
                     THEN excluded.body END"
                ),
            )
        } else {
            (String::new(), String::new())
        };
        format!(
            "INSERT INTO farebox_entries (account, seq, at, body) SELECT * FROM (VALUES {}) AS new \
             WHERE (SELECT coalesce(max(seq), 0) FROM farebox_entries WHERE account = $1{account}) = ${after}\
             {same_till}{replaces} RETURNING seq",
            rows.join(", "),
        )
    }

    /// Three parts of what is stored of an account; an empty one is not there. The placeholders' order: the account, the number
    /// of the known till, and the last known entry where `after` says so. Else that is the entry of the snapshot, which is the
    /// first part.
    fn parts_statement(&self, after: Option<&str>) -> String {
        let Dialect { hex_body, bytes, .. } = self.database.dialect();
        let none = format!("CAST('' AS {bytes})");
        let snapshot = match after {
            Some(_) => none.clone(),
            None => format!("coalesce((SELECT body FROM farebox_states WHERE account = $1), {none})"),
        };
        let after = after.unwrap_or("coalesce((SELECT seq FROM farebox_states WHERE account = $1), 0)");
        format!(
            "SELECT part FROM (SELECT 1 AS nth, {snapshot} AS part UNION ALL SELECT 2, \
             coalesce((SELECT body FROM farebox_entries WHERE account = $1 AND seq = 0 AND at <> $2), {none}) \
             UNION ALL SELECT 3, CAST(coalesce(string_agg({hex_body}, ',' ORDER BY seq), '') AS {bytes}) \
             FROM (SELECT seq, body FROM farebox_entries WHERE account = $1 AND seq > {after} \
             ORDER BY seq LIMIT {PAGE}) AS page) AS parts ORDER BY nth"
        )
    }

    /// The three parts that a statement of [`Self::parts_statement`] gives.
    async fn parts(&self, statement: &str, values: &[Value]) -> Result<(Vec<u8>, News), Fault> {
        let mut parts = self.database.query(statement, values).await?.into_iter().map(Value::into_blob);
        let mut next = || parts.next().unwrap_or_else(|| Ok(Vec::new()));
        let (snapshot, till, page) = (next()?, next()?, next()?);
        let till = (!till.is_empty()).then(|| Till::from_bytes(&till)).transpose();
        let page = String::from_utf8(page).map_err(|error| unreadable(&error))?;
        Ok((snapshot, News { entries: page_of(&page)?, till: till.map_err(|error| unreadable(&error))? }))
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

    async fn month_end(&self, account: &AccountId, until: u64) -> Result<Option<Vec<u8>>, Fault> {
        let statement =
            "SELECT body FROM farebox_month_ends WHERE account = $1 AND seq <= $2 ORDER BY seq DESC LIMIT 1";
        let values = [account.as_str().into(), until.into()];
        self.database.query(statement, &values).await?.pop().map(Value::into_blob).transpose()
    }

    async fn save_month_end(&self, account: &AccountId, seq: u64, snapshot: &[u8]) -> Result<(), Fault> {
        let statement =
            "INSERT INTO farebox_month_ends (account, seq, body) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        self.database.query(statement, &[account.as_str().into(), seq.into(), snapshot.into()]).await.map(drop)
    }

    /// One statement, because dozens of instances that begin at once wait for each in turns of their event loops.
    async fn opening(&self, account: &AccountId) -> Result<(Account, News), Fault> {
        let values = [account.as_str().into(), 0u64.into()];
        let (snapshot, news) = self.parts(&self.parts_statement(None), &values).await?;
        match Account::from_snapshot(&snapshot) {
            Some(known) => Ok((known, news)),
            None if snapshot.is_empty() => Ok((Account::default(), news)),
            None => Ok((Account::default(), self.news(account, 0, 0).await?)),
        }
    }

    /// One statement too, which sees entries and till of the same moment.
    async fn news(&self, account: &AccountId, after: u64, till: u64) -> Result<News, Fault> {
        let values = [account.as_str().into(), till.into(), after.into()];
        Ok(self.parts(&self.parts_statement(Some("$3")), &values).await?.1)
    }

    async fn register(&self, account: &AccountId) -> Result<Option<Register>, Fault> {
        let statement = "SELECT body FROM farebox_entries WHERE account = $1 AND seq = -1";
        let found = self.database.query(statement, &[account.as_str().into()]).await?.pop();
        let bytes = found.map(Value::into_blob).transpose()?;
        bytes.map(|bytes| Register::from_bytes(&bytes)).transpose().map_err(|error| unreadable(&error))
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

    async fn write(&self, account: &AccountId, change: Change<'_>) -> Result<(), WriteError> {
        let mut values: Vec<Value> = vec![account.as_str().into()];
        if let Some(till) = change.till {
            values.extend([0u64.into(), till.number().into(), till.to_bytes().as_slice().into()]);
        }
        if let Some(register) = change.register {
            values.extend([(-1i64).into(), register.number().into(), register.to_bytes().as_slice().into()]);
        }
        let written = change.register.map_or(0, Register::number);
        for row in change.series {
            values.extend([row.number.into(), written.into(), row.bytes.as_slice().into()]);
        }
        for entry in change.entries {
            values.extend([entry.seq.into(), entry.at.millis().into(), entry.to_bytes().as_slice().into()]);
        }
        let count = (values.len() - 1) / 3;
        values.push(change.after.into());
        values.extend(change.till.map(|_| change.replaces.into()));
        let statement = self.write_statement(count, change.till.is_some());
        match self.database.try_insert(&statement, &values).await? {
            Outcome::Rows(rows) if rows.len() == count => Ok(()),
            _ => Err(WriteError::Conflict),
        }
    }

    /// Read as one text as well: `number:digits`, one behind the other.
    async fn series(&self, account: &AccountId, numbers: RangeInclusive<i64>) -> Result<Vec<SeriesRow>, Fault> {
        let statement = format!(
            "SELECT string_agg(CAST(seq AS TEXT) || ':' || {}, ',' ORDER BY seq) FROM farebox_entries \
             WHERE account = $1 AND seq BETWEEN $2 AND $3",
            self.database.dialect().hex_body,
        );
        let values = [account.as_str().into(), (*numbers.start()).into(), (*numbers.end()).into()];
        let Some(Value::Text(page)) = self.database.query(&statement, &values).await?.pop() else {
            return Ok(Vec::new());
        };
        let row = |row: &str| {
            let (number, digits) = row.split_once(':')?;
            Some(SeriesRow { number: number.parse().ok()?, bytes: from_hex(digits)? })
        };
        let rows: Option<Vec<SeriesRow>> = page.split(',').filter(|row| !row.is_empty()).map(row).collect();
        rows.ok_or_else(|| unreadable(&"usage by time is not hexadecimal"))
    }

    async fn forget_series(&self, account: &AccountId, numbers: RangeInclusive<i64>) -> Result<(), Fault> {
        let statement = "DELETE FROM farebox_entries WHERE account = $1 AND seq BETWEEN $2 AND $3";
        let values = [account.as_str().into(), (*numbers.start()).into(), (*numbers.end()).into()];
        self.database.query(statement, &values).await.map(drop)
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
    let bytes = from_hex(digits).ok_or_else(|| unreadable(&"it is not hexadecimal"))?;
    Entry::from_bytes(&bytes).map_err(|error| unreadable(&error))
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}

fn unreadable(detail: &impl ToString) -> Fault {
    Fault::Unreadable { port: PORT, what: "an entry".to_owned(), detail: detail.to_string() }
}
