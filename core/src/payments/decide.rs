//! What happens to an order, or why nothing does. It asks no clock: in time is what was paid in time, however late it is told.
//!
//! An order takes its payment before the ledger books it, so that of two payments one is booked. Taking loses nothing: whoever comes
//! with the same payment goes on to the ledger, which books it under its id.

use serde::{Deserialize, Serialize};

use super::order::{End, Order, Payment, PaymentId, Status};
use crate::time::Timestamp;

/// What is asked of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Takes a payment, before it is booked.
    Take(Payment),
    /// Says that the payment that was taken is booked.
    Book {
        /// Which.
        payment: PaymentId,
        /// The ledger's entry.
        entry: u64,
        /// The grant that it bought.
        grant: Option<u64>,
    },
    /// Says that nothing will be paid.
    End(End),
}

/// What happened to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A payment was taken.
    Taken {
        /// Which.
        payment: PaymentId,
        /// When it was made.
        made: Timestamp,
    },
    /// The payment was booked.
    Booked {
        /// Which.
        payment: PaymentId,
        /// The ledger's entry.
        entry: u64,
        /// The grant that it bought.
        grant: Option<u64>,
    },
    /// Nothing will be paid.
    Ended(End),
}

/// Why a payment is not booked. The operator is told, since the money is with the payment service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// It names another order.
    #[error("the payment names another order")]
    Order,
    /// It names another account.
    #[error("the payment names another account than the order")]
    Account,
    /// A test payment for a live order, or the other way.
    #[error("the payment and the order are of different modes: live and test never mix")]
    Mode,
    /// Money of another currency.
    #[error("the payment has another currency than the order")]
    Currency,
    /// More or less than the order's amount.
    #[error("the payment has another amount than the order")]
    Amount,
    /// Another payment was taken for the order.
    #[error("another payment was taken for this order")]
    Paid,
}

/// Decides on `command`.
///
/// # Errors
/// Why a payment is not the order's. Nothing happens then.
pub fn decide(order: &Order, command: &Command) -> Result<Vec<Event>, Refused> {
    match command {
        Command::Take(payment) => take(order, payment),
        Command::Book { payment, entry, grant } => Ok(match &order.status {
            Status::Taken { payment: taken, .. } if taken == payment => {
                vec![Event::Booked { payment: payment.clone(), entry: *entry, grant: *grant }]
            }
            Status::Paid { payment: paid, .. } if paid == payment => Vec::new(),
            Status::Open | Status::Ended { .. } | Status::Taken { .. } | Status::Paid { .. } => {
                return Err(Refused::Paid);
            }
        }),
        Command::End(end) => Ok(match &order.status {
            Status::Open => vec![Event::Ended(*end)],
            // What was told late does not take back what was paid.
            Status::Ended { .. } | Status::Taken { .. } | Status::Paid { .. } => Vec::new(),
        }),
    }
}

fn take(order: &Order, payment: &Payment) -> Result<Vec<Event>, Refused> {
    let Payment { id, order: named, account, mode, amount, currency, made } = payment;
    let differs = [
        (*named != order.id, Refused::Order),
        (*account != order.account, Refused::Account),
        (*mode != order.mode, Refused::Mode),
        (*currency != order.currency, Refused::Currency),
        (*amount != order.amount, Refused::Amount),
    ];
    if let Some((_, refused)) = differs.into_iter().find(|(differs, _)| *differs) {
        return Err(refused);
    }
    match &order.status {
        // The service has the money, also where it said before that nothing would be paid.
        Status::Open | Status::Ended { .. } => Ok(vec![Event::Taken { payment: id.clone(), made: *made }]),
        Status::Taken { payment: taken, .. } | Status::Paid { payment: taken, .. } if taken == id => Ok(Vec::new()),
        Status::Taken { .. } | Status::Paid { .. } => Err(Refused::Paid),
    }
}

impl Order {
    /// The order after `event`.
    #[must_use]
    pub fn evolve(self, event: &Event) -> Self {
        let status = match event.clone() {
            Event::Taken { payment, made } => Status::Taken { payment, made },
            Event::Booked { payment, entry, grant } => Status::Paid { payment, entry, grant },
            Event::Ended(end) => Status::Ended { end },
        };
        Self { status, ..self }
    }
}
