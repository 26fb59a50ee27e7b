//! OpenAPI documents of products: how an operator publishes one, for the product's page to show.
//!
//! Invariant: a document is JSON, and one of OpenAPI 3; nothing of it is run or followed here.

use farebox_core::id::ProductId;
use farebox_ports::keys::product_document_entry;
use serde_json::Value;

use crate::{
    http::{Answered, Call, Ports, Response, failure::Failure},
    store,
};

impl<P: Ports> Call<'_, P> {
    /// Puts the document of a product that is for sale in the place of the one before.
    pub(super) async fn put_product_document(&self, id: &str) -> Answered {
        let published = self.published().await?.ok_or(Failure::NoSuchProduct)?;
        let id: ProductId = id.parse().map_err(|_| Failure::NoSuchProduct)?;
        published.catalog.product(&id).ok_or(Failure::NoSuchProduct)?;
        let document: Value = self.body()?;
        let is_of_3 = document["openapi"].as_str().is_some_and(|version| version.starts_with("3."));
        if !is_of_3 || !document["paths"].is_object() {
            return Err(Failure::Malformed("it must be an OpenAPI document of version 3 with `paths`".to_owned()));
        }
        store::write(self.ports, &product_document_entry(&id), &document).await?;
        Ok(Response::empty())
    }

    /// The document that was put last, whether or not the catalog names one.
    pub(super) async fn published_product_document(&self, id: &str) -> Answered {
        let id: ProductId = id.parse().map_err(|_| Failure::NoSuchProduct)?;
        let document: Option<Value> = store::read(self.ports, &product_document_entry(&id)).await?;
        Response::json(200, &document.ok_or(Failure::NoSuchProduct)?)
    }
}
