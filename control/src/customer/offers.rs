//! What an account may buy, and buying it from the balance.
//!
//! Invariant: what is sold once is bought under a key of the offer itself, so that of however many who buy it at once, one does.

use farebox_core::{
    id::{AccountId, OfferId},
    ledger::{Command, IdempotencyKey, Sale},
};
use farebox_ports::reports::{Query, Report};

use super::storefront::Offer;
use crate::{
    admin::{
        money::{Purchase, unsold},
        reports::mismatch,
    },
    http::{Answered, Call, Ports, Response, failure::Failure},
};

/// Under which key an account buys what is sold once.
pub(super) fn once(package: &OfferId) -> IdempotencyKey {
    IdempotencyKey(format!("once/{package}"))
}

impl<P: Ports> Call<'_, P> {
    /// What the account may buy now: without what is sold once and was bought.
    pub(super) async fn offers(&self, account: &AccountId) -> Answered {
        let published = self.published().await?.ok_or(Failure::CatalogMissing)?;
        let bought = self.bought(account).await?;
        let (currency, mut rows) = (published.catalog.provider.currency, Vec::new());
        for product in published.catalog.products.iter().filter(|product| product.is_open_to(account)) {
            let open = product.packages.iter().filter(|package| !(package.once && bought.contains(&package.id)));
            rows.extend(open.map(|package| Offer::of_package(product, package, currency)));
            rows.extend(product.subscriptions.iter().map(|plan| Offer::of_plan(product, plan, currency)));
        }
        self.page(rows.into_iter().map(|offer| (format!("{}/{}", offer.product, offer.id), offer)))
    }

    pub(super) async fn buy(&self, account: &AccountId) -> Answered {
        let Purchase { product, package } = self.body()?;
        let sold = self.sold_to(account, &product).await;
        let is_once =
            |sold: &farebox_core::catalog::Product| sold.packages.iter().any(|offer| offer.id == package && offer.once);
        if !sold.as_ref().is_ok_and(is_once) {
            return self.purchase(account.as_str()).await;
        }
        let sold = sold?;
        let key = once(&package);
        if self.bought(account).await?.contains(&package) {
            let sale = Sale::Purchase { product, offer: package.clone() };
            return match self.ports.report(account, &Query::Sold { key, sale }).await?? {
                Report::Sold(Some(answer)) => Response::json(201, &self.as_booked(account, answer).await?),
                Report::Sold(None) => Err(Failure::OfferOnce(package.to_string())),
                other => Err(mismatch(&other)),
            };
        }
        let terms = sold.package_terms(&package).ok_or_else(|| unsold(&package, &sold))?;
        Response::json(201, &self.booked(account, &key, &Command::Purchase(terms)).await?)
    }

    /// The packages that the account has bought, as far as its book shows them.
    async fn bought(&self, account: &AccountId) -> Result<Vec<OfferId>, Failure> {
        match self.ports.report(account, &Query::Grants).await?? {
            Report::Grants(rows) => Ok(rows.into_iter().map(|row| row.package).collect()),
            other => Err(mismatch(&other)),
        }
    }
}
