//! Checkouts: a customer says what to pay for, and is led to where it is paid.
//!
//! Invariant: sent again under its key, a checkout is the same order and the same page of the service, also where the first
//! answer was lost. Ids are made of the key, and the service knows the order's id as its own idempotency key.

use farebox_core::{
    id::{AccountId, OfferId, OrderId, ProductId},
    ledger::{Bought, Refusal},
    money::Micros,
    payments::{Order, Status},
    time::{DAY, HOUR, Millis},
};
use farebox_ports::schema::{Amount, Id};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::orders::{Kept, OrderRow, Payer, listed_key, order_key, payer_key};
use crate::{
    admin::money::unsold,
    customer::directory::{self, After},
    http::{Answered, Call, Ports, Response, base32::base32, failure::Failure},
};

/// How long the price of an order is good. A payment service takes half an hour at least, and a day at most.
const ORDER_LASTS: Millis = HOUR;

/// How many checkouts an account begins.
const CHECKOUTS: (u32, Millis) = (100, DAY);

/// What is to be paid for: an amount into the balance, a package, or a plan with its first period.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
#[schemars(rename = "CheckoutWanted")]
pub(crate) enum Wanted {
    /// A recharge.
    Recharge {
        /// More than nothing.
        #[schemars(with = "Amount")]
        amount: Micros,
    },
    /// A package.
    Package {
        #[schemars(with = "Id")]
        product: ProductId,
        #[schemars(with = "Id")]
        package: OfferId,
    },
    /// A plan.
    Plan {
        #[schemars(with = "Id")]
        product: ProductId,
        #[schemars(with = "Id")]
        plan: OfferId,
    },
}

/// A checkout that was begun.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Checkout {
    order: OrderRow,
    /// Where it is paid, for the customer's browser.
    url: String,
}

impl<P: Ports> Call<'_, P> {
    pub(crate) async fn check_out(&self, account: &AccountId) -> Answered {
        let stripe = self.settings.payments.as_ref().ok_or(Failure::PaymentsUnset)?;
        let wanted: Wanted = self.body()?;
        let currency = self.published().await?.ok_or(Failure::CatalogMissing)?.catalog.provider.currency;
        let (amount, buys, title) = self.priced(account, wanted).await?;
        if !amount.is_positive() || !currency.can_be_paid(amount) {
            return Err(Failure::Refused(Refusal::Amount));
        }
        self.count("checkouts", account.as_str(), CHECKOUTS).await?;
        let seed = self.seed(&format!("checkout/{account}"))?;
        let id: OrderId = format!("ord_{}", base32(seed.id()))
            .parse()
            .map_err(|_| Failure::Unwritable("an id of an order".to_owned()))?;
        let (created, until, mode) = (self.now, self.now.plus(ORDER_LASTS), stripe.mode());
        let payer = |payer: Option<Payer>| match payer {
            None => Ok((After::Kept(Payer { mode }, None), ())),
            Some(payer) if payer.mode == mode => Ok((After::Same, ())),
            Some(_) => Err(Failure::PaymentsMixed),
        };
        directory::change(self.ports, &payer_key(account), payer).await?;
        let (account, status) = (account.clone(), Status::Open);
        let order = Order { id, account, mode, amount, currency, buys, created, until, status };
        let kept = Kept { order, asked: seed.asked, url: None };
        let kept = self.made_order(kept).await?;
        self.ports.put(&listed_key(&kept.order), b"").await?;
        let url = match kept.url {
            Some(url) => url,
            None => self.page_of(stripe, &kept.order, &title).await?,
        };
        Response::json(201, &Checkout { order: OrderRow::from(&kept.order), url })
    }

    /// What is to be paid, what that buys, and what the service's page calls it.
    async fn priced(&self, account: &AccountId, wanted: Wanted) -> Result<(Micros, Option<Bought>, String), Failure> {
        let bought = match wanted {
            Wanted::Recharge { amount } => return Ok((amount, None, "Recharge".to_owned())),
            Wanted::Package { product, package } => {
                let sold = self.sold_to(account, &product).await?;
                let terms = sold.package_terms(&package).filter(|_| sold.sells_to(&package, account));
                let terms = terms.ok_or_else(|| unsold(&package, &sold, account))?;
                if terms.once && self.bought(account).await?.contains(&package) {
                    return Err(Failure::Refused(Refusal::SoldOnce));
                }
                (Bought::Package(terms), format!("{product}: {package}"))
            }
            Wanted::Plan { product, plan } => {
                let terms = self.plan_terms(account, &product, &plan).await?;
                (Bought::Plan(terms), format!("{product}: {plan}"))
            }
        };
        Ok((bought.0.price(), Some(bought.0), bought.1))
    }

    /// Keeps a new order, or finds the one that the same request has made.
    async fn made_order(&self, new: Kept) -> Result<Kept, Failure> {
        let key = order_key(&new.order.id);
        if directory::make(self.ports, &key, &new, None).await? {
            return Ok(new);
        }
        let before: Option<Kept> = directory::read(self.ports, &key).await?;
        let before = before.ok_or(Failure::OrderUnknown)?;
        if before.asked == new.asked { Ok(before) } else { Err(Failure::Refused(Refusal::KeyReused)) }
    }

    /// The page where an order is paid, made and kept.
    async fn page_of(&self, stripe: &super::Stripe, order: &Order, title: &str) -> Result<String, Failure> {
        let url = stripe.checkout(self.ports, order, title, &self.own_origin()).await?;
        let paid_at = |kept: Option<Kept>| {
            let kept = kept.ok_or(Failure::OrderUnknown)?;
            Ok((After::Kept(Kept { url: Some(url.clone()), ..kept }, None), ()))
        };
        directory::change(self.ports, &order_key(&order.id), paid_at).await?;
        Ok(url)
    }
}
