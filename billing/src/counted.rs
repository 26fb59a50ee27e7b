//! Ports that count what is asked of them, for a run that must end before the platform ends it.
//!
//! Invariant: every operation that an invocation makes through them is counted before it is made. They refuse nothing: whoever
//! runs looks at what is `left`, does whole pieces only, and keeps a part for how it ends.

use std::cell::Cell;

use farebox_core::{
    id::{AccountId, BatchId},
    journal::{Batch, Window},
    ledger::{Answer, Command, Refusal, command::IdempotencyKey},
    time::{Millis, SECOND, Timestamp},
};
use farebox_ports::{
    Documents, Due, DueIndex, Fault, Host, KeyValue, Ledger, Listed, Page, UsageJournal, Web, WebAnswer, WebRequest,
    reports::{Query, Report, Reports},
};

/// How long a run goes on at most: the next one is due a minute after it.
const RUN_LASTS: Millis = 45 * SECOND;

/// Ports with a count of the operations that were asked of them.
pub(crate) struct Counted<'a, P> {
    ports: &'a P,
    most: u32,
    spent: Cell<u32>,
    until: Timestamp,
}

impl<'a, P: Host> Counted<'a, P> {
    /// Counts from nothing. A run that begins now has the platform's number of operations, and 45 s.
    pub(crate) fn new(ports: &'a P) -> Self {
        Self { ports, most: ports.operations(), spent: Cell::new(0), until: ports.now().plus(RUN_LASTS) }
    }

    /// How many operations the run has at most.
    pub(crate) fn most(&self) -> u32 {
        self.most
    }

    /// How many operations were made.
    pub(crate) fn spent(&self) -> u32 {
        self.spent.get()
    }

    /// How many operations may still be made; none beyond those that are kept for how the run ends once its time is over.
    pub(crate) fn left(&self, kept: u32) -> u32 {
        let left = self.most.saturating_sub(self.spent.get()).saturating_sub(kept);
        if kept > 0 && self.ports.now() >= self.until { 0 } else { left }
    }

    fn count(&self) -> &'a P {
        self.spent.set(self.spent.get().saturating_add(1));
        self.ports
    }
}

impl<P: KeyValue + Host> KeyValue for Counted<'_, P> {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        self.count().get(key).await
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Fault> {
        self.count().put(key, value).await
    }

    async fn delete(&self, key: &str) -> Result<(), Fault> {
        self.count().delete(key).await
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>, limit: u32) -> Result<Page<String>, Fault> {
        self.count().list(prefix, cursor, limit).await
    }
}

impl<P: Documents + Host> Documents for Counted<'_, P> {
    async fn current(&self, key: &str) -> Result<Option<String>, Fault> {
        self.count().current(key).await
    }

    async fn exchange(&self, key: &str, before: Option<&str>, after: Option<&str>) -> Result<bool, Fault> {
        self.count().exchange(key, before, after).await
    }
}

impl<P: UsageJournal + Host> UsageJournal for Counted<'_, P> {
    async fn write(&self, window: Window, id: &BatchId, batch: &Batch) -> Result<(), Fault> {
        self.count().write(window, id, batch).await
    }

    async fn page(&self, from: Window, until: Window, cursor: Option<&str>) -> Result<Page<Listed>, Fault> {
        self.count().page(from, until, cursor).await
    }

    async fn load(&self, key: &str) -> Result<Option<Result<Batch, String>>, Fault> {
        self.count().load(key).await
    }

    async fn forget(&self, before: Window) -> Result<(), Fault> {
        self.ports.forget(before).await
    }

    fn shown_within(&self) -> Millis {
        self.ports.shown_within()
    }

    fn shown_as_a_rule_within(&self) -> Millis {
        self.ports.shown_as_a_rule_within()
    }
}

impl<P: Ledger + Host> Ledger for Counted<'_, P> {
    async fn execute(
        &self,
        account: &AccountId,
        key: Option<&IdempotencyKey>,
        command: &Command,
    ) -> Result<Result<Answer, Refusal>, Fault> {
        self.count().execute(account, key, command).await
    }

    async fn admit(
        &self,
        account: &AccountId,
        nonce: Option<&str>,
        command: &Command,
    ) -> Result<Result<Answer, Refusal>, Fault> {
        self.count().admit(account, nonce, command).await
    }
}

impl<P: DueIndex + Host> DueIndex for Counted<'_, P> {
    const COST: u32 = P::COST;

    async fn announce(&self, account: &AccountId, at: Timestamp) -> Result<(), Fault> {
        self.count().announce(account, at).await
    }

    async fn due(&self, until: Timestamp, most: u32) -> Result<Vec<Due>, Fault> {
        self.count().due(until, most).await
    }

    async fn looked_after(&self, accounts: &[(Due, Option<Timestamp>)]) -> Result<(), Fault> {
        let operations = u32::try_from(accounts.len()).unwrap_or(u32::MAX).saturating_mul(P::COST).max(1);
        self.spent.set(self.spent.get().saturating_add(operations));
        self.ports.looked_after(accounts).await
    }
}

impl<P: Reports + Host> Reports for Counted<'_, P> {
    async fn report(&self, account: &AccountId, query: &Query) -> Result<Result<Report, Refusal>, Fault> {
        self.count().report(account, query).await
    }
}

impl<P: Web + Host> Web for Counted<'_, P> {
    async fn post(&self, url: &str, headers: &[(&str, String)], body: &str) -> Result<u16, Fault> {
        self.count().post(url, headers, body).await
    }

    async fn ask(&self, request: &WebRequest<'_>) -> Result<WebAnswer, Fault> {
        self.count().ask(request).await
    }
}

impl<P: Host> Host for Counted<'_, P> {
    async fn sleep(&self, millis: Millis) {
        self.ports.sleep(millis).await;
    }

    fn now(&self) -> Timestamp {
        self.ports.now()
    }

    fn operations(&self) -> u32 {
        self.most
    }

    async fn notice_clock(&self) {
        self.ports.notice_clock().await;
    }

    fn log(&self, message: &str) {
        self.ports.log(message);
    }
}
