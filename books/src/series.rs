//! Usage by time, as it is kept beside the book: one row for each hour and one for each day.
//!
//! Decides what a row is called, what is added to it, and when rows that are too old are removed. Invariant: what is added to a
//! row is written in one step with the register that it was taken out of. So it is added once, whoever settles at the same time.
//! An account has at most [`Step::kept`] rows of each kind that are shown, and those of one day more.

use std::{collections::BTreeMap, ops::RangeInclusive};

use farebox_core::{
    id::AccountId,
    ledger::{Hours, Register, Series, Step, Tally},
    time::{DAY, HOUR, Timestamp},
};
use farebox_ports::{
    Fault,
    reports::{SeriesAsked, SeriesBy, SeriesPoint, UsageSeries},
};

use super::{ATTEMPTS, Accounts, EntryStore, PORT, ask};

/// A row of usage by time. Its number says which hour or day it is, below all numbers of a register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesRow {
    /// Its number.
    pub number: i64,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Above this are the numbers of entries, of the till and of a register's parts; from it on down, those of hours.
pub const SERIES_BELOW: i64 = -1_000_000_000;

/// The same for days. So there is room for the hours of 114,000 years.
const DAYS_BELOW: i64 = -2_000_000_000;

/// The number below which the rows of a step are.
const fn base(step: Step) -> i64 {
    match step {
        Step::Hour => SERIES_BELOW,
        Step::Day => DAYS_BELOW,
    }
}

/// The number of a row.
fn row(step: Step, number: i64) -> i64 {
    base(step) - number.clamp(0, SERIES_BELOW - DAYS_BELOW - 1)
}

/// The numbers of the rows of some hours or days. They fall while time rises.
fn rows(step: Step, first: i64, last: i64) -> RangeInclusive<i64> {
    row(step, last)..=row(step, first)
}

/// The rows in which `hours` are added to what the store holds, and whether one of them begins a day.
pub(crate) async fn added<S: EntryStore>(
    store: &S,
    account: &AccountId,
    hours: &Hours,
) -> Result<(Vec<SeriesRow>, bool), Fault> {
    let mut begins_day = false;
    let mut written = Vec::new();
    let mut days = Hours::new();
    for (hour, series) in hours {
        days.entry(hour.div_euclid(DAY / HOUR)).or_default().merge(series);
    }
    for (step, added) in [(Step::Hour, hours), (Step::Day, &days)] {
        let (Some((first, _)), Some((last, _))) = (added.first_key_value(), added.last_key_value()) else { continue };
        let mut held = read(store, account, rows(step, *first, *last)).await?;
        for (number, series) in added {
            let number = row(step, *number);
            begins_day |= step == Step::Day && !held.contains_key(&number);
            let sum = held.entry(number).or_default();
            sum.merge(series);
            written.push(SeriesRow { number, bytes: sum.to_bytes() });
        }
    }
    Ok((written, begins_day))
}

/// Removes the rows that are too old to be shown at `now`. What fails is done with the next day.
pub(crate) async fn forget<S: EntryStore>(store: &S, account: &AccountId, now: Timestamp) {
    for step in [Step::Hour, Step::Day] {
        let first_kept = step.number(now) - step.kept();
        if first_kept <= 0 {
            continue;
        }
        let _ = store.forget_series(account, rows(step, 0, first_kept - 1)).await;
    }
}

async fn read<S: EntryStore>(
    store: &S,
    account: &AccountId,
    rows: RangeInclusive<i64>,
) -> Result<BTreeMap<i64, Series>, Fault> {
    let read = |SeriesRow { number, bytes }| {
        let series = Series::from_bytes(&bytes).map_err(|error| Fault::Unreadable {
            port: PORT,
            what: format!("usage by time of {account}"),
            detail: error.to_string(),
        });
        Ok((number, series?))
    };
    store.series(account, rows).await?.into_iter().map(read).collect()
}

/// What was used by time: what rows say, and the register of hours that are in none yet.
pub(crate) async fn report<S: EntryStore>(
    store: &S,
    accounts: &Accounts,
    account: &AccountId,
    asked: &SeriesAsked,
) -> Result<Vec<UsageSeries>, Fault> {
    let step = asked.every;
    let (first, last) = (step.number(asked.from), step.number(asked.until.plus(-1)));
    for _ in 0..ATTEMPTS {
        let written = ask(store, accounts, account, |account| account.till().register()).await?;
        let register = if written == 0 { None } else { store.register(account).await? };
        let held = read(store, account, rows(step, first, last)).await?;
        // Who hands an hour over meanwhile has it in a row, or in the register that was read before, or in both.
        let again = ask(store, accounts, account, |account| account.till().register()).await?;
        if again != written || register.as_ref().map_or(0, Register::number) != written {
            continue;
        }
        let mut sums = Sums::default();
        for (number, series) in &held {
            sums.add(asked, base(step) - number, series);
        }
        for (hour, series) in register.iter().flat_map(Register::hours) {
            let number = step.number(Step::Hour.start(*hour));
            if (first..=last).contains(&number) {
                sums.add(asked, number, series);
            }
        }
        return Ok(sums.series(step));
    }
    Err(Fault::Unavailable { port: PORT, detail: format!("it was written {ATTEMPTS} times while it was read") })
}

/// What a series is of, as far as it is told apart: product, route, credential.
type Of = (Option<String>, Option<String>, Option<String>);

#[derive(Default)]
struct Sums(BTreeMap<Of, BTreeMap<i64, Tally>>);

impl Sums {
    fn add(&mut self, asked: &SeriesAsked, number: i64, series: &Series) {
        for (product, route, key, tally) in series.tallies() {
            let is_asked = asked.product.as_ref().is_none_or(|asked| asked == product)
                && asked.route.as_ref().is_none_or(|asked| asked == route)
                && asked.credential.as_ref().is_none_or(|asked| asked == key);
            if !is_asked {
                continue;
            }
            let product = Some(product.to_string());
            let of = match asked.by {
                SeriesBy::Total => (None, None, None),
                SeriesBy::Product => (product, None, None),
                SeriesBy::Route => (product, Some(route.to_owned()), None),
                SeriesBy::Credential => (None, None, Some(key.to_string())),
            };
            self.note(of, number, tally);
        }
        if asked.product.is_none() && asked.route.is_none() && asked.credential.is_none() {
            self.note((None, None, None), number, series.rest());
        }
    }

    fn note(&mut self, of: Of, number: i64, tally: &Tally) {
        if *tally != Tally::default() {
            self.0.entry(of).or_default().entry(number).or_default().add(tally);
        }
    }

    fn series(self, step: Step) -> Vec<UsageSeries> {
        let point = |(number, Tally { usage, statuses }): (i64, Tally)| SeriesPoint {
            at: step.start(number),
            calls: usage.calls,
            ingress_bytes: usage.ingress_bytes,
            egress_bytes: usage.egress_bytes,
            units: usage.units,
            uncharged: usage.uncharged,
            statuses: statuses.into(),
        };
        let series = |((product, route, credential), points): (Of, BTreeMap<i64, Tally>)| UsageSeries {
            product,
            route,
            credential,
            points: points.into_iter().map(point).collect(),
        };
        self.0.into_iter().map(series).collect()
    }
}
