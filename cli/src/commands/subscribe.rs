//! `farebox subscribe`, `subscriptions`, `plan` and `unsubscribe`: what an account pays for period by period.
//!
//! Beginning, changing and ending a subscription can each move money, so each is sent under a name.

use std::str::FromStr;

use anyhow::Context;
use clap::Args;
use farebox_core::id::{AccountId, OfferId, ProductId, SubscriptionId};
use serde_json::json;

use super::Format;
use crate::admin::{Connection, Idempotency};

const COLUMNS: [&str; 5] = ["subscription", "entry", "grant", "balance", "idempotency_key"];

/// Begin a subscription; its first period is paid for from the balance
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  farebox subscribe acc_1 demo demo-monthly")]
pub(crate) struct Subscribe {
    /// The account's id
    account: AccountId,
    /// The product's id in the catalog
    product: ProductId,
    /// The plan's id in the catalog
    plan: OfferId,
    #[command(flatten)]
    idempotency: Idempotency,
    #[command(flatten)]
    format: Format,
}

/// List the running subscriptions of an account
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  farebox subscriptions acc_1")]
pub(crate) struct Subscriptions {
    /// The account's id
    account: AccountId,
    #[command(flatten)]
    format: Format,
}

/// Change a subscription to another plan, now; what is left of the old one is credited
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  farebox plan acc_1 subscription-3 demo demo-large")]
pub(crate) struct Plan {
    /// The account's id
    account: AccountId,
    /// The subscription, as `subscriptions` lists it
    #[arg(value_parser = subscription)]
    subscription: SubscriptionId,
    /// The product's id in the catalog
    product: ProductId,
    /// The new plan's id in the catalog
    plan: OfferId,
    #[command(flatten)]
    idempotency: Idempotency,
    #[command(flatten)]
    format: Format,
}

/// End a subscription with the period that is paid for
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  farebox unsubscribe acc_1 subscription-3")]
pub(crate) struct Unsubscribe {
    /// The account's id
    account: AccountId,
    /// The subscription, as `subscriptions` lists it
    #[arg(value_parser = subscription)]
    subscription: SubscriptionId,
    /// End it now, and not with its period
    #[arg(long)]
    at_once: bool,
    #[command(flatten)]
    idempotency: Idempotency,
    #[command(flatten)]
    format: Format,
}

impl Subscribe {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let body = json!({ "product": self.product, "plan": self.plan });
        let path = format!("accounts/{}/subscriptions", self.account);
        self.format.record(&connection.admin()?.pay(&path, &body, self.idempotency)?, &COLUMNS);
        Ok(())
    }
}

impl Subscriptions {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let running = connection.admin()?.list(&format!("accounts/{}/subscriptions", self.account), &[])?;
        let columns = ["id", "product", "plan", "price", "every", "from", "until", "grant", "renews", "grace_until"];
        self.format.list(running, &columns);
        Ok(())
    }
}

impl Plan {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let body = json!({ "product": self.product, "plan": self.plan });
        let path = format!("accounts/{}/subscriptions/{}", self.account, self.subscription);
        self.format.record(&connection.admin()?.patch(&path, &body, self.idempotency)?, &COLUMNS);
        Ok(())
    }
}

impl Unsubscribe {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let path = format!("accounts/{}/subscriptions/{}?at_once={}", self.account, self.subscription, self.at_once);
        self.format.record(&connection.admin()?.end(&path, self.idempotency)?, &COLUMNS);
        Ok(())
    }
}

/// Reads `subscription-3`.
fn subscription(text: &str) -> anyhow::Result<SubscriptionId> {
    let number = text.strip_prefix("subscription-").and_then(|number| u64::from_str(number).ok());
    number.map(SubscriptionId).context("write it as it is listed, like subscription-3")
}
