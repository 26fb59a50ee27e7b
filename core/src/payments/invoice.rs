//! Invoices: a document for each payment, and for each month that is over.
//!
//! Invariants: a document says what its seller, its buyer and its tax were when it was made, whatever is changed later. What its lines
//! come to is its total. A tax is in the document of the payment, where the money came in, and in no other: so none is paid twice.

use serde::{Deserialize, Serialize};

use super::order::{Mode, Order};
use crate::{
    catalog::{Invoicing, Tax},
    id::{AccountId, OrderId},
    ledger::{Bought, Event, Statement},
    money::{Currency, Micros},
    time::{Month, Timestamp},
};

/// A document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// Counts from 1 for the provider, without gaps; documents of test payments count by themselves.
    pub sequence: u64,
    /// As it is written: the prefix and the sequence.
    pub number: String,
    /// Whether money moved.
    pub mode: Mode,
    /// When it was made.
    pub issued: Timestamp,
    /// What it is of.
    pub of: Subject,
    /// Whose.
    pub account: AccountId,
    /// Who sells, a line each.
    pub seller: Vec<String>,
    /// Who buys, a line each.
    pub buyer: Vec<String>,
    /// Of all amounts.
    pub currency: Currency,
    /// What was sold.
    pub lines: Vec<Line>,
    /// What the lines come to, with tax.
    pub total: Micros,
    /// The tax in it; `None` where there is none, or where it is in the documents of the payments.
    pub tax: Option<TaxLine>,
}

/// What a document is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Subject {
    /// A payment.
    Payment {
        /// For which order.
        order: OrderId,
        /// The service's own name for it.
        payment: String,
    },
    /// What was bought from the balance in a month.
    Month {
        /// Which, in UTC.
        month: Month,
    },
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What was sold.
    pub text: String,
    /// What it cost, with tax; negative where money went back to the balance.
    pub amount: Micros,
}

/// A tax.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxLine {
    /// As it is called.
    pub name: String,
    /// In percent.
    pub percent: Micros,
    /// The part of the total that is tax.
    pub amount: Micros,
}

impl Subject {
    /// What names it among the documents of its account.
    pub fn key(&self) -> String {
        match self {
            Self::Payment { order, .. } => order.to_string(),
            Self::Month { month } => month.to_string(),
        }
    }
}

/// What is the same on every document that a provider makes.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// What the catalog says of invoices.
    pub invoicing: &'a Invoicing,
    /// Who buys, a line each.
    pub buyer: &'a [String],
    /// When it is made.
    pub issued: Timestamp,
}

impl Head<'_> {
    /// The document of a payment for `order`.
    pub fn of_payment(&self, order: &Order, payment: &str) -> Invoice {
        let text = match &order.buys {
            None => "Recharge".to_owned(),
            Some(Bought::Package(terms)) => format!("{} of {}", terms.offer, terms.product),
            Some(Bought::Plan(terms)) => format!("{} of {}", terms.offer, terms.product),
        };
        let of = Subject::Payment { order: order.id.clone(), payment: payment.to_owned() };
        let tax = self.invoicing.tax.as_ref().map(|Tax { name, percent }| {
            let amount = Tax { name: String::new(), percent: *percent }.within(order.amount, order.currency);
            TaxLine { name: name.clone(), percent: *percent, amount }
        });
        let line = Line { text, amount: order.amount };
        Invoice { tax, ..self.unnumbered(of, &order.account, order.mode, order.currency, vec![line]) }
    }

    /// The document of a month, of which `statement` must be.
    pub fn of_month(&self, month: Month, mode: Mode, statement: &Statement) -> Invoice {
        let lines = statement.entries.iter().filter(|stated| stated.amount != Micros::ZERO);
        let mut lines: Vec<Line> = lines
            .filter_map(|stated| Some(Line { text: sold(&stated.entry.event)?, amount: stated.amount.negated() }))
            .collect();
        let used = statement.charges.iter().filter(|charge| charge.charged != Micros::ZERO);
        lines.extend(used.map(|charge| Line {
            text: format!("Use of {} in {}", charge.product, charge.month),
            amount: charge.charged,
        }));
        self.unnumbered(Subject::Month { month }, &statement.account, mode, statement.currency, lines)
    }

    fn unnumbered(
        &self,
        of: Subject,
        account: &AccountId,
        mode: Mode,
        currency: Currency,
        lines: Vec<Line>,
    ) -> Invoice {
        let total = lines.iter().fold(Micros::ZERO, |sum, line| sum.saturating_add(line.amount));
        Invoice {
            sequence: 0,
            number: String::new(),
            mode,
            issued: self.issued,
            of,
            account: account.clone(),
            seller: self.invoicing.seller.clone(),
            buyer: self.buyer.to_vec(),
            currency,
            lines,
            total,
            tax: None,
        }
    }
}

impl Invoice {
    /// The same with the number after `last`.
    #[must_use]
    pub fn numbered(self, last: u64, prefix: &str) -> Self {
        let sequence = last.saturating_add(1);
        let mark = match self.mode {
            Mode::Live => "",
            Mode::Test => "TEST-",
        };
        Self { sequence, number: format!("{mark}{prefix}{sequence}"), ..self }
    }
}

/// What an entry that moved the balance has sold. `None` for money that came in or went out, which has documents of its own, and for
/// use, which stands by product.
fn sold(event: &Event) -> Option<String> {
    match event {
        Event::Purchased { terms, .. } => Some(format!("{} of {}", terms.offer, terms.product)),
        Event::Subscribed(began) => Some(format!("{} of {}", began.terms.offer, began.terms.product)),
        Event::PlanChanged(change) => Some(format!("{} of {}", change.terms.offer, change.terms.product)),
        Event::Renewed { subscription, .. } => Some(format!("{subscription}, the next period")),
        Event::SubscriptionEnded { subscription, .. } => Some(format!("{subscription}, paid back")),
        Event::Adjusted { reason, .. } => Some(reason.clone()),
        Event::Opened { .. }
        | Event::Recharged { .. }
        | Event::Refunded { .. }
        | Event::Leased(_)
        | Event::Settled(_)
        | Event::UsageSealed(_)
        | Event::Lapsed { .. }
        | Event::GrantExpired { .. }
        | Event::TermsSet(_)
        | Event::RenewalFailed { .. }
        | Event::CancellationSet { .. }
        | Event::Noticed(_)
        | Event::StatusSet { .. }
        | Event::StatementClosed { .. }
        | Event::BatchesForgotten { .. }
        | Event::TillBegun { .. }
        | Event::RolledOver(_) => None,
    }
}
