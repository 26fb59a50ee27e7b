//! What the fuzz is played in: a gateway and an upstream of its own, a product for each strictness, and two customers.

use std::time::Duration;

use anyhow::{Result, ensure};
use hyper::Method;

use super::origin::Origin;
use crate::{Farebox, account::Account, call::Caller, eventually};

/// How long it may take until something that will happen has happened.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The first segment of each product's paths.
pub(super) const PRODUCTS: [&str; 2] = ["loose", "strict"];

const CATALOG: &str = r#"
[provider]
name = "Fuzzed"
currency = "USD"

[[products]]
id = "loose"
upstream = "ORIGIN"
auth = ["x-ca", "rfc9421", "appcode"]
routes = [{ path = "/loose/{*rest}" }]
rate = { per_1000_calls = "0.01" }

[[products]]
id = "strict"
upstream = "ORIGIN"
auth = ["x-ca", "rfc9421", "appcode"]
strict_signature = true
routes = [{ path = "/strict/{*rest}" }]
rate = { per_1000_calls = "0.01" }
"#;

/// All that the requests are made of.
pub(super) struct World {
    pub(super) farebox: Farebox,
    pub(super) origin: Origin,
    /// The account of `caller`.
    pub(super) account: String,
    /// Who calls.
    pub(super) caller: Caller,
    /// Whose key is used for what somebody else signed.
    pub(super) other: Caller,
    /// Host and port of the gateway.
    pub(super) host: String,
}

impl World {
    pub(super) async fn make(others: &Farebox) -> Result<Self> {
        let (farebox, origin) = (others.another("fuzz")?, Origin::start()?);
        let catalog = CATALOG.replace("ORIGIN", &origin.address);
        let answer = farebox.admin().send_as("", Method::PUT, "catalog", &catalog).await?;
        ensure!(answer.status == 200, "{answer:?}");
        let (account, caller) = Account::with_balance(&farebox, "1000.00").await?;
        let (_, other) = Account::with_balance(&farebox, "1000.00").await?;
        let sold = async || Ok((caller.get("/strict/ready").await?.status == 200).then_some(()));
        eventually("the catalog to be in use", PATIENCE, sold).await?;
        origin.take();
        let host = farebox.gateway().trim_start_matches("http://").to_owned();
        Ok(Self { farebox, origin, account: account.id, caller, other, host })
    }
}
