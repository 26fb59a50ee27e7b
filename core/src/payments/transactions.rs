//! Stripe's balance transactions (<https://docs.stripe.com/api/balance_transactions>): what moved the provider's money there.
//!
//! Invariant: what a payment came to is read in the currency in which the customer paid. Where Stripe has changed that into another,
//! the transaction's own amount is of the other one, so its source says the amount.

use serde_json::Value;

use super::{coins, reconciliation::Moved};
use crate::{
    money::{Currency, Micros},
    time::Timestamp,
};

/// What names the order of a payment in its `metadata`.
pub const ORDER: &str = "farebox_order";

/// What names the account of a payment in its `metadata`.
pub const ACCOUNT: &str = "farebox_account";

/// What a balance transaction is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transaction {
    /// A payment for an order.
    Payment {
        /// Its charge.
        charge: String,
        /// What it moved, under the id of its payment intent.
        moved: Moved,
    },
    /// A refund or a dispute of a charge, which may be of a payment for an order.
    Reversal {
        /// The charge.
        charge: String,
        /// What it moved, under its own id.
        moved: Moved,
    },
    /// Something that no order has to do with: a payout, a fee, a payment that was made elsewhere. By the service's word for it.
    Other(String),
}

/// A balance transaction that is not written as Stripe writes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the balance transaction {0} cannot be read")]
pub struct Unreadable(String);

/// Reads a balance transaction whose `source` is expanded.
///
/// # Errors
/// It has no amount, currency or time that can be read.
pub fn read(transaction: &Value) -> Result<Transaction, Unreadable> {
    let id = transaction["id"].as_str().unwrap_or("without an id");
    let unreadable = || Unreadable(id.to_owned());
    let source = &transaction["source"];
    let kind = transaction["reporting_category"].as_str().or(transaction["type"].as_str()).unwrap_or_default();
    let text = |name: &str| source[name].as_str().map(str::to_owned);
    let moved = |name: String| {
        let account = source["metadata"][ACCOUNT].as_str().and_then(|account| account.parse().ok());
        let (amount, currency) = amount(transaction).ok_or_else(unreadable)?;
        let created = transaction["created"].as_i64().ok_or_else(unreadable)?;
        let at = Timestamp::from_millis(created.saturating_mul(1_000));
        Ok(Moved { name, account, at, amount, currency })
    };
    match (source["object"].as_str(), text("id"), text("payment_intent"), text("charge")) {
        (Some("charge"), Some(charge), Some(intent), _) if source["metadata"][ORDER].is_string() => {
            Ok(Transaction::Payment { charge, moved: moved(intent)? })
        }
        (Some("refund" | "dispute"), Some(id), _, Some(charge)) => {
            Ok(Transaction::Reversal { charge, moved: moved(id)? })
        }
        _ => Ok(Transaction::Other(kind.to_owned())),
    }
}

/// Whether a charge is of a payment for an order.
pub fn is_ours(charge: &Value) -> bool {
    charge["metadata"][ORDER].is_string()
}

fn amount(transaction: &Value) -> Option<(Micros, Currency)> {
    let own = transaction["amount"].as_i64()?;
    let (coins, of) = if transaction["exchange_rate"].is_null() {
        (own, transaction)
    } else {
        let paid = transaction["source"]["amount"].as_i64()?;
        (if own < 0 { paid.checked_neg()? } else { paid }, &transaction["source"])
    };
    let currency: Currency = of["currency"].as_str()?.to_uppercase().parse().ok()?;
    Some((coins::micros(currency, coins)?, currency))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_payment_that_was_changed_into_another_currency_is_of_its_own_amount() {
        let source = json!({
            "object": "refund", "id": "re_1", "charge": "ch_1", "payment_intent": "pi_1", "amount": 500, "currency": "usd"
        });
        let transaction = json!({
            "id": "txn_1", "amount": -431, "currency": "eur", "exchange_rate": 0.862, "created": 1_793_491_200,
            "type": "refund", "source": source
        });
        let Ok(Transaction::Reversal { moved, .. }) = read(&transaction) else { panic!("{:?}", read(&transaction)) };
        assert_eq!((moved.amount, moved.currency.as_str()), (Micros::new(-5_000_000), "USD"));
        let payout = json!({ "id": "txn_2", "type": "payout", "amount": -431, "currency": "eur", "source": null });
        assert_eq!(read(&payout), Ok(Transaction::Other("payout".to_owned())));
        let mut broken = transaction;
        broken["source"]["amount"] = json!("500");
        assert!(read(&broken).is_err());
    }
}
