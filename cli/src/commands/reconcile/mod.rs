//! `farebox reconcile`: what a payment service says that it moved, held against the books.
//!
//! Invariant: what differs is named, and what is not compared is counted. The service's key is the user's own, so this program needs no
//! more of it than to read, and says nothing of it.

mod stripe;

use clap::{Args, Subcommand};
use farebox_core::{
    id::AccountId,
    ledger::Entry,
    money::Currency,
    payments::reconciliation::{Difference, Moved, Sums, booked, differences},
    time::{DAY, Millis, Timestamp},
};
use serde_json::{Value, json};

use super::Format;
use crate::{
    admin::{Admin, Connection, at_once},
    given, output,
};

/// How much later than it happened something may be booked: an operator lets the service tell an event again for a month.
const TOLD_WITHIN: Millis = 31 * DAY;

const COLUMNS: [&str; 6] = ["payment", "differs", "time", "account", "there", "here"];

/// Reconcile: what a payment service says that it moved, against the books
#[derive(Debug, Subcommand)]
pub(crate) enum Reconcile {
    Stripe(Stripe),
}

/// Hold Stripe's balance transactions against the books, to the cent, and name each difference
///
/// Reads Stripe with the restricted key in the environment's STRIPE_API_KEY, which may read balance transactions and charges. Exits
/// with 1 when something differs.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  farebox reconcile stripe --from 2026-11-01 --to 2026-12-01")]
pub(crate) struct Stripe {
    /// What was moved from this time on: a day, a moment, or a distance such as -30d
    #[arg(long, value_name = "TIME", value_parser = given::moment, allow_hyphen_values = true)]
    from: Timestamp,
    /// What was moved before this time, written likewise
    #[arg(long, value_name = "TIME", value_parser = given::moment, allow_hyphen_values = true, default_value = "now")]
    to: Timestamp,
    #[command(flatten)]
    format: Format,
}

impl Reconcile {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        match self {
            Self::Stripe(stripe) => stripe.run(connection),
        }
    }
}

impl Stripe {
    fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let (admin, service) = (connection.admin()?, stripe::Api::of_environment()?);
        let since = Timestamp::from_millis(self.from.millis().saturating_sub(TOLD_WITHIN));
        let stripe::Moves { ours: there, others } = service.moves(since)?;
        let here = books(&admin, since)?;
        let found = differences(&there, &here, self.from, self.to);
        let compared = there.iter().filter(|moved| moved.at >= self.from && moved.at < self.to).count();
        let rows: Vec<Value> = found.iter().map(row).collect();
        if self.format.json {
            println!("{}", json!({ "compared": compared, "others": others, "differences": rows }));
        } else {
            if !rows.is_empty() {
                print!("{}", output::table(&rows, &COLUMNS));
            }
            println!("{compared} of Stripe's balance transactions are of orders; {} differ", found.len());
            let others = others.iter().map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>().join(", ");
            if !others.is_empty() {
                println!("not compared since {since}: {others}");
            }
        }
        match found.len() {
            0 => Ok(()),
            1 => anyhow::bail!("1 payment, refund or dispute differs"),
            count => anyhow::bail!("{count} payments, refunds or disputes differ"),
        }
    }
}

/// What the books of all accounts say that Stripe has moved since then.
fn books(admin: &Admin, since: Timestamp) -> anyhow::Result<Vec<Moved>> {
    let accounts = admin.list("accounts", &[])?;
    let accounts: Vec<AccountId> = accounts.iter().filter_map(|account| account["id"].as_str()?.parse().ok()).collect();
    let of_account = |account: &AccountId| {
        let items = admin.list(&format!("accounts/{account}/entries"), &[("from", &since.to_string())])?;
        let entries: Vec<Entry> = serde_json::from_value(Value::Array(items))?;
        // The currency is asked for where there is money: most accounts have paid nothing lately.
        if booked(stripe::NAME, account, Currency::NONE, &entries).next().is_none() {
            return Ok(Vec::new());
        }
        let balance = admin.get(&format!("accounts/{account}/balance"))?;
        let currency: Currency = balance["currency"].as_str().unwrap_or_default().parse()?;
        Ok(booked(stripe::NAME, account, currency, &entries).collect::<Vec<_>>())
    };
    Ok(at_once(&accounts, of_account)?.concat())
}

fn row(found: &Difference) -> Value {
    let Difference { name, kind, account, at, there, here } = found;
    json!({
        "payment": name, "differs": kind.as_str(), "time": at, "account": account, "there": shown(there), "here": shown(here)
    })
}

fn shown(sums: &Sums) -> String {
    let each = sums.iter().map(|(currency, amount)| format!("{} {currency}", currency.show(*amount)));
    let shown = each.collect::<Vec<_>>().join(", ");
    if shown.is_empty() { "-".to_owned() } else { shown }
}
