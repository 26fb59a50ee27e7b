//! A statement for people.
//!
//! Invariant: what is not shown is said: entries that moved no money are counted, and are in the other formats.

use std::fmt::Write;

use farebox_core::{
    ledger::{StatedCharge, StatedEntry, Statement},
    money::{Currency, Micros},
};
use serde_json::{Value, json};

use crate::{commands::entries, output};

/// The whole page.
pub(super) fn of(statement: &Statement) -> String {
    let head = ["account", "from", "until", "currency", "opening", "closing"];
    let currency = statement.currency;
    let mut shown = json!(statement);
    shown["opening"] = json!(currency.show(statement.opening));
    shown["closing"] = json!(currency.show(statement.closing));
    let mut page = output::record(&shown, &head);
    let (moved, still): (Vec<_>, Vec<_>) = statement.entries.iter().partition(|stated| stated.amount != Micros::ZERO);
    let rows = moved.into_iter().map(|stated| entry_row(stated, currency)).collect();
    section(&mut page, "Entries", rows, &["entry", "time", "what", "detail", "amount", "balance"]);
    if !still.is_empty() {
        let _ = writeln!(page, "and {} that moved no money, which --json and --csv show", still.len());
    }
    let used = statement.usage.iter().map(|(product, usage)| {
        json!({ "product": product, "calls": usage.calls, "ingress_bytes": usage.ingress_bytes,
            "egress_bytes": usage.egress_bytes, "units": usage.units })
    });
    let columns = ["product", "calls", "ingress_bytes", "egress_bytes", "units"];
    let counts_units = statement.usage.values().any(|usage| usage.units > 0);
    section(&mut page, "Usage", used.collect(), &columns[..columns.len() - usize::from(!counts_units)]);
    for (product, usage) in statement.usage.iter().filter(|(_, usage)| usage.uncharged > 0) {
        let calls = if usage.uncharged == 1 { "call" } else { "calls" };
        let _ = writeln!(page, "{} {calls} of {product} not charged", usage.uncharged);
    }
    let charges = statement.charges.iter().map(|charge| charge_row(charge, currency)).collect();
    section(&mut page, "Charges", charges, &["product", "month", "cost", "charged", "forgiven"]);
    let tiers = statement.charges.iter().flat_map(|charge| tier_rows(charge, currency)).collect();
    section(&mut page, "What they are made of", tiers, &["product", "month", "meter", "units", "price", "per"]);
    let overruns = statement
        .overruns
        .iter()
        .map(|overrun| json!({ "grant": overrun.grant.to_string(), "meter": overrun.meter, "amount": overrun.amount }));
    section(&mut page, "Used beyond what was bought", overruns.collect(), &["grant", "meter", "amount"]);
    section(&mut page, "Lost by the gateway, and not charged", lost(statement), &["lease", "meter", "at_most"]);
    if statement.overdrawn != Micros::ZERO {
        let _ = writeln!(page, "\nThe balance is overdrawn by {}.", currency.show(statement.overdrawn));
    }
    page
}

fn section(page: &mut String, title: &str, rows: Vec<Value>, columns: &[&str]) {
    if !rows.is_empty() {
        let _ = write!(page, "\n{title}:\n{}", output::table(&rows, columns));
    }
}

fn entry_row(stated: &StatedEntry, currency: Currency) -> Value {
    let mut row = entries::row(&stated.entry);
    row["amount"] = json!(currency.show(stated.amount));
    row["balance"] = json!(currency.show(stated.balance));
    row
}

fn charge_row(charge: &StatedCharge, currency: Currency) -> Value {
    let forgiven = (charge.forgiven != Micros::ZERO).then(|| currency.show(charge.forgiven));
    json!({ "product": charge.product, "month": charge.month.to_string(), "cost": currency.show(charge.cost),
        "charged": currency.show(charge.charged), "forgiven": forgiven })
}

fn tier_rows(charge: &StatedCharge, currency: Currency) -> impl Iterator<Item = Value> {
    charge.tiers.iter().map(move |stated| {
        json!({ "product": charge.product, "month": charge.month.to_string(), "meter": stated.meter,
            "units": stated.tier.units, "price": currency.show(stated.tier.per_block), "per": stated.per })
    })
}

/// What instances that died may have let through; nobody knows, so nobody pays.
fn lost(statement: &Statement) -> Vec<Value> {
    let rows = statement.unaccounted.iter().flat_map(|lost| {
        let row = |(meter, amount)| json!({ "lease": lost.lease.to_string(), "meter": meter, "at_most": amount });
        lost.amount.iter().map(row)
    });
    rows.collect()
}
