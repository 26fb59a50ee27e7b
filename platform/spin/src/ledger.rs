//! The ledger on Spin: every instance loads, decides and appends for itself.
//!
//! At first without asking anybody: most commands meet no other. Whoever loses the race for an entry's number queues, and does
//! so for a while: it has the turn at the account (SQLite's write lock, an advisory lock of PostgreSQL) while it loads, decides and
//! appends. A crowd that races instead grows slower with its square, and some of it never wins. Invariant: what was decided in a
//! transaction that was not committed is known to nobody, neither here nor in the database.

use farebox_core::{
    id::AccountId,
    ledger::{Answer, Command, IdempotencyKey, Refusal},
    time::Millis,
};
use farebox_gateway::{
    ledger::{announce, attempt, report},
    ports::{Fault, Host, Ledger},
    reports::{Query, Report, Reports},
};

use crate::{Platform, host::sleep};

/// How long a call waits before it looks again whether another of its instance still has the turn.
const LOOKS_AGAIN: Millis = 3;

/// How often a command takes a turn. A second one is needed only beside a version of Farebox that does not queue.
const TURNS: u32 = 8;

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

/// A transaction under way, the only one of its instance. One that is dropped before it was committed never was.
struct Turn<'a> {
    platform: &'a Platform,
    is_committed: bool,
}

impl<'a> Turn<'a> {
    async fn begin(platform: &'a Platform, account: &AccountId) -> Result<Self, Fault> {
        while platform.has_turn.replace(true) {
            sleep(LOOKS_AGAIN).await;
        }
        let turn = Self { platform, is_committed: false };
        platform.turns.database().begin(account).await?;
        Ok(turn)
    }

    async fn commit(mut self) -> Result<(), Fault> {
        self.platform.turns.database().commit().await?;
        self.is_committed = true;
        Ok(())
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.is_committed {
            self.platform.turns.database().abandon();
        }
        self.platform.has_turn.set(false);
    }
}

impl Platform {
    /// Carries out a command, at first without asking anybody, then while nobody else appends to the account's book.
    async fn carry_out(
        &self,
        account: &AccountId,
        (key, mut nonce): (Option<&IdempotencyKey>, Option<&str>),
        command: &Command,
    ) -> Result<Result<Answer, Refusal>, Fault> {
        // Most commands of a crowd that nothing is left for are refused, and need no lock for that.
        let when = (self.now(), !self.books.is_contended());
        if let Some(done) = attempt(&self.books, &self.accounts, account, (key, &mut nonce), command, when).await? {
            return Ok(done);
        }
        for _ in 0..TURNS {
            let turn = Turn::begin(self, account).await?;
            let known = self.accounts.lend(account);
            // The turn may have been long in coming, and a lease begins now.
            let when = (self.now(), true);
            // A nonce that is taken in a turn is free again when the turn is given up, so the next one asks for it anew.
            let mut asked = nonce;
            if let Some(done) = attempt(&self.turns, &known, account, (key, &mut asked), command, when).await? {
                turn.commit().await?;
                self.accounts.adopt(known);
                return Ok(done);
            }
        }
        Err(Fault::Unavailable { port: "ledger", detail: format!("others came first in {TURNS} turns") })
    }
}
