//! The named books of an account, and which of them an event moves money between.
//!
//! Invariant: the postings of every event sum to zero, so the books of an account always do.
#![deny(clippy::float_arithmetic)]

use serde::{Deserialize, Serialize};

use super::event::{ClosedGrant, Event};
use super::usage::{Burn, Charge};
use crate::money::Micros;

/// One side of a posting. A positive amount is what the provider owes (the customer) or has earned (revenue). A negative one is
/// what it has received or given away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Book {
    /// What the customer has: its balance.
    Balance,
    /// Packages and periods that were paid and not used yet.
    DeferredRevenue,
    /// What was earned: usage that was paid for, and what expired unused.
    Revenue,
    /// Money received from the customer, as a negative amount.
    Payments,
    /// Corrections by the provider in the customer's favour, as a negative amount.
    Adjustments,
}

/// Money into a book, or out of it when the amount is negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// The book.
    pub book: Book,
    /// How much.
    pub amount: Micros,
}

/// What each book of an account holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Books([Micros; 5]);

impl Books {
    /// What one book holds.
    pub const fn get(&self, book: Book) -> Micros {
        self.0[book as usize]
    }

    pub(super) fn post(&mut self, postings: &[Posting]) {
        for posting in postings {
            let held = &mut self.0[posting.book as usize];
            *held = held.saturating_add(posting.amount);
        }
    }
}

/// The postings that an event makes. None for events that move quantities only.
pub fn postings(event: &Event) -> Vec<Posting> {
    match event {
        Event::Opened { .. }
        | Event::Leased(_)
        | Event::Lapsed { .. }
        | Event::TermsSet(_)
        | Event::RenewalFailed { .. }
        | Event::CancellationSet { .. }
        | Event::Noticed(_)
        | Event::StatusSet { .. }
        | Event::StatementClosed { .. }
        | Event::BatchesForgotten { .. }
        | Event::TillBegun { .. }
        | Event::RolledOver(_) => Vec::new(),
        Event::Refunded { amount, .. } => transfer(Book::Balance, Book::Payments, *amount),
        Event::Adjusted { amount, .. } => transfer(Book::Adjustments, Book::Balance, *amount),
        Event::Subscribed(began) => {
            let mut postings = transfer(Book::Balance, Book::DeferredRevenue, began.terms.first_price());
            postings.extend(transfer(Book::Balance, Book::Revenue, began.terms.setup_fee));
            postings
        }
        Event::Renewed { price, .. } => transfer(Book::Balance, Book::DeferredRevenue, *price),
        Event::SubscriptionEnded { closed, .. } => closing(closed.as_ref()),
        Event::PlanChanged(change) => {
            let mut postings = closing(change.closed.as_ref());
            postings.extend(transfer(Book::Balance, Book::DeferredRevenue, change.price));
            postings
        }
        Event::Recharged { amount, .. } => transfer(Book::Payments, Book::Balance, *amount),
        Event::Purchased { terms, .. } => transfer(Book::Balance, Book::DeferredRevenue, terms.price),
        Event::GrantExpired { forfeited, .. } => transfer(Book::DeferredRevenue, Book::Revenue, *forfeited),
        Event::Settled(_) | Event::UsageSealed(_) => {
            let (charges, burns) = event.charges();
            of_usage(charges, burns)
        }
    }
}

/// What usage moves: out of the balance, and out of what was paid ahead.
pub(super) fn of_usage(charges: &[Charge], burns: &[Burn]) -> Vec<Posting> {
    let charged = charges.iter().fold(Micros::ZERO, |sum, charge| sum.saturating_add(charge.charged));
    let earned = burns.iter().fold(Micros::ZERO, |sum, burn| sum.saturating_add(burn.earned));
    let mut postings = transfer(Book::Balance, Book::Revenue, charged);
    postings.extend(transfer(Book::DeferredRevenue, Book::Revenue, earned));
    postings
}

fn closing(closed: Option<&ClosedGrant>) -> Vec<Posting> {
    let Some(closed) = closed else { return Vec::new() };
    let mut postings = transfer(Book::DeferredRevenue, Book::Balance, closed.credit);
    postings.extend(transfer(Book::DeferredRevenue, Book::Revenue, closed.forfeited));
    postings
}

fn transfer(from: Book, to: Book, amount: Micros) -> Vec<Posting> {
    if amount == Micros::ZERO {
        return Vec::new();
    }
    vec![Posting { book: from, amount: amount.negated() }, Posting { book: to, amount }]
}
