//! What a payment service tells: read again from the service, held against the order, booked by the ledger.
//!
//! Invariants: of an event only the name of an object is believed. A payment that is not the order's is refused with its reason,
//! which the operator is told. An event that is not known to be booked is answered with a fault, so the service tells it again.

use farebox_core::{
    id::OrderId,
    ledger::{Answer, Bought, Paid, Refusal},
    payments::{Command, End, Order, Payment, Status, booking_key},
    time::Timestamp,
};
use farebox_ports::log::tell;
use serde::Serialize;

use super::{
    reversals::Kind,
    stripe::{Found, SERVICE, Stripe, Told},
};
use crate::http::{Answered, Call, Ports, Response, failure::Failure};

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(super) enum Outcome {
    /// Its payment is in the book: now, or since it was told before.
    Booked { order: OrderId },
    /// Its order will not be paid by it.
    Ended { order: OrderId },
    /// It is of nothing that was ordered here, or says nothing yet.
    Ignored,
    /// Its payment is not booked.
    Refused { reason: String },
}

impl<P: Ports> Call<'_, P> {
    /// Takes an event of Stripe's.
    pub(crate) async fn take_stripe_event(&self) -> Answered {
        let stripe = self.settings.payments.as_ref().ok_or(Failure::RouteUnknown)?;
        let signature = self.request.stripe_signature.unwrap_or_default();
        let event = stripe.verified(signature, self.request.body, self.now).ok_or(Failure::EventUnsigned)?;
        let outcome = match event {
            Told::Payment(payment) => self.payment_told(stripe, &payment).await?,
            Told::Session(session) => self.session_told(stripe, &session).await?,
            Told::Refund(refund) => self.reversal_told(stripe, Kind::Refund, &refund).await?,
            Told::Dispute(dispute) => self.reversal_told(stripe, Kind::Dispute, &dispute).await?,
            Told::OtherMode => Outcome::Refused { reason: "the event is of the other mode".to_owned() },
            Told::Nothing => Outcome::Ignored,
        };
        if let Outcome::Refused { reason } = &outcome {
            tell(self.ports, "payment.refused", &[("service", &SERVICE)], reason);
        }
        Response::json(200, &outcome)
    }

    async fn session_told(&self, stripe: &Stripe, session: &str) -> Result<Outcome, Failure> {
        let Found::There(session) = stripe.session(self.ports, session).await? else { return Ok(unknown()) };
        let Some(order) = session.order else { return Ok(Outcome::Ignored) };
        let end = match (session.is_paid, session.payment) {
            (true, Some(payment)) => {
                let outcome = self.payment_told(stripe, &payment).await?;
                let is_ours = !matches!(&outcome, Outcome::Booked { order: booked } if *booked != order);
                return Ok(if is_ours { outcome } else { refused("the session and its payment name other orders") });
            }
            (_, _) if session.is_expired => End::Expired,
            (_, _) if session.has_failed => End::Failed,
            (_, _) => return Ok(Outcome::Ignored),
        };
        match self.change_order(&order, &Command::End(end)).await? {
            Some(_) => Ok(Outcome::Ended { order }),
            None => Ok(refused("there is no such order")),
        }
    }

    pub(super) async fn payment_told(&self, stripe: &Stripe, payment: &str) -> Result<Outcome, Failure> {
        match stripe.payment(self.ports, payment).await? {
            Found::There(Some(payment)) => self.book_payment(payment).await,
            Found::There(None) => Ok(Outcome::Ignored),
            Found::Missing => Ok(unknown()),
            Found::Wrong(reason) => Ok(Outcome::Refused { reason }),
        }
    }

    /// Books a payment with what it buys. Whoever ends between two of these steps leaves the rest to who is told next.
    async fn book_payment(&self, payment: Payment) -> Result<Outcome, Failure> {
        let id = payment.id.clone();
        let order = match self.change_order(&payment.order, &Command::Take(payment.clone())).await? {
            Some(Ok(order)) => order,
            Some(Err(reason)) => return Ok(refused(&format!("{}: {reason}", id.0))),
            None => return Ok(refused(&format!("{}: there is no such order", id.0))),
        };
        let made = match order.status {
            Status::Taken { made, .. } => made,
            Status::Paid { .. } => {
                self.invoice_payment(&order, &id.0).await?;
                return Ok(Outcome::Booked { order: order.id });
            }
            // The decider takes a payment of these, so that it never leaves one.
            Status::Open | Status::Ended { .. } => return Ok(refused(&format!("{}: it was not taken", id.0))),
        };
        let paid = Paid {
            order: order.id.clone(),
            reference: format!("{SERVICE} {}", id.0),
            amount: order.amount,
            currency: order.currency,
            buys: self.still_sold(&order, made).await?,
        };
        let command = farebox_core::ledger::Command::Pay(paid);
        let (entry, grant) =
            match self.ports.execute(&order.account, Some(&booking_key(SERVICE, &id)), &command).await? {
                Ok(Answer::Booked { entry, grant, .. }) => (entry, grant.map(|grant| grant.0)),
                Ok(other) => return Err(Failure::Unwritable(format!("the ledger answered {other:?}"))),
                Err(refusal) => return Ok(unbooked(&id.0, &refusal)),
            };
        self.mark(&order.account).await;
        self.change_order(&order.id, &Command::Book { payment: id.clone(), entry, grant }).await?;
        self.invoice_payment(&order, &id.0).await?;
        Ok(Outcome::Booked { order: order.id })
    }

    /// What a payment of `made` buys. Of a product that is not sold any more it buys nothing: nobody pays for nothing.
    async fn still_sold(&self, order: &Order, made: Timestamp) -> Result<Option<Bought>, Failure> {
        let Some(bought) = order.bought_at(made) else { return Ok(None) };
        let published = self.published().await?;
        let is_sold = published.is_some_and(|published| published.catalog.product(bought.product()).is_some());
        Ok(is_sold.then(|| bought.clone()))
    }
}

pub(super) fn refused(reason: &str) -> Outcome {
    Outcome::Refused { reason: reason.to_owned() }
}

pub(super) fn unknown() -> Outcome {
    refused("the service does not know what the event names")
}

fn unbooked(payment: &str, refusal: &Refusal) -> Outcome {
    refused(&format!("{payment}: the account does not take it: {refusal}"))
}
