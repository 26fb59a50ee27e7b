//! The memory platform, made to fail, and what really happened on it.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use farebox_core::{
    id::{AccountId, BatchId, LeaseId},
    journal::{Batch, Closing, Line, Window, key, parse_key},
    ledger::{Answer, Command, IdempotencyKey, Refusal},
    time::{MINUTE, Millis, Timestamp},
};
use farebox_memory::{Memory, WriteFault};
use farebox_ports::{Documents, Due, DueIndex, Fault, Host, KeyValue, Ledger, Listed, Page, UsageJournal};
use fastrand::Rng;

/// Runs a future of the memory platform, which never waits.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the memory platform waited"),
    }
}

/// Memory with a journal that shows batches late, answers that are lost, and an end of the process at any access.
#[derive(Clone)]
pub(crate) struct Faulty(Rc<State>);

pub(crate) struct State {
    pub(crate) memory: Memory,
    pub(crate) rng: RefCell<Rng>,
    /// The true time, which never runs backwards. All clocks are wrong by something.
    real: Cell<Timestamp>,
    /// How far the ledger's clock is from it.
    skew: Cell<Millis>,
    /// Until when the journal takes no batch.
    pub(crate) outage: Cell<Timestamp>,
    /// Whether anything goes wrong at all.
    pub(crate) calm: Cell<bool>,
    /// From when on a listing shows a batch.
    shown: RefCell<BTreeMap<String, Timestamp>>,
    /// How many more accesses the process lives.
    lives: Cell<Option<u32>>,
    pub(crate) offered: RefCell<Offered>,
    /// Accounts whose ledger does not answer settlements.
    pub(crate) silence: RefCell<BTreeSet<AccountId>>,
}

/// The batches that instances have tried to get rid of, and the leases that they were given.
#[derive(Default)]
pub(crate) struct Offered {
    /// What each says of each account.
    pub(crate) lines: BTreeMap<(AccountId, BatchId), Vec<Line>>,
    /// Which leases each says are done with.
    pub(crate) closings: BTreeMap<(AccountId, BatchId), Vec<Closing>>,
    /// Leases that somebody was told of.
    pub(crate) told: BTreeSet<(AccountId, LeaseId)>,
    /// Those that are in the journal, or that the ledger says it has.
    pub(crate) sure: BTreeSet<(AccountId, BatchId)>,
}

impl std::ops::Deref for Faulty {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

impl Faulty {
    pub(crate) fn new(now: Timestamp, seed: u64) -> Self {
        Self(Rc::new(State {
            memory: Memory::new(now),
            rng: RefCell::new(Rng::with_seed(!seed)),
            real: Cell::new(now),
            skew: Cell::new(0),
            outage: Cell::new(now),
            calm: Cell::new(false),
            shown: RefCell::default(),
            lives: Cell::new(None),
            offered: RefCell::default(),
            silence: RefCell::default(),
        }))
    }

    pub(crate) fn real(&self) -> Timestamp {
        self.real.get()
    }

    /// Lets time pass, and sets how far the ledger's clock is from it.
    pub(crate) fn pass(&self, millis: Millis, skew: Millis) {
        self.real.set(self.real.get().plus(millis));
        self.skew.set(skew);
        self.memory.set_now(self.real.get().plus(skew));
    }

    pub(crate) fn skew(&self) -> Millis {
        self.skew.get()
    }

    /// Kills the process after so many accesses; `None` lets it live.
    pub(crate) fn die_after(&self, accesses: Option<u32>) {
        self.lives.set(accesses);
    }

    /// True once in `times`, unless everything is calm.
    pub(crate) fn strikes(&self, times: u32) -> bool {
        !self.calm.get() && self.rng.borrow_mut().u32(0..times) == 0
    }

    /// Some answers of the ledger are lost, with or without what they answer to.
    pub(crate) fn disturb(&self) {
        if self.strikes(12) {
            self.memory.fail_next_write(Some(WriteFault::Lost));
        } else if self.strikes(12) {
            self.memory.fail_next_write(Some(WriteFault::Unanswered));
        }
    }

    /// Notes what a batch says, and whether it is known to be somewhere.
    pub(crate) fn offer(&self, id: &BatchId, batch: &Batch, sure: bool) {
        let mut offered = self.offered.borrow_mut();
        let closed = batch.closings.iter().map(|closing| &closing.account);
        for account in batch.lines.iter().map(|line| &line.account).chain(closed) {
            let part = (account.clone(), id.clone());
            let lines = || batch.lines.iter().filter(|line| line.account == *account).cloned().collect();
            offered.lines.entry(part.clone()).or_insert_with(lines);
            let closings = || batch.closings.iter().filter(|closing| closing.account == *account).cloned().collect();
            offered.closings.entry(part.clone()).or_insert_with(closings);
            if sure {
                offered.sure.insert(part);
            }
        }
    }

    /// An instance writes a batch. It may fail, and may have taken effect all the same.
    pub(crate) async fn journal(&self, window: Window, id: &BatchId, batch: &Batch) -> Result<(), Fault> {
        let lost = || Err(Fault::Unavailable { port: "usage journal", detail: "the write was not answered".into() });
        let is_out = !self.calm.get() && self.real() < self.outage.get();
        if self.strikes(8) || (is_out && !self.strikes(4)) {
            self.offer(id, batch, false);
            return lost();
        }
        let late = if self.calm.get() { 0 } else { self.rng.borrow_mut().i64(0..2 * MINUTE) };
        self.shown.borrow_mut().entry(key(window, id)).or_insert(self.real().plus(late));
        self.memory.write(window, id, batch).await?;
        self.offer(id, batch, true);
        if is_out || self.strikes(8) { lost() } else { Ok(()) }
    }

    /// The latest minute that a batch was journaled in.
    pub(crate) fn latest_window(&self) -> Window {
        let shown = self.shown.borrow();
        shown.keys().next_back().map_or(Window(0), |key| parse_key(key).unwrap().0)
    }

    fn is_shown(&self, key: &str) -> bool {
        self.shown.borrow().get(key).is_none_or(|from| *from <= self.memory.now())
    }

    fn live(&self) -> Result<(), Fault> {
        match self.lives.get() {
            Some(0) => Err(Fault::Unavailable { port: "process", detail: "it was killed".into() }),
            lives => {
                self.lives.set(lives.map(|lives| lives - 1));
                Ok(())
            }
        }
    }
}

impl Documents for Faulty {
    async fn current(&self, key: &str) -> Result<Option<String>, Fault> {
        self.live()?;
        self.memory.current(key).await
    }

    async fn exchange(&self, key: &str, before: Option<&str>, after: Option<&str>) -> Result<bool, Fault> {
        self.live()?;
        self.memory.exchange(key, before, after).await
    }
}

impl KeyValue for Faulty {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        self.live()?;
        self.memory.get(key).await
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Fault> {
        self.live()?;
        self.memory.put(key, value).await
    }

    async fn delete(&self, key: &str) -> Result<(), Fault> {
        self.live()?;
        self.memory.delete(key).await
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>, limit: u32) -> Result<Page<String>, Fault> {
        self.live()?;
        self.memory.list(prefix, cursor, limit).await
    }
}

impl UsageJournal for Faulty {
    async fn write(&self, window: Window, id: &BatchId, batch: &Batch) -> Result<(), Fault> {
        self.live()?;
        self.memory.write(window, id, batch).await
    }

    async fn page(&self, from: Window, until: Window, cursor: Option<&str>) -> Result<Page<Listed>, Fault> {
        self.live()?;
        let mut page = self.memory.page(from, until, cursor).await?;
        page.items.retain(|listed| self.is_shown(&listed.key));
        Ok(page)
    }

    async fn load(&self, key: &str) -> Result<Option<Result<Batch, String>>, Fault> {
        self.live()?;
        self.memory.load(key).await
    }

    async fn forget(&self, before: Window) -> Result<(), Fault> {
        self.memory.forget(before).await
    }

    fn shown_within(&self) -> Millis {
        self.memory.shown_within()
    }

    fn shown_as_a_rule_within(&self) -> Millis {
        self.memory.shown_as_a_rule_within()
    }
}

impl DueIndex for Faulty {
    const COST: u32 = 0;

    async fn announce(&self, account: &AccountId, at: Timestamp) -> Result<(), Fault> {
        self.live()?;
        self.memory.announce(account, at).await
    }

    async fn due(&self, until: Timestamp, most: u32) -> Result<Vec<Due>, Fault> {
        self.live()?;
        self.memory.due(until, most).await
    }

    async fn looked_after(&self, accounts: &[(Due, Option<Timestamp>)]) -> Result<(), Fault> {
        self.live()?;
        self.memory.looked_after(accounts).await
    }
}

impl Ledger for Faulty {
    async fn execute(
        &self,
        account: &AccountId,
        key: Option<&IdempotencyKey>,
        command: &Command,
    ) -> Result<Result<Answer, Refusal>, Fault> {
        self.live()?;
        if self.silence.borrow().contains(account) {
            return Err(Fault::Unavailable { port: "ledger", detail: "it does not answer".into() });
        }
        self.memory.execute(account, key, command).await
    }

    async fn admit(
        &self,
        account: &AccountId,
        nonce: Option<&str>,
        command: &Command,
    ) -> Result<Result<Answer, Refusal>, Fault> {
        self.live()?;
        self.memory.admit(account, nonce, command).await
    }
}

impl Host for Faulty {
    async fn sleep(&self, millis: Millis) {
        self.memory.sleep(millis).await;
    }

    fn now(&self) -> Timestamp {
        self.memory.now()
    }

    fn log(&self, _message: &str) {}
}
