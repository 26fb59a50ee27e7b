//! A gateway instance, the real one, with a clock of its own and the calls that are in flight on it.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    future::{Future, poll_fn},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use farebox_core::{
    credential::MasterKey,
    id::{AccountId, BatchId, WriterId},
    journal::{Batch, Window},
    ledger::{Answer, Command, IdempotencyKey, Refusal},
    limit::Limit,
    meter::Usage,
    request::Facts,
    signature::{Body, jwt::PublicKey},
    time::{MINUTE, Millis, SECOND, Timestamp},
};
use farebox_gateway::{CallKey, Gateway, Outcome, Settings, Step};
use farebox_ports::{
    Fault, Host, KeyValue, Ledger, Listed, Page, PublicKeys, RateLimits, SingleFlight, Taken, UsageJournal,
};

use super::{
    faulty::{Faulty, now},
    opening::LIMITED,
};

/// What an instance counted, by account and product.
pub(crate) type Answered = BTreeMap<(AccountId, &'static str), Usage>;

/// How long after a call was admitted its caller is taken for gone: no upstream takes as long in a steady world.
const ANSWERS_WITHIN: Millis = 3 * MINUTE;

/// A call in flight.
struct Flying {
    call: CallKey,
    account: AccountId,
    product: &'static str,
    since: Timestamp,
}

pub(crate) struct Instance {
    desk: Desk,
    gateway: Rc<Gateway<Desk>>,
    flying: Vec<Flying>,
    /// Calls whose caller has left, of which nobody says that they ended.
    pub(crate) left: Answered,
    tasks: Vec<Pin<Box<dyn Future<Output = ()>>>>,
    pub(crate) answered: Answered,
}

impl Instance {
    pub(crate) fn new(ports: &Faulty, skew: Millis, number: u64) -> Self {
        let desk = Desk { ports: ports.clone(), skew: Rc::new(Cell::new(skew)), writer: Rc::default() };
        let settings = Settings {
            master_key: master_key(),
            flush_every: 5 * SECOND,
            address_header: "x-from",
            metrics_every: 0,
            lifetime: None,
            // A clock that jumps takes who waits for gone, and the model can't tell whom.
            answers_within: ports.calm.get().then_some(ANSWERS_WITHIN),
        };
        let gateway = Rc::new(Gateway::new(desk.clone(), settings, [number, number], desk.now()));
        Self { desk, gateway, flying: Vec::new(), left: Answered::new(), tasks: Vec::new(), answered: Answered::new() }
    }

    /// What it calls itself, once it has asked for a lease.
    pub(crate) fn writer(&self) -> Option<WriterId> {
        self.desk.writer.borrow().clone()
    }

    /// Sets its clock.
    pub(crate) fn set_skew(&mut self, skew: Millis) {
        // The loop beside the calls looks at the clock every few seconds, so it does before and after.
        self.flush();
        self.desk.skew.set(skew);
        self.flush();
    }

    /// Makes a call. Says whether it was let through.
    pub(crate) fn call(&mut self, account: &AccountId, product: &'static str) -> bool {
        self.call_with(&account.to_string(), account, product)
    }

    /// The same with the credential that has a limit.
    pub(crate) fn call_limited(&mut self, account: &AccountId, product: &'static str) -> bool {
        self.call_with(&format!("{account}{LIMITED}"), account, product)
    }

    fn call_with(&mut self, credential: &str, account: &AccountId, product: &'static str) -> bool {
        let packed = format!("GET\nhttp://gateway.test/{product}\nauthorization: APPCODE code-{credential}");
        let facts = Facts::unpack(&packed).unwrap();
        let step = match self.gateway.admit(&facts, Body::Unread, self.desk.now()) {
            Step::Need(_) => now(self.gateway.decide(&facts, Body::Unread)),
            step => step,
        };
        let Step::Forward(forward) = step else { return false };
        let since = self.desk.ports.real();
        self.flying.push(Flying { call: forward.call, account: account.clone(), product, since });
        if forward.background {
            self.keep_up();
        }
        true
    }

    /// The upstream answers calls in flight, or breaks off, while `goes_on` says so.
    pub(crate) fn answer(&mut self, mut outcome: impl FnMut() -> Option<Usage>) {
        while let Some(usage) = outcome().filter(|_| !self.flying.is_empty()) {
            let flying = self.flying.swap_remove(0);
            self.end(flying, usage);
        }
    }

    /// The caller of a call in flight leaves, and its end is not told.
    pub(crate) fn hang_up(&mut self) {
        if let Some(Flying { account, product, .. }) = self.flying.pop() {
            self.left.entry((account, product)).or_default().calls += 1;
        }
    }

    /// The upstream answers the calls that have been in flight for as long as it may take.
    pub(crate) fn answer_after(&mut self, longest: Millis, usage: Usage) {
        let real = self.desk.ports.real();
        for flying in self.flying.extract_if(.., |flying| real.since(flying.since) >= longest).collect::<Vec<_>>() {
            self.end(flying, usage);
        }
    }

    fn end(&mut self, flying: Flying, usage: Usage) {
        let Flying { call, account, product, .. } = flying;
        let outcome = if usage.calls > 0 { Outcome::Answered(200) } else { Outcome::Unanswered };
        let (ingress, egress) = (usage.ingress_bytes, usage.egress_bytes);
        // What is not charged is counted as that, and nothing else of it.
        let counted = if usage.calls > 0 { usage } else { Usage { uncharged: 1, ..Usage::NONE } };
        self.answered.entry((account, product)).or_default().add(&counted);
        if self.gateway.finish(call, outcome, ingress, egress, self.desk.now()) {
            self.keep_up();
        }
    }

    pub(crate) fn is_calling(&self) -> bool {
        !self.flying.is_empty()
    }

    fn keep_up(&mut self) {
        self.tasks.push(Box::pin(Rc::clone(&self.gateway).background()));
        self.work();
    }

    /// Lets the work beside the calls go on as far as it can.
    pub(crate) fn work(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        self.tasks.retain_mut(|task| task.as_mut().poll(&mut context).is_pending());
    }

    /// Writes what it has counted.
    pub(crate) fn flush(&mut self) {
        now(self.gateway.flush());
    }
}

pub(crate) fn master_key() -> MasterKey {
    MasterKey::from_base64("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap()
}

/// The ports as one instance has them: its own clock, answers that are lost, commands that are delivered twice.
#[derive(Clone)]
struct Desk {
    ports: Faulty,
    skew: Rc<Cell<Millis>>,
    writer: Rc<RefCell<Option<WriterId>>>,
}

impl KeyValue for Desk {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        self.ports.memory.get(key).await
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Fault> {
        self.ports.memory.put(key, value).await
    }

    async fn delete(&self, key: &str) -> Result<(), Fault> {
        self.ports.memory.delete(key).await
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>, limit: u32) -> Result<Page<String>, Fault> {
        self.ports.memory.list(prefix, cursor, limit).await
    }
}

impl UsageJournal for Desk {
    async fn write(&self, window: Window, id: &BatchId, batch: &Batch) -> Result<(), Fault> {
        self.ports.journal(window, id, batch).await
    }

    async fn page(&self, from: Window, until: Window, cursor: Option<&str>) -> Result<Page<Listed>, Fault> {
        self.ports.memory.page(from, until, cursor).await
    }

    async fn load(&self, key: &str) -> Result<Option<Result<Batch, String>>, Fault> {
        self.ports.memory.load(key).await
    }

    fn shown_within(&self) -> Millis {
        self.ports.memory.shown_within()
    }

    fn shown_as_a_rule_within(&self) -> Millis {
        self.ports.memory.shown_as_a_rule_within()
    }
}

impl Desk {
    /// What the ledger says that it has is sure, and so is a lease that it says it has given.
    fn note(&self, account: &AccountId, command: &Command, answer: &Result<Result<Answer, Refusal>, Fault>) {
        if let Ok(Ok(Answer::Leased(lease))) = answer {
            self.ports.offered.borrow_mut().told.insert((account.clone(), lease.id));
        }
        match command {
            Command::Lease { writer, .. } => *self.writer.borrow_mut() = Some(writer.clone()),
            Command::Settle { batches } => {
                for batch in batches {
                    let refused = |refused: &[(BatchId, String)]| refused.iter().any(|(id, _)| *id == batch.id);
                    let sure = matches!(answer, Ok(Ok(Answer::Settled(settled))) if !refused(&settled.refused));
                    let (lines, closings) = (batch.lines.clone(), batch.closings.clone());
                    assert!(lines.iter().all(|line| line.account == *account));
                    self.ports.offer(&batch.id, &Batch { lines, closings }, sure);
                }
            }
            _ => {}
        }
    }
}

impl Ledger for Desk {
    async fn execute(
        &self,
        account: &AccountId,
        key: Option<&IdempotencyKey>,
        command: &Command,
    ) -> Result<Result<Answer, Refusal>, Fault> {
        if self.ports.strikes(15) {
            // Delivered twice: whoever sent it hears of the second.
            let _ = self.ports.memory.execute(account, key, command).await;
        }
        self.ports.disturb();
        let answer = self.ports.memory.execute(account, key, command).await;
        self.note(account, command, &answer);
        answer
    }

    async fn admit(
        &self,
        account: &AccountId,
        nonce: Option<&str>,
        command: &Command,
    ) -> Result<Result<Answer, Refusal>, Fault> {
        self.ports.disturb();
        let answer = self.ports.memory.admit(account, nonce, command).await;
        self.note(account, command, &answer);
        answer
    }
}

impl RateLimits for Desk {
    const SHARED: bool = true;

    async fn take_calls(&self, name: &str, limit: Limit, want: u32) -> Result<Taken, Fault> {
        self.ports.memory.take_calls(name, limit, want).await
    }
}

impl SingleFlight for Desk {
    async fn once<W: Future<Output = ()> + 'static>(&self, _name: String, work: W) {
        work.await;
    }
}

impl PublicKeys for Desk {
    async fn jwk_set(&self, url: &str) -> Result<String, Fault> {
        self.ports.memory.jwk_set(url).await
    }

    async fn verifies(&self, key: &PublicKey, message: &str, signature: &[u8]) -> Result<bool, Fault> {
        self.ports.memory.verifies(key, message, signature).await
    }
}

impl Host for Desk {
    /// Time passes as it really does, whatever the clock shows.
    async fn sleep(&self, millis: Millis) {
        let until = self.ports.real().plus(millis);
        poll_fn(|_| if self.ports.real() < until { Poll::Pending } else { Poll::Ready(()) }).await;
    }

    fn now(&self) -> Timestamp {
        self.ports.real().plus(self.skew.get())
    }

    fn log(&self, _message: &str) {}
}
