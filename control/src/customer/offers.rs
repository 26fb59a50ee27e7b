//! What an account may buy from its balance.
//!
//! Invariant: nothing is offered that the ledger refuses: what is sold once and was bought, or what is for other accounts.

use farebox_core::{
    catalog::Package,
    id::{AccountId, OfferId},
};
use farebox_ports::reports::{Query, Report};

use super::storefront::Offer;
use crate::{
    admin::reports::mismatch,
    http::{Answered, Call, Ports, failure::Failure},
};

impl<P: Ports> Call<'_, P> {
    /// What the account may buy now: without what is sold once and was bought.
    pub(super) async fn offers(&self, account: &AccountId) -> Answered {
        let published = self.published().await?.ok_or(Failure::CatalogMissing)?;
        let bought = self.bought(account).await?;
        let (currency, mut rows) = (published.catalog.provider.currency, Vec::new());
        for product in published.catalog.products.iter().filter(|product| product.is_open_to(account)) {
            let may = |package: &&Package| {
                product.sells_to(&package.id, account) && !(package.once && bought.contains(&package.id))
            };
            let open = product.packages.iter().filter(may);
            rows.extend(open.map(|package| Offer::of_package(product, package, currency)));
            rows.extend(product.subscriptions.iter().map(|plan| Offer::of_plan(product, plan, currency)));
        }
        self.page(rows.into_iter().map(|offer| (format!("{}/{}", offer.product, offer.id), offer)))
    }

    /// The packages that the account has bought, as far as its book shows them.
    pub(crate) async fn bought(&self, account: &AccountId) -> Result<Vec<OfferId>, Failure> {
        match self.ports.report(account, &Query::Grants).await?? {
            Report::Grants(rows) => Ok(rows.into_iter().map(|row| row.package).collect()),
            other => Err(mismatch(&other)),
        }
    }
}
