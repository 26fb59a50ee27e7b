//! The memory platform with a limit to what one run may ask of it, and a record of what was read and handed in.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use farebox_core::{
    id::{AccountId, BatchId},
    journal::{Batch, Window},
    ledger::{Answer, Command, IdempotencyKey, Refusal},
    time::{Millis, Timestamp},
};
use farebox_memory::Memory;
use farebox_ports::{Documents, Due, DueIndex, Fault, Host, KeyValue, Ledger, Listed, Page, UsageJournal};

/// Runs a future of the memory platform, which never waits.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the memory platform waited"),
    }
}

/// Memory that refuses what one run asks for beyond its limit.
pub(crate) struct Limited {
    pub(crate) memory: Memory,
    limit: u32,
    asked: Cell<u32>,
    /// How many operations were refused.
    pub(crate) refused: Cell<u32>,
    /// How often the part of each batch was handed to each account, and how often each batch was read without its key.
    pub(crate) handed: RefCell<BTreeMap<(AccountId, BatchId), u32>>,
    pub(crate) loaded: RefCell<BTreeMap<String, u32>>,
    /// Accounts whose ledger does not answer, and whether nothing can be set aside.
    pub(crate) silent: RefCell<BTreeSet<AccountId>>,
    pub(crate) is_full: Cell<bool>,
    /// How many ledgers were told the time.
    pub(crate) ticks: Cell<u32>,
}

impl Limited {
    pub(crate) fn new(now: Timestamp, limit: u32) -> Self {
        Self {
            memory: Memory::new(now),
            limit,
            asked: Cell::new(0),
            refused: Cell::new(0),
            handed: RefCell::default(),
            loaded: RefCell::default(),
            silent: RefCell::default(),
            is_full: Cell::new(false),
            ticks: Cell::new(0),
        }
    }

    /// A new run begins. Returns what the last one asked for.
    pub(crate) fn begin(&self) -> u32 {
        self.asked.replace(0)
    }

    fn ask(&self) -> Result<(), Fault> {
        let asked = self.asked.get() + 1;
        self.asked.set(asked);
        if asked <= self.limit {
            return Ok(());
        }
        self.refused.set(self.refused.get() + 1);
        Err(Fault::Unavailable { port: "platform", detail: "this invocation has asked for too much".to_owned() })
    }
}

impl KeyValue for Limited {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        self.ask()?;
        self.memory.get(key).await
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Fault> {
        self.ask()?;
        if self.is_full.get() && key.starts_with("settlement/aside/") {
            return Err(Fault::Unavailable { port: "key-value", detail: "it takes nothing".to_owned() });
        }
        self.memory.put(key, value).await
    }

    async fn delete(&self, key: &str) -> Result<(), Fault> {
        self.ask()?;
        self.memory.delete(key).await
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>, limit: u32) -> Result<Page<String>, Fault> {
        self.ask()?;
        self.memory.list(prefix, cursor, limit).await
    }
}

impl Documents for Limited {
    async fn current(&self, key: &str) -> Result<Option<String>, Fault> {
        self.ask()?;
        self.memory.current(key).await
    }

    async fn exchange(&self, key: &str, before: Option<&str>, after: Option<&str>) -> Result<bool, Fault> {
        self.ask()?;
        self.memory.exchange(key, before, after).await
    }
}

impl UsageJournal for Limited {
    async fn write(&self, window: Window, id: &BatchId, batch: &Batch) -> Result<(), Fault> {
        self.memory.write(window, id, batch).await
    }

    async fn page(&self, from: Window, until: Window, cursor: Option<&str>) -> Result<Page<Listed>, Fault> {
        self.ask()?;
        self.memory.page(from, until, cursor).await
    }

    async fn load(&self, key: &str) -> Result<Option<Result<Batch, String>>, Fault> {
        self.ask()?;
        *self.loaded.borrow_mut().entry(key.to_owned()).or_default() += 1;
        self.memory.load(key).await
    }

    fn shown_within(&self) -> Millis {
        self.memory.shown_within()
    }

    fn shown_as_a_rule_within(&self) -> Millis {
        self.memory.shown_as_a_rule_within()
    }
}

impl DueIndex for Limited {
    const COST: u32 = 0;

    async fn announce(&self, account: &AccountId, at: Timestamp) -> Result<(), Fault> {
        self.ask()?;
        self.memory.announce(account, at).await
    }

    async fn due(&self, until: Timestamp, most: u32) -> Result<Vec<Due>, Fault> {
        self.ask()?;
        self.memory.due(until, most).await
    }

    async fn looked_after(&self, accounts: &[(Due, Option<Timestamp>)]) -> Result<(), Fault> {
        self.ask()?;
        self.memory.looked_after(accounts).await
    }
}

impl Ledger for Limited {
    async fn execute(
        &self,
        account: &AccountId,
        key: Option<&IdempotencyKey>,
        command: &Command,
    ) -> Result<Result<Answer, Refusal>, Fault> {
        self.ask()?;
        match command {
            Command::Settle { batches } => {
                for batch in batches {
                    *self.handed.borrow_mut().entry((account.clone(), batch.id.clone())).or_default() += 1;
                }
            }
            Command::Tick { .. } => self.ticks.set(self.ticks.get() + 1),
            _ => {}
        }
        if self.silent.borrow().contains(account) {
            return Err(Fault::Unavailable { port: "ledger", detail: "it does not answer".to_owned() });
        }
        self.memory.execute(account, key, command).await
    }

    async fn admit(
        &self,
        account: &AccountId,
        nonce: Option<&str>,
        command: &Command,
    ) -> Result<Result<Answer, Refusal>, Fault> {
        self.ask()?;
        self.memory.admit(account, nonce, command).await
    }
}

impl Host for Limited {
    async fn sleep(&self, millis: Millis) {
        self.memory.sleep(millis).await;
    }

    fn now(&self) -> Timestamp {
        self.memory.now()
    }

    /// All that it allows: a run that goes beyond by one fails.
    fn operations(&self) -> u32 {
        self.limit
    }

    fn log(&self, _message: &str) {}
}
