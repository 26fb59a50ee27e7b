//! A settlement run under way: batches wait by account until there are enough of them to be handed in.
//!
//! Invariant: a batch that was taken is handed in, kept as refused with the reason, or counted as left; nothing is dropped,
//! and an account that something was left of is not told that everything was handed in.

use std::collections::{BTreeMap, BTreeSet};

use farebox_core::{
    catalog::CATALOG_ENTRY,
    id::{AccountId, ProductId},
    journal,
    ledger::{
        Answer, Command, Refusal,
        command::{AccountBatch, Seen},
    },
    time::Timestamp,
};

use serde::Deserialize;

use super::{Refused, Report, SettlementPorts, refused_entry};
use crate::{
    log::tell,
    ports::{Fault, Journaled},
    stored::{read, write},
};

/// How many batches an account is handed at once, and how many lines: what they make is one entry, and on Workers a row of
/// at most 2 MB.
const HANDED_AT_ONCE: usize = 500;
const LINES_AT_ONCE: usize = 4_000;

/// How many accounts are looked after in one run beside those that have batches.
const SWEPT: u32 = 200;

/// Where the key-value store lists the accounts.
const ACCOUNTS: &str = "account/";

/// The part of the published catalog that a run needs.
#[derive(Default, Deserialize)]
struct Gone {
    /// The products that were for sale once and are not any more.
    #[serde(default)]
    gone: Vec<ProductId>,
}

/// A run under way: batches wait by account until there are enough of them to be handed in.
pub(super) struct Run<'a, P> {
    ports: &'a P,
    pub(super) report: Report,
    due: BTreeMap<AccountId, Due>,
    /// The accounts that something was left of, and whether something was left of who knows which.
    behind: BTreeSet<AccountId>,
    all_behind: bool,
}

/// What an account is to be handed.
#[derive(Default)]
struct Due {
    batches: Vec<AccountBatch>,
    lines: usize,
}

impl<'a, P: SettlementPorts> Run<'a, P> {
    pub(super) fn new(ports: &'a P, now: Timestamp) -> Self {
        let report = Report { at: now, ..Report::default() };
        Self { ports, report, due: BTreeMap::new(), behind: BTreeSet::new(), all_behind: false }
    }

    /// Something is left for the next run.
    fn leave(&mut self, account: Option<&AccountId>, batches: u64) {
        self.report.left += batches;
        match account {
            Some(account) => drop(self.behind.insert(account.clone())),
            None => self.all_behind = true,
        }
    }

    /// Sorts batches by account, and hands in where enough have come together.
    pub(super) async fn take(&mut self, found: Vec<Journaled>) {
        for journaled in found {
            self.report.batches += 1;
            let Journaled { key, window, id, batch } = journaled;
            let batch = match batch {
                Ok(batch) => batch,
                Err(reason) => {
                    self.refuse(Refused { batch: key, account: None, reason, content: None }).await;
                    continue;
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
            for (account, part) in parts {
                let due = self.due.entry(account.clone()).or_default();
                due.lines += part.lines.len();
                due.batches.push(part);
                if due.batches.len() >= HANDED_AT_ONCE || due.lines >= LINES_AT_ONCE {
                    let Due { batches, .. } = std::mem::take(due);
                    self.hand_in(&account, batches).await;
                }
            }
        }
    }

    pub(super) async fn hand_in_all(&mut self) {
        // The accounts stay in the map, empty: they are the ones to be swept.
        let accounts: Vec<AccountId> = self.due.keys().cloned().collect();
        for account in accounts {
            let Due { batches, .. } = self.due.get_mut(&account).map(std::mem::take).unwrap_or_default();
            if !batches.is_empty() {
                self.hand_in(&account, batches).await;
            }
        }
    }

    /// Hands an account its batches.
    async fn hand_in(&mut self, account: &AccountId, batches: Vec<AccountBatch>) {
        let count = batches.len() as u64;
        let command = Command::Settle { batches };
        let answer = self.ports.execute(account, None, &command).await;
        let Command::Settle { batches } = command else { return };
        match answer {
            Ok(Ok(Answer::Settled(settled))) => {
                self.report.applied += settled.applied;
                self.report.known += settled.known;
                for (id, reason) in settled.refused {
                    let content = batches.iter().find(|batch| batch.id == id).cloned();
                    let batch = content.as_ref().map_or_else(String::new, |batch| journal::key(batch.window, &id));
                    self.refuse(Refused { batch, account: Some(account.clone()), reason, content }).await;
                }
            }
            Ok(Err(refusal)) => self.refuse_all(account, batches, &refusal).await,
            Ok(Ok(other)) => {
                tell(self.ports, "settlement.left", &[("account", account)], &format!("{other:?}"));
                self.leave(Some(account), count);
            }
            Err(fault) => {
                tell(self.ports, "settlement.left", &[("account", account), ("batches", &count)], &fault);
                self.leave(Some(account), count);
            }
        }
    }

    async fn refuse_all(&mut self, account: &AccountId, batches: Vec<AccountBatch>, refusal: &Refusal) {
        for content in batches {
            let batch = journal::key(content.window, &content.id);
            let (account, reason) = (Some(account.clone()), refusal.to_string());
            self.refuse(Refused { batch, account, reason, content: Some(content) }).await;
        }
    }

    /// Keeps a refused batch. One that cannot be kept is left for the next run, so that it is never dropped.
    async fn refuse(&mut self, refused: Refused) {
        let entry = refused_entry(&refused.batch, refused.account.as_ref());
        match write(self.ports, &entry, &refused).await {
            Ok(()) => self.report.refused += 1,
            Err(fault) => {
                tell(self.ports, "settlement.unkept", &[("refused", &entry)], &fault);
                self.leave(refused.account.as_ref(), 1);
            }
        }
    }

    /// What it did, and the accounts that had batches.
    pub(super) fn end(self) -> (Report, Vec<AccountId>) {
        (self.report, self.due.into_keys().collect())
    }

    /// Lets the time pass for the accounts that had batches, and for some of the others in turn. Returns where the next
    /// sweep goes on. Only an account that nothing was left of may be told that all that was `seen` has been handed in.
    pub(super) async fn sweep(&mut self, after: Option<String>, seen: Seen) -> Result<Option<String>, Fault> {
        let gone = read::<Gone>(self.ports, CATALOG_ENTRY).await?.unwrap_or_default().gone;
        let time = |account: &AccountId| {
            let is_behind = self.all_behind || self.behind.contains(account);
            let Seen { read_from, .. } = seen;
            let behind = Seen { settled_until: read_from, heard_until: read_from, read_from };
            Command::Tick { seen: if is_behind { behind } else { seen }, gone: gone.clone() }
        };
        for account in self.due.keys() {
            self.tick(account, &time(account)).await;
        }
        let page = self.ports.list(ACCOUNTS, after.as_deref(), SWEPT).await?;
        for key in &page.items {
            let account = key.strip_prefix(ACCOUNTS).and_then(|id| id.parse().ok());
            if let Some(account) = account.filter(|account| !self.due.contains_key(account)) {
                self.tick(&account, &time(&account)).await;
            }
        }
        Ok(page.cursor)
    }

    async fn tick(&self, account: &AccountId, tick: &Command) {
        match self.ports.execute(account, None, tick).await {
            Ok(Ok(_)) => {}
            Ok(Err(refusal)) => tell(self.ports, "tick.refused", &[("account", account)], &refusal),
            Err(fault) => tell(self.ports, "tick.failed", &[("account", account)], &fault),
        }
    }
}
