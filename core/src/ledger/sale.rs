//! What is sold, by the name of its offer: what a sale is known by when its request comes again.
//!
//! Invariant: the terms of an offer are the catalog's and not the caller's. They may be others, or none, when the same request is
//! sent again, and it is the same request all the same. The hash of a sale is stored with the entry that booked it, so what
//! [`Sale::content`] hashes stays as it is; a test pins it.

use serde::{Deserialize, Serialize};

use super::{
    account::Account,
    command::{Answer, Command, IdempotencyKey, Refusal},
    entry::Hash,
};
use crate::id::{OfferId, ProductId, SubscriptionId};

/// An offer that somebody buys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sale {
    /// A package.
    Purchase {
        /// Of which product.
        product: ProductId,
        /// Which package.
        offer: OfferId,
    },
    /// A plan, from now on.
    Subscribe {
        /// Of which product.
        product: ProductId,
        /// Which plan.
        offer: OfferId,
    },
    /// Another plan for a subscription.
    ChangePlan {
        /// Which subscription.
        subscription: SubscriptionId,
        /// Of which product.
        product: ProductId,
        /// Which plan.
        offer: OfferId,
    },
}

impl Sale {
    /// What `command` sells, if it sells anything.
    pub(super) fn by(command: &Command) -> Option<Self> {
        match command {
            Command::Purchase(terms) => {
                Some(Self::Purchase { product: terms.product.clone(), offer: terms.offer.clone() })
            }
            Command::Subscribe(terms) => {
                Some(Self::Subscribe { product: terms.product.clone(), offer: terms.offer.clone() })
            }
            Command::ChangePlan { subscription, terms } => Some(Self::ChangePlan {
                subscription: *subscription,
                product: terms.product.clone(),
                offer: terms.offer.clone(),
            }),
            _ => None,
        }
    }

    /// What its key is remembered with.
    pub(super) fn content(&self) -> Hash {
        match self {
            Self::Purchase { product, offer } => Hash::of(&("purchase", product, offer)),
            Self::Subscribe { product, offer } => Hash::of(&("subscribe", product, offer)),
            Self::ChangePlan { subscription, product, offer } => {
                Hash::of(&("change plan", subscription, product, offer))
            }
        }
    }
}

impl Account {
    /// What the sale under `key` was answered, where it was booked before.
    ///
    /// # Errors
    /// [`Refusal::KeyReused`] when the key was used for something else.
    pub fn sold(&self, key: &IdempotencyKey, sale: &Sale) -> Result<Option<Answer>, Refusal> {
        match self.keys.get(key) {
            None => Ok(None),
            Some(known) if known.content == sale.content() => Ok(Some(known.answer.clone())),
            Some(_) => Err(Refusal::KeyReused),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_a_sale_is_what_books_hold() {
        let (product, offer) = ("echo".parse().unwrap(), "echo-100".parse().unwrap());
        let sales = [
            Sale::Purchase { product, offer },
            Sale::Subscribe { product: "planned".parse().unwrap(), offer: "small".parse().unwrap() },
            Sale::ChangePlan {
                subscription: SubscriptionId(7),
                product: "planned".parse().unwrap(),
                offer: "large".parse().unwrap(),
            },
        ];
        let hashes = sales.map(|sale| sale.content().to_string()[..16].to_owned());
        assert_eq!(
            hashes,
            ["1984f790d25eb477", "6dc797e8b097e90e", "f7f0acd41d4e791b"],
            "keys in books are remembered with these: change none of them"
        );
    }
}
