//! Money that left again: refunds (<https://docs.stripe.com/api/refunds>) and disputes (<https://docs.stripe.com/api/disputes>).

use farebox_core::{
    money::{Currency, Micros},
    payments::coins,
};
use farebox_ports::Web;
use serde_json::Value;

use super::{Found, Stripe, is_object};
use crate::http::failure::Failure;

/// Money that left again, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::payments) struct Reversal {
    /// The service's own name for it.
    pub(in crate::payments) id: String,
    /// The payment that it is of.
    pub(in crate::payments) payment: String,
    pub(in crate::payments) amount: Micros,
    pub(in crate::payments) currency: Currency,
    pub(in crate::payments) state: State,
}

/// Where the money is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::payments) enum State {
    /// Still with the provider.
    Kept,
    /// Gone.
    Gone,
    /// It was gone, and came back: a dispute that was won.
    Back,
}

impl Stripe {
    /// A refund. One that waits, failed or was cancelled has moved nothing.
    pub(in crate::payments) async fn refund(&self, web: &impl Web, id: &str) -> Result<Found<Reversal>, Failure> {
        let Some(refund) = self.object(web, &format!("refunds/{id}")).await? else { return Ok(Found::Missing) };
        let state = if refund["status"] == "succeeded" { State::Gone } else { State::Kept };
        Ok(reversal(id, &refund, state))
    }

    /// A dispute. An inquiry (`warning_…`) has moved nothing; everything else has, and one that was won came back.
    pub(in crate::payments) async fn dispute(&self, web: &impl Web, id: &str) -> Result<Found<Reversal>, Failure> {
        let Some(dispute) = self.object(web, &format!("disputes/{id}")).await? else { return Ok(Found::Missing) };
        let state = match dispute["status"].as_str().unwrap_or_default() {
            "won" => State::Back,
            "needs_response" | "under_review" | "lost" => State::Gone,
            _ => State::Kept,
        };
        Ok(reversal(id, &dispute, state))
    }
}

fn reversal(id: &str, object: &Value, state: State) -> Found<Reversal> {
    // What was charged without a payment intent was not charged by us.
    let Some(payment) = object["payment_intent"].as_str().filter(|id| is_object(id)) else { return Found::Missing };
    let currency = object["currency"].as_str().map(str::to_uppercase).and_then(|code| code.parse::<Currency>().ok());
    let read = currency.and_then(|currency| Some((currency, coins::micros(currency, object["amount"].as_i64()?)?)));
    let Some((currency, amount)) = read else { return Found::Wrong(format!("{id}: its amount cannot be read")) };
    Found::There(Reversal { id: id.to_owned(), payment: payment.to_owned(), amount, currency, state })
}
