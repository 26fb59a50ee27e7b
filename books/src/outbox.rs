//! The messages in an account's book.

use std::collections::BTreeSet;

use farebox_core::{
    id::AccountId,
    ledger::{Account, Event},
    time::Timestamp,
    webhook,
};
use farebox_ports::{Fault, reports::Outbox};

use crate::{Accounts, EntryStore, PAGE, ask, begins_after};

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
    let (is_open, version) = ask(store, accounts, id, |account| (account.is_open(), account.version())).await?;
    if !is_open {
        return Ok(None);
    }
    if version <= after {
        return Ok(Some(Outbox { seen: after, more: false, messages: Vec::new() }));
    }
    let after = begins_after(store, accounts, id, (after, from)).await?;
    let entries = store.entries(id, after, PAGE).await?;
    let mut bought = BTreeSet::new();
    for entry in &entries {
        if let Some(grant) = webhook::asks_for_origin(&entry.event) {
            let origin = store.entries(id, grant.0.saturating_sub(1), 1).await?;
            if origin.first().is_some_and(|origin| matches!(origin.event, Event::Purchased { .. })) {
                bought.insert(entry.seq);
            }
        }
    }
    // An account may be large: it is asked, not copied.
    let read = |account: &Account| {
        let (mut messages, mut seen) = (Vec::new(), after);
        for entry in &entries {
            if messages.len() >= usize::from(limit) {
                return Outbox { seen, more: true, messages };
            }
            messages.extend(webhook::message(id, account, entry, bought.contains(&entry.seq)));
            seen = entry.seq;
        }
        Outbox { seen, more: entries.len() >= PAGE, messages }
    };
    ask(store, accounts, id, read).await.map(Some)
}
