//! The secrets by which origins know the gateway's calls.
//!
//! Invariant: only an owner is shown one, and whoever asks stands in the audit log. A secret is derived from the master key and
//! the product's id. So it is the same each time, and another for each product.

use farebox_core::{catalog::CATALOG_ENTRY, id::ProductId};
use farebox_ports::schema::Id;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    http::{Answered, Call, Ports, Response, failure::Failure},
    store::{self, Published},
};

/// What the upstream of a product verifies calls with.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct UpstreamSecret {
    /// The `keyid` of the signature.
    #[schemars(with = "Id")]
    product: ProductId,
    /// The `alg` of the signature (RFC 9421, section 3.3.3).
    algorithm: &'static str,
    /// The key, which is this text as it stands.
    secret: String,
}

impl<P: Ports> Call<'_, P> {
    pub(crate) async fn upstream_secret(&self, product: &str) -> Answered {
        let published: Option<Published> = store::current(self.ports, CATALOG_ENTRY).await?;
        let catalog = published.ok_or(Failure::CatalogMissing)?.catalog;
        let known = product.parse().ok().filter(|id| catalog.product(id).is_some());
        let product: ProductId = known.ok_or(Failure::NoSuchProduct)?;
        let secret = self.settings.master_key.upstream_secret(&product).reveal().to_owned();
        Response::json(200, &UpstreamSecret { product, algorithm: "hmac-sha256", secret })
    }
}
