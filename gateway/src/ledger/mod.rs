//! The ledger's port, and how a command gets through it: load, decide, write.
//!
//! Invariant: what a command changes is written only beside what it was decided on: an entry right after the last one, a till in
//! place of the one before. Whoever loses that race decides anew on what the winner left, and nobody is answered before it is
//! written. On a platform where one object owns an account and its store answers at once, nothing comes between loading and
//! writing, and no race is ever lost.

#[cfg(feature = "conformance")]
pub mod conformance;
mod report;

use std::{cell::RefCell, collections::HashMap};

use farebox_core::{
    id::AccountId,
    ledger::{Account, Answer, Command, Decision, Entry, Event, IdempotencyKey, Refusal, Register, Till, decide},
    time::Timestamp,
};

use crate::{nonces, ports::Fault};

pub(crate) use report::begins_after;
pub use report::report;

const PORT: &str = "ledger";

/// How often a command is decided anew because another came first.
const ATTEMPTS: u32 = 64;

/// Entries are read in pages of this many.
pub const PAGE: usize = 1_000;

/// Accounts that an instance keeps at hand.
const CACHED: usize = 1_024;

/// Why a change was not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The account's book does not end where it was expected to, or its till is another.
    #[error("another command came first")]
    Conflict,
    /// The store failed. The change may have been written all the same.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What a command changes. A store writes all of it in one step, or nothing.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The number that the account's last entry must have; 0 for none.
    pub after: u64,
    /// What is appended.
    pub entries: &'a [Entry],
    /// What takes the place of the till, which must have the number before its; that of number 1 the place of none.
    pub till: Option<&'a Till>,
    /// What takes the place of the register. Never without a till.
    pub register: Option<&'a Register>,
}

/// What a store holds of an account beyond what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct News {
    /// The entries after the last one that is known, a page of them at most.
    pub entries: Vec<Entry>,
    /// The till, where it is another than the one that is known.
    pub till: Option<Till>,
}

/// The books of accounts in a strongly consistent store, each with its till and its register.
#[expect(async_fn_in_trait, reason = "single-threaded by design: no port's future is ever Send")]
pub trait EntryStore {
    /// A snapshot is saved whenever a book has grown by this many entries: the fewer, the sooner a new instance is at work.
    const SNAPSHOT_EVERY: u64 = 256;

    /// The last snapshot that was saved of an account.
    async fn snapshot(&self, account: &AccountId) -> Result<Option<Vec<u8>>, Fault>;

    /// Saves a snapshot of the account as it is after entry number `seq`. A store may keep only the last one, or none.
    async fn save_snapshot(&self, account: &AccountId, seq: u64, snapshot: &[u8]) -> Result<(), Fault>;

    /// All that an instance begins with that knows nothing of an account: the snapshot, where there is one of this format, and
    /// what came after it.
    async fn opening(&self, account: &AccountId) -> Result<(Account, News), Fault> {
        let snapshot = self.snapshot(account).await?;
        let known = snapshot.and_then(|bytes| Account::from_snapshot(&bytes)).unwrap_or_default();
        let news = self.news(account, known.version(), 0).await?;
        Ok((known, news))
    }

    /// What came after entry number `after`, and the till unless its number is `till`. What another command writes meanwhile may
    /// be in the one and not in the other.
    async fn news(&self, account: &AccountId, after: u64, till: u64) -> Result<News, Fault>;

    /// The register; `None` where there is none.
    async fn register(&self, account: &AccountId) -> Result<Option<Register>, Fault>;

    /// The entries after number `after` in the order of their numbers, `limit` at most. A store reads these and no others, however
    /// long the book is.
    async fn entries(&self, account: &AccountId, after: u64, limit: usize) -> Result<Vec<Entry>, Fault>;

    /// Writes a change, if nobody else has written since what it was decided on. Whoever writes entries writes the till too, where
    /// there is one: so of two changes that were decided on the same, the second finds another till.
    async fn write(&self, account: &AccountId, change: Change<'_>) -> Result<(), WriteError>;

    /// Takes `nonce` for the account, if it was not taken since `since`. Says whether it was free.
    async fn take_nonce(
        &self,
        account: &AccountId,
        nonce: &str,
        now: Timestamp,
        since: Timestamp,
    ) -> Result<bool, Fault>;
}

/// A store can be shared by several instances of one process.
impl<S: EntryStore> EntryStore for &S {
    const SNAPSHOT_EVERY: u64 = S::SNAPSHOT_EVERY;

    async fn snapshot(&self, account: &AccountId) -> Result<Option<Vec<u8>>, Fault> {
        (**self).snapshot(account).await
    }

    async fn save_snapshot(&self, account: &AccountId, seq: u64, snapshot: &[u8]) -> Result<(), Fault> {
        (**self).save_snapshot(account, seq, snapshot).await
    }

    async fn opening(&self, account: &AccountId) -> Result<(Account, News), Fault> {
        (**self).opening(account).await
    }

    async fn news(&self, account: &AccountId, after: u64, till: u64) -> Result<News, Fault> {
        (**self).news(account, after, till).await
    }

    async fn register(&self, account: &AccountId) -> Result<Option<Register>, Fault> {
        (**self).register(account).await
    }

    async fn entries(&self, account: &AccountId, after: u64, limit: usize) -> Result<Vec<Entry>, Fault> {
        (**self).entries(account, after, limit).await
    }

    async fn write(&self, account: &AccountId, change: Change<'_>) -> Result<(), WriteError> {
        (**self).write(account, change).await
    }

    async fn take_nonce(
        &self,
        account: &AccountId,
        nonce: &str,
        now: Timestamp,
        since: Timestamp,
    ) -> Result<bool, Fault> {
        (**self).take_nonce(account, nonce, now, since).await
    }
}

/// Accounts as they were when they were last used. They are brought up to date before each use, so an entry that is
/// missing here costs a read, and never a wrong decision.
#[derive(Debug, Default)]
pub struct Accounts(RefCell<HashMap<AccountId, Account>>);

impl Accounts {
    fn take(&self, id: &AccountId) -> Option<Account> {
        self.0.borrow_mut().remove(id)
    }

    /// Takes out what is known of an account, to be used where nobody else sees what comes of it before [`Accounts::adopt`].
    pub fn lend(&self, id: &AccountId) -> Self {
        Self(RefCell::new(self.take(id).map(|account| (id.clone(), account)).into_iter().collect()))
    }

    /// Keeps what was lent, as it has become.
    pub fn adopt(&self, lent: Self) {
        for (id, account) in lent.0.into_inner() {
            self.keep(&id, account);
        }
    }

    /// Keeps the newer of `account` and what another command kept meanwhile.
    fn keep(&self, id: &AccountId, account: Account) {
        let mut accounts = self.0.borrow_mut();
        if accounts.len() >= CACHED
            && let Some(any) = accounts.keys().next().cloned()
        {
            accounts.remove(&any);
        }
        let age = |account: &Account| (account.version(), account.till().number());
        if accounts.get(id).is_none_or(|kept| age(kept) < age(&account)) {
            accounts.insert(id.clone(), account);
        }
    }
}

/// Carries out `command` on an account, and answers once what it made is in the store.
///
/// # Errors
/// The outer error: it is not known whether the command was carried out; with the same key it can be sent again. The
/// inner one: it was refused.
pub async fn execute<S: EntryStore>(
    store: &S,
    accounts: &Accounts,
    id: &AccountId,
    key: Option<&IdempotencyKey>,
    command: &Command,
    now: Timestamp,
) -> Result<Result<Answer, Refusal>, Fault> {
    for _ in 0..ATTEMPTS {
        if let Some(done) = attempt(store, accounts, id, (key, &mut None), command, (now, true)).await? {
            return Ok(done);
        }
    }
    Err(busy())
}

/// Carries out `command` if nobody else writes meanwhile, and, where it may not write, if it changes nothing: for stores
/// whose writers can queue. `None` when it was not carried out. Its nonce, where it has one, is taken once the account has
/// agreed: nothing is kept of calls that nobody pays for. The next attempt does not ask for it again.
///
/// # Errors
/// As [`execute`].
pub async fn attempt<S: EntryStore>(
    store: &S,
    accounts: &Accounts,
    id: &AccountId,
    (key, nonce): (Option<&IdempotencyKey>, &mut Option<&str>),
    command: &Command,
    (now, may_write): (Timestamp, bool),
) -> Result<Option<Result<Answer, Refusal>>, Fault> {
    let mut account = current(store, accounts, id).await?;
    if account.lacks_register(command, now) {
        let register = store.register(id).await?;
        match register.filter(|register| register.number() == account.till().register()) {
            Some(register) => account.advance(&[], None, Some(register)),
            // It goes with a till that was written since.
            None => return Ok(None),
        }
    }
    let decision = match decide(&account, key, command, now) {
        Ok(decision) => decision,
        Err(refusal) => {
            accounts.keep(id, account);
            return Ok(Some(Err(refusal)));
        }
    };
    let changes = !decision.entries.is_empty() || decision.till.is_some();
    if changes && !may_write {
        accounts.keep(id, account);
        return Ok(None);
    }
    if let Some(nonce) = nonce.take()
        && !store.take_nonce(id, nonce, now, now.plus(-nonces::KEPT)).await?
    {
        accounts.keep(id, account);
        return Ok(Some(Err(Refusal::NonceUsed)));
    }
    let answer = decision.answer.clone();
    if changes && !written(store, id, &mut account, decision).await? {
        // It is as good as before: only what the others wrote must be read.
        accounts.keep(id, account);
        return Ok(None);
    }
    accounts.keep(id, account);
    Ok(Some(Ok(answer)))
}

/// Writes what was decided on `account`, and brings it up to date. False where another command came first.
async fn written<S: EntryStore>(
    store: &S,
    id: &AccountId,
    account: &mut Account,
    decision: Decision,
) -> Result<bool, Fault> {
    let Decision { entries, till, register, .. } = decision;
    let before = account.version();
    let change = Change { after: before, entries: &entries, till: till.as_ref(), register: register.as_ref() };
    match store.write(id, change).await {
        Ok(()) => {}
        Err(WriteError::Conflict) => return Ok(false),
        Err(WriteError::Fault(fault)) => return Err(fault),
    }
    account.advance(&entries, till, register);
    // A seal can be long, so that nobody should have to read many of them.
    let is_long = entries.iter().any(|entry| matches!(entry.event, Event::UsageSealed(_)));
    if is_long || before / S::SNAPSHOT_EVERY != account.version() / S::SNAPSHOT_EVERY {
        // The command was carried out whether or not this succeeds; the next snapshot will be tried in time.
        let _ = store.save_snapshot(id, account.version(), &account.to_snapshot()).await;
    }
    Ok(true)
}

/// Carries out a `Command::Lease` for one call whose nonce must not have been taken, over all instances. A call whose lease
/// could not be appended after its nonce was taken must come again with another, and one that is carried out never twice.
///
/// # Errors
/// As [`execute`].
pub async fn admit<S: EntryStore>(
    store: &S,
    accounts: &Accounts,
    id: &AccountId,
    mut nonce: Option<&str>,
    command: &Command,
    now: Timestamp,
) -> Result<Result<Answer, Refusal>, Fault> {
    for _ in 0..ATTEMPTS {
        if let Some(done) = attempt(store, accounts, id, (None, &mut nonce), command, (now, true)).await? {
            return Ok(done);
        }
    }
    Err(busy())
}

/// Asks an account something, on what the store holds now.
///
/// # Errors
/// The store failed, or holds a broken book.
pub async fn ask<S: EntryStore, T>(
    store: &S,
    accounts: &Accounts,
    id: &AccountId,
    question: impl FnOnce(&Account) -> T,
) -> Result<T, Fault> {
    let account = current(store, accounts, id).await?;
    let answer = question(&account);
    accounts.keep(id, account);
    Ok(answer)
}

/// The number of the last entry that was booked before `time`; 0 where there is none.
///
/// Entries are booked in the order of their times, so it is found by halving the book: one entry is read each time that the
/// book has doubled. An index by time would tempt a planner to sort the whole book for a command.
///
/// # Errors
/// The store failed, or holds a broken book.
pub(crate) async fn last_before<S: EntryStore>(
    store: &S,
    accounts: &Accounts,
    id: &AccountId,
    time: Timestamp,
) -> Result<u64, Fault> {
    let (mut before, mut not_before) = (0, ask(store, accounts, id, Account::version).await? + 1);
    while not_before - before > 1 {
        let middle = before + (not_before - before) / 2;
        let entry = store.entries(id, middle - 1, 1).await?.pop().filter(|entry| entry.seq == middle);
        let entry = entry.ok_or_else(|| broken(id, middle - 1))?;
        if entry.at < time { before = middle } else { not_before = middle }
    }
    Ok(before)
}

/// The account with all that the store holds but its register, which is read where it is needed.
async fn current<S: EntryStore>(store: &S, accounts: &Accounts, id: &AccountId) -> Result<Account, Fault> {
    let (mut account, mut news) = match accounts.take(id) {
        Some(account) => {
            let news = store.news(id, account.version(), account.till().number()).await?;
            (account, news)
        }
        None => store.opening(id).await?,
    };
    let mut attempts = 0..ATTEMPTS;
    // A till is laid on the book once all entries are read: one of them may be that a till was begun.
    let mut till = None;
    loop {
        let (mut after, mut head) = (account.version(), account.head());
        for entry in &news.entries {
            if entry.seq != after + 1 || entry.prev != head {
                return Err(broken(id, after));
            }
            (after, head) = (entry.seq, entry.hash);
        }
        account.advance(&news.entries, None, None);
        till = news.till.or(till);
        if news.entries.len() < PAGE {
            if till.is_some() {
                account.advance(&[], till.take(), None);
            }
            if account.till().number() == 0 || account.till().after() == account.version() {
                return Ok(account);
            }
            // What another command has written meanwhile was read in part.
            if attempts.next().is_none() {
                return Err(broken(id, account.version()));
            }
        }
        let number = till.as_ref().map_or(account.till().number(), Till::number);
        news = store.news(id, account.version(), number).await?;
    }
}

fn busy() -> Fault {
    Fault::Unavailable { port: PORT, detail: format!("{ATTEMPTS} other commands came first") }
}

fn broken(id: &AccountId, after: u64) -> Fault {
    let detail = "it has a gap or was changed".to_owned();
    Fault::Unreadable { port: PORT, what: format!("the book of {id} after entry {after}"), detail }
}
