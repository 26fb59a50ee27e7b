//! `farebox subscription`: what an account pays for period by period.
//!
//! Beginning, changing and cancelling a subscription can each move money, so each is sent under a name.

use std::str::FromStr;

use anyhow::Context;
use clap::Subcommand;
use farebox_core::id::{OfferId, ProductId, SubscriptionId};
use serde_json::json;

use super::Format;
use crate::{
    admin::{Connection, Idempotency},
    named::Named,
};

const COLUMNS: [&str; 5] = ["subscription", "entry", "grant", "balance", "idempotency_key"];

/// Subscriptions: what an account pays for period by period
#[derive(Debug, Subcommand)]
pub(crate) enum Subscription {
    /// Begin a subscription; its first period is paid for from the balance
    #[command(after_help = "Example:\n  farebox subscription create acc_1 demo demo-monthly")]
    Create {
        /// The account: its id, or its name
        account: Named,
        /// The product's id in the catalog
        product: ProductId,
        /// The plan's id in the catalog
        plan: OfferId,
        #[command(flatten)]
        idempotency: Idempotency,
        #[command(flatten)]
        format: Format,
    },
    /// List the running subscriptions of an account
    #[command(after_help = "Example:\n  farebox subscription list acc_1")]
    List {
        /// The account: its id, or its name
        account: Named,
        #[command(flatten)]
        format: Format,
    },
    /// Change a subscription to another plan, now; what is left of the old one is credited
    #[command(after_help = "Example:\n  farebox subscription change acc_1 subscription-3 demo demo-large")]
    Change {
        /// The account: its id, or its name
        account: Named,
        /// The subscription, as `subscription list` shows it
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
    },
    /// End a subscription with the period that is paid for
    #[command(after_help = "\
Example:
  farebox subscription cancel acc_1 subscription-3
  farebox subscription cancel acc_1 subscription-3 --at-once")]
    Cancel {
        /// The account: its id, or its name
        account: Named,
        /// The subscription, as `subscription list` shows it
        #[arg(value_parser = subscription)]
        subscription: SubscriptionId,
        /// End it now, not with its period, and credit what is left
        #[arg(long)]
        at_once: bool,
        #[command(flatten)]
        idempotency: Idempotency,
        #[command(flatten)]
        format: Format,
    },
}

impl Subscription {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let admin = connection.admin()?;
        match self {
            Self::Create { account, product, plan, idempotency, format } => {
                let path = format!("accounts/{}/subscriptions", account.id(&admin)?);
                let body = json!({ "product": product, "plan": plan });
                format.record(&admin.pay(&path, &body, idempotency)?, &COLUMNS);
            }
            Self::List { account, format } => {
                let running = admin.list(&format!("accounts/{}/subscriptions", account.id(&admin)?), &[])?;
                let columns =
                    ["id", "product", "plan", "price", "every", "from", "until", "grant", "renews", "grace_until"];
                format.list(running, &columns);
            }
            Self::Change { account, subscription, product, plan, idempotency, format } => {
                let path = format!("accounts/{}/subscriptions/{subscription}", account.id(&admin)?);
                let body = json!({ "product": product, "plan": plan });
                format.record(&admin.patch(&path, &body, idempotency)?, &COLUMNS);
            }
            Self::Cancel { account, subscription, at_once, idempotency, format } => {
                let account = account.id(&admin)?;
                let path = format!("accounts/{account}/subscriptions/{subscription}?at_once={at_once}");
                format.record(&admin.end(&path, idempotency)?, &COLUMNS);
            }
        }
        Ok(())
    }
}

/// Reads `subscription-3`.
fn subscription(text: &str) -> anyhow::Result<SubscriptionId> {
    let number = text.strip_prefix("subscription-").and_then(|number| u64::from_str(number).ok());
    number.map(SubscriptionId).context("write it as `subscription list` shows it, like subscription-3")
}
