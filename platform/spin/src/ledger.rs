//! The ledger on Spin: every instance loads, decides and appends for itself.
//!
//! At first without asking anybody: whoever loses the race for an entry's number decides anew. An instance that has lost one
//! queues from then on, where the database lets it: it holds SQLite's write lock while it loads, decides and appends, because a
//! crowd that races grows slower with its square. Invariant: what was decided in a transaction that was not committed is
//! forgotten, here and by the database.

use farebox_core::{
    id::AccountId,
    ledger::{Answer, Command, IdempotencyKey, Refusal},
    time::Millis,
};
use farebox_gateway::{
    ledger::{attempt, execute, report, take_nonce},
    ports::{Fault, Host, Ledger},
    reports::{Query, Report, Reports},
};

use crate::{Database, Platform, host::sleep};

/// How long a call waits before it looks again whether another of its instance still holds the lock.
const LOOKS_AGAIN: Millis = 3;

impl Ledger for Platform {
    async fn execute(
        &self,
        account: &AccountId,
        key: Option<&IdempotencyKey>,
        command: &Command,
    ) -> Result<Result<Answer, Refusal>, Fault> {
        let now = self.now();
        if matches!(self.database(), Database::Postgres(_)) {
            return execute(&self.books, &self.accounts, account, key, command, now).await;
        }
        // Most commands of a crowd that nothing is left for are refused, and need no lock for that.
        let may_append = !self.books.is_contended();
        let done = attempt(&self.books, &self.accounts, account, key, command, (now, may_append)).await?;
        match done {
            Some(done) => Ok(done),
            None => self.in_turn(account, key, command).await,
        }
    }

    async fn admit(
        &self,
        account: &AccountId,
        nonce: Option<&str>,
        command: &Command,
    ) -> Result<Result<Answer, Refusal>, Fault> {
        if !take_nonce(&self.books, account, nonce, self.now()).await? {
            return Ok(Err(Refusal::NonceUsed));
        }
        self.execute(account, None, command).await
    }
}

impl Reports for Platform {
    async fn report(&self, account: &AccountId, query: &Query) -> Result<Result<Report, Refusal>, Fault> {
        report(&self.books, &self.accounts, account, query).await
    }
}

/// A transaction under way, the only one of its instance. One that is dropped before it was committed never was.
struct Turn<'a> {
    platform: &'a Platform,
    account: &'a AccountId,
    is_committed: bool,
}

impl<'a> Turn<'a> {
    async fn begin(platform: &'a Platform, account: &'a AccountId) -> Result<Self, Fault> {
        while platform.has_turn.replace(true) {
            sleep(LOOKS_AGAIN).await;
        }
        let turn = Self { platform, account, is_committed: false };
        platform.turns.database().query("BEGIN IMMEDIATE", &[]).await?;
        Ok(turn)
    }

    async fn commit(mut self) -> Result<(), Fault> {
        self.platform.turns.database().query("COMMIT", &[]).await?;
        self.is_committed = true;
        Ok(())
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.is_committed {
            self.platform.turns.database().disconnect();
            self.platform.accounts_in_turn.forget(self.account);
        }
        self.platform.has_turn.set(false);
    }
}

impl Platform {
    /// Carries out a command while nobody else appends anything.
    async fn in_turn(
        &self,
        account: &AccountId,
        key: Option<&IdempotencyKey>,
        command: &Command,
    ) -> Result<Result<Answer, Refusal>, Fault> {
        let turn = Turn::begin(self, account).await?;
        // The turn may have been long in coming, and a lease begins now.
        let now = self.now();
        let Some(done) = attempt(&self.turns, &self.accounts_in_turn, account, key, command, (now, true)).await? else {
            return Err(Fault::Unavailable { port: "ledger", detail: "the lock did not hold".to_owned() });
        };
        turn.commit().await?;
        Ok(done)
    }
}
