//! What every store must do with rows of usage by time. It writes them in one step with the register that they were taken out of,
//! finds them by their numbers, and removes them.

use farebox_core::{
    id::AccountId,
    journal::Window,
    ledger::{Account, Answer, Command, Step, command::AccountBatch, decide},
    time::{DAY, HOUR, Timestamp},
};
use farebox_ports::reports::{SeriesAsked, SeriesBy};

use super::{
    ENTRIES,
    tills::{batch, lease},
    time,
};
use crate::{Accounts, Change, EntryStore, SERIES_BELOW, SeriesRow, WriteError, ask, execute, series};

/// Runs every check on an account that is open, has a till and leases that are out.
pub(super) async fn check<S: EntryStore>(one: &S, other: &S, account: &AccountId) {
    rows_are_written_with_their_register_or_not_at_all(one, other, account).await;
    rows_take_the_place_of_those_before_and_are_removed_by_number(one, other, account).await;
    the_same_usage_is_shown_before_and_after_it_is_handed_over(one, other, account).await;
}

fn rows(numbers: &[i64], content: u8) -> Vec<SeriesRow> {
    let row = |number: &i64| SeriesRow { number: SERIES_BELOW - number, bytes: vec![content; 3_000] };
    numbers.iter().map(row).collect()
}

async fn held<S: EntryStore>(store: &S, id: &AccountId, first: i64, last: i64) -> Vec<(i64, u8)> {
    let rows = store.series(id, SERIES_BELOW - last..=SERIES_BELOW - first).await.expect("rows are read");
    let mut held: Vec<(i64, u8)> = rows.iter().map(|row| (SERIES_BELOW - row.number, row.bytes[0])).collect();
    assert!(rows.iter().all(|row| row.bytes.len() == 3_000), "a row reads back whole");
    held.sort_unstable();
    held
}

async fn account<S: EntryStore>(store: &S, id: &AccountId) -> Account {
    ask(store, &Accounts::default(), id, Clone::clone).await.expect("the account is read")
}

async fn write<S: EntryStore>(
    store: &S,
    id: &AccountId,
    known: &Account,
    rows: &[SeriesRow],
) -> Result<(), WriteError> {
    // It changes the till alone, so the register that is there still goes with it.
    let decision = decide(known, None, &lease("w6"), time(2 * ENTRIES)).expect("a lease is given");
    let register = store.register(id).await.expect("a register is read");
    let change = Change {
        after: known.version(),
        entries: &decision.entries,
        till: decision.till.as_ref(),
        replaces: known.till().number(),
        register: register.as_ref(),
        series: rows,
    };
    store.write(id, change).await
}

async fn rows_are_written_with_their_register_or_not_at_all<S: EntryStore>(one: &S, other: &S, id: &AccountId) {
    let numbers: Vec<i64> = (1..=60).collect();
    let known = account(one, id).await;
    let before = one.register(id).await.expect("a register is read");
    assert_eq!(write(one, id, &known, &rows(&numbers, 1)).await, Ok(()), "rows are written");
    assert_eq!(held(other, id, 1, 60).await.len(), 60, "what the one has written, the other reads");
    assert_eq!(held(other, id, 59, 70).await, [(59, 1), (60, 1)], "by their numbers, and no others");
    assert_eq!(other.register(id).await, Ok(before), "a register is no row of usage, and reads back as it was");
    let lost = write(other, id, &known, &rows(&numbers, 2)).await;
    assert_eq!(lost, Err(WriteError::Conflict), "what was decided on an older till is not written");
    assert_eq!(held(one, id, 1, 1).await, [(1, 1)], "nor are its rows");
}

async fn rows_take_the_place_of_those_before_and_are_removed_by_number<S: EntryStore>(
    one: &S,
    other: &S,
    id: &AccountId,
) {
    let known = account(one, id).await;
    assert_eq!(write(one, id, &known, &rows(&[2, 61], 3)).await, Ok(()), "rows are written");
    assert_eq!(held(other, id, 1, 3).await, [(1, 1), (2, 3), (3, 1)], "a row takes the place of the one before");
    other.forget_series(id, SERIES_BELOW - 60..=SERIES_BELOW - 1).await.expect("rows are removed");
    assert_eq!(held(one, id, 0, 100).await, [(61, 3)], "the others stay");
    one.forget_series(id, SERIES_BELOW - 61..=SERIES_BELOW - 61).await.expect("rows are removed");
    assert!(account(one, id).await.till().number() > 0, "and so does the book");
}

/// A call of the hour of `began` that is settled at `at`.
async fn use_once<S: EntryStore>(store: &S, id: &AccountId, writer: &str, (began, at): (Timestamp, Timestamp)) {
    let accounts = Accounts::default();
    let given = execute(store, &accounts, id, None, &lease(writer), at).await;
    let Ok(Ok(Answer::Leased(leased))) = given else { panic!("a lease got {given:?}") };
    let batches = vec![AccountBatch { window: Window::of(began), ..batch(writer, 1, leased.id) }];
    let done = execute(store, &accounts, id, None, &Command::Settle { batches }, at).await;
    assert!(matches!(done, Ok(Ok(_))), "a settlement is carried out: {done:?}");
}

/// What the product of the suite has used since `began`, row by row.
async fn shown<S: EntryStore>(store: &S, id: &AccountId, began: Timestamp, every: Step) -> Vec<u64> {
    let (from, until) = (began, began.plus(DAY));
    let (by, product) = (SeriesBy::Product, "p".parse().ok());
    let asked = SeriesAsked { every, from, until, by, product, route: None, credential: None };
    let series = series::report(store, &Accounts::default(), id, &asked).await.expect("usage by time is read");
    series.iter().flat_map(|series| &series.points).map(|point| point.calls).collect()
}

async fn the_same_usage_is_shown_before_and_after_it_is_handed_over<S: EntryStore>(one: &S, other: &S, id: &AccountId) {
    let began = time(ENTRIES).plus(2 * DAY);
    let waits = async |store: &S| {
        let register = store.register(id).await.expect("a register is read").expect("there is one");
        register.hours().len()
    };
    use_once(one, id, "w7", (began, began)).await;
    assert_eq!(waits(other).await, 1, "the register has it");
    for every in [Step::Hour, Step::Day] {
        assert_eq!(shown(other, id, began, every).await, [1], "and it is shown");
    }
    use_once(other, id, "w8", (began, began.plus(2 * HOUR))).await;
    assert_eq!(waits(one).await, 0, "the register has handed it over");
    use_once(one, id, "w9", (began, began.plus(3 * HOUR))).await;
    for every in [Step::Hour, Step::Day] {
        assert_eq!(shown(other, id, began, every).await, [3], "a row has it, and what came late");
    }
}
