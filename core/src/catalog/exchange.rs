//! What the gateway changes of a request on its way to the upstream, and of the answer on its way back.
//!
//! Invariant: no key here touches a field that is the connection's, the platform's or the gateway's own. A product that says
//! nothing of all this has no [`Exchange`], so that its calls ask for nothing more than that.

use serde::{Deserialize, Serialize};

use super::{UpstreamAuth, source::Table};
use crate::id::ProductId;

/// What is changed between caller and upstream.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Exchange {
    /// What the upstream demands of whoever calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_auth: Option<UpstreamAuth>,
}

/// Reads the keys of a product that change the exchange; `Some(None)` where it has none of them.
pub(super) fn exchange(table: &Table<'_>, product: Option<&ProductId>) -> Option<Option<Exchange>> {
    let name = product.map(ProductId::as_str).unwrap_or_default();
    let upstream_auth = table.maybe("upstream_auth", |item| UpstreamAuth::read(item, name));
    let exchange = Exchange { upstream_auth: upstream_auth? };
    Some(Some(exchange).filter(|exchange| *exchange != Exchange::default()))
}
