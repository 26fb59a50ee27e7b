//! `farebox entries`: an account's book, entry by entry.
//!
//! The book is a chain of hashes. It is verified here, entry by entry, so that one need not believe the server that
//! nothing in it was changed afterwards.

use anyhow::Context;
use clap::Args;
use farebox_core::{
    ledger::{Book, Entry, Event, Hash, verify},
    money::Micros,
};
use serde_json::{Value, json};

use super::Format;
use crate::{admin::Connection, named::Named, output};

/// List the ledger's entries of an account, and verify that they follow from one another
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  farebox entries acc_1")]
pub(crate) struct Entries {
    /// The account: its id, or its name
    account: Named,
    #[command(flatten)]
    format: Format,
}

impl Entries {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let admin = connection.admin()?;
        let items = admin.list(&format!("accounts/{}/entries", self.account.id(&admin)?), &[])?;
        let entries: Vec<Entry> = serde_json::from_value(Value::Array(items.clone()))
            .context("the gateway's entries are of another version than this program")?;
        if self.format.json {
            self.format.list(items, &[]);
        } else {
            let rows: Vec<_> = entries.iter().map(row).collect();
            print!("{}", output::table(&rows, &["entry", "time", "what", "detail", "balance"]));
        }
        verify(0, Hash::default(), &entries).context("the book is not as it was written")?;
        Ok(())
    }
}

/// An entry as a row of a table.
pub(super) fn row(entry: &Entry) -> Value {
    let detail = match &entry.event {
        Event::Opened { currency } => currency.to_string(),
        Event::Recharged { reference, .. } | Event::Refunded { reference, .. } => reference.clone().unwrap_or_default(),
        Event::Adjusted { reason, .. } => reason.clone(),
        Event::Purchased { terms, .. } => format!("{} of {}", terms.offer, terms.product),
        Event::Subscribed(subscribed) => format!("{} of {}", subscribed.terms.offer, subscribed.terms.product),
        Event::PlanChanged(changed) => format!("{} to {}", changed.subscription, changed.terms.offer),
        Event::Renewed { subscription, .. }
        | Event::RenewalFailed { subscription, .. }
        | Event::CancellationSet { subscription }
        | Event::SubscriptionEnded { subscription, .. } => subscription.to_string(),
        Event::Leased(leased) => format!("{} to {}", leased.product, leased.writer),
        Event::Settled(_) | Event::UsageSealed(_) => {
            let calls: u64 = entry.event.usage().map(|used| used.usage.calls).sum();
            format!("{calls} calls")
        }
        Event::Lapsed { leases } => format!("{} leases", leases.len()),
        Event::GrantExpired { grant, .. } => grant.to_string(),
        Event::RolledOver(rolled) => rolled.to_string(),
        Event::StatementClosed { month } => month.to_string(),
        Event::BatchesForgotten { before } => format!("begun before {}", before.start()),
        Event::StatusSet { suspended } => if *suspended { "suspended" } else { "active" }.to_owned(),
        Event::TermsSet(_) | Event::Noticed(_) | Event::TillBegun { .. } => String::new(),
    };
    let what = entry.event.name().replace('_', " ");
    let moved = entry.postings.iter().filter(|posting| posting.book == Book::Balance).map(|posting| posting.amount);
    let moved = moved.reduce(Micros::saturating_add).map(|amount| amount.to_string());
    json!({ "entry": entry.seq, "time": entry.at, "what": what, "detail": detail, "balance": moved })
}
