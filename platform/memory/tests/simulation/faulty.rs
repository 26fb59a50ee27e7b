//! The memory platform, made to fail.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use farebox_core::{
    id::{AccountId, BatchId},
    journal::{Batch, Window, key},
    ledger::{Answer, Command, IdempotencyKey, Refusal},
    time::{Millis, Timestamp},
};
use farebox_gateway::ports::{Fault, Host, Journaled, KeyValue, Ledger, Page, UsageJournal};
use farebox_memory::Memory;

/// Runs a future of the memory platform, which never waits.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the memory platform waited"),
    }
}

/// Memory with a journal that shows batches late and an end of the process at any access.
pub(crate) struct Faulty {
    pub(crate) memory: Memory,
    /// From when on a listing shows a batch.
    shown: RefCell<BTreeMap<String, Timestamp>>,
    /// How many more accesses the process lives.
    lives: Cell<Option<u32>>,
}

impl Faulty {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { memory: Memory::new(now), shown: RefCell::default(), lives: Cell::new(None) }
    }

    /// Kills the process after so many accesses; `None` lets it live.
    pub(crate) fn die_after(&self, accesses: Option<u32>) {
        self.lives.set(accesses);
    }

    /// Shows a batch in listings only from `time` on.
    pub(crate) fn show_from(&self, window: Window, id: &BatchId, time: Timestamp) {
        self.shown.borrow_mut().entry(key(window, id)).or_insert(time);
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

    async fn read(&self, from: Window, until: Window, mut each: impl AsyncFnMut(Vec<Journaled>)) -> Result<(), Fault> {
        self.live()?;
        let shown = async |mut found: Vec<Journaled>| {
            found.retain(|batch| self.is_shown(&batch.key));
            each(found).await;
        };
        self.memory.read(from, until, shown).await
    }

    fn shown_within(&self) -> Millis {
        self.memory.shown_within()
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

    fn log(&self, message: &str) {
        self.memory.log(message);
    }
}
