//! The ledger in memory. Entries are kept as the bytes that other platforms keep, and an append can be made to fail,
//! before or after it took effect.

use std::collections::HashMap;

use farebox_core::{
    id::AccountId,
    ledger::{Answer, Command, Entry, IdempotencyKey, Refusal},
    time::Timestamp,
};
use farebox_gateway::{
    ledger::{AppendError, EntryStore, admit, announce, execute, report},
    ports::{Fault, Ledger},
    reports::{Query, Report, Reports},
};

use crate::Memory;

/// What goes wrong with an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendFault {
    /// Nothing is appended.
    Lost,
    /// The entries are appended, and the answer is lost.
    Unanswered,
}

/// The book of one account.
#[derive(Debug, Default)]
pub(crate) struct Book {
    entries: Vec<Vec<u8>>,
    snapshot: Option<Vec<u8>>,
    nonces: HashMap<String, Timestamp>,
}

impl Memory {
    /// Makes the next append to a book fail, or with `None` succeed after all.
    pub fn fail_next_append(&self, fault: Option<AppendFault>) {
        self.next_append.set(fault);
    }
}

fn fault(detail: impl ToString) -> Fault {
    Fault::Unavailable { port: "ledger", detail: detail.to_string() }
}

impl EntryStore for Memory {
    async fn snapshot(&self, account: &AccountId) -> Result<Option<Vec<u8>>, Fault> {
        self.up("ledger")?;
        Ok(self.books.borrow().get(account).and_then(|book| book.snapshot.clone()))
    }

    async fn save_snapshot(&self, account: &AccountId, _seq: u64, snapshot: &[u8]) -> Result<(), Fault> {
        self.up("ledger")?;
        self.books.borrow_mut().entry(account.clone()).or_default().snapshot = Some(snapshot.to_vec());
        Ok(())
    }

    async fn entries(&self, account: &AccountId, after: u64, limit: usize) -> Result<Vec<Entry>, Fault> {
        self.up("ledger")?;
        let books = self.books.borrow();
        let Some(book) = books.get(account) else { return Ok(Vec::new()) };
        let entries = book.entries.iter().skip(usize::try_from(after).map_err(fault)?).take(limit);
        entries.map(|bytes| Entry::from_bytes(bytes).map_err(fault)).collect()
    }

    async fn take_nonce(
        &self,
        account: &AccountId,
        nonce: &str,
        now: Timestamp,
        since: Timestamp,
    ) -> Result<bool, Fault> {
        self.up("ledger")?;
        let mut books = self.books.borrow_mut();
        let nonces = &mut books.entry(account.clone()).or_default().nonces;
        nonces.retain(|_, taken| *taken >= since);
        Ok(nonces.insert(nonce.to_owned(), now).is_none())
    }

    async fn append(&self, account: &AccountId, after: u64, entries: &[Entry]) -> Result<(), AppendError> {
        self.up("ledger")?;
        let failing = self.next_append.take();
        if failing == Some(AppendFault::Lost) {
            return Err(fault("the append was lost").into());
        }
        let mut books = self.books.borrow_mut();
        let book = books.entry(account.clone()).or_default();
        if u64::try_from(book.entries.len()) != Ok(after) {
            return Err(AppendError::Conflict);
        }
        book.entries.extend(entries.iter().map(Entry::to_bytes));
        match failing {
            Some(_) => Err(fault("the append was not answered").into()),
            None => Ok(()),
        }
    }
}

impl Ledger for Memory {
    async fn admit(
        &self,
        account: &AccountId,
        nonce: Option<&str>,
        command: &Command,
    ) -> Result<Result<Answer, Refusal>, Fault> {
        self.turn().await;
        let answer = admit(self, &self.accounts, account, nonce, command, self.now.get()).await;
        announce(self, &self.accounts).await;
        answer
    }

    async fn execute(
        &self,
        account: &AccountId,
        key: Option<&IdempotencyKey>,
        command: &Command,
    ) -> Result<Result<Answer, Refusal>, Fault> {
        self.turn().await;
        let answer = execute(self, &self.accounts, account, key, command, self.now.get()).await;
        announce(self, &self.accounts).await;
        answer
    }
}

impl Reports for Memory {
    async fn report(&self, account: &AccountId, query: &Query) -> Result<Result<Report, Refusal>, Fault> {
        report(self, &self.accounts, account, query).await
    }
}
