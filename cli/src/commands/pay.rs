//! `farebox recharge`, `refund`, `adjust` and `buy`: the commands that move money.
//!
//! Each is sent under a name, so that sending it again after a lost answer moves the money once.

use clap::Args;
use farebox_core::{
    id::{OfferId, ProductId},
    money::{Currency, Micros},
};
use serde_json::{Value, json};

use super::Format;
use crate::{
    admin::{Connection, Idempotency},
    given,
    named::Named,
};

const COLUMNS: [&str; 4] = ["entry", "grant", "balance", "idempotency_key"];

/// Add money to an account's balance
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  farebox recharge acc_1 10.00 USD --reference invoice-7")]
pub(crate) struct Recharge {
    /// The account: its id, or its name
    account: Named,
    /// How much, as a decimal
    #[arg(value_parser = given::money_in)]
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
    /// The account: its id, or its name
    account: Named,
    /// How much, as a decimal; no more than is available
    #[arg(value_parser = given::money_back)]
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
    /// The account: its id, or its name
    account: Named,
    /// How much to add, as a decimal; a negative one takes away
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
    /// The account: its id, or its name
    account: Named,
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
        let admin = connection.admin()?;
        let path = format!("accounts/{}/recharges", self.account.id(&admin)?);
        let body = with_reference(json!({ "amount": self.amount, "currency": self.currency }), self.reference);
        self.format.record(&admin.pay(&path, &body, self.idempotency)?, &COLUMNS);
        Ok(())
    }
}

impl Refund {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let admin = connection.admin()?;
        let body = with_reference(json!({ "amount": self.amount }), self.reference);
        let path = format!("accounts/{}/refunds", self.account.id(&admin)?);
        self.format.record(&admin.pay(&path, &body, self.idempotency)?, &COLUMNS);
        Ok(())
    }
}

impl Adjust {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let admin = connection.admin()?;
        let body = json!({ "amount": self.amount, "reason": self.reason });
        let path = format!("accounts/{}/adjustments", self.account.id(&admin)?);
        self.format.record(&admin.pay(&path, &body, self.idempotency)?, &COLUMNS);
        Ok(())
    }
}

impl Buy {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let admin = connection.admin()?;
        let body = json!({ "product": self.product, "package": self.package });
        let path = format!("accounts/{}/purchases", self.account.id(&admin)?);
        self.format.record(&admin.pay(&path, &body, self.idempotency)?, &COLUMNS);
        Ok(())
    }
}

fn with_reference(mut body: Value, reference: Option<String>) -> Value {
    if let Some(reference) = reference {
        body["reference"] = json!(reference);
    }
    body
}
