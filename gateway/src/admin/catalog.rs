//! Publishing and reading the catalog.
//!
//! Invariant: a catalog is published whole, after it was compiled without a single problem; else the one before serves
//! on. Its currency stays once there are accounts, because their books are kept in it.

use farebox_core::catalog::{CATALOG_ENTRY, Catalog, compile, difference};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    AdminPorts, AdminResponse, Answered, Call,
    failure::Failure,
    store::{self, ACCOUNTS, Published},
};
use crate::schema::{CatalogChange, CompiledCatalog};

/// What publishing did, or would do.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Publication {
    /// Names the content.
    version: String,
    /// False when it was only tried.
    published: bool,
    #[schemars(with = "Vec<CatalogChange>")]
    changes: Vec<difference::Change>,
}

/// The published catalog.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Catalog")]
pub(super) struct Shown<'a> {
    /// Names the content.
    version: &'a str,
    /// The TOML that was published.
    source: &'a str,
    #[schemars(with = "CompiledCatalog")]
    catalog: &'a Catalog,
}

/// Whether the gateway can serve.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Health {
    /// `ok`.
    status: &'static str,
    /// The version of the published catalog.
    catalog: Option<String>,
}

impl<P: AdminPorts> Call<'_, P> {
    pub(super) async fn publish_catalog(&self) -> Answered {
        let dry_run = self.flag("dry_run")?;
        let source = std::str::from_utf8(self.request.body)
            .map_err(|_| Failure::Malformed("the catalog must be TOML in UTF-8".to_owned()))?;
        let catalog = compile(source).map_err(Failure::CatalogInvalid)?;
        let before = self.published().await?.map(|published| published.catalog);
        let currency = before.as_ref().map(|before| before.provider.currency);
        if currency.is_some_and(|currency| currency != catalog.provider.currency) && self.has_accounts().await? {
            return Err(Failure::CurrencyFixed);
        }
        let changes = difference::difference(before.as_ref(), &catalog);
        let version = catalog.version.clone();
        if !dry_run {
            store::write(self.ports, CATALOG_ENTRY, &Published { source: source.to_owned(), catalog }).await?;
        }
        AdminResponse::json(200, &Publication { version, published: !dry_run, changes })
    }

    pub(super) async fn show_catalog(&self) -> Answered {
        let Published { source, catalog } = self.published().await?.ok_or(Failure::CatalogMissing)?;
        AdminResponse::json(200, &Shown { version: &catalog.version, source: &source, catalog: &catalog })
    }

    pub(super) async fn health(&self) -> Answered {
        let catalog = self.published().await?.map(|published| published.catalog.version);
        AdminResponse::json(200, &Health { status: "ok", catalog })
    }

    /// The catalog that serves now.
    pub(super) async fn published(&self) -> Result<Option<Published>, Failure> {
        store::read(self.ports, CATALOG_ENTRY).await
    }

    async fn has_accounts(&self) -> Result<bool, Failure> {
        Ok(!self.ports.list(ACCOUNTS, None, 1).await?.items.is_empty())
    }
}
