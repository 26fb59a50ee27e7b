//! The ledger's port, and how a command gets through it: load, decide, append.
//!
//! Invariant: an entry is appended only right after the one it was decided on. Whoever loses that race decides anew on
//! what the winner left. On a platform where one object owns an account and its store answers at once, nothing comes
//! between loading and appending, and no race is ever lost.

#[cfg(feature = "conformance")]
pub mod conformance;
mod report;

use std::{cell::RefCell, collections::HashMap};

use farebox_core::{
    id::AccountId,
    ledger::{Account, Answer, Command, Decision, Entry, IdempotencyKey, Refusal, decide},
    time::{MINUTE, Millis, Timestamp},
};

use crate::{
    log::tell,
    nonces,
    ports::{DueIndex, Fault, Host},
};

pub(crate) use report::begins_after;
pub use report::report;

const PORT: &str = "ledger";

/// How often a command is decided anew because another came first.
const ATTEMPTS: u32 = 64;

/// Entries are read in pages of this many.
pub const PAGE: usize = 1_000;

/// How long after something became due a settlement has looked at it as a rule: when it should have heard of who lives.
const LOOKED_AT_WITHIN: Millis = 2 * MINUTE;

/// Accounts that an instance keeps at hand.
const CACHED: usize = 1_024;

/// Why entries were not appended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The account's book does not end where it was expected to.
    #[error("another command came first")]
    Conflict,
    /// The store failed. The entries may have been appended all the same.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// The books of accounts in a strongly consistent store.
#[expect(async_fn_in_trait, reason = "single-threaded by design: no port's future is ever Send")]
pub trait EntryStore {
    /// A snapshot is saved whenever a book has grown by this many entries: the fewer, the sooner a new instance is at work.
    const SNAPSHOT_EVERY: u64 = 256;

    /// The last snapshot that was saved of an account.
    async fn snapshot(&self, account: &AccountId) -> Result<Option<Vec<u8>>, Fault>;

    /// Saves a snapshot of the account as it is after entry number `seq`. A store may keep only the last one, or none.
    async fn save_snapshot(&self, account: &AccountId, seq: u64, snapshot: &[u8]) -> Result<(), Fault>;

    /// All that an instance begins with that knows nothing of an account: the snapshot, where there is one of this format,
    /// and the entries after it, a page of them at most.
    async fn opening(&self, account: &AccountId) -> Result<(Account, Vec<Entry>), Fault> {
        let snapshot = self.snapshot(account).await?;
        let known = snapshot.and_then(|bytes| Account::from_snapshot(&bytes)).unwrap_or_default();
        let entries = self.entries(account, known.version(), PAGE).await?;
        Ok((known, entries))
    }

    /// The entries after number `after` in the order of their numbers, `limit` at most. A store reads these and no others, however
    /// long the book is.
    async fn entries(&self, account: &AccountId, after: u64, limit: usize) -> Result<Vec<Entry>, Fault>;

    /// Appends all of `entries`, or none, if the last entry of the account is number `after` (0 for none).
    async fn append(&self, account: &AccountId, after: u64, entries: &[Entry]) -> Result<(), AppendError>;

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

    async fn opening(&self, account: &AccountId) -> Result<(Account, Vec<Entry>), Fault> {
        (**self).opening(account).await
    }

    async fn entries(&self, account: &AccountId, after: u64, limit: usize) -> Result<Vec<Entry>, Fault> {
        (**self).entries(account, after, limit).await
    }

    async fn append(&self, account: &AccountId, after: u64, entries: &[Entry]) -> Result<(), AppendError> {
        (**self).append(account, after, entries).await
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
pub struct Accounts {
    known: RefCell<HashMap<AccountId, Account>>,
    /// Accounts of which a command has made something due sooner than it was.
    due: RefCell<Vec<(AccountId, Timestamp)>>,
}

impl Accounts {
    fn take(&self, id: &AccountId) -> Option<Account> {
        self.known.borrow_mut().remove(id)
    }

    /// Takes out what is known of an account, to be used where nobody else sees what comes of it before [`Accounts::adopt`].
    pub fn lend(&self, id: &AccountId) -> Self {
        let known = self.take(id).map(|account| (id.clone(), account)).into_iter().collect();
        Self { known: RefCell::new(known), due: RefCell::default() }
    }

    /// Keeps what was lent, as it has become.
    pub fn adopt(&self, lent: Self) {
        for (id, account) in lent.known.into_inner() {
            self.keep(&id, account);
        }
        self.due.borrow_mut().extend(lent.due.into_inner());
    }

    /// Notes that something became due sooner than it was.
    fn note_due(&self, id: &AccountId, before: Option<Timestamp>, after: Option<Timestamp>) {
        if let Some(at) = after.filter(|after| before.is_none_or(|before| *after < before)) {
            self.due.borrow_mut().push((id.clone(), at));
        }
    }

    /// What commands have made due sooner than it was, since this was last asked.
    fn take_due(&self) -> Vec<(AccountId, Timestamp)> {
        std::mem::take(&mut *self.due.borrow_mut())
    }

    /// Keeps the newer of `account` and what another command kept meanwhile.
    fn keep(&self, id: &AccountId, account: Account) {
        let mut accounts = self.known.borrow_mut();
        if accounts.len() >= CACHED
            && let Some(any) = accounts.keys().next().cloned()
        {
            accounts.remove(&any);
        }
        if accounts.get(id).is_none_or(|kept| kept.version() < account.version()) {
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

/// Carries out `command` if nobody else appends meanwhile, and, where it may not append, if it appends nothing: for stores
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
    (now, may_append): (Timestamp, bool),
) -> Result<Option<Result<Answer, Refusal>>, Fault> {
    let mut account = current(store, accounts, id).await?;
    let looked = match command {
        Command::Tick { seen, .. } => seen.heard_until,
        _ => now.plus(-LOOKED_AT_WITHIN),
    };
    let Decision { entries, answer } = match decide(&account, key, command, now) {
        Ok(decision) => decision,
        Err(refusal) => {
            accounts.keep(id, account);
            return Ok(Some(Err(refusal)));
        }
    };
    if !entries.is_empty() && !may_append {
        accounts.keep(id, account);
        return Ok(None);
    }
    if let Some(nonce) = nonce.take()
        && !store.take_nonce(id, nonce, now, now.plus(-nonces::KEPT)).await?
    {
        accounts.keep(id, account);
        return Ok(Some(Err(Refusal::NonceUsed)));
    }
    if !entries.is_empty() {
        match store.append(id, account.version(), &entries).await {
            Ok(()) => {}
            Err(AppendError::Conflict) => {
                // It is as good as before: only what the others appended must be read.
                accounts.keep(id, account);
                return Ok(None);
            }
            Err(AppendError::Fault(fault)) => return Err(fault),
        }
        let (before, due) = (account.version(), account.next_due(looked));
        entries.iter().for_each(|entry| account.evolve(entry));
        // What was due and could not be done, such as a renewal without money, may be possible after what somebody asked for.
        let is_asked = !matches!(command, Command::Lease { .. } | Command::Settle { .. } | Command::Tick { .. });
        let is_overdue = is_asked && account.next_tick().is_some_and(|due| due <= now);
        let next = if is_overdue { Some(Timestamp::default()) } else { account.next_due(looked) };
        accounts.note_due(id, due, next);
        if before / S::SNAPSHOT_EVERY != account.version() / S::SNAPSHOT_EVERY {
            // The command was carried out whether or not this succeeds; the next snapshot will be tried in time.
            let _ = store.save_snapshot(id, account.version(), &account.to_snapshot()).await;
        }
    }
    // Who settles asks for all that is due, whoever looked at it before.
    let looked = if matches!(command, Command::Tick { .. }) { looked } else { Timestamp::default() };
    let answer = answer.with_due(account.next_due(looked));
    accounts.keep(id, account);
    Ok(Some(Ok(answer)))
}

/// Announces what commands have made due sooner than it was. What is not announced waits for the account's turn in the sweep, so
/// a failure is only told of.
pub async fn announce(ports: &(impl DueIndex + Host), accounts: &Accounts) {
    for (account, at) in accounts.take_due() {
        if let Err(fault) = ports.announce(&account, at).await {
            tell(ports, "due.unannounced", &[("account", &account)], &fault);
        }
    }
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

/// The account with all entries that the store holds.
async fn current<S: EntryStore>(store: &S, accounts: &Accounts, id: &AccountId) -> Result<Account, Fault> {
    let (mut account, mut entries) = match accounts.take(id) {
        Some(account) => {
            let entries = store.entries(id, account.version(), PAGE).await?;
            (account, entries)
        }
        None => store.opening(id).await?,
    };
    loop {
        for entry in &entries {
            if entry.seq != account.version() + 1 || entry.prev != account.head() {
                return Err(broken(id, account.version()));
            }
            account.evolve(entry);
        }
        if entries.len() < PAGE {
            return Ok(account);
        }
        entries = store.entries(id, account.version(), PAGE).await?;
    }
}

fn busy() -> Fault {
    Fault::Unavailable { port: PORT, detail: format!("{ATTEMPTS} other commands came first") }
}

fn broken(id: &AccountId, after: u64) -> Fault {
    let detail = "it has a gap or was changed".to_owned();
    Fault::Unreadable { port: PORT, what: format!("the book of {id} after entry {after}"), detail }
}
