//! The ledger in memory. Entries, tills and registers are kept as the bytes that other platforms keep. A write can be made to
//! fail, before or after it took effect, and all of them can be looked at afterwards.

use std::{
    collections::{BTreeMap, HashMap},
    ops::RangeInclusive,
};

use farebox_books::{Change, EntryStore, News, PAGE, SeriesRow, WriteError, admit, announce, execute, report};
use farebox_core::{
    id::AccountId,
    ledger::{Answer, Command, Entry, IdempotencyKey, Refusal, Register, Till},
    time::Timestamp,
};
use farebox_ports::{
    Fault, Ledger,
    reports::{Query, Report, Reports},
};

use crate::Memory;

/// What goes wrong with a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteFault {
    /// Nothing is written.
    Lost,
    /// All is written, and the answer is lost.
    Unanswered,
}

/// What the store held of an account after one write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The number of the last entry.
    pub version: u64,
    /// The till.
    pub till: Option<Till>,
    /// The register.
    pub register: Option<Register>,
}

/// The book of one account.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) entries: Vec<Vec<u8>>,
    pub(crate) till: Option<Vec<u8>>,
    pub(crate) register: Option<Vec<u8>>,
    pub(crate) snapshot: Option<Vec<u8>>,
    pub(crate) month_ends: BTreeMap<u64, Vec<u8>>,
    /// Rows of usage by time, by their number.
    series: BTreeMap<i64, Vec<u8>>,
    /// Where they are looked at afterwards.
    writes: Vec<Written>,
    nonces: HashMap<String, Timestamp>,
}

impl Memory {
    /// Makes the next write to a book fail, or with `None` succeed after all.
    pub fn fail_next_write(&self, fault: Option<WriteFault>) {
        self.next_write.set(fault);
    }

    /// Keeps all that is written from now on, for [`Self::writes`].
    pub fn record_writes(&self) {
        self.records_writes.set(true);
    }

    /// How many rows of books were written: entries, tills, registers, snapshots and rows of usage by
    /// time are one each.
    pub fn rows_written(&self) -> u64 {
        self.rows_written.get()
    }

    fn count_rows(&self, rows: usize) {
        self.rows_written.set(self.rows_written.get() + rows as u64);
    }

    /// What the store held of an account after each write.
    pub fn writes(&self, account: &AccountId) -> Vec<Written> {
        self.books.borrow().get(account).map_or_else(Vec::new, |book| book.writes.clone())
    }
}

impl Book {
    fn version(&self) -> Result<u64, Fault> {
        u64::try_from(self.entries.len()).map_err(fault)
    }

    fn till(&self) -> Result<Option<Till>, Fault> {
        self.till.as_deref().map(Till::from_bytes).transpose().map_err(fault)
    }

    fn register(&self) -> Result<Option<Register>, Fault> {
        self.register.as_deref().map(Register::from_bytes).transpose().map_err(fault)
    }

    fn entries(&self, after: u64, limit: usize) -> Result<Vec<Entry>, Fault> {
        let entries = self.entries.iter().skip(usize::try_from(after).map_err(fault)?).take(limit);
        entries.map(|bytes| Entry::from_bytes(bytes).map_err(fault)).collect()
    }

    /// Whether nobody has written since what a change was decided on.
    fn is_met_by(&self, change: Change<'_>) -> Result<bool, Fault> {
        let written = self.till()?.map_or(0, |till| till.number());
        Ok(self.version()? == change.after && (change.till.is_none() || change.replaces == written))
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
        self.count_rows(1);
        Ok(())
    }

    async fn month_end(&self, account: &AccountId, until: u64) -> Result<Option<Vec<u8>>, Fault> {
        self.up("ledger")?;
        let books = self.books.borrow();
        let latest = books.get(account).and_then(|book| book.month_ends.range(..=until).next_back());
        Ok(latest.map(|(_, snapshot)| snapshot.clone()))
    }

    async fn save_month_end(&self, account: &AccountId, seq: u64, snapshot: &[u8]) -> Result<(), Fault> {
        self.up("ledger")?;
        self.books.borrow_mut().entry(account.clone()).or_default().month_ends.insert(seq, snapshot.to_vec());
        self.count_rows(1);
        Ok(())
    }

    async fn entries(&self, account: &AccountId, after: u64, limit: usize) -> Result<Vec<Entry>, Fault> {
        self.up("ledger")?;
        self.books.borrow().get(account).map_or(Ok(Vec::new()), |book| book.entries(after, limit))
    }

    async fn news(&self, account: &AccountId, after: u64, till: u64) -> Result<News, Fault> {
        self.up("ledger")?;
        let books = self.books.borrow();
        let Some(book) = books.get(account) else { return Ok(News::default()) };
        let till = book.till()?.filter(|held| held.number() != till);
        Ok(News { entries: book.entries(after, PAGE)?, till })
    }

    async fn register(&self, account: &AccountId) -> Result<Option<Register>, Fault> {
        self.up("ledger")?;
        self.books.borrow().get(account).map_or(Ok(None), Book::register)
    }

    async fn series(&self, account: &AccountId, numbers: RangeInclusive<i64>) -> Result<Vec<SeriesRow>, Fault> {
        self.up("ledger")?;
        let books = self.books.borrow();
        let rows = books.get(account).into_iter().flat_map(|book| book.series.range(numbers.clone()));
        Ok(rows.map(|(number, bytes)| SeriesRow { number: *number, bytes: bytes.clone() }).collect())
    }

    async fn forget_series(&self, account: &AccountId, numbers: RangeInclusive<i64>) -> Result<(), Fault> {
        self.up("ledger")?;
        let mut books = self.books.borrow_mut();
        books.entry(account.clone()).or_default().series.retain(|number, _| !numbers.contains(number));
        Ok(())
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

    async fn write(&self, account: &AccountId, change: Change<'_>) -> Result<(), WriteError> {
        self.up("ledger")?;
        let failing = self.next_write.take();
        if failing == Some(WriteFault::Lost) {
            return Err(fault("the write was lost").into());
        }
        let mut books = self.books.borrow_mut();
        let book = books.entry(account.clone()).or_default();
        if !book.is_met_by(change)? {
            return Err(WriteError::Conflict);
        }
        let desk = usize::from(change.till.is_some()) + usize::from(change.register.is_some());
        self.count_rows(change.entries.len() + desk + change.series.len());
        book.entries.extend(change.entries.iter().map(Entry::to_bytes));
        if let Some(till) = change.till {
            book.till = Some(till.to_bytes());
        }
        if let Some(register) = change.register {
            book.register = Some(register.to_bytes());
        }
        book.series.extend(change.series.iter().map(|row| (row.number, row.bytes.clone())));
        if self.records_writes.get() {
            let written = Written { version: book.version()?, till: book.till()?, register: book.register()? };
            book.writes.push(written);
        }
        match failing {
            Some(_) => Err(fault("the write was not answered").into()),
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
