//! A settlement run under way: which batches it has read, which of their parts wait to be handed in, and what is left.
//!
//! Invariant: a part that was taken is handed in, kept as refused with the reason, set aside, or left; nothing is dropped. A
//! batch counts as answered for once none of its parts is in this run's hands any more, and as left otherwise.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use farebox_core::{
    answered::Answered,
    id::{AccountId, BatchId},
    journal::{self, Batch, Window},
    ledger::command::AccountBatch,
    time::Timestamp,
};
use farebox_ports::{log::tell, stored::write};

use super::{KEPT_TO_THE_LAST, Refused, Report, SettlementPorts, checkpoint::Step, refused_entry};
use crate::counted::Counted;

/// A run under way.
pub(super) struct Run<'a, P> {
    pub(super) ports: &'a Counted<'a, P>,
    pub(super) report: Report,
    /// What each account is to be handed.
    pub(super) due: BTreeMap<AccountId, Vec<AccountBatch>>,
    /// How many lines and closings that is.
    pub(super) held: usize,
    /// The batches of the journal that not every account has answered for.
    pub(super) open: HashMap<BatchId, Open>,
    /// The batches that are done with, and were not known to be.
    pub(super) answered: Answered,
    /// The accounts that were handed something, and when something of each is due.
    pub(super) settled: BTreeMap<AccountId, Option<Timestamp>>,
    /// The accounts that did not answer: the next run asks them again.
    pub(super) silent: BTreeSet<AccountId>,
    /// The account that was handed its batches last, where accounts had to be taken in turn.
    pub(super) turn: Option<AccountId>,
    /// Every batch that was begun before this minute, and is shown, was taken.
    pub(super) reached: Window,
}

/// A batch that not every account has answered for that it names.
pub(super) struct Open {
    pub(super) window: Window,
    /// Those who have not; `None` where the batch could not be read, or kept as unreadable.
    pub(super) accounts: Option<BTreeSet<AccountId>>,
}

impl<'a, P: SettlementPorts> Run<'a, P> {
    pub(super) fn new(ports: &'a Counted<'a, P>, now: Timestamp, from: Window) -> Self {
        Self {
            ports,
            report: Report { at: now, ..Report::default() },
            due: BTreeMap::new(),
            held: 0,
            open: HashMap::new(),
            answered: Answered::default(),
            settled: BTreeMap::new(),
            silent: BTreeSet::new(),
            turn: None,
            reached: from,
        }
    }

    /// Sorts the parts of a batch by account.
    pub(super) async fn sort(&mut self, key: String, window: Window, id: BatchId, batch: Result<Batch, String>) {
        self.report.batches += 1;
        let batch = match batch {
            Ok(batch) => batch,
            Err(reason) => {
                let refused = Refused { batch: key, account: None, reason, content: None };
                if self.keep(&refused).await {
                    self.answered.add(&id, window);
                } else {
                    self.report.left += 1;
                    self.open.insert(id, Open { window, accounts: None });
                }
                return;
            }
        };
        let mut parts: BTreeMap<AccountId, AccountBatch> = BTreeMap::new();
        let part = || AccountBatch { id: id.clone(), window, lines: Vec::new(), closings: Vec::new() };
        for line in batch.lines {
            parts.entry(line.account.clone()).or_insert_with(part).lines.push(line);
        }
        for closing in batch.closings {
            parts.entry(closing.account.clone()).or_insert_with(part).closings.push(closing);
        }
        if parts.is_empty() {
            self.answered.add(&id, window);
            return;
        }
        self.open.insert(id, Open { window, accounts: Some(parts.keys().cloned().collect()) });
        for (account, part) in parts {
            self.hold(account, part);
        }
    }

    /// Keeps a part until its account is handed it.
    pub(super) fn hold(&mut self, account: AccountId, part: AccountBatch) {
        self.held += size(&part);
        self.due.entry(account).or_default().push(part);
    }

    /// An account has answered for its part of a batch, or the part is kept elsewhere.
    pub(super) fn done(&mut self, account: &AccountId, id: &BatchId) {
        // What an earlier run set aside has been answered for as far as the journal is concerned.
        let Some(Open { window, accounts: Some(accounts) }) = self.open.get_mut(id) else { return };
        accounts.remove(account);
        if accounts.is_empty() {
            self.answered.add(id, *window);
            self.open.remove(id);
        }
    }

    /// Keeps a part that an account refused. One that cannot be kept stays for the next run, so that it is never dropped.
    pub(super) async fn refuse(&mut self, account: &AccountId, part: AccountBatch, reason: String) {
        let batch = journal::key(part.window, &part.id);
        let refused = Refused { batch, account: Some(account.clone()), reason, content: Some(part) };
        let is_kept = self.keep(&refused).await;
        match refused.content {
            Some(part) if is_kept => self.done(account, &part.id),
            Some(part) => {
                self.hold(account.clone(), part);
                self.silent.insert(account.clone());
            }
            None => {}
        }
    }

    /// Says whether it was kept.
    async fn keep(&mut self, refused: &Refused) -> bool {
        let entry = refused_entry(&refused.batch, refused.account.as_ref());
        if self.ports.left(KEPT_TO_THE_LAST) == 0 {
            return false;
        }
        match write(self.ports, &entry, refused).await {
            Ok(()) => {
                self.report.refused += 1;
                true
            }
            Err(fault) => {
                tell(self.ports, "settlement.unkept", &[("refused", &entry)], &fault);
                false
            }
        }
    }

    /// The oldest minute in which something was begun that is in our hands, or could not be read.
    pub(super) fn oldest_waiting(&self) -> Option<Window> {
        let parts = self.due.values().flatten().map(|part| part.window);
        self.open.values().map(|open| open.window).chain(parts).min()
    }

    /// The minute before which every batch was read, and can be read.
    pub(super) fn complete_until(&self) -> Window {
        let unread = self.open.values().filter(|open| open.accounts.is_none()).map(|open| open.window);
        unread.chain([self.reached]).min().unwrap_or(self.reached)
    }

    /// Notes what may be remembered: the batches that every account has answered for, or that are set aside. Also the minute
    /// before which there is no other, `newest` at most.
    pub(super) fn record(&self, step: &mut Step, newest: Window) {
        let open = self.open.values().map(|open| open.window);
        step.settled = open.chain([newest, self.reached]).min().unwrap_or(newest);
        step.answered.clone_from(&self.answered);
    }
}

/// How many lines and closings a part has. A route beyond a line's first takes as much as a line.
pub(super) fn size(part: &AccountBatch) -> usize {
    let lines: usize = part.lines.iter().map(|line| line.shares.len().max(1)).sum();
    lines + part.closings.len()
}
