//! Everything that is stored, as rows of bytes: what a test keeps of one version and gives to the next.
//!
//! Invariant: a platform that is made of the rows of another holds what that one held, and knows nothing beside it. Left out is what
//! no version gives another: nonces, rate limits, what was removed.

use std::collections::BTreeMap;

use farebox_core::{id::AccountId, journal::Batch, time::Timestamp};

use crate::{Memory, ledger::Book};

/// Rows by their names: a kind, and a key in it.
pub type Rows = BTreeMap<String, Vec<u8>>;

impl Memory {
    /// All rows.
    pub fn rows(&self) -> Rows {
        let mut rows = Rows::new();
        let values = self.key_value.borrow();
        rows.extend(values.iter().map(|(key, value)| (format!("value {key}"), value.clone())));
        let journal = self.journal.borrow();
        rows.extend(journal.iter().map(|(key, batch)| (format!("batch {key}"), batch.to_bytes())));
        let due = self.due.borrow();
        rows.extend(due.iter().map(|(account, at)| (format!("due {account}"), at.millis().to_string().into_bytes())));
        for (account, book) in self.books.borrow().iter() {
            rows.extend(book.rows().map(|(kind, bytes)| (format!("{kind} {account}"), bytes)));
        }
        rows
    }

    /// A platform that holds these rows. Nothing where one of them has a name that is none, or is a batch that cannot be read.
    pub fn of_rows(now: Timestamp, rows: Rows) -> Option<Self> {
        let memory = Self::new(now);
        for (name, bytes) in rows {
            let (kind, key) = name.split_once(' ')?;
            match kind {
                "value" => drop(memory.key_value.borrow_mut().insert(key.to_owned(), bytes)),
                "batch" => drop(memory.journal.borrow_mut().insert(key.to_owned(), Batch::from_bytes(&bytes).ok()?)),
                "due" => {
                    let at = Timestamp::from_millis(String::from_utf8(bytes).ok()?.parse().ok()?);
                    memory.due.borrow_mut().insert(key.parse().ok()?, at);
                }
                kind => {
                    let account: AccountId = key.parse().ok()?;
                    memory.books.borrow_mut().entry(account).or_default().put(kind, bytes)?;
                }
            }
        }
        Some(memory)
    }
}

impl Book {
    /// Its rows, entries first and in order.
    fn rows(&self) -> impl Iterator<Item = (String, Vec<u8>)> {
        let entries =
            self.entries.iter().enumerate().map(|(at, entry)| (format!("entry-{:08}", at + 1), entry.clone()));
        let others = [("register", &self.register), ("snapshot", &self.snapshot), ("till", &self.till)];
        let months = self.month_ends.iter().map(|(seq, month)| (format!("month-{seq:08}"), month.clone()));
        entries.chain(months).chain(others.into_iter().filter_map(|(kind, row)| Some((kind.to_owned(), row.clone()?))))
    }

    fn put(&mut self, kind: &str, bytes: Vec<u8>) -> Option<()> {
        match kind {
            "register" => self.register = Some(bytes),
            "snapshot" => self.snapshot = Some(bytes),
            "till" => self.till = Some(bytes),
            month if month.starts_with("month-") => {
                drop(self.month_ends.insert(month.strip_prefix("month-")?.parse().ok()?, bytes));
            }
            entry if entry.starts_with("entry-") => self.entries.push(bytes),
            _ => return None,
        }
        Some(())
    }
}
