//! How money comes in by a payment service: orders, their checkouts, and what the service tells of them.
//!
//! Orders are in the directory, not in the book. An order is no money, the chain holds what a customer would want to check, and a
//! change in the directory shows at once. Invariants (money rule 9): without a secret there is no intake. What an event names is
//! read again from the service before it is booked. The ledger books a payment under the service's own id. So its money is booked
//! once, however often it is told, and whenever a process ends.

mod checkouts;
mod intake;
mod invoice_page;
mod invoices;
mod orders;
mod reversals;
mod stripe;

pub use stripe::{Stripe, StripeSettings};

pub(crate) use checkouts::{Checkout, Wanted};
pub(crate) use invoices::{InvoiceRow, MonthWanted};
pub(crate) use orders::{ModeShown, OrderRow};
