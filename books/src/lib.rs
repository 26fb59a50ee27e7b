//! The ledger's port, and how a command gets through it: load, decide, write.
//!
//! Invariant: what a command changes is written only beside what it was decided on. An entry goes right after the last one, and a
//! till in place of the one before. Whoever loses that race decides anew on what the winner left, and nobody is answered before
//! it is written. Where one object owns an account and its store answers at once, nothing comes between loading and writing, and
//! no race is ever lost.

#[cfg(feature = "conformance")]
pub mod conformance;
mod outbox;
mod report;
mod series;
mod store;

use std::{cell::RefCell, collections::HashMap};

use farebox_core::{
    id::AccountId,
    ledger::{
        Account, Answer, Command, Decision, Entry, Event, Hours, IdempotencyKey, Refusal, Register, Till, decide,
    },
    signature::NONCE_KNOWN_FOR,
    time::{MINUTE, Millis, Timestamp},
};
use farebox_ports::{DueIndex, Fault, Host, log::tell};

pub use outbox::outbox;
use report::begins_after;
pub use report::report;
pub use series::{SERIES_BELOW, SeriesRow};
pub use store::{Change, EntryStore, News, PAGE, WriteError};

const PORT: &str = "ledger";

/// How often a command is decided anew because another came first.
const ATTEMPTS: u32 = 64;

/// A command is carried out with those before it unless they make so many entries: what is written stays a small statement.
const WRITTEN_AT_ONCE: usize = 64;

/// How long after something became due a settlement has looked at it as a rule: when it should have heard of who lives.
const LOOKED_AT_WITHIN: Millis = 2 * MINUTE;

/// Accounts that an instance keeps at hand.
const CACHED: usize = 1_024;

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

    /// Forgets what is known of an account, so that the store is asked for all of it.
    pub fn forget(&self, id: &AccountId) {
        drop(self.take(id));
    }

    /// Notes that something became due sooner than it was.
    fn note_due(&self, id: &AccountId, sooner: Vec<Timestamp>) {
        self.due.borrow_mut().extend(sooner.into_iter().min().map(|at| (id.clone(), at)));
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
        let age = |account: &Account| (account.version(), account.till().number());
        if accounts.get(id).is_none_or(|kept| age(kept) < age(&account)) {
            accounts.insert(id.clone(), account);
        }
    }
}

/// A command that is to be carried out, and what came of it.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Its idempotency key.
    pub key: Option<&'a IdempotencyKey>,
    /// What must not have been taken before, where the command admits a call. Gone once it is taken for this command.
    pub nonce: Option<&'a str>,
    /// The command.
    pub command: &'a Command,
    /// What it answers, once it was carried out or refused.
    pub answer: Option<Result<Answer, Refusal>>,
}

impl<'a> Asked<'a> {
    /// A command that nobody has tried to carry out yet.
    pub const fn new(key: Option<&'a IdempotencyKey>, nonce: Option<&'a str>, command: &'a Command) -> Self {
        Self { key, nonce, command, answer: None }
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
    carry_out(store, accounts, id, Asked::new(key, None, command), now).await
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

/// Carries out a `Command::Lease` for one call whose nonce must not have been taken, over all instances. A call whose lease could
/// not be appended after its nonce was taken must come again with another nonce. A call that is carried out never is twice.
///
/// # Errors
/// As [`execute`].
pub async fn admit<S: EntryStore>(
    store: &S,
    accounts: &Accounts,
    id: &AccountId,
    nonce: Option<&str>,
    command: &Command,
    now: Timestamp,
) -> Result<Result<Answer, Refusal>, Fault> {
    carry_out(store, accounts, id, Asked::new(None, nonce, command), now).await
}

async fn carry_out<S: EntryStore>(
    store: &S,
    accounts: &Accounts,
    id: &AccountId,
    asked: Asked<'_>,
    now: Timestamp,
) -> Result<Result<Answer, Refusal>, Fault> {
    let mut asked = [asked];
    for _ in 0..ATTEMPTS {
        attempt(store, accounts, id, &mut asked, now).await?;
        if let [Asked { answer: Some(answer), .. }] = asked {
            return Ok(answer);
        }
    }
    Err(Fault::Unavailable { port: PORT, detail: format!("{ATTEMPTS} other commands came first") })
}

/// Carries out those of `asked` that have no answer yet, in their order and in one write. If somebody else writes meanwhile, they
/// have none afterwards. Of very many it leaves the last. A nonce is taken once the account has agreed: nothing is kept of calls
/// that nobody pays for.
///
/// # Errors
/// The store failed. It is not known which of them were carried out.
pub async fn attempt<S: EntryStore>(
    store: &S,
    accounts: &Accounts,
    id: &AccountId,
    asked: &mut [Asked<'_>],
    now: Timestamp,
) -> Result<(), Fault> {
    let mut account = current(store, accounts, id).await?;
    let mut drafted = Drafted { after: account.version(), replaces: account.till().number(), ..Drafted::default() };
    let (mut answers, mut sooner) = (Vec::new(), Vec::new());
    for (nth, one) in asked.iter_mut().enumerate().filter(|(_, one)| one.answer.is_none()) {
        if drafted.entries.len() >= WRITTEN_AT_ONCE {
            break;
        }
        if account.lacks_register(one.command, now) {
            let register = store.register(id).await?;
            match register.filter(|register| register.number() == account.till().register()) {
                Some(register) => account.advance(&[], None, Some(register)),
                // It goes with a till that was written since.
                None => return Ok(()),
            }
        }
        let decision = match decide(&account, one.key, one.command, now) {
            Ok(decision) => decision,
            Err(refusal) => {
                answers.push((nth, Err(refusal)));
                continue;
            }
        };
        if let Some(nonce) = one.nonce.take()
            && !store.take_nonce(id, nonce, now, now.plus(-NONCE_KNOWN_FOR)).await?
        {
            one.answer = Some(Err(Refusal::NonceUsed));
            continue;
        }
        // Who settles asks for all that is due, whoever looked at it before.
        let (looked, asks) = match one.command {
            Command::Tick { seen, .. } => (seen.heard_until, seen.heard_until),
            _ => (now.plus(-LOOKED_AT_WITHIN), Timestamp::default()),
        };
        let due = account.next_due(looked);
        let answer = drafted.add(&mut account, decision);
        let next =
            if is_overdue(&account, one.command, now) { Some(Timestamp::default()) } else { account.next_due(looked) };
        sooner.extend(next.filter(|at| due.is_none_or(|due| *at < due)));
        answers.push((nth, Ok(answer.with_due(account.next_due(asks)))));
    }
    if !drafted.write(store, id, &account, now).await? {
        // What was decided is not so. The account is read anew.
        return Ok(());
    }
    accounts.note_due(id, sooner);
    accounts.keep(id, account);
    for (nth, answer) in answers {
        asked[nth].answer = Some(answer);
    }
    Ok(())
}

/// Whether something was due and could not be done, such as a renewal without money, and may be possible after what somebody asked for.
fn is_overdue(account: &Account, command: &Command, now: Timestamp) -> bool {
    use Command::{Lease, Seal, Settle, Tick};
    let is_asked = !matches!(command, Lease { .. } | Seal | Settle { .. } | Tick { .. });
    is_asked && account.next_tick().is_some_and(|due| due <= now)
}

/// What commands have changed that are written together.
#[derive(Default)]
struct Drafted {
    after: u64,
    replaces: u64,
    entries: Vec<Entry>,
    till: Option<Till>,
    register: Option<Register>,
    /// How the account stood after the last entry of a month, where one of these begins the next.
    month_end: Option<(u64, Vec<u8>)>,
    hours: Hours,
}

impl Drafted {
    /// Adds what was decided on `account`, which it brings up to date.
    fn add(&mut self, account: &mut Account, decision: Decision) -> Answer {
        let Decision { entries, till, register, hours, answer } = decision;
        if let Some(first) = entries.iter().position(|entry| account.ends_month(entry.at)) {
            let mut ended = account.without_till();
            entries[..first].iter().for_each(|entry| ended.evolve(entry));
            self.month_end = Some((ended.version(), ended.to_snapshot()));
        }
        if !entries.is_empty() || till.is_some() {
            account.advance(&entries, till.clone(), register.clone());
        }
        self.entries.extend(entries);
        self.till = till.or(self.till.take());
        self.register = register.or(self.register.take());
        for (hour, series) in hours {
            self.hours.entry(hour).or_default().merge(&series);
        }
        answer
    }

    /// Writes it; false where another command came first.
    async fn write<S: EntryStore>(
        &self,
        store: &S,
        id: &AccountId,
        account: &Account,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let Self { after, replaces, entries, till, register, hours, month_end } = self;
        if entries.is_empty() && till.is_none() {
            return Ok(true);
        }
        let (till, register) = (till.as_ref(), register.as_ref());
        let (series, begins_day) = series::added(store, id, hours).await?;
        let change = Change { after: *after, entries, till, replaces: *replaces, register, series: &series };
        match store.write(id, change).await {
            Ok(()) => {}
            Err(WriteError::Conflict) => return Ok(false),
            Err(WriteError::Fault(fault)) => return Err(fault),
        }
        if let Some((seq, snapshot)) = month_end {
            // Without it a statement reads on from the month before.
            let _ = store.save_month_end(id, *seq, snapshot).await;
        }
        if begins_day {
            series::forget(store, id, now).await;
        }
        // A seal can be long, so that nobody should have to read many of them.
        let is_long = entries.iter().any(|entry| matches!(entry.event, Event::UsageSealed(_)));
        if is_long || after / S::SNAPSHOT_EVERY != account.version() / S::SNAPSHOT_EVERY {
            // The commands were carried out whether or not this succeeds; the next snapshot will be tried in time.
            let _ = store.save_snapshot(id, account.version(), &account.to_snapshot()).await;
        }
        Ok(true)
    }
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
/// Entries are booked in the order of their times, so halving the book finds it. A book of twice the length costs one more read.
/// An index by time would tempt a planner to sort the whole book for a command.
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

fn broken(id: &AccountId, after: u64) -> Fault {
    let detail = "it has a gap or was changed".to_owned();
    Fault::Unreadable { port: PORT, what: format!("the book of {id} after entry {after}"), detail }
}
