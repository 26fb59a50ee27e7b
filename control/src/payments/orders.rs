//! Orders as they are kept and shown.
//!
//! Invariant: an order is changed by the decider in the core alone, by what it is at that moment.

use farebox_core::{
    id::{AccountId, GrantId, OfferId, OrderId, ProductId},
    ledger::Bought,
    money::Currency,
    payments::{Command, Mode, Order, Refused, Status, decide},
    time::Timestamp,
};
use farebox_ports::{
    keys::ACCOUNT_ORDERS,
    schema::{Amount, CurrencyCode, Id, Time},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    customer::directory::{self, After},
    http::{
        Answered, Call, Ports, Response,
        failure::Failure,
        paging::{Items, latest_first},
    },
};

/// An order, as the directory holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) order: Order,
    /// What it was asked for with.
    pub(super) asked: Option<String>,
    /// Where it is paid, once the service has made that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<String>,
}

/// Which kind of payments an account's orders take. Its first order says so, and live and test money never meet in one book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Payer {
    pub(super) mode: Mode,
}

/// An order, as it is shown.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Order")]
pub(crate) struct OrderRow {
    #[schemars(with = "Id")]
    id: OrderId,
    #[schemars(with = "Id")]
    account: AccountId,
    /// In test mode no money moves.
    mode: ModeShown,
    #[schemars(with = "Amount")]
    amount: String,
    #[schemars(with = "CurrencyCode")]
    currency: Currency,
    /// The product whose offer it buys; null for a recharge.
    #[schemars(with = "Option<Id>")]
    product: Option<ProductId>,
    /// The package or plan that it buys; null for a recharge.
    #[schemars(with = "Option<Id>")]
    offer: Option<OfferId>,
    status: StatusName,
    /// The service's own name of the payment; null until there is one.
    payment: Option<String>,
    /// What the payment has bought; null where it bought nothing, or is not booked yet.
    grant: Option<String>,
    #[schemars(with = "Time")]
    created: Timestamp,
    /// Until when its price is good.
    #[schemars(with = "Time")]
    until: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PaymentMode", inline)]
pub(crate) enum ModeShown {
    /// Money moves.
    Live,
    /// It does not.
    Test,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "OrderStatus", inline)]
enum StatusName {
    /// Nothing was paid.
    Open,
    /// Nothing will be paid.
    Ended,
    /// It was paid, and is about to be booked.
    Taken,
    /// The money is in the book.
    Paid,
}

impl From<Mode> for ModeShown {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Live => Self::Live,
            Mode::Test => Self::Test,
        }
    }
}

impl From<&Order> for OrderRow {
    fn from(order: &Order) -> Self {
        let Order { id, account, mode, amount, currency, buys, created, until, status } = order.clone();
        let (status, payment, grant) = match status {
            Status::Open => (StatusName::Open, None, None),
            Status::Ended { .. } => (StatusName::Ended, None, None),
            Status::Taken { payment, .. } => (StatusName::Taken, Some(payment.0), None),
            Status::Paid { payment, grant, .. } => (StatusName::Paid, Some(payment.0), grant),
        };
        let offer = buys.as_ref().map(|bought| match bought {
            Bought::Package(terms) => terms.offer.clone(),
            Bought::Plan(terms) => terms.offer.clone(),
        });
        Self {
            id,
            account,
            mode: mode.into(),
            amount: currency.show(amount),
            currency,
            product: buys.as_ref().map(|bought| bought.product().clone()),
            offer,
            status,
            payment,
            grant: grant.map(|grant| GrantId(grant).to_string()),
            created,
            until,
        }
    }
}

pub(super) fn order_key(order: &OrderId) -> String {
    format!("order/{order}")
}

/// Where an order stands among its account's: the latest first.
pub(super) fn listed_key(order: &Order) -> String {
    let at = latest_first(order.created.millis().max(0).unsigned_abs());
    format!("{ACCOUNT_ORDERS}{}/{at}.{}", order.account, order.id)
}

pub(super) fn payer_key(account: &AccountId) -> String {
    format!("payer/{account}")
}

impl<P: Ports> Call<'_, P> {
    pub(crate) async fn show_order(&self, account: &AccountId, order: &str) -> Answered {
        let kept = match order.parse() {
            Ok(order) => self.order(&order).await?,
            Err(_) => None,
        };
        let kept = kept.filter(|kept| kept.order.account == *account).ok_or(Failure::OrderUnknown)?;
        Response::json(200, &OrderRow::from(&kept.order))
    }

    /// The orders of an account, the latest first.
    pub(crate) async fn orders_of(&self, account: &AccountId) -> Answered {
        let (keys, cursor) = self.keys(&format!("{ACCOUNT_ORDERS}{account}/")).await?;
        let mut items: Vec<OrderRow> = Vec::with_capacity(keys.len());
        for key in &keys {
            let Some(Ok(order)) = key.split_once('.').map(|(_, order)| order.parse()) else { continue };
            items.extend(self.order(&order).await?.map(|kept| OrderRow::from(&kept.order)));
        }
        Response::json(200, &Items { items, cursor })
    }

    pub(super) async fn order(&self, order: &OrderId) -> Result<Option<Kept>, Failure> {
        directory::read(self.ports, &order_key(order)).await
    }

    /// Carries out a command on an order: what the order is then, or why a payment is not its own. `None` where there is no such order.
    pub(super) async fn change_order(
        &self,
        order: &OrderId,
        command: &Command,
    ) -> Result<Option<Result<Order, Refused>>, Failure> {
        let changed = |kept: Option<Kept>| {
            let Some(kept) = kept else { return Ok((After::Same, None)) };
            let events = match decide(&kept.order, command) {
                Ok(events) => events,
                Err(refused) => return Ok((After::Same, Some(Err(refused)))),
            };
            let is_same = events.is_empty();
            let order = events.iter().fold(kept.order.clone(), Order::evolve);
            let after = if is_same { After::Same } else { After::Kept(Kept { order: order.clone(), ..kept }, None) };
            Ok((after, Some(Ok(order))))
        };
        directory::change(self.ports, &order_key(order), changed).await
    }
}
