//! What moves money in, out and into packages: recharges, refunds, adjustments and purchases.
//!
//! Invariant: each carries the caller's idempotency key into the ledger, which books it once however often it is sent.

use farebox_billing::webhooks;
use farebox_core::{
    catalog::{Catalog, Product},
    id::{AccountId, OfferId, ProductId},
    ledger::{Answer, Command, IdempotencyKey, Sale},
    money::{Currency, Micros},
};
use farebox_ports::{
    log::tell,
    reports::{Query, Report},
    schema::{Amount, CurrencyCode, Id},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{accounts::account_id, reports::mismatch};
use crate::http::{Answered, Call, Ports, Response, failure::Failure};

/// Money that the provider has received.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recharge {
    /// More than nothing.
    #[schemars(with = "Amount")]
    amount: Micros,
    #[schemars(with = "CurrencyCode")]
    currency: Currency,
    /// The provider's own reference: an invoice, a payment.
    reference: Option<String>,
}

/// Money that was paid back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refund {
    /// More than nothing, and no more than is available.
    #[schemars(with = "Amount")]
    amount: Micros,
    /// The provider's own reference.
    reference: Option<String>,
}

/// A correction.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Adjustment {
    /// Into the balance, or out of it when it is negative.
    #[schemars(with = "Amount")]
    amount: Micros,
    /// Why, for the statement.
    reason: String,
}

/// What is bought.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Purchase {
    #[schemars(with = "Id")]
    pub(crate) product: ProductId,
    #[schemars(with = "Id")]
    pub(crate) package: OfferId,
}

/// What was booked.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Booked {
    /// The number of the ledger entry.
    pub(crate) entry: u64,
    /// The grant that was bought.
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<String>,
    /// The balance after it.
    #[schemars(with = "Amount")]
    balance: String,
}

impl<P: Ports> Call<'_, P> {
    pub(crate) async fn recharge(&self, account: &str) -> Answered {
        let account = account_id(account)?;
        let key = self.idempotency_key()?;
        let Recharge { amount, currency, reference } = self.body()?;
        self.book(&account, &key, &Command::Recharge { amount, currency, reference }).await
    }

    pub(crate) async fn refund(&self, account: &str) -> Answered {
        let account = account_id(account)?;
        let key = self.idempotency_key()?;
        let Refund { amount, reference } = self.body()?;
        self.book(&account, &key, &Command::Refund { amount, reference }).await
    }

    pub(crate) async fn adjust(&self, account: &str) -> Answered {
        let account = account_id(account)?;
        let key = self.idempotency_key()?;
        let Adjustment { amount, reason } = self.body()?;
        self.book(&account, &key, &Command::Adjust { amount, reason }).await
    }

    pub(crate) async fn purchase(&self, account: &str) -> Answered {
        let account = account_id(account)?;
        let key = self.idempotency_key()?;
        let Purchase { product, package } = self.body()?;
        let terms = self.sold_to(&account, &product).await.and_then(|sold| {
            let terms = sold.package_terms(&package).filter(|_| sold.sells_to(&package, &account));
            terms.ok_or_else(|| unsold(&package, &sold, &account))
        });
        let sale = Sale::Purchase { product, offer: package };
        Response::json(201, &self.sell(&account, &key, terms.map(Command::Purchase), sale).await?)
    }

    /// Carries out the command that sells. Where the catalog does not have the offer, the same request may have been carried out
    /// when it had: then it is answered as it was.
    pub(crate) async fn sell(
        &self,
        account: &AccountId,
        key: &IdempotencyKey,
        command: Result<Command, Failure>,
        sale: Sale,
    ) -> Result<Booked, Failure> {
        let missing = match command {
            Ok(command) => return self.booked(account, key, &command).await,
            Err(missing) => missing,
        };
        match self.ports.report(account, &Query::Sold { key: key.clone(), sale }).await?? {
            Report::Sold(Some(answer)) => self.as_booked(account, answer).await,
            Report::Sold(None) => Err(missing),
            other => Err(mismatch(&other)),
        }
    }

    /// The product, as it is sold to this account now.
    pub(crate) async fn sold_to(&self, account: &AccountId, product: &ProductId) -> Result<Product, Failure> {
        let catalog = self.published().await?.ok_or(Failure::CatalogMissing)?.catalog;
        let sold = catalog.product(product).cloned().ok_or_else(|| unheard(product, &catalog))?;
        if sold.is_open_to(account) { Ok(sold) } else { Err(Failure::ProductForbidden) }
    }

    async fn book(&self, account: &AccountId, key: &IdempotencyKey, command: &Command) -> Answered {
        Response::json(201, &self.booked(account, key, command).await?)
    }

    /// Lets the ledger carry out a command that moves money.
    pub(crate) async fn booked(
        &self,
        account: &AccountId,
        key: &IdempotencyKey,
        command: &Command,
    ) -> Result<Booked, Failure> {
        let answer = self.ports.execute(account, Some(key), command).await??;
        self.as_booked(account, answer).await
    }

    /// What the ledger has booked, as it is shown.
    pub(crate) async fn as_booked(&self, account: &AccountId, answer: Answer) -> Result<Booked, Failure> {
        match answer {
            Answer::Booked { entry, balance, grant } => {
                self.mark(account).await;
                // It is booked: where the catalog cannot be read, the balance is shown with two digits, as any amount.
                let published = self.published().await.ok().flatten();
                let currency = published.map_or(Currency::NONE, |published| published.catalog.provider.currency);
                let balance = currency.show(balance);
                Ok(Booked { entry, grant: grant.map(|grant| grant.to_string()), balance })
            }
            other => Err(Failure::Unwritable(format!("the ledger answered {other:?}"))),
        }
    }

    /// Lets webhooks of the account go first. It was booked already, so this must not fail the request.
    pub(crate) async fn mark(&self, account: &AccountId) {
        if let Err(fault) = webhooks::mark(self.ports, account).await {
            tell(self.ports, "webhook.unmarked", &[("account", account)], &fault);
        }
    }
}

/// The catalog has no such product.
pub(crate) fn unheard(product: &ProductId, catalog: &Catalog) -> Failure {
    Failure::ProductUnknown(product.to_string(), catalog.products.iter().map(|product| &product.id).collect())
}

/// The product has no such package for this account.
pub(crate) fn unsold(package: &OfferId, sold: &Product, account: &AccountId) -> Failure {
    let offers = sold.packages.iter().map(|package| &package.id).filter(|offer| sold.sells_to(offer, account));
    Failure::PackageUnknown(package.to_string(), offers.collect())
}
