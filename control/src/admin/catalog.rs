//! Publishing and reading the catalog.
//!
//! Invariant: a catalog is published whole, after it was compiled without a single problem; else the one before serves
//! on. It takes the place of the one that the publisher was shown, where it says which. Its currency stays once
//! something is booked in it (`currency`); what customers hold is taken away only when that is said.

use farebox_core::{
    catalog::{CATALOG_ENTRY, Catalog, Storefront, compile_with_storefront, difference},
    id::{ProductId, UpstreamCredentialName},
    upstream_credential::upstream_credential_entry,
};
use farebox_ports::{Fault, keys::RECENT_CHANGES, recent_changes::RecentChanges, schema::Id};
use schemars::JsonSchema;
use serde::Serialize;

use super::holders::{Held, Holders};
use crate::{
    http::{
        Answered, Call, Ports, Response,
        failure::Failure,
        precondition::{NOTHING, entity_tag},
    },
    schema::{CatalogChange, CompiledCatalog},
    store::{self, Published, written},
};

/// How often a catalog is compared anew because another was published meanwhile.
const ATTEMPTS: u32 = 8;

/// How many secrets of upstreams are looked for: each is an operation, of which a request has fewer than 900 on Workers.
const MOST_CREDENTIALS: usize = 100;

/// What publishing did, or would do.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Publication {
    /// Names the content.
    version: String,
    /// The version that it replaces; `none` where there is none. To be sent with `If-Match`, in quotes.
    replaces: String,
    /// False when it was only tried.
    published: bool,
    #[schemars(with = "Vec<CatalogChange>")]
    changes: Vec<difference::Change>,
    /// What customers hold of the products that are removed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    held: Vec<Held>,
    /// True when there are more accounts than were asked, so that customers may hold more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    held_by_others: bool,
    /// The secrets that upstreams demand and nobody has set: calls that need one are turned away. The first 100 are looked for.
    #[schemars(with = "Vec<Id>")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing_credentials: Vec<UpstreamCredentialName>,
}

/// The published catalog.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Catalog")]
pub(crate) struct Shown<'a> {
    /// Names the content.
    version: &'a str,
    /// The TOML that was published.
    source: &'a str,
    #[schemars(with = "CompiledCatalog")]
    catalog: &'a Catalog,
}

/// Whether the gateway can serve.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Health {
    /// `ok`.
    status: &'static str,
    /// The version of the published catalog.
    catalog: Option<String>,
}

impl<P: Ports> Call<'_, P> {
    pub(crate) async fn publish_catalog(&self) -> Answered {
        let (dry_run, remove_held) = (self.flag("dry_run")?, self.flag("remove_held")?);
        let source = std::str::from_utf8(self.request.body)
            .map_err(|_| Failure::Malformed("the catalog must be TOML in UTF-8".to_owned()))?;
        let (catalog, storefront) = compile_with_storefront(source).map_err(Failure::CatalogInvalid)?;
        self.settings.local_hosts.check_catalog(&catalog)?;
        for _ in 0..ATTEMPTS {
            let text = self.ports.current(CATALOG_ENTRY).await?;
            let before: Option<Published> =
                text.as_deref().map(|text| store::parsed(CATALOG_ENTRY, text)).transpose()?;
            let replaces = before.as_ref().map_or(NOTHING, |before| &before.catalog.version).to_owned();
            self.check_seen(before.as_ref(), &replaces, dry_run)?;
            let exchanged = self.exchanged(before.as_ref().map(|before| &before.catalog), &catalog).await?;
            let changes = difference::difference(before.as_ref().map(|before| &before.catalog), &catalog);
            let Holders { held, is_all } = self.holders(&removed(before.as_ref(), &catalog)).await?;
            if !dry_run {
                let is_free = held.is_empty() && is_all;
                if !(is_free || remove_held) {
                    return Err(Failure::CatalogHeld(Holders { held, is_all }.to_string()));
                }
                if let Some(exchanged) = &exchanged {
                    self.take_along(exchanged).await?;
                }
                // Locations hold on to a document that is there, so it is there before anybody can call.
                store::make(self.ports, RECENT_CHANGES, &RecentChanges::default()).await?;
                let published = self.successor(before, source, (catalog.clone(), storefront.clone()));
                if !self.ports.exchange(CATALOG_ENTRY, text.as_deref(), Some(&written(&published)?)).await? {
                    if let Some(exchanged) = &exchanged {
                        self.take_back(exchanged).await?;
                    }
                    continue;
                }
            }
            let missing_credentials = self.missing_credentials(&catalog).await?;
            let (version, published, held_by_others) = (catalog.version, !dry_run, !is_all);
            let answer =
                Publication { version, replaces, published, changes, held, held_by_others, missing_credentials };
            return Response::json(200, &answer);
        }
        let detail = format!("{ATTEMPTS} other catalogs were published meanwhile");
        Err(Failure::Port(Fault::Unavailable { port: "documents", detail }))
    }

    /// The secrets that upstreams demand and nobody has set.
    async fn missing_credentials(&self, catalog: &Catalog) -> Result<Vec<UpstreamCredentialName>, Failure> {
        let mut missing = Vec::new();
        for name in catalog.upstream_credentials().into_iter().take(MOST_CREDENTIALS) {
            if self.ports.get(&upstream_credential_entry(name)).await?.is_none() {
                missing.push(name.clone());
            }
        }
        Ok(missing)
    }

    /// Refuses to replace what the sender cannot have seen: another version than it names, or, where it names none, what
    /// somebody else has published.
    fn check_seen(&self, before: Option<&Published>, version: &str, dry_run: bool) -> Result<(), Failure> {
        let actor = self.sender.get().map(String::as_str);
        let others = before.and_then(|before| before.by.as_deref()).is_some_and(|by| Some(by) != actor);
        if self.matches(version).is_none() && others && !dry_run {
            return Err(Failure::VersionUnseen);
        }
        self.check_version(version)
    }

    /// What is published in place of `before`.
    fn successor(
        &self,
        before: Option<Published>,
        source: &str,
        (catalog, storefront): (Catalog, Storefront),
    ) -> Published {
        let by = self.sender.get().cloned();
        let (mut gone, was) = before.map_or_else(Default::default, |before| (before.gone, before.catalog.products));
        gone.extend(was.into_iter().map(|product| product.id));
        gone.retain(|id| catalog.product(id).is_none());
        gone.sort();
        gone.dedup();
        Published { source: source.to_owned(), catalog, storefront, gone, by }
    }

    pub(crate) async fn show_catalog(&self) -> Answered {
        let published: Option<Published> = store::current(self.ports, CATALOG_ENTRY).await?;
        let Published { source, catalog, .. } = published.ok_or(Failure::CatalogMissing)?;
        let shown = Shown { version: &catalog.version, source: &source, catalog: &catalog };
        let mut response = Response::json(200, &shown)?;
        response.headers.push(("etag", entity_tag(&catalog.version)));
        Ok(response)
    }

    pub(crate) async fn health(&self) -> Answered {
        let catalog = self.published().await?.map(|published| published.catalog.version);
        Response::json(200, &Health { status: "ok", catalog })
    }

    /// The catalog that serves now.
    pub(crate) async fn published(&self) -> Result<Option<Published>, Failure> {
        store::read(self.ports, CATALOG_ENTRY).await
    }
}

/// The products that are not for sale any more.
fn removed(before: Option<&Published>, after: &Catalog) -> Vec<ProductId> {
    let products = before.map(|before| before.catalog.products.as_slice()).unwrap_or_default();
    products.iter().map(|product| &product.id).filter(|id| after.product(id).is_none()).cloned().collect()
}
