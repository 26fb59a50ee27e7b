//! The settlement run: from the usage journal into the ledger of each account.
//!
//! Invariant: whatever is interrupted, repeated or done twice at once, each batch is booked once, because the ledger
//! remembers what it booked. The checkpoint only saves work: it says up to which window everything was handed in that the
//! store may show late ([`UsageJournal::shown_within`]); younger windows are walked again by the next run.

use std::collections::BTreeMap;

use farebox_core::{
    id::AccountId,
    journal::{self, TIME_TO_LIVE, Window},
    ledger::{Answer, Command, Refusal, command::AccountBatch},
    time::{HOUR, MINUTE, Millis, Timestamp},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    log::tell,
    metrics::{self, TOTALS_HOLD},
    ports::{Fault, Host, Journaled, KeyValue, Ledger, UsageJournal},
    stored::{read, write},
    webhooks::leave_notice,
};

/// How far ahead of ours the clock of an instance may be.
const CLOCKS_DIFFER: Millis = 2 * MINUTE;

/// How many batches an account is handed at once.
const HANDED_AT_ONCE: usize = 500;

/// How many accounts are looked after in one run beside those that have batches.
const SWEPT: u32 = 200;

/// How many reports are kept.
const REPORTS: usize = 50;

/// After how many windows without a batch the checkpoint is written all the same: a quiet gateway writes once an hour.
const CHECKPOINT_EVERY: i64 = 60;

/// After how long the provider is told again of a settlement that goes on failing.
const TOLD_AGAIN_AFTER: Millis = HOUR;

const CHECKPOINT_ENTRY: &str = "settlement/checkpoint";
const TOTALS_ENTRY: &str = "settlement/totals";
const REPORTS_ENTRY: &str = "settlement/reports";

/// All that the settlement needs.
pub trait SettlementPorts: KeyValue + UsageJournal + Ledger + Host {}

impl<P: KeyValue + UsageJournal + Ledger + Host> SettlementPorts for P {}

/// What a run did. A batch with usage of several accounts counts once for each in `applied`, `known`, `refused` and
/// `left`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Report {
    /// When it began.
    pub at: Timestamp,
    /// Minutes of the journal that were walked.
    pub windows: u64,
    /// Batches that were found there.
    pub batches: u64,
    /// Booked now.
    pub applied: u64,
    /// Booked before.
    pub known: u64,
    /// Not booked, and never will be as they are; each is kept with its reason.
    pub refused: u64,
    /// Left for the next run, because an account did not answer.
    pub left: u64,
}

/// What all runs did together, for the operator.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Totals {
    /// When a run last left nothing behind.
    pub(crate) whole: Option<Timestamp>,
    pub(crate) applied: u64,
    pub(crate) refused: u64,
    pub(crate) left: u64,
    /// When the provider was last told that it fails, where the last run did.
    pub(crate) told: Option<Timestamp>,
}

/// A batch that an account refused, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Its key in the journal.
    pub batch: String,
    /// The account, where the batch could be read.
    pub account: Option<AccountId>,
    /// Why.
    pub reason: String,
    /// What was refused, where it could be read.
    pub content: Option<AccountBatch>,
}

/// Where the next run begins.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Checkpoint {
    /// Every batch begun before this minute has been handed in.
    settled: i64,
    /// The account after which the sweep goes on.
    swept: Option<String>,
}

/// Settles everything that can be seen, and does what the time demands of the accounts. The report is kept.
///
/// # Errors
/// [`Fault`] when the journal or the checkpoint cannot be read; what was handed in by then stays.
pub async fn run<P: SettlementPorts>(ports: &P, now: Timestamp) -> Result<Report, Fault> {
    Ok(settle(ports, now, true).await?.0)
}

/// The same, with the accounts that had usage. Where nobody `asked` for it, the report is kept only when there was something
/// to settle, so that a quiet gateway writes next to nothing.
pub(crate) async fn settle<P: SettlementPorts>(
    ports: &P,
    now: Timestamp,
    asked: bool,
) -> Result<(Report, Vec<AccountId>), Fault> {
    let (report, accounts) = watched(ports, now).await?;
    if asked || report.batches > 0 {
        keep(ports, &report).await?;
    }
    Ok((report, accounts))
}

/// A run of which the provider is told when it did not settle everything.
async fn watched<P: SettlementPorts>(ports: &P, now: Timestamp) -> Result<(Report, Vec<AccountId>), Fault> {
    let run = walk(ports, now).await;
    let failure = match &run {
        Ok((Report { refused: 0, left: 0, .. }, _)) => None,
        Ok((report, _)) => Some(json!({ "refused": report.refused, "left": report.left })),
        Err(_) => Some(json!({ "stopped": true })),
    };
    if let Some(failure) = failure
        && let Err(fault) = warn(ports, failure, now).await
    {
        tell(ports, "settlement.untold", &[], &fault);
    }
    let (report, accounts) = run?;
    add_up(ports, &report, now).await?;
    Ok((report, accounts))
}

/// Tells the provider, unless that was done lately: what fails in one run fails in the next ones too.
async fn warn<P: SettlementPorts>(ports: &P, failure: serde_json::Value, now: Timestamp) -> Result<(), Fault> {
    let mut totals = totals(ports).await?;
    if totals.told.is_some_and(|told| now.since(told) < TOLD_AGAIN_AFTER) {
        return Ok(());
    }
    totals.told = Some(now);
    leave_notice(ports, "settlement.failed", now, failure).await?;
    write(ports, TOTALS_ENTRY, &totals).await
}

/// Adds a run to the totals. One that had nothing to do is added from time to time, so that it shows that there are any.
async fn add_up<P: SettlementPorts>(ports: &P, report: &Report, now: Timestamp) -> Result<(), Fault> {
    let mut totals = totals(ports).await?;
    let is_well = report.left == 0 && report.refused == 0;
    let recovers = is_well && totals.told.is_some();
    if report.batches == 0 && !recovers && totals.whole.is_some_and(|whole| now.since(whole) < TOTALS_HOLD) {
        return Ok(());
    }
    totals.applied += report.applied;
    totals.refused += report.refused;
    totals.left += report.left;
    if report.left == 0 {
        totals.whole = Some(now);
    }
    if is_well {
        totals.told = None;
    }
    metrics::sweep(ports, now).await?;
    write(ports, TOTALS_ENTRY, &totals).await
}

/// What all runs did together.
///
/// # Errors
/// [`Fault`] when it cannot be read.
pub(crate) async fn totals(ports: &impl KeyValue) -> Result<Totals, Fault> {
    Ok(read(ports, TOTALS_ENTRY).await?.unwrap_or_default())
}

async fn walk<P: SettlementPorts>(ports: &P, now: Timestamp) -> Result<(Report, Vec<AccountId>), Fault> {
    let mut checkpoint: Checkpoint = read(ports, CHECKPOINT_ENTRY).await?.unwrap_or_default();
    let from = Window(checkpoint.settled);
    let until = Window::of(now.plus(CLOCKS_DIFFER));
    let mut run = Run { ports, report: Report { at: now, ..Report::default() }, due: BTreeMap::new() };
    // The first run walks all of time, in a few lists; but there is nothing older than a batch lives.
    let walked = from.max(Window::of(now.plus(-TIME_TO_LIVE)));
    run.report.windows = u64::try_from(until.0 - walked.0 + 1).unwrap_or(0);
    ports.read(from, until, async |found| run.take(found).await).await?;
    run.hand_in_all().await;
    let settled = Window::of(now.plus(-ports.shown_within())).max(from);
    let whole = run.report.left == 0;
    // Only a run that left nothing behind may say that what is older has all been handed in.
    let settled_until = if whole { settled.start() } else { from.start() };
    let swept = run.sweep(checkpoint.swept.clone(), settled_until).await?;
    let (report, accounts) = (run.report, run.due.into_keys().collect());
    let before = std::mem::replace(&mut checkpoint.swept, swept);
    let moved = settled.0 - checkpoint.settled;
    if whole {
        checkpoint.settled = settled.0;
    }
    if report.batches > 0 || before != checkpoint.swept || moved >= CHECKPOINT_EVERY {
        write(ports, CHECKPOINT_ENTRY, &checkpoint).await?;
    }
    Ok((report, accounts))
}

/// The last runs, the latest first.
///
/// # Errors
/// [`Fault`] when they cannot be read.
pub async fn reports<P: KeyValue>(ports: &P) -> Result<Vec<Report>, Fault> {
    Ok(read(ports, REPORTS_ENTRY).await?.unwrap_or_default())
}

/// Where the refused batches are kept.
pub const REFUSED: &str = "refused/";

/// Where a refused batch is kept.
pub fn refused_entry(key: &str, account: Option<&AccountId>) -> String {
    format!("{REFUSED}{key}/{}", account.map_or("-", AccountId::as_str))
}

/// A run under way: batches wait by account until there are enough of them to be handed in.
struct Run<'a, P> {
    ports: &'a P,
    report: Report,
    due: BTreeMap<AccountId, Vec<AccountBatch>>,
}

impl<P: SettlementPorts> Run<'_, P> {
    /// Sorts batches by account, and hands in where enough have come together.
    async fn take(&mut self, found: Vec<Journaled>) {
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
                due.push(part);
                if due.len() >= HANDED_AT_ONCE {
                    let batches = std::mem::take(due);
                    self.hand_in(&account, batches).await;
                }
            }
        }
    }

    async fn hand_in_all(&mut self) {
        // The accounts stay in the map, empty: they are the ones to be swept.
        let accounts: Vec<AccountId> = self.due.keys().cloned().collect();
        for account in accounts {
            let batches = self.due.get_mut(&account).map(std::mem::take).unwrap_or_default();
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
                self.report.left += count;
            }
            Err(fault) => {
                tell(self.ports, "settlement.left", &[("account", account), ("batches", &count)], &fault);
                self.report.left += count;
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
                self.report.left += 1;
            }
        }
    }

    /// Lets the time pass for the accounts that had batches, and for some of the others in turn. Returns where the next
    /// sweep goes on.
    async fn sweep(&mut self, after: Option<String>, settled_until: Timestamp) -> Result<Option<String>, Fault> {
        for account in self.due.keys() {
            self.tick(account, settled_until).await;
        }
        let page = self.ports.list(ACCOUNTS, after.as_deref(), SWEPT).await?;
        for key in &page.items {
            let account = key.strip_prefix(ACCOUNTS).and_then(|id| id.parse().ok());
            if let Some(account) = account.filter(|account| !self.due.contains_key(account)) {
                self.tick(&account, settled_until).await;
            }
        }
        Ok(page.cursor)
    }

    async fn tick(&self, account: &AccountId, settled_until: Timestamp) {
        match self.ports.execute(account, None, &Command::Tick { settled_until }).await {
            Ok(Ok(_)) => {}
            Ok(Err(refusal)) => tell(self.ports, "tick.refused", &[("account", account)], &refusal),
            Err(fault) => tell(self.ports, "tick.failed", &[("account", account)], &fault),
        }
    }
}

/// Where the key-value store lists the accounts.
const ACCOUNTS: &str = "account/";

async fn keep<P: KeyValue>(ports: &P, report: &Report) -> Result<(), Fault> {
    let mut reports = reports(ports).await?;
    reports.insert(0, report.clone());
    reports.truncate(REPORTS);
    write(ports, REPORTS_ENTRY, &reports).await
}
