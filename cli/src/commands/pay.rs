//! `farebox recharge`, `refund`, `adjust` and `buy`: the commands that move money.
//!
//! Each is sent under a name, so that sending it again after a lost answer moves the money once.

use clap::Args;
use farebox_core::{
    id::{AccountId, OfferId, ProductId},
    money::{Currency, Micros},
};
use serde_json::{Value, json};

use super::Format;
use crate::admin::{Connection, Idempotency};

const COLUMNS: [&str; 4] = ["entry", "grant", "balance", "idempotency_key"];

/// Add money to an account's balance
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  farebox recharge acc_1 10.00 USD --reference invoice-7")]
pub(crate) struct Recharge {
    /// The account's id
    account: AccountId,
    /// How much, as a decimal
    amount: Micros,
    /// The currency, such as USD
    currency: Currency,
    /// Your own reference: an invoice, a payment
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
    #[command(flatten)]
    idempotency: Idempotency,
    #[command(flatten)]
    format: Format,
}

/// Pay money back from an account's balance
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  farebox refund acc_1 4.00 --reference invoice-7")]
pub(crate) struct Refund {
    /// The account's id
    account: AccountId,
    /// How much, as a decimal; no more than is available
    amount: Micros,
    /// Your own reference: an invoice, a payment
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
    #[command(flatten)]
    idempotency: Idempotency,
    #[command(flatten)]
    format: Format,
}

/// Correct an account's balance, up or down
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  farebox adjust acc_1 -1.50 'charged twice by invoice-7'")]
pub(crate) struct Adjust {
    /// The account's id
    account: AccountId,
    /// How much to add, as a decimal; a negative one takes away
    #[arg(allow_negative_numbers = true)]
    amount: Micros,
    /// Why, for the statement
    reason: String,
    #[command(flatten)]
    idempotency: Idempotency,
    #[command(flatten)]
    format: Format,
}

/// Buy a package for an account, from its balance
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  farebox buy acc_1 demo demo-100")]
pub(crate) struct Buy {
    /// The account's id
    account: AccountId,
    /// The product's id in the catalog
    product: ProductId,
    /// The package's id in the catalog
    package: OfferId,
    #[command(flatten)]
    idempotency: Idempotency,
    #[command(flatten)]
    format: Format,
}

impl Recharge {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let body = json!({ "amount": self.amount, "currency": self.currency });
        let (path, body) = (format!("accounts/{}/recharges", self.account), with_reference(body, self.reference));
        self.format.record(&connection.admin()?.pay(&path, &body, self.idempotency)?, &COLUMNS);
        Ok(())
    }
}

impl Refund {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let body = with_reference(json!({ "amount": self.amount }), self.reference);
        let path = format!("accounts/{}/refunds", self.account);
        self.format.record(&connection.admin()?.pay(&path, &body, self.idempotency)?, &COLUMNS);
        Ok(())
    }
}

impl Adjust {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let body = json!({ "amount": self.amount, "reason": self.reason });
        let path = format!("accounts/{}/adjustments", self.account);
        self.format.record(&connection.admin()?.pay(&path, &body, self.idempotency)?, &COLUMNS);
        Ok(())
    }
}

impl Buy {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let body = json!({ "product": self.product, "package": self.package });
        let path = format!("accounts/{}/purchases", self.account);
        self.format.record(&connection.admin()?.pay(&path, &body, self.idempotency)?, &COLUMNS);
        Ok(())
    }
}

fn with_reference(mut body: Value, reference: Option<String>) -> Value {
    if let Some(reference) = reference {
        body["reference"] = json!(reference);
    }
    body
}
