//! Refunds and disputes, by whomever: the book says what left, and what was spent of it is owed.
//!
//! Invariants: a reversal is booked after its payment, in whatever order both are told, and once, under the service's own id. Its
//! amount is what the service shows when it is read. A dispute that was won is booked both ways, however late it is told.

use farebox_core::{
    id::AccountId,
    ledger::{Command, IdempotencyKey},
    time::Timestamp,
};
use farebox_ports::{keys::Status, log::tell};
use serde::{Deserialize, Serialize};

use super::{
    intake::{Outcome, refused, unknown},
    stripe::{Found, Reversal, SERVICE, State, Stripe},
};
use crate::{
    customer::directory,
    http::{Call, Ports, failure::Failure},
};

/// What takes money back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The provider, here or at the service's own page.
    Refund,
    /// A bank.
    Dispute,
}

/// That an account was suspended for a dispute.
#[derive(Debug, Serialize, Deserialize)]
struct Suspended {
    account: AccountId,
    at: Timestamp,
}

fn dispute_key(dispute: &str) -> String {
    format!("dispute/{dispute}")
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Refund => "refund",
            Self::Dispute => "dispute",
        }
    }
}

impl<P: Ports> Call<'_, P> {
    pub(super) async fn reversal_told(&self, stripe: &Stripe, kind: Kind, id: &str) -> Result<Outcome, Failure> {
        let found = match kind {
            Kind::Refund => stripe.refund(self.ports, id).await?,
            Kind::Dispute => stripe.dispute(self.ports, id).await?,
        };
        let reversal = match found {
            Found::There(reversal) if reversal.state == State::Kept => return Ok(Outcome::Ignored),
            Found::There(reversal) => reversal,
            Found::Missing => return Ok(unknown()),
            Found::Wrong(reason) => return Ok(Outcome::Refused { reason }),
        };
        match self.payment_told(stripe, &reversal.payment).await? {
            Outcome::Booked { order } => {
                let Some(kept) = self.order(&order).await? else { return Ok(unknown()) };
                if kept.order.currency != reversal.currency {
                    return Ok(refused(&format!("{}: it has another currency than its payment", reversal.id)));
                }
                let refused = self.book_reversal(&kept.order.account, kind, &reversal).await?;
                if kind == Kind::Dispute && reversal.state == State::Gone && refused.is_none() {
                    self.suspend_by_rule(&kept.order.account, &reversal.id).await?;
                }
                Ok(refused.unwrap_or(Outcome::Booked { order }))
            }
            // What was not booked is not taken back.
            other => Ok(other),
        }
    }

    /// Suspends the account of a dispute, where the catalog says so. Once for each dispute: what is told again does not overrule an
    /// operator who has let the account call again.
    async fn suspend_by_rule(&self, account: &AccountId, dispute: &str) -> Result<(), Failure> {
        let published = self.published().await?;
        let key = dispute_key(dispute);
        let before: Option<Suspended> = directory::read(self.ports, &key).await?;
        if before.is_some() || !published.is_some_and(|published| published.storefront.suspends_on_dispute) {
            return Ok(());
        }
        self.set_status(account, Status::Suspended).await?;
        let suspended = Suspended { account: account.clone(), at: self.now };
        directory::make(self.ports, &key, &suspended, None).await?;
        tell(self.ports, "account.suspended", &[("account", account), ("dispute", &dispute)], &"a payment is disputed");
        Ok(())
    }

    /// Books what left and, where it came back, that too. `None` where all is booked.
    async fn book_reversal(
        &self,
        account: &AccountId,
        kind: Kind,
        reversal: &Reversal,
    ) -> Result<Option<Outcome>, Failure> {
        let Reversal { id, amount, currency, state, .. } = reversal;
        let gone = Command::Reverse { amount: *amount, reference: format!("{SERVICE} {id}") };
        let back =
            Command::Recharge { amount: *amount, currency: *currency, reference: Some(format!("{SERVICE} {id}")) };
        let steps = [(kind.name(), gone), ("reinstated", back)];
        let count = if *state == State::Back { 2 } else { 1 };
        for (step, command) in steps.into_iter().take(count) {
            let key = IdempotencyKey(format!("{step}/{SERVICE}/{id}"));
            if let Err(refusal) = self.ports.execute(account, Some(&key), &command).await? {
                return Ok(Some(refused(&format!("{id}: the account does not take it: {refusal}"))));
            }
            self.mark(account).await;
        }
        Ok(None)
    }
}
