//! The messages in an account's book.

use farebox_core::{
    id::AccountId,
    ledger::{Account, Event},
    time::Timestamp,
    webhook,
};

use crate::{
    ledger::{Accounts, EntryRange, EntryStore, PAGE, ask},
    ports::Fault,
    reports::Outbox,
};

/// The messages after entry `after` that were booked at `from` or later: at most `limit`, and of one page of the book.
///
/// # Errors
/// The store failed, or holds a broken book.
pub async fn outbox<S: EntryStore>(
    store: &S,
    accounts: &Accounts,
    id: &AccountId,
    (after, from, limit): (u64, Option<Timestamp>, u16),
) -> Result<Option<Outbox>, Fault> {
    let account = ask(store, accounts, id, Account::clone).await?;
    if !account.is_open() {
        return Ok(None);
    }
    if account.version() <= after {
        return Ok(Some(Outbox { seen: after, more: false, messages: Vec::new() }));
    }
    let entries = store.entries(id, &EntryRange { from, ..EntryRange::after(after, PAGE) }).await?;
    let mut messages = Vec::new();
    let mut seen = after;
    for entry in &entries {
        if messages.len() >= usize::from(limit) {
            return Ok(Some(Outbox { seen, more: true, messages }));
        }
        let mut bought = false;
        if let Some(grant) = webhook::asks_for_origin(&entry.event) {
            let origin = store.entries(id, &EntryRange::after(grant.0.saturating_sub(1), 1)).await?;
            bought = origin.first().is_some_and(|origin| matches!(origin.event, Event::Purchased { .. }));
        }
        messages.extend(webhook::message(id, &account, entry, bought));
        seen = entry.seq;
    }
    Ok(Some(Outbox { seen, more: entries.len() >= PAGE, messages }))
}
