//! The ledger on Spin: every instance loads, decides and appends for itself, and races the others.
//!
//! The calls of one instance do not race each other. Their commands stand in a queue for each account, and one of the calls
//! carries all of them out in one write. So instances compete for a book, a few dozen at most, and each that wins takes up to
//! sixteen calls along. Who has lost rests: sixty that try again at once make forty attempts for each entry.
//!
//! Nobody holds a lock of the database while it decides. A busy instance takes its time for each step, and all others would wait
//! for it. Nobody wakes a call that waits (see [`crate::single_flight`]): it looks again. Invariant: a queue with commands is
//! served as long as one of the waiting calls is alive. Any of them that finds nobody at it serves it.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
};

use farebox_books::{Asked, announce, attempt, report};
use farebox_core::{
    id::AccountId,
    ledger::{Answer, Command, IdempotencyKey, Refusal},
    time::{Millis, SECOND},
};
use farebox_ports::{
    Fault, Host, Ledger,
    reports::{Query, Report, Reports},
};
use spin_sdk::wasip3::clocks::monotonic_clock;

use crate::{
    Platform,
    host::{NANOS_PER_MILLI, random, sleep},
    single_flight::Looks,
};

/// The longest rest after the first race that was lost, and the longest of all, from the fourth on. Who rested ever longer would be
/// passed by all that come anew. Sixty that rest 256 ms on average make 230 attempts a second, of which one in seven must win.
const REST: std::ops::RangeInclusive<Millis> = 16..=512;
const RESTS_LONGER: Millis = 4;

/// How long a command waits to be carried out. A command for a lease waits at most for half of what the lease lasts. Its holder
/// counts from when it asked, and a lease that comes too late is withheld from everybody until it lapses.
const PATIENCE: Millis = 30 * SECOND;

impl Ledger for Platform {
    async fn execute(
        &self,
        account: &AccountId,
        key: Option<&IdempotencyKey>,
        command: &Command,
    ) -> Result<Result<Answer, Refusal>, Fault> {
        let answer = self.carry_out(account, (key, None), command).await;
        announce(self, &self.accounts).await;
        answer
    }

    async fn admit(
        &self,
        account: &AccountId,
        nonce: Option<&str>,
        command: &Command,
    ) -> Result<Result<Answer, Refusal>, Fault> {
        let answer = self.carry_out(account, (None, nonce), command).await;
        announce(self, &self.accounts).await;
        answer
    }
}

impl Reports for Platform {
    async fn report(&self, account: &AccountId, query: &Query) -> Result<Result<Report, Refusal>, Fault> {
        report(&self.books, &self.accounts, account, query).await
    }
}

/// The commands of this instance's calls that wait to be carried out, by account.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queues(Rc<RefCell<HashMap<AccountId, Queue>>>);

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<Rc<Waiting>>,
    is_served: bool,
}

/// A command that waits, and what came of it.
#[derive(Debug)]
struct Waiting {
    key: Option<IdempotencyKey>,
    nonce: Option<String>,
    /// Whether the nonce was taken for this command already.
    has_nonce: Cell<bool>,
    command: Command,
    since: u64,
    answer: RefCell<Option<Result<Result<Answer, Refusal>, Fault>>>,
}

impl Waiting {
    fn asked(&self) -> Asked<'_> {
        let nonce = self.nonce.as_deref().filter(|_| !self.has_nonce.get());
        Asked::new(self.key.as_ref(), nonce, &self.command)
    }

    fn is_late(&self) -> bool {
        let patience = match &self.command {
            Command::Lease { lasting, .. } => PATIENCE.min(lasting / 2),
            _ => PATIENCE,
        };
        monotonic_clock::now() - self.since > patience.unsigned_abs() * NANOS_PER_MILLI
    }
}

/// Serves a queue, alone.
struct Server<'a> {
    queues: &'a Queues,
    account: &'a AccountId,
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        let mut queues = self.queues.0.borrow_mut();
        if let Some(queue) = queues.get_mut(self.account) {
            queue.is_served = false;
            queue.waiting.retain(|waiting| waiting.answer.borrow().is_none());
            if queue.waiting.is_empty() {
                queues.remove(self.account);
            }
        }
    }
}

impl Queues {
    fn join(&self, account: &AccountId, waiting: &Rc<Waiting>) {
        self.0.borrow_mut().entry(account.clone()).or_default().waiting.push(Rc::clone(waiting));
    }

    /// Begins to serve a queue that nobody serves.
    fn serve<'a>(&'a self, account: &'a AccountId) -> Option<Server<'a>> {
        let mut queues = self.0.borrow_mut();
        let queue = queues.get_mut(account).filter(|queue| !queue.is_served)?;
        queue.is_served = true;
        Some(Server { queues: self, account })
    }
}

impl Server<'_> {
    /// What waits, without the commands of calls that have ended or have waited too long.
    fn waiting(&self) -> Vec<Rc<Waiting>> {
        let mut queues = self.queues.0.borrow_mut();
        let Some(queue) = queues.get_mut(self.account) else { return Vec::new() };
        queue.waiting.retain(|waiting| Rc::strong_count(waiting) > 1 && waiting.answer.borrow().is_none());
        for waiting in queue.waiting.extract_if(.., |waiting| waiting.is_late()) {
            *waiting.answer.borrow_mut() = Some(Err(busy()));
        }
        queue.waiting.clone()
    }

    /// Tries to carry out everything that waits, once.
    async fn serve(&self, platform: &Platform) {
        let all = self.waiting();
        let mut asked: Vec<Asked<'_>> = all.iter().map(|waiting| waiting.asked()).collect();
        let done = attempt(&platform.books, &platform.accounts, self.account, &mut asked, platform.now()).await;
        for (waiting, Asked { nonce, answer, .. }) in all.iter().zip(asked) {
            waiting.has_nonce.set(nonce.is_none());
            *waiting.answer.borrow_mut() = match (answer, &done) {
                (Some(answer), _) => Some(Ok(answer)),
                (None, Err(fault)) => Some(Err(fault.clone())),
                (None, Ok(())) => None,
            };
        }
    }
}

impl Platform {
    /// Carries out a command, with those of other calls that wait for the same account.
    async fn carry_out(
        &self,
        account: &AccountId,
        (key, nonce): (Option<&IdempotencyKey>, Option<&str>),
        command: &Command,
    ) -> Result<Result<Answer, Refusal>, Fault> {
        let mine = Rc::new(Waiting {
            key: key.cloned(),
            nonce: nonce.map(str::to_owned),
            has_nonce: Cell::new(false),
            command: command.clone(),
            since: monotonic_clock::now(),
            answer: RefCell::default(),
        });
        self.queues.join(account, &mine);
        let mut looks = Looks::new();
        loop {
            if let Some(answer) = mine.answer.take() {
                return answer;
            }
            if let Some(server) = self.queues.serve(account) {
                let mut longest = *REST.start();
                loop {
                    server.serve(self).await;
                    if mine.answer.borrow().is_some() {
                        break;
                    }
                    sleep(1 + Millis::from(u32::from_le_bytes(random())) % longest).await;
                    longest = (RESTS_LONGER * longest).min(*REST.end());
                }
            } else {
                looks.next().await;
            }
        }
    }
}

fn busy() -> Fault {
    Fault::Unavailable { port: "ledger", detail: "other instances wrote to the account first, each time".to_owned() }
}
