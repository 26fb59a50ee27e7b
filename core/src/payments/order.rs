//! An order, and a payment for one.
//!
//! Invariant: an order keeps the price and the terms that it was made with, whatever the catalog says later. It sells them only
//! for money that was paid in time.

use serde::{Deserialize, Serialize};

use crate::{
    id::{AccountId, OrderId},
    ledger::{Bought, IdempotencyKey},
    money::{Currency, Micros},
    time::Timestamp,
};

/// The name that a payment service has given to a payment: `pi_…` at Stripe.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PaymentId(pub String);

/// Whether money moves, or a payment service plays that it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Money moves.
    Live,
    /// It does not.
    Test,
}

/// What an account wants to pay for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Names it, at the payment service too.
    pub id: OrderId,
    /// Who gets what is paid for.
    pub account: AccountId,
    /// Which payments pay for it.
    pub mode: Mode,
    /// Exactly what is to be paid.
    pub amount: Micros,
    /// In which currency.
    pub currency: Currency,
    /// What the money buys at once; `None` for a recharge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buys: Option<Bought>,
    /// When it was made.
    pub created: Timestamp,
    /// Until when its price is good. Money that is paid later comes into the balance and buys nothing by itself.
    pub until: Timestamp,
    /// What became of it.
    pub status: Status,
}

/// How far an order is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Status {
    /// Nothing was paid.
    Open,
    /// The payment service has said that nothing will be paid.
    Ended {
        /// Why.
        end: End,
    },
    /// A payment was taken, and may be booked already.
    Taken {
        /// Which.
        payment: PaymentId,
        /// When it was made.
        made: Timestamp,
    },
    /// The payment is booked.
    Paid {
        /// Which.
        payment: PaymentId,
        /// The ledger's last entry of it.
        entry: u64,
        /// The grant that it bought. A recharge has none, nor has an offer that the account could not be sold any more.
        grant: Option<u64>,
    },
}

/// Why nothing will be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Its time is over.
    Expired,
    /// The payment failed.
    Failed,
}

/// A payment, as its service shows it when it is read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The service's own name for it.
    pub id: PaymentId,
    /// The order that it names.
    pub order: OrderId,
    /// The account that it names.
    pub account: AccountId,
    /// Whether money moved.
    pub mode: Mode,
    /// What was received.
    pub amount: Micros,
    /// In which currency.
    pub currency: Currency,
    /// When it was made, by the service's clock.
    pub made: Timestamp,
}

impl Order {
    /// What a payment that was made at `made` buys.
    pub fn bought_at(&self, made: Timestamp) -> Option<&Bought> {
        self.buys.as_ref().filter(|_| made <= self.until)
    }
}

/// The key under which the ledger books a payment: once, in whatever order and however often it is told.
pub fn booking_key(service: &str, payment: &PaymentId) -> IdempotencyKey {
    IdempotencyKey(format!("payment/{service}/{}", payment.0))
}
