//! What-if: what was sold, priced by a catalog that is not published.
//!
//! Invariant: nothing is changed, neither a book nor the catalog that serves. Accounts are gone through page by page, as
//! they are listed.

use farebox_core::{catalog::compile, id::AccountId};
use farebox_ports::{
    keys::ACCOUNTS,
    reports::{Query, Report, RepricedRow},
    schema::Id,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::reports::mismatch;
use crate::{
    http::{Answered, Call, Ports, Response, failure::Failure, paging::Items},
    store::Published,
};

/// What a product came to for an account, by the catalogs it was sold by and by the one that was sent.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Repriced {
    #[schemars(with = "Id")]
    account: AccountId,
    #[serde(flatten)]
    row: RepricedRow,
}

impl<P: Ports> Call<'_, P> {
    pub(crate) async fn reprice(&self) -> Answered {
        let (from, until) = self.stretch()?;
        let source = std::str::from_utf8(self.request.body)
            .map_err(|_| Failure::Malformed("the catalog must be TOML in UTF-8".to_owned()))?;
        let catalog = compile(source).map_err(Failure::CatalogInvalid)?;
        let Published { catalog: sells, .. } = self.published().await?.ok_or(Failure::CatalogMissing)?;
        if sells.provider.currency != catalog.provider.currency {
            return Err(Failure::CurrencyFixed(sells.provider.currency));
        }
        let (accounts, cursor) = self.keys(ACCOUNTS).await?;
        let catalog = serde_json::to_string(&catalog).map_err(|error| Failure::Unwritable(error.to_string()))?;
        let query = Query::Reprice { from, until, catalog };
        let mut items = Vec::new();
        for key in &accounts {
            let Some(account) = key.strip_prefix(ACCOUNTS).and_then(|id| id.parse::<AccountId>().ok()) else {
                continue;
            };
            match self.ports.report(&account, &query).await? {
                Ok(Report::Repriced(rows)) => {
                    items.extend(rows.into_iter().map(|row| Repriced { account: account.clone(), row }));
                }
                Ok(other) => return Err(mismatch(&other)),
                // It is listed before its book can be found.
                Err(_) => {}
            }
        }
        Response::json(200, &Items { items, cursor })
    }
}
