//! Stages of a product: where its callers try it out before they pay.
//!
//! Invariant: the test stage of a product has another upstream than the product itself, and its calls are not charged. So a test
//! call costs nobody anything and reaches nothing that is real.

use serde::{Deserialize, Serialize};

use super::{Exchange, Product, UpstreamAuth};
use crate::limit::Limits;

/// The stages of a product beside the one that is sold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stages {
    /// Where test keys and `X-Ca-Stage: TEST` go; `None` where nobody can try it out.
    #[serde(default)]
    pub test: Option<TestStage>,
}

/// What stands behind test calls, and how many there may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestStage {
    /// The origin, as [`Product::upstream`].
    pub upstream: String,
    /// What that origin demands of whoever calls it. The product's own credential never goes there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_auth: Option<UpstreamAuth>,
    /// How often it may be called. Nobody pays, so there is always a limit.
    pub limits: Limits,
}

impl Product {
    /// The product as test calls see it; `None` where it has no test stage.
    pub fn test_stage(&self) -> Option<Self> {
        let TestStage { upstream, upstream_auth, limits } = self.stages.test.clone()?;
        let mut exchange = self.exchange.clone().unwrap_or_default();
        exchange.upstream_auth = upstream_auth;
        let exchange = Some(exchange).filter(|exchange| *exchange != Exchange::default());
        Some(Self { upstream, exchange, limits, is_test: true, ..self.clone() })
    }
}
