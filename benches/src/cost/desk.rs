//! The platform as Workers are: the ports in memory, with a count of what Cloudflare would count, by who asked for it.
//!
//! Invariant: what a port of `platform/cloudflare` asks of Cloudflare is counted here as that, also where memory does with less.
//! A change of a document is a request to its object, which writes rows, sets an alarm and puts the document into KV twice.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    future::{Future, poll_fn},
    rc::Rc,
    task::Poll,
};

use farebox_core::{
    id::{AccountId, BatchId},
    journal::{Batch, Window},
    ledger::{Answer, Command, IdempotencyKey, Refusal},
    limit::Limit,
    signature::jwt::PublicKey,
    time::{Millis, SECOND, Timestamp},
};
use farebox_memory::Memory;
use farebox_ports::{
    Documents, Due, DueIndex, Fault, Host, KeyValue, LOCATION_HOLDS, Ledger, Listed, Page, PublicKeys, RateLimits,
    SingleFlight, Taken, UsageJournal, Web, WebAnswer, WebRequest,
    reports::{Query, Report, Reports},
};

use crate::prices::Kind;

/// Rows that a command reads of a book that it knows: the next entry, which is not there.
const ROWS_OF_A_COMMAND: u64 = 1;
/// Rows that a document's change writes: its body, its key the first time, and the alarm.
const ROWS_OF_A_CHANGE: u64 = 3;
/// Rows that a change of the index of what is due writes: one, and one of the index by time.
const ROWS_OF_DUE: u64 = 2;

/// For what something was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum For {
    Calls,
    Configuration,
    Leases,
    Batches,
    Metrics,
    Settlement,
    Checkpoint,
    Time,
    Webhooks,
}

/// What was counted.
pub(crate) type Counts = BTreeMap<(For, Kind), u64>;

/// What a location's cache has of KV, and since when.
type Location = BTreeMap<String, (Timestamp, Vec<u8>)>;

/// The ports of one invocation, or of one instance.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) memory: Memory,
    pub(crate) counts: Rc<RefCell<Counts>>,
    now: Rc<Cell<Timestamp>>,
    /// What the one location of all isolates has read of KV, and when.
    location: Rc<RefCell<Location>>,
    is_edge: bool,
}

impl Desk {
    pub(crate) fn new(now: Timestamp) -> Self {
        let (counts, location) = (Rc::default(), Rc::default());
        Self { memory: Memory::new(now), counts, now: Rc::new(Cell::new(now)), location, is_edge: false }
    }

    /// The same for an isolate of the edge, which reads through its location's cache.
    pub(crate) fn of_edge(&self) -> Self {
        Self { is_edge: true, ..self.clone() }
    }

    pub(crate) fn pass(&self, millis: Millis) {
        self.now.set(self.now.get().plus(millis));
        self.memory.set_now(self.now.get());
    }

    pub(crate) fn count(&self, reason: For, kind: Kind, times: u64) {
        *self.counts.borrow_mut().entry((reason, kind)).or_default() += times;
    }

    fn of_key(&self, key: &str, kind: Kind) {
        let reason = match key.split('/').next() {
            Some("metrics" | "metrics-left" | "metrics-sum") => For::Metrics,
            Some(prefix) if prefix.starts_with("webhook") => For::Webhooks,
            Some("settlement" | "account") => For::Settlement,
            _ => For::Configuration,
        };
        self.count(reason, kind, 1);
    }
}

impl KeyValue for Desk {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        let now = self.now.get();
        let seen = self.location.borrow().get(key).filter(|(at, _)| now.since(*at) < LOCATION_HOLDS).cloned();
        if let Some((_, value)) = seen.filter(|_| self.is_edge) {
            return Ok(Some(value));
        }
        self.of_key(key, Kind::KvRead);
        let value = self.memory.get(key).await?;
        if let Some(value) = value.as_ref().filter(|_| self.is_edge) {
            self.location.borrow_mut().insert(key.to_owned(), (now, value.clone()));
        }
        Ok(value)
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Fault> {
        self.of_key(key, Kind::KvWrite);
        self.memory.put(key, value).await
    }

    async fn delete(&self, key: &str) -> Result<(), Fault> {
        self.of_key(key, Kind::KvDelete);
        self.memory.delete(key).await
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>, limit: u32) -> Result<Page<String>, Fault> {
        self.of_key(prefix, Kind::KvList);
        self.memory.list(prefix, cursor, limit).await
    }
}

impl Documents for Desk {
    async fn current(&self, key: &str) -> Result<Option<String>, Fault> {
        self.count(For::Checkpoint, Kind::ObjectRequest, 1);
        self.count(For::Checkpoint, Kind::RowRead, 2);
        self.memory.current(key).await
    }

    async fn exchange(&self, key: &str, before: Option<&str>, after: Option<&str>) -> Result<bool, Fault> {
        // The exchange, and the alarm; both put the document into KV.
        self.count(For::Checkpoint, Kind::ObjectRequest, 2);
        self.count(For::Checkpoint, Kind::RowWritten, ROWS_OF_A_CHANGE);
        self.count(For::Checkpoint, Kind::KvWrite, 2);
        self.memory.exchange(key, before, after).await
    }
}

impl UsageJournal for Desk {
    async fn write(&self, window: Window, id: &BatchId, batch: &Batch) -> Result<(), Fault> {
        self.count(For::Batches, Kind::KvWrite, 1);
        self.memory.write(window, id, batch).await
    }

    async fn page(&self, from: Window, until: Window, cursor: Option<&str>) -> Result<Page<Listed>, Fault> {
        // Workers list by the tens of minutes that an interval touches.
        let tens = until.0.div_euclid(10) - from.0.max(until.0 - 100).div_euclid(10) + 1;
        let lists = if cursor.is_none() { tens.unsigned_abs() } else { 1 };
        self.count(For::Settlement, Kind::KvList, lists);
        self.memory.page(from, until, cursor).await
    }

    async fn load(&self, key: &str) -> Result<Option<Result<Batch, String>>, Fault> {
        self.count(For::Settlement, Kind::KvRead, 1);
        self.memory.load(key).await
    }

    fn shown_within(&self) -> Millis {
        self.memory.shown_within()
    }

    fn shown_as_a_rule_within(&self) -> Millis {
        75 * SECOND
    }
}

impl DueIndex for Desk {
    const COST: u32 = 0;

    async fn announce(&self, account: &AccountId, at: Timestamp) -> Result<(), Fault> {
        self.memory.announce(account, at).await
    }

    async fn due(&self, until: Timestamp, most: u32) -> Result<Vec<Due>, Fault> {
        let due = self.memory.due(until, most).await?;
        self.count(For::Time, Kind::ObjectRequest, 1);
        self.count(For::Time, Kind::RowRead, due.len() as u64 + 1);
        Ok(due)
    }

    async fn looked_after(&self, accounts: &[(Due, Option<Timestamp>)]) -> Result<(), Fault> {
        self.count(For::Time, Kind::ObjectRequest, 1);
        self.count(For::Time, Kind::RowWritten, ROWS_OF_DUE * accounts.len() as u64);
        self.memory.looked_after(accounts).await
    }
}

impl Desk {
    fn reason(command: &Command) -> For {
        match command {
            Command::Lease { .. } => For::Leases,
            Command::Settle { batches } if batches.len() == 1 => For::Leases,
            Command::Tick { .. } => For::Time,
            _ => For::Settlement,
        }
    }

    /// A command that an account's object carries out. What it made due sooner, the object announces to the index.
    async fn carried_out<T>(&self, account: &AccountId, reason: For, command: impl Future<Output = T>) -> T {
        let due = || self.memory.due_of(account);
        let (before, rows) = (due(), self.memory.rows_written());
        let done = command.await;
        self.count(reason, Kind::ObjectRequest, 1);
        self.count(reason, Kind::RowRead, ROWS_OF_A_COMMAND);
        self.count(reason, Kind::RowWritten, self.memory.rows_written() - rows);
        if due() != before {
            self.count(For::Time, Kind::ObjectRequest, 1);
            self.count(For::Time, Kind::RowWritten, ROWS_OF_DUE);
        }
        done
    }
}

impl Ledger for Desk {
    async fn execute(
        &self,
        account: &AccountId,
        key: Option<&IdempotencyKey>,
        command: &Command,
    ) -> Result<Result<Answer, Refusal>, Fault> {
        self.carried_out(account, Self::reason(command), self.memory.execute(account, key, command)).await
    }

    async fn admit(
        &self,
        account: &AccountId,
        nonce: Option<&str>,
        command: &Command,
    ) -> Result<Result<Answer, Refusal>, Fault> {
        self.carried_out(account, Self::reason(command), self.memory.admit(account, nonce, command)).await
    }
}

impl Reports for Desk {
    async fn report(&self, account: &AccountId, query: &Query) -> Result<Result<Report, Refusal>, Fault> {
        self.count(For::Webhooks, Kind::ObjectRequest, 1);
        self.memory.report(account, query).await
    }
}

impl RateLimits for Desk {
    const SHARED: bool = false;

    async fn take_calls(&self, _name: &str, _limit: Limit, want: u32) -> Result<Taken, Fault> {
        Ok(Taken::Calls(want))
    }
}

impl SingleFlight for Desk {
    async fn once<W: Future<Output = ()> + 'static>(&self, _name: String, work: W) {
        work.await;
    }
}

impl PublicKeys for Desk {
    async fn jwk_set(&self, url: &str) -> Result<String, Fault> {
        self.memory.jwk_set(url).await
    }

    async fn verifies(&self, key: &PublicKey, message: &str, signature: &[u8]) -> Result<bool, Fault> {
        self.memory.verifies(key, message, signature).await
    }
}

impl Web for Desk {
    async fn post(&self, url: &str, headers: &[(&str, String)], body: &str) -> Result<u16, Fault> {
        self.memory.post(url, headers, body).await
    }

    async fn ask(&self, request: &WebRequest<'_>) -> Result<WebAnswer, Fault> {
        self.memory.ask(request).await
    }
}

impl Host for Desk {
    async fn sleep(&self, millis: Millis) {
        let until = self.now.get().plus(millis);
        poll_fn(|_| if self.now.get() < until { Poll::Pending } else { Poll::Ready(()) }).await;
    }

    fn now(&self) -> Timestamp {
        self.now.get()
    }

    fn operations(&self) -> u32 {
        9_000
    }

    fn log(&self, message: &str) {
        eprintln!("{message}");
    }
}
