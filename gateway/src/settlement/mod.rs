//! The settlement run: from the usage journal into the ledger of each account.
//!
//! Invariant: whatever is interrupted, repeated or done twice at once, each batch is booked once, because the ledger
//! remembers what it booked. The checkpoint only saves work: it says up to which window everything was handed in that the
//! store may show late ([`UsageJournal::shown_within`]); younger windows are walked again by the next run. A run that is
//! behind moves it page by page, so that one that is ended anywhere has come nearer.

mod handing_in;

use farebox_core::{
    id::AccountId,
    journal::{TIME_TO_LIVE, Window},
    ledger::{
        REMEMBERED,
        command::{AccountBatch, Seen},
    },
    time::{HOUR, MINUTE, Millis, Timestamp},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use self::handing_in::Run;

use crate::{
    log::tell,
    metrics::{self, TOTALS_HOLD},
    ports::{Documents, Fault, Host, KeyValue, Ledger, UsageJournal},
    stored::{change, read, write},
    webhooks::leave_notice,
};

/// How far ahead of ours the clock of an instance may be.
const CLOCKS_DIFFER: Millis = 2 * MINUTE;

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
pub trait SettlementPorts: KeyValue + Documents + UsageJournal + Ledger + Host {}

impl<P: KeyValue + Documents + UsageJournal + Ledger + Host> SettlementPorts for P {}

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
    /// Once for each run that met it again.
    #[serde(default)]
    pub(crate) known: u64,
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
    if totals(ports).await?.told.is_some_and(|told| now.since(told) < TOLD_AGAIN_AFTER) {
        return Ok(());
    }
    leave_notice(ports, "settlement.failed", now, failure).await?;
    change(ports, TOTALS_ENTRY, |totals: &mut Totals| totals.told = Some(now)).await.map(drop)
}

/// Adds a run to the totals. One that had nothing to do is added from time to time, so that it shows that there are any.
async fn add_up<P: SettlementPorts>(ports: &P, report: &Report, now: Timestamp) -> Result<(), Fault> {
    let totals = totals(ports).await?;
    let is_well = report.left == 0 && report.refused == 0;
    let recovers = is_well && totals.told.is_some();
    if report.batches == 0 && !recovers && totals.whole.is_some_and(|whole| now.since(whole) < TOTALS_HOLD) {
        return Ok(());
    }
    metrics::sweep(ports, now).await?;
    let add = |totals: &mut Totals| {
        totals.applied += report.applied;
        totals.known += report.known;
        totals.refused += report.refused;
        totals.left += report.left;
        if report.left == 0 {
            totals.whole = totals.whole.max(Some(now));
        }
        if is_well {
            totals.told = None;
        }
    };
    change(ports, TOTALS_ENTRY, add).await.map(drop)
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
    let newest = Window::of(now.plus(-ports.shown_within()));
    let from = first_window(checkpoint.settled, newest, now);
    let until = Window::of(now.plus(CLOCKS_DIFFER));
    let mut run = Run::new(ports, now);
    // The first run walks all of time, in a few lists; but there is nothing older than a batch lives.
    let walked = from.max(Window::of(now.plus(-TIME_TO_LIVE)));
    run.report.windows = u64::try_from(until.0 - walked.0 + 1).unwrap_or(0);
    let mut reached = from;
    ports
        .read(from, until, async |found| {
            let begun = found.last().map(|last| last.window);
            run.take(found).await;
            if let Some(begun) = begun.filter(|begun| reached < *begun && *begun < newest) {
                reached = begun;
                run.hand_in_all().await;
                if run.report.left == 0 {
                    checkpoint.settled = reached.0;
                    save(ports, &checkpoint).await;
                }
            }
        })
        .await?;
    run.hand_in_all().await;
    let settled = newest.max(from);
    let whole = run.report.left == 0;
    let seen = Seen {
        settled_until: settled.start(),
        heard_until: now.plus(-ports.shown_as_a_rule_within()),
        read_from: from.start(),
    };
    let swept = run.sweep(checkpoint.swept.clone(), seen).await?;
    let (report, accounts) = run.end();
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

/// Keeps how far a run has come that may be ended before it is through: a platform lets none run for ever, and after a long
/// outage there is much to do. The batches come in order, so what was begun before the last one seen has all been handed in.
async fn save<P: SettlementPorts>(ports: &P, checkpoint: &Checkpoint) {
    if let Err(fault) = write(ports, CHECKPOINT_ENTRY, checkpoint).await {
        tell(ports, "settlement.unsaved", &[], &fault);
    }
}

/// Where a run begins to read: where the one before says, unless that one's clock was ahead of ours. Then it may have passed
/// over batches, and what ledgers remember at least is read again.
fn first_window(settled: i64, newest: Window, now: Timestamp) -> Window {
    if settled <= newest.0 { Window(settled) } else { Window::of(now.plus(-REMEMBERED)) }
}

/// A run's report as it is kept: its number is one more than that of the run before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// Names the run. 0 where it was kept before runs had numbers.
    #[serde(default)]
    pub(crate) number: u64,
    #[serde(flatten)]
    pub(crate) report: Report,
}

/// The last runs, the latest first.
///
/// # Errors
/// [`Fault`] when they cannot be read.
pub(crate) async fn reports<P: KeyValue>(ports: &P) -> Result<Vec<Kept>, Fault> {
    let mut reports: Vec<Kept> = read(ports, REPORTS_ENTRY).await?.unwrap_or_default();
    number(&mut reports);
    Ok(reports)
}

/// Numbers the runs that were kept before runs had numbers.
fn number(reports: &mut [Kept]) {
    for (number, kept) in (1..).zip(reports.iter_mut().rev()) {
        kept.number = if kept.number == 0 { number } else { kept.number };
    }
}

/// Where the refused batches are kept.
pub const REFUSED: &str = "refused/";

/// Where a refused batch is kept.
pub fn refused_entry(key: &str, account: Option<&AccountId>) -> String {
    format!("{REFUSED}{key}/{}", account.map_or("-", AccountId::as_str))
}

async fn keep<P: Documents>(ports: &P, report: &Report) -> Result<(), Fault> {
    let add = |reports: &mut Vec<Kept>| {
        number(reports);
        let number = reports.first().map_or(0, |last| last.number) + 1;
        reports.insert(0, Kept { number, report: report.clone() });
        reports.truncate(REPORTS);
    };
    change(ports, REPORTS_ENTRY, add).await.map(drop)
}
