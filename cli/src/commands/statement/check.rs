//! Whether a statement is as the provider wrote it, and if not, where it is not.
//!
//! Invariant: what an entry says is only shown once the chain of entries, every balance and the seal were found to hold.

use anyhow::{anyhow, ensure};
use farebox_core::ledger::{BadStatement, Hash, StatedEntry, Statement};
use serde::Deserialize;
use serde_json::{Value, json};

/// Reads a statement and verifies it.
///
/// # Errors
/// The first thing that is wrong, with the number of the entry where it is in one.
pub(super) fn statement(text: &str) -> anyhow::Result<Statement> {
    Statement::from_json(text).map_err(|error| match error {
        BadStatement::Unreadable(_) | BadStatement::Strange => {
            misspelt_entry(text).map_or_else(|| error.into(), |place| anyhow!(place))
        }
        BadStatement::Seal => anyhow!("the entries and balances hold, but something else was changed: {error}"),
        _ => error.into(),
    })
}

/// The first entry that cannot be read, or that is written in another way than the provider writes it. Its own number may
/// be what was changed, so it is counted.
fn misspelt_entry(text: &str) -> Option<String> {
    let read: Value = serde_json::from_str(text).ok()?;
    let after = read["after"].as_u64()?;
    (after.saturating_add(1)..).zip(read["entries"].as_array()?).find_map(|(seq, item)| match StatedEntry::deserialize(
        item,
    )
    .and_then(serde_json::to_value)
    {
        Err(error) => Some(format!("entry {seq} cannot be read: {error}")),
        Ok(written) if written != *item => Some(format!("entry {seq} is not written as the provider writes it")),
        Ok(_) => None,
    })
}

/// Checks that `statement` goes on where `before` ended.
///
/// # Errors
/// Where it does not.
pub(super) fn follows(before: &Statement, statement: &Statement) -> anyhow::Result<()> {
    ensure!(before.account == statement.account, "it is of another account than the one before it");
    let (last, hash) = end(before);
    ensure!(last == statement.after, "it follows entry {}; the one before it ends with entry {last}", statement.after);
    ensure!(hash == statement.link, "entry {last} is another one on the statement before it");
    ensure!(before.closing == statement.opening, "it does not open with the balance of the one before it");
    Ok(())
}

/// What was verified, as a row of a table.
pub(super) fn summary(statement: &Statement) -> Value {
    let Statement { account, from, until, opening, closing, currency, .. } = statement;
    let (last, head) = end(statement);
    json!({
        "account": account, "from": from, "until": until, "entries": statement.entries.len(), "last": last, "head": head,
        "opening": currency.show(*opening), "closing": currency.show(*closing), "currency": currency,
    })
}

/// The number and the hash of the last entry of the book at the end of the period.
fn end(statement: &Statement) -> (u64, Hash) {
    let last = statement.entries.last().map(|stated| (stated.entry.seq, stated.entry.hash));
    last.unwrap_or((statement.after, statement.link))
}
