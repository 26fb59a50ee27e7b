//! A statement is read from the end of a month before it, and says what one that is read from the book's beginning says.

use farebox_core::{
    id::AccountId,
    ledger::{Account, IdempotencyKey, Statement, StatementWriter},
    time::{DAY, Timestamp},
};
use farebox_ports::reports::{Query, Report};

use super::{all, recharge, time};
use crate::{Accounts, EntryStore, execute, report};

/// More than a month lies between two entries.
const BETWEEN: i64 = 32 * DAY;

/// The most rows that a statement of one entry reads: what a command reads, and an entry for each halving of the book.
const ROWS_OF_A_STATEMENT: u64 = 40;

pub(super) async fn check<S: EntryStore>(store: &S, account: &AccountId) {
    let before = all(store, account).await.len() as u64;
    let (first, last) = (time(0).plus(BETWEEN), time(0).plus(2 * BETWEEN));
    for (month, at) in [first, last].into_iter().enumerate() {
        let key = IdempotencyKey(format!("month-{month}"));
        let done = execute(store, &Accounts::default(), account, Some(&key), &recharge(1), at).await;
        assert!(matches!(done, Ok(Ok(_))), "a recharge is booked: {done:?}");
    }
    let whole = all(store, account).await;
    let end_before = |at: Timestamp| whole.iter().filter(|entry| entry.at < at).count() as u64;
    for at in [first, last] {
        let kept = store.month_end(account, end_before(at)).await.expect("a month's end is read");
        let kept = kept.and_then(|bytes| Account::from_snapshot(&bytes)).expect("each month's end is kept");
        assert_eq!(kept.version(), end_before(at), "it is of the last entry before the month");
        assert_statement(store, account, at).await;
    }
    assert_eq!(store.month_end(account, before - 1).await, Ok(None), "nothing is kept within a month");
    store.save_month_end(account, whole.len() as u64, b"of another form").await.expect("a month's end is saved");
    assert_statement(store, account, last.plus(1)).await;
}

/// Asks for a statement of one moment of the long book that [`super::check`] leaves. `rows_read` says how many rows the store has read.
pub(super) async fn check_rows_read<S: EntryStore>(store: &S, account: &AccountId, rows_read: impl Fn() -> u64) {
    let before = rows_read();
    drop(stated(store, account, time(0).plus(2 * BETWEEN)).await);
    let read = rows_read() - before;
    assert!(read <= ROWS_OF_A_STATEMENT, "a statement of one entry of a long book read {read} rows");
}

async fn stated<S: EntryStore>(store: &S, account: &AccountId, from: Timestamp) -> Statement {
    let query = Query::Statement { from, until: from.plus(1) };
    match report(store, &Accounts::default(), account, &query).await {
        Ok(Ok(Report::Statement(statement))) => *statement,
        other => panic!("who asks for a statement got {other:?}"),
    }
}

async fn assert_statement<S: EntryStore>(store: &S, account: &AccountId, from: Timestamp) {
    let stated = stated(store, account, from).await;
    let mut writer = StatementWriter::new(from, from.plus(1));
    let whole = all(store, account).await;
    let _ = whole.iter().all(|entry| writer.add(entry));
    assert_eq!(Some(stated), writer.finish(account.clone()), "a month's end stands for all entries before it");
}
