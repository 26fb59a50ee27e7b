//! What the gateway asks of a platform.
//!
//! Ports are traits with native `async fn`, used by static dispatch and without `Send`: both platforms run one thread
//! per instance. One type per platform implements all of them, in one file per port.
#![allow(async_fn_in_trait)]

use std::future::Future;

use farebox_core::{
    id::{AccountId, BatchId},
    journal::{Batch, Window},
    ledger::{Answer, Command, Refusal, command::IdempotencyKey},
    limit::Limit,
    time::{Millis, SECOND, Timestamp},
};
use serde::{Deserialize, Serialize};

/// What only the operator may know: a port did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The platform's service failed or did not answer. Trying again may help.
    #[error("{port}: {detail}")]
    Unavailable {
        /// Which port.
        port: &'static str,
        /// What the platform said.
        detail: String,
    },
    /// What the store holds cannot be read. Trying again does not help.
    #[error("{port}: cannot read {what}: {detail}")]
    Unreadable {
        /// Which port.
        port: &'static str,
        /// The key.
        what: String,
        /// What is wrong with it.
        detail: String,
    },
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last.
    pub cursor: Option<String>,
}

/// How long a platform may show the edge a value of [`KeyValue`] as a place near it has read it, before it asks the store again.
pub const LOCATION_HOLDS: Millis = 15 * SECOND;

/// Configuration that every instance reads: catalog, credentials, accounts' names. Eventually consistent.
pub trait KeyValue {
    /// The value of `key`.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Fault>;

    /// Sets the value of `key`.
    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Fault>;

    /// Removes `key`, if it is there.
    async fn delete(&self, key: &str) -> Result<(), Fault>;

    /// The keys that start with `prefix`, in order, `limit` at most, from where `cursor` of the page before says.
    async fn list(&self, prefix: &str, cursor: Option<&str>, limit: u32) -> Result<Page<String>, Fault>;
}

/// Documents that must not lose a change to another that is made at the same time. Every instance reads them by [`KeyValue`],
/// where a change shows late; who changes one reads it here, and says what the change was made from.
pub trait Documents {
    /// The document under `key`, as it was last changed. One that was never changed here is what [`KeyValue`] shows.
    async fn current(&self, key: &str) -> Result<Option<String>, Fault>;

    /// Puts `after` in place of `before`, if that is what is under `key`, and shows it by [`KeyValue`]; `None` stands for no
    /// document. Says whether it did. A document that was removed is not made again.
    ///
    /// After a fault it is not known whether it did; it can be asked for again, from what is current then.
    async fn exchange(&self, key: &str, before: Option<&str>, after: Option<&str>) -> Result<bool, Fault>;
}

/// A batch as a page of the usage journal lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The key it stands under.
    pub key: String,
    /// The minute it was begun in.
    pub window: Window,
    /// Which batch.
    pub id: BatchId,
    /// What it holds, or why that cannot be read, where the store keeps it beside the key; else it must be loaded.
    pub batch: Option<Result<Batch, String>>,
}

/// The usage journal: batches until they are settled, and for a while after.
pub trait UsageJournal {
    /// Writes a batch. Writing the same batch again does no harm.
    async fn write(&self, window: Window, id: &BatchId, batch: &Batch) -> Result<(), Fault>;

    /// A page of the batches that were begun in the minutes `from..=until`, in order, from where `cursor` of the page
    /// before says. One operation of the store.
    async fn page(&self, from: Window, until: Window, cursor: Option<&str>) -> Result<Page<Listed>, Fault>;

    /// What stands under a listed key, or why it cannot be read; `None` where the store does not show it, any more or yet.
    /// One operation of the store.
    async fn load(&self, key: &str) -> Result<Option<Result<Batch, String>>, Fault>;

    /// Every batch that was begun before a minute has been settled: a store without expiry drops them. It may leave some to the
    /// next time.
    async fn forget(&self, _before: Window) -> Result<(), Fault> {
        Ok(())
    }

    /// How late the store may show a batch, with what an instance may take to write it again after a failure.
    fn shown_within(&self) -> Millis;

    /// How late the store shows a batch as a rule, with what one write takes.
    fn shown_as_a_rule_within(&self) -> Millis {
        self.shown_within()
    }
}

/// The strongly consistent book of each account.
pub trait Ledger {
    /// Carries out `command`: `Ok(Err(_))` when the account refuses it, `Err(_)` when it is not known whether it was
    /// carried out. Every command may be sent again: those that move money by their key, the others by their nature.
    async fn execute(
        &self,
        account: &AccountId,
        key: Option<&IdempotencyKey>,
        command: &Command,
    ) -> Result<Result<Answer, Refusal>, Fault>;

    /// Carries out a `Command::Lease` for one call, or a settlement of nothing where a lease pays for it already, and takes its
    /// nonce over all instances, once the account has agreed. A nonce that was taken before is refused with
    /// [`Refusal::NonceUsed`].
    async fn admit(
        &self,
        account: &AccountId,
        nonce: Option<&str>,
        command: &Command,
    ) -> Result<Result<Answer, Refusal>, Fault>;
}

/// Which accounts the time has work to do for, and when: so that a settlement looks after those and no others. An account
/// that is missing here waits for its turn in the sweep over all accounts.
pub trait DueIndex {
    /// Something of `account` is due at `at`, and nothing sooner.
    async fn announce(&self, account: &AccountId, at: Timestamp) -> Result<(), Fault>;

    /// The accounts of which something is due by `until`, the longest due first, `most` at most. One operation.
    async fn due(&self, until: Timestamp, most: u32) -> Result<Vec<Due>, Fault>;

    /// These accounts were looked after, and are next due then, unless something else was announced meanwhile. As many
    /// operations as [`DueIndex::COST`] says.
    async fn looked_after(&self, accounts: &[(Due, Option<Timestamp>)]) -> Result<(), Fault>;

    /// How many operations [`DueIndex::looked_after`] makes for one account; where it is 0, all together make one.
    const COST: u32;
}

/// Something of an account is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// Whose.
    pub account: AccountId,
    /// When.
    pub at: Timestamp,
}

/// Rate limits over all instances, where the platform ends an instance soon and has many at once.
pub trait RateLimits {
    /// Whether it is such a platform; elsewhere each instance counts for itself, and none asks.
    const SHARED: bool;

    /// Takes up to `want` calls off the bucket `name` under `limit`: how many, or else after how many milliseconds there is
    /// one. At least one of the two is more than zero.
    async fn take_calls(&self, name: &str, limit: Limit, want: u32) -> Result<Taken, Fault>;
}

/// What was taken off a bucket that all instances share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// So many calls, at least one.
    Calls(u32),
    /// None. There is one after so many milliseconds.
    Later(Millis),
}

/// One piece of work at a time under each name.
pub trait SingleFlight {
    /// Starts `work` unless work of this name is under way, and returns when it is over. The result of the work is what
    /// it left in shared memory.
    async fn once<W: Future<Output = ()> + 'static>(&self, name: String, work: W);
}

/// Waiting, and telling the operator.
pub trait Host {
    /// Returns after `millis`.
    async fn sleep(&self, millis: Millis);

    /// The time now. Only for background work, which has no entry to take the time from.
    fn now(&self) -> Timestamp;

    /// How many operations one invocation may make of the platform: reads, writes, lists, and questions to ledgers. It is
    /// safely below what the platform itself allows.
    fn operations(&self) -> u32 {
        900
    }

    /// Notices that the clock was moved, where it can be: in development only. What goes on for long has no entry that does.
    async fn notice_clock(&self) {}

    /// Tells the operator. Never holds a secret or a body.
    fn log(&self, message: &str);
}

/// Requests of our own to the outside: webhooks.
pub trait Web {
    /// Posts `body` to `url` and answers with the status. Waits 15 s at most, and follows no redirect.
    async fn post(&self, url: &str, headers: &[(&str, String)], body: &str) -> Result<u16, Fault>;
}

/// All that the way of a call needs.
pub trait EdgePorts: KeyValue + UsageJournal + Ledger + RateLimits + SingleFlight + Host + 'static {}

impl<P: KeyValue + UsageJournal + Ledger + RateLimits + SingleFlight + Host + 'static> EdgePorts for P {}
