//! Money that a payment service has received, and what it buys in the same step; and money that such a service has taken back.
//!
//! Invariants: a payment is booked once, under the service's own id, with what it bought: no call comes between and spends the money
//! first. What the account cannot be sold any more leaves the money in its balance; no payment is lost for that.
#![deny(clippy::float_arithmetic)]

use serde::{Deserialize, Serialize};

use super::{
    account::Account,
    books::Book,
    command::{PackageTerms, Refusal},
    decide::{Decision, fits, payable, purchase, recharge},
    draft::Draft,
    entry::{Cause, Hash},
    event::Event,
    evolve::booked,
    renewal,
    subscription::PlanTerms,
};
use crate::{
    id::{OrderId, ProductId},
    money::{Currency, Micros},
    time::Timestamp,
};

/// An offer that a payment buys in the step in which its money comes in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "there is one in a payment, and it goes with it")]
pub enum Bought {
    /// A package.
    Package(PackageTerms),
    /// A plan, with its first period.
    Plan(PlanTerms),
}

impl Bought {
    /// What it costs now.
    pub fn price(&self) -> Micros {
        match self {
            Self::Package(terms) => terms.price,
            Self::Plan(terms) => terms.first_price().saturating_add(terms.setup_fee),
        }
    }

    /// The product that it pays for.
    pub const fn product(&self) -> &ProductId {
        match self {
            Self::Package(terms) => &terms.product,
            Self::Plan(terms) => &terms.product,
        }
    }
}

/// A payment that a service has received for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paid {
    /// The order.
    pub order: OrderId,
    /// What the statement names it by: the service, and its own id of the payment.
    pub reference: String,
    /// What was received: more than nothing.
    pub amount: Micros,
    /// Must be the account's.
    pub currency: Currency,
    /// What it buys, at the terms of the order.
    pub buys: Option<Bought>,
}

impl Paid {
    /// What its key is remembered with. Told again after its order's time, it is the same payment, though it would buy nothing.
    /// So the offer is not part of it. The hash is stored; a test pins it.
    pub(super) fn content(&self) -> Hash {
        Hash::of(&("pay", &self.order, &self.reference, self.amount, self.currency))
    }
}

/// The cause stands on the last entry, so that a repetition is answered with the grant.
pub(super) fn pay(mut draft: Draft<'_>, cause: Option<Cause>, paid: &Paid, at: Timestamp) -> Result<Decision, Refusal> {
    let recharged = recharge(draft.account(), paid.amount, paid.currency, Some(paid.reference.clone()))?;
    let event = match &paid.buys {
        None => recharged,
        Some(bought) => {
            let mut tried = draft.clone();
            tried.append(None, recharged.clone());
            match sell(tried.account(), bought, at) {
                Ok(sold) => {
                    draft = tried;
                    sold
                }
                Err(_) => recharged,
            }
        }
    };
    draft.append(cause, event.clone());
    let answer = booked(draft.account().balance(), draft.account().version, &event);
    Ok(draft.finish(answer))
}

fn sell(account: &Account, bought: &Bought, at: Timestamp) -> Result<Event, Refusal> {
    match bought {
        Bought::Package(terms) => purchase(account, terms, at),
        Bought::Plan(terms) => renewal::subscribe(account, terms, at),
    }
}

/// Unlike a refund by the provider it is not held against what is left: the money has gone.
pub(super) fn reverse(account: &Account, amount: Micros, reference: String) -> Result<Event, Refusal> {
    let received = account.books.get(Book::Payments).negated();
    if !amount.is_positive() || amount > received || !fits(account, Book::Payments, amount.negated()) {
        return Err(Refusal::Amount);
    }
    payable(account, amount)?;
    Ok(Event::Refunded { amount, reference: Some(reference) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_a_payment_is_what_books_hold() {
        let paid = Paid {
            order: "ord_1".parse().unwrap(),
            reference: "stripe pi_1".to_owned(),
            amount: Micros::new(5_000_000),
            currency: "USD".parse().unwrap(),
            buys: None,
        };
        let hash = paid.content().to_string();
        assert_eq!(&hash[..16], "c497e33d887fcc62", "keys in books are remembered with this: do not change it");
    }
}
