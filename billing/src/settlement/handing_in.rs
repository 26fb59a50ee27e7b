//! Handing in: each account is asked once for all that was read of it, some accounts side by side and all of them in turn.
//!
//! Decides who comes first when not all can come. Invariant: an account that could not be reached is before those who were
//! when the next run begins, so none starves, however its id sorts.

use std::collections::BTreeMap;

use farebox_core::{
    id::{AccountId, BatchId},
    ledger::{
        Answer, Command, Refusal,
        command::{AccountBatch, Settled},
    },
};
use farebox_ports::{Fault, Ledger, log::tell};
use futures_util::{StreamExt, stream};

use super::{
    SettlementPorts,
    run::{Run, size},
};

/// How many batches an account is handed at once, and how many lines. They make one entry, and on Workers a row of at most 2 MB.
const HANDED_AT_ONCE: usize = 500;
const LINES_AT_ONCE: usize = 4_000;

/// How many ledgers are asked side by side.
pub(super) const SIDE_BY_SIDE: usize = 12;

/// After how many commands a run looks again whether its time is over.
const LOOKS_AFTER: usize = 4 * SIDE_BY_SIDE;

/// What one command hands one account.
type Job = (AccountId, Vec<AccountBatch>);

/// What was handed to whom, and what became of it.
type Handed = (AccountId, Vec<AccountBatch>, Result<Result<Answer, Refusal>, Fault>);

impl<P: SettlementPorts> Run<'_, P> {
    /// How many commands it takes to hand in what waits: at least one an account.
    pub(super) fn commands(&self) -> usize {
        self.due.len() + self.held / LINES_AT_ONCE
    }

    /// Hands the accounts what waits for them, those after `turn` first, while more than `kept` operations are left.
    pub(super) async fn hand_in(&mut self, turn: Option<&AccountId>, kept: u32) {
        loop {
            let room = usize::try_from(self.ports.left(kept)).unwrap_or(usize::MAX).min(LOOKS_AFTER);
            let turn = self.turn.clone().or_else(|| turn.cloned());
            let jobs = self.jobs(turn.as_ref(), room);
            if jobs.is_empty() {
                return;
            }
            self.turn = jobs.last().map(|(account, _)| account.clone());
            let ports = self.ports;
            let ask = async |(account, batches): Job| -> Handed {
                let command = Command::Settle { batches };
                let answer = ports.execute(&account, None, &command).await;
                let Command::Settle { batches } = command else { unreachable!("it was made above") };
                (account, batches, answer)
            };
            let handed: Vec<Handed> = stream::iter(jobs).map(ask).buffer_unordered(SIDE_BY_SIDE).collect().await;
            for (account, batches, answer) in handed {
                self.hear(account, batches, answer).await;
            }
        }
    }

    /// Takes the next commands off what waits, `most` at most. An account that did not answer is not asked again.
    fn jobs(&mut self, turn: Option<&AccountId>, most: usize) -> Vec<Job> {
        let is_after = |account: &&AccountId| turn.is_none_or(|turn| *account > turn);
        let speaks = |account: &&AccountId| !self.silent.contains(*account);
        let (later, sooner): (Vec<&AccountId>, Vec<&AccountId>) =
            self.due.keys().filter(speaks).partition(|account| is_after(account));
        let accounts: Vec<AccountId> = later.into_iter().chain(sooner).take(most).cloned().collect();
        let mut jobs = Vec::new();
        for account in accounts {
            while jobs.len() < most
                && let Some(batches) = self.portion(&account)
            {
                jobs.push((account.clone(), batches));
            }
        }
        jobs
    }

    /// Takes as many batches off what waits for an account as one command may hold.
    fn portion(&mut self, account: &AccountId) -> Option<Vec<AccountBatch>> {
        let waiting = self.due.get_mut(account)?;
        let mut lines = 0;
        let fits = |part: &&AccountBatch| {
            lines += size(part);
            lines <= LINES_AT_ONCE
        };
        let count = waiting.iter().take(HANDED_AT_ONCE).take_while(fits).count().max(1);
        let batches: Vec<AccountBatch> = waiting.drain(..count.min(waiting.len())).collect();
        if waiting.is_empty() {
            self.due.remove(account);
        }
        self.held -= batches.iter().map(size).sum::<usize>();
        Some(batches)
    }

    /// What an account said to its batches.
    async fn hear(
        &mut self,
        account: AccountId,
        batches: Vec<AccountBatch>,
        answer: Result<Result<Answer, Refusal>, Fault>,
    ) {
        let count = batches.len();
        let silence: String = match answer {
            Ok(Ok(Answer::Settled(settled))) => return self.settled(account, batches, settled).await,
            Ok(Err(refusal)) => {
                for part in batches {
                    self.refuse(&account, part, refusal.to_string()).await;
                }
                return;
            }
            Ok(Ok(other)) => format!("{other:?}"),
            Err(fault) => fault.to_string(),
        };
        tell(self.ports, "settlement.left", &[("account", &account), ("batches", &count)], &silence);
        batches.into_iter().for_each(|part| self.hold(account.clone(), part));
        self.silent.insert(account);
    }

    async fn settled(&mut self, account: AccountId, batches: Vec<AccountBatch>, settled: Settled) {
        self.report.applied += settled.applied;
        self.report.known += settled.known;
        let mut refused: BTreeMap<BatchId, String> = settled.refused.into_iter().collect();
        for part in batches {
            match refused.remove(&part.id) {
                Some(reason) => self.refuse(&account, part, reason).await,
                None => self.done(&account, &part.id),
            }
        }
        self.settled.insert(account, settled.due);
    }
}
