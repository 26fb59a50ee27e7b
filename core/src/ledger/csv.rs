//! A statement as CSV (RFC 4180), for a spreadsheet: one row per balance, entry, usage, tier, charge, overrun and what is
//! unaccounted for. Invariant: a text that came from outside can neither break out of its field nor start a formula.

use std::fmt::Write;

use super::{
    event::{Event, Notice},
    statement::{StatedCharge, StatedEntry, Statement},
};
use crate::{meter::Meter, money::Currency};

/// What the columns are.
const HEADER: &str = "record,id,at,product,meter,quantity,price,amount,balance,detail\r\n";

/// One row. What a record does not have stays empty.
#[derive(Default)]
struct Row<'a> {
    record: &'a str,
    id: String,
    at: String,
    product: &'a str,
    meter: &'a str,
    quantity: String,
    price: String,
    amount: String,
    balance: String,
    detail: String,
}

impl Statement {
    /// The statement as CSV.
    pub fn to_csv(&self) -> String {
        let mut csv = HEADER.to_owned();
        let balance = |record, at: String, balance: String| Row { record, at, balance, ..Row::default() };
        let currency = self.currency;
        balance("opening", self.from.to_string(), currency.show(self.opening)).write(&mut csv);
        self.entries.iter().for_each(|stated| Row::of_entry(stated, currency).write(&mut csv));
        for (product, usage) in &self.usage {
            let product = product.as_str();
            let mut row = |record, meter, quantity: u64| {
                Row { record, product, meter, quantity: quantity.to_string(), ..Row::default() }.write(&mut csv);
            };
            for meter in [Meter::Calls, Meter::IngressBytes, Meter::EgressBytes] {
                row("usage", meter.as_str(), usage.get(meter));
            }
            if usage.units > 0 {
                row("usage", Meter::Units.as_str(), usage.units);
            }
            if usage.uncharged > 0 {
                row("not charged", Meter::Calls.as_str(), usage.uncharged);
            }
        }
        self.charges.iter().for_each(|charge| write_charge(charge, currency, &mut csv));
        for overrun in &self.overruns {
            let (id, quantity) = (overrun.grant.to_string(), overrun.amount.to_string());
            Row { record: "overrun", id, meter: overrun.meter.as_str(), quantity, ..Row::default() }.write(&mut csv);
        }
        for lost in &self.unaccounted {
            for (meter, amount) in lost.amount.iter() {
                let (id, quantity) = (lost.lease.to_string(), amount.to_string());
                Row { record: "unaccounted", id, meter: meter.as_str(), quantity, ..Row::default() }.write(&mut csv);
            }
        }
        let overdrawn = currency.show(self.overdrawn);
        Row { record: "overdrawn", amount: overdrawn, ..Row::default() }.write(&mut csv);
        balance("closing", self.until.to_string(), currency.show(self.closing)).write(&mut csv);
        csv
    }
}

fn write_charge(charge: &StatedCharge, currency: Currency, csv: &mut String) {
    let (id, product) = (charge.line.to_string(), charge.product.as_str());
    for tier in &charge.tiers {
        Row {
            record: "tier",
            id: id.clone(),
            product,
            meter: tier.meter.as_str(),
            quantity: tier.tier.units.to_string(),
            price: currency.show(tier.tier.per_block),
            detail: format!("per {}", tier.per),
            ..Row::default()
        }
        .write(csv);
    }
    Row {
        record: "charge",
        at: charge.month.to_string(),
        amount: currency.show(charge.charged),
        detail: format!("cost {}, forgiven {}", currency.show(charge.cost), currency.show(charge.forgiven)),
        id,
        product,
        ..Row::default()
    }
    .write(csv);
}

impl<'a> Row<'a> {
    fn of_entry(stated: &'a StatedEntry, currency: Currency) -> Self {
        let (product, detail) = describe(&stated.entry.event);
        Row {
            record: stated.entry.event.name(),
            product,
            detail,
            id: stated.entry.seq.to_string(),
            at: stated.entry.at.to_string(),
            amount: currency.show(stated.amount),
            balance: currency.show(stated.balance),
            ..Row::default()
        }
    }

    fn write(&self, csv: &mut String) {
        let numbers = [&self.quantity, &self.price, &self.amount, &self.balance];
        let texts = [self.record, &self.id, &self.at, self.product, self.meter];
        for field in texts.into_iter().chain(numbers.into_iter().map(String::as_str)) {
            csv.push_str(field);
            csv.push(',');
        }
        let _ = write!(csv, "{}\r\n", text(&self.detail));
    }
}

/// A field with a text from outside. A spreadsheet takes what begins with one of `=+-@` for a formula, so a space goes
/// before it.
fn text(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    format!("\"{}{}\"", if is_formula { " " } else { "" }, text.replace('"', "\"\""))
}

/// The product of an entry, and more words where there are some.
fn describe(event: &Event) -> (&str, String) {
    let reference = |text: &Option<String>| text.clone().unwrap_or_default();
    match event {
        Event::Opened { currency } => ("", currency.to_string()),
        Event::Recharged { reference: text, .. } | Event::Refunded { reference: text, .. } => ("", reference(text)),
        Event::Adjusted { reason, .. } => ("", reason.clone()),
        Event::Purchased { terms, .. } => (terms.product.as_str(), terms.offer.to_string()),
        Event::Leased(leased) => (leased.product.as_str(), String::new()),
        Event::Settled(settlement) => {
            let batches: usize = settlement.batches.iter().map(|writer| writer.batches.len()).sum();
            ("", format!("{batches} batches"))
        }
        Event::Lapsed { leases } => ("", format!("{} leases", leases.len())),
        Event::GrantExpired { grant, .. } => ("", grant.to_string()),
        Event::TermsSet(_) => ("", String::new()),
        Event::Subscribed(began) => (began.terms.product.as_str(), began.terms.offer.to_string()),
        Event::Renewed { subscription, .. }
        | Event::RenewalFailed { subscription, .. }
        | Event::CancellationSet { subscription }
        | Event::SubscriptionEnded { subscription, .. } => ("", subscription.to_string()),
        Event::PlanChanged(change) => (change.terms.product.as_str(), change.terms.offer.to_string()),
        Event::Noticed(Notice::LowBalance { limit, .. }) => ("", format!("the balance is below {limit}")),
        Event::Noticed(Notice::LowQuota { grant, meter, remaining }) => {
            ("", format!("{remaining} {} left of {grant}", meter.as_str()))
        }
        Event::Noticed(Notice::QuotaExhausted { grant, meter }) => {
            ("", format!("no {} left of {grant}", meter.as_str()))
        }
        Event::Noticed(Notice::BalanceExhausted { .. }) => ("", "the balance pays for no call".to_owned()),
        Event::Noticed(Notice::LimitReached { credential, limit, percent, .. }) => {
            ("", format!("{percent} % of the limit of {credential} per {} is spent", limit.per.as_str()))
        }
        Event::StatusSet { suspended } => ("", if *suspended { "suspended" } else { "active" }.to_owned()),
        Event::StatementClosed { month } => ("", month.to_string()),
        Event::BatchesForgotten { before } => ("", format!("begun before {}", before.start())),
        Event::TillBegun { .. } => ("", String::new()),
        Event::RolledOver(rolled) => ("", rolled.to_string()),
        Event::UsageSealed(sealed) => {
            let calls: u64 = sealed.usage.iter().map(|used| used.usage.calls).sum();
            ("", format!("{calls} calls"))
        }
    }
}
