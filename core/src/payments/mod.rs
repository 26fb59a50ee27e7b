//! Orders: what an account wants to pay for, and what a payment service says was paid for it, as a decider: `decide(order,
//! command)` says what happens to an order, or why nothing does, and `Order::evolve` what the order is then.
//!
//! Invariants (money rule 9): one payment at most is taken for an order, and its amount, currency, account, mode and order are the
//! order's own. A payment that was taken is told again as often as its service likes, and an order that was paid stays paid.
//!
//! [`reconciliation`] holds what a service says that it moved against what is booked.

pub mod coins;
mod decide;
pub mod invoice;
mod order;
pub mod reconciliation;
pub mod transactions;

pub use decide::{Command, Event, Refused, decide};
pub use order::{End, Mode, Order, Payment, PaymentId, Status, booking_key};
