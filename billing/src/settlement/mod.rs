//! The settlement run: from the usage journal into the ledger of each account.
//!
//! Invariant: whatever is interrupted, repeated or done twice at once, each batch is booked once, because the ledger remembers
//! what it booked. The checkpoint only saves work, so that no batch is read twice. It says up to which window everything was
//! handed in that the store may show late ([`UsageJournal::shown_within`]), and which batches of younger windows were. A run ends
//! before the platform ends it ([`Host::operations`]): what it could not do is taken up by the next one.

mod aside;
mod checkpoint;
mod handing_in;
mod run;
mod time;
mod walk;

use std::collections::BTreeSet;

use farebox_core::{
    id::AccountId,
    journal::{TIME_TO_LIVE, Window},
    ledger::{
        REMEMBERED,
        command::{AccountBatch, Seen},
    },
    time::{HOUR, MINUTE, Millis, SECOND, Timestamp},
};
use farebox_ports::{
    Documents, DueIndex, Fault, Host, KeyValue, Ledger, UsageJournal,
    keys::{REFUSED, SETTLEMENT_REPORTS, SETTLEMENT_TOTALS},
    log::tell,
    stored::{change, read},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use self::{
    checkpoint::{Checkpoint, Kept as KeptCheckpoint, Step, Sweep},
    run::Run,
    time::Time,
    walk::Walked,
};
use crate::{Trigger, counted::Counted, counters_sweep, webhooks::leave_notice};

/// How far ahead of ours the clock of an instance may be.
const CLOCKS_DIFFER: Millis = 2 * MINUTE;

/// How many reports are kept.
const REPORTS: usize = 50;

/// After how many windows without a batch the checkpoint is written all the same: a quiet gateway writes once an hour.
const CHECKPOINT_EVERY: i64 = 60;

/// After how long the provider is told again of a settlement that goes on failing.
const TOLD_AGAIN_AFTER: Millis = HOUR;

/// How old usage gets that was not handed in before the provider is told. It is a small part of the eight days for which the
/// journal keeps it.
const LAGS_AFTER: Millis = HOUR;

/// The operations that are kept for the end of a run: to keep its checkpoint, its report and its totals, and to warn.
const KEPT_TO_THE_LAST: u32 = 30;

/// How long the settlement may leave its totals as they are while there is nothing to settle.
const TOTALS_HOLD: Millis = 10 * MINUTE;

/// All that the settlement needs.
pub trait SettlementPorts: KeyValue + Documents + UsageJournal + Ledger + DueIndex + Host {}

impl<P: KeyValue + Documents + UsageJournal + Ledger + DueIndex + Host> SettlementPorts for P {}

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
    /// Left for the next run, because an account did not answer, or the run had done as much as one may.
    pub left: u64,
    /// How old the oldest usage is that is in the journal and was not handed in, in seconds; 0 when there is none.
    #[serde(default)]
    pub lag_seconds: i64,
    /// How many operations the platform was asked for until the report was written.
    #[serde(default)]
    pub operations: u32,
}

/// What all runs did together, for the operator.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Up to when usage that was journaled has been handed in: the time of the last run, less its lag.
    pub whole: Option<Timestamp>,
    /// Batches that were booked.
    pub applied: u64,
    /// Batches that were booked before, once for each run that met it again.
    #[serde(default)]
    pub known: u64,
    /// Batches that were not booked, and never will be.
    pub refused: u64,
    /// Batches that were left for the next run, once for each run that left them.
    pub left: u64,
    /// When the provider was last told that it fails, where the last run did.
    pub told: Option<Timestamp>,
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

/// Settles everything that can be seen, and does what the time demands of the accounts. The report is kept.
///
/// # Errors
/// [`Fault`] when the journal or the checkpoint cannot be read; what was handed in by then stays.
pub async fn run<P: SettlementPorts>(ports: &P, now: Timestamp) -> Result<Report, Fault> {
    Ok(settle(&Counted::new(ports), now, Trigger::Request).await?.0)
}

/// The same, with the accounts that had usage or of which something was due. A run that the clock starts keeps its report only when
/// there was something to settle, so that a quiet gateway writes next to nothing.
pub(crate) async fn settle<P: SettlementPorts>(
    ports: &Counted<'_, P>,
    now: Timestamp,
    trigger: Trigger,
) -> Result<(Report, Vec<AccountId>), Fault> {
    let (report, accounts) = watched(ports, now).await?;
    if trigger == Trigger::Request || report.batches > 0 {
        keep(ports, &report).await?;
    }
    Ok((report, accounts))
}

/// A run of which the provider is told when it cannot settle everything, or has been behind for long.
async fn watched<P: SettlementPorts>(
    ports: &Counted<'_, P>,
    now: Timestamp,
) -> Result<(Report, Vec<AccountId>), Fault> {
    let run = walk(ports, now).await;
    let failure = match &run {
        Ok(Done { report, is_silent, .. }) => {
            let lags = report.lag_seconds >= LAGS_AFTER / SECOND;
            let Report { refused, left, lag_seconds, .. } = report;
            (*refused > 0 || *is_silent || lags)
                .then(|| json!({ "refused": refused, "left": left, "lag_seconds": lag_seconds }))
        }
        Err(_) => Some(json!({ "stopped": true })),
    };
    let is_well = failure.is_none();
    if let Some(failure) = failure
        && let Err(fault) = warn(ports, failure, now).await
    {
        tell(ports, "settlement.untold", &[], &fault);
    }
    let Done { report, accounts, .. } = run?;
    add_up(ports, &report, is_well, now).await?;
    Ok((report, accounts))
}

/// Tells the provider, unless that was done lately: what fails in one run fails in the next ones too.
async fn warn<P: SettlementPorts>(ports: &P, failure: serde_json::Value, now: Timestamp) -> Result<(), Fault> {
    if totals(ports).await?.told.is_some_and(|told| now.since(told) < TOLD_AGAIN_AFTER) {
        return Ok(());
    }
    leave_notice(ports, "settlement.failed", now, failure).await?;
    change(ports, SETTLEMENT_TOTALS, |totals: &mut Totals| totals.told = Some(now)).await.map(drop)
}

/// Adds a run to the totals. One that had nothing to do is added from time to time, so that it shows that there are any.
async fn add_up<P: SettlementPorts>(
    ports: &Counted<'_, P>,
    report: &Report,
    is_well: bool,
    now: Timestamp,
) -> Result<(), Fault> {
    let totals = totals(ports).await?;
    let recovers = is_well && totals.told.is_some();
    if report.batches == 0
        && report.applied == 0
        && !recovers
        && totals.whole.is_some_and(|whole| now.since(whole) < TOTALS_HOLD)
    {
        return Ok(());
    }
    counters_sweep::sweep(ports, now, ports.left(KEPT_TO_THE_LAST)).await?;
    let add = |totals: &mut Totals| {
        totals.applied += report.applied;
        totals.known += report.known;
        totals.refused += report.refused;
        totals.left += report.left;
        let settled = now.plus(-report.lag_seconds * SECOND);
        totals.whole = totals.whole.max(Some(settled));
        if is_well {
            totals.told = None;
        }
    };
    change(ports, SETTLEMENT_TOTALS, add).await.map(drop)
}

/// What all runs did together.
///
/// # Errors
/// [`Fault`] when it cannot be read.
pub async fn totals(ports: &impl KeyValue) -> Result<Totals, Fault> {
    Ok(read(ports, SETTLEMENT_TOTALS).await?.unwrap_or_default())
}

/// Whether the last runs left nothing for the next one, and one walked the journal within the last `millis`.
pub(crate) async fn is_whole(
    ports: &(impl Documents + UsageJournal),
    now: Timestamp,
    millis: Millis,
) -> Result<bool, Fault> {
    let Checkpoint { settled, swept, aside, .. } = KeptCheckpoint::read(ports).await?.checkpoint;
    let walked = settled.start().plus(ports.shown_within());
    Ok(swept.is_none() && aside.is_empty() && (0..millis).contains(&now.since(walked)))
}

/// What a run came to.
struct Done {
    report: Report,
    /// The accounts that had usage, and after them those of which something was due.
    accounts: Vec<AccountId>,
    /// Whether something was left for another reason than that a run may do only so much.
    is_silent: bool,
}

/// How many operations a run keeps for what comes after. It reads until a third of them is spent, hands in until a sixth is left,
/// and lets the time pass until a tenth is left. A run of 900 so asks 450 ledgers when there is much to read, and 700 when not.
#[derive(Clone, Copy)]
struct Shares {
    reading: u32,
    handing_in: u32,
    time: u32,
}

impl Shares {
    fn of(most: u32) -> Self {
        Self { reading: most - most / 3, handing_in: most / 6, time: (most / 10).max(KEPT_TO_THE_LAST) }
    }
}

async fn walk<P: SettlementPorts>(ports: &Counted<'_, P>, now: Timestamp) -> Result<Done, Fault> {
    let shares = Shares::of(ports.most());
    let mut kept = KeptCheckpoint::read(ports).await?;
    let Checkpoint { settled, swept, sweep_began, turn, answered: known, aside } = kept.checkpoint.clone();
    let sweep = Sweep { after: swept, began: sweep_began };
    let newest = Window::of(now.plus(-ports.shown_within()));
    let from = first_window(settled, newest, now);
    let until = Window::of(now.plus(CLOCKS_DIFFER));
    let mut run = Run::new(ports, now, from);
    // The first run walks all of time, in a few lists; but there is nothing older than a batch lives.
    let walked = from.max(Window::of(now.plus(-TIME_TO_LIVE)));
    run.report.windows = u64::try_from(until.0 - walked.0 + 1).unwrap_or(0);
    let taken_up = run.take_up(&aside, shares.reading).await;
    let mut step = Step { newest, sweep: sweep.clone(), ..Step::default() };
    let mut cursor = None;
    while let Walked::Page(next) = run.walk((from, until), cursor.as_deref(), &known, shares.reading).await? {
        cursor = Some(next);
        // A platform lets no run go on for ever: one that is ended after a page has brought the next one nearer.
        if run.commands() < usize::try_from(ports.left(shares.reading)).unwrap_or(usize::MAX) {
            run.hand_in(turn.as_ref(), shares.handing_in).await;
            run.record(&mut step, newest.max(from));
            if let Err(fault) = kept.save(ports, &step).await {
                tell(ports, "settlement.unsaved", &[], &fault);
            }
        }
    }
    run.hand_in(turn.as_ref(), shares.handing_in).await;
    let waiting: BTreeSet<AccountId> = run.due.keys().cloned().collect();
    let unseen = aside.iter().filter(|aside| !taken_up.contains(&aside.key)).map(|aside| aside.oldest).min();
    let oldest = run.oldest_waiting().into_iter().chain(unseen).min();
    let is_silent = !run.silent.is_empty() || run.report.left > 0;
    step.turn = run.turn.take().filter(|_| !waiting.is_empty());
    step.taken_up = taken_up;
    run.set_aside(&mut step).await;
    run.record(&mut step, newest.max(from));
    let complete = newest.max(from).min(run.complete_until());
    let heard = now.plus(-ports.shown_as_a_rule_within()).min(run.complete_until().start());
    let read_from = oldest.map_or(from, |oldest| oldest.min(from)).start();
    let time = Time {
        now,
        seen: Seen { settled_until: complete.start(), heard_until: heard, read_from: from.start() },
        behind: Seen { settled_until: read_from, heard_until: read_from, read_from },
        waiting: &waiting,
        all_wait: unseen.is_some(),
        settled: &run.settled,
    };
    let passed = time::pass(ports, &time, sweep.clone(), shares.time).await?;
    step.sweep = passed.sweep;
    let moved = step.settled.0 - kept.checkpoint.settled.0;
    let is_changed = run.report.batches > 0 || !aside.is_empty() || step.sweep != sweep;
    if is_changed || !(0..CHECKPOINT_EVERY).contains(&moved) {
        kept.save(ports, &step).await?;
        run.remove(step.taken_up).await;
    }
    ports.forget(from).await?;
    let behind = oldest.into_iter().chain((run.reached <= until).then_some(run.reached)).min();
    run.report.lag_seconds = behind.map_or(0, |window| now.since(window.start()).max(0) / SECOND);
    run.report.operations = ports.spent();
    let due = passed.due.into_iter().filter(|account| !run.settled.contains_key(account));
    let accounts = run.settled.keys().cloned().chain(due).collect();
    Ok(Done { report: run.report, accounts, is_silent })
}

/// Where a run begins to read: where the one before says, unless that one's clock was ahead of ours. Then it may have passed
/// over batches, and what ledgers remember at least is read again.
fn first_window(settled: Window, newest: Window, now: Timestamp) -> Window {
    if settled <= newest { settled } else { Window::of(now.plus(-REMEMBERED)) }
}

/// A run's report as it is kept: its number is one more than that of the run before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Names the run. 0 where it was kept before runs had numbers.
    #[serde(default)]
    pub number: u64,
    /// What it did.
    #[serde(flatten)]
    pub report: Report,
}

/// The last runs, the latest first.
///
/// # Errors
/// [`Fault`] when they cannot be read.
pub async fn reports<P: KeyValue>(ports: &P) -> Result<Vec<Kept>, Fault> {
    let mut reports: Vec<Kept> = read(ports, SETTLEMENT_REPORTS).await?.unwrap_or_default();
    number(&mut reports);
    Ok(reports)
}

/// Numbers the runs that were kept before runs had numbers.
fn number(reports: &mut [Kept]) {
    for (number, kept) in (1..).zip(reports.iter_mut().rev()) {
        kept.number = if kept.number == 0 { number } else { kept.number };
    }
}

/// Where a refused batch is kept.
pub fn refused_entry(key: &str, account: Option<&AccountId>) -> String {
    format!("{REFUSED}{key}/{}", account.map_or("-", AccountId::as_str))
}

async fn keep(ports: &impl Documents, report: &Report) -> Result<(), Fault> {
    let add = |reports: &mut Vec<Kept>| {
        number(reports);
        let number = reports.first().map_or(0, |last| last.number) + 1;
        reports.insert(0, Kept { number, report: report.clone() });
        reports.truncate(REPORTS);
    };
    change(ports, SETTLEMENT_REPORTS, add).await.map(drop)
}
