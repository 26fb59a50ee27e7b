//! What is for sale in every world: each meter, each kind of tiers, plans of both kinds, leased and strict admission.

use std::sync::LazyLock;

use farebox_core::{
    catalog::{Catalog, compile},
    ledger::{Beyond, Every, PlanTerms, command::PackageTerms},
    meter::Meter,
    money::Micros,
    time::HOUR,
};
use fastrand::Rng;

const SOURCE: &str = r#"
[provider]
name = "Simulated"
currency = "USD"

[[products]]
id = "pack"
upstream = "http://origin.test"
auth = ["appcode"]
routes = [{ path = "/pack" }]
packages = [{ id = "some", price = "0.01", calls = 10 }]

[[products]]
id = "use"
upstream = "http://origin.test"
auth = ["appcode"]
routes = [{ path = "/use" }]
  [products.rate]
  tiers = "volume"
  calls = [{ up_to = 10, per_1000 = "0.00" }, { up_to = 60, per_1000 = "0.70" }, { up_to = 90, per_1000 = "3.00" }, { per_1000 = "0.90" }]

[[products]]
id = "bytes"
upstream = "http://origin.test"
auth = ["appcode"]
routes = [{ path = "/bytes" }]
  [products.rate]
  egress = [{ up_to = 3_000_000, per_gib = "9.00" }, { per_gib = "20.00" }]

[[products]]
id = "mixed"
upstream = "http://origin.test"
auth = ["appcode"]
routes = [{ path = "/mixed" }]
  [products.rate]
  minimum = "0.01"
  calls = [{ up_to = 20, per_1000 = "0.50" }, { per_1000 = "0.20" }]
  ingress = [{ up_to = 100_000, per_gib = "0.00" }, { per_gib = "11.00" }]
  total = [{ up_to = 2_000_000, per_gib = "5.00" }, { per_gib = "1.00" }]

[[products]]
id = "strict"
upstream = "http://origin.test"
auth = ["appcode"]
admission = "strict"
routes = [{ path = "/strict" }]
rate = { per_1000_calls = "0.40", per_gib_egress = "3.00" }
"#;

/// No price of a GiB is higher.
pub(crate) const DEAREST_GIB: u64 = 20_000_000;

pub(crate) const PRODUCTS: [&str; 5] = ["pack", "use", "bytes", "mixed", "strict"];

/// The products whose every lease limits calls, whatever pays.
pub(crate) const COUNTED: [&str; 2] = ["pack", "use"];

pub(crate) static CATALOG: LazyLock<Catalog> = LazyLock::new(|| compile(SOURCE).unwrap());

/// A package of any product that sells one.
pub(crate) fn package(rng: &mut Rng) -> PackageTerms {
    let (product, meter, most) = [
        ("pack", Meter::Calls, 60),
        ("pack", Meter::Calls, 60),
        ("use", Meter::Calls, 40),
        ("bytes", Meter::TotalBytes, 9_000_000),
        ("bytes", Meter::EgressBytes, 9_000_000),
        ("mixed", Meter::IngressBytes, 20_000),
        ("strict", Meter::Calls, 20),
        ("strict", Meter::TotalBytes, 3_000_000),
    ][rng.usize(0..8)];
    PackageTerms {
        product: product.parse().unwrap(),
        offer: "package".parse().unwrap(),
        price: Micros::new(rng.i64(0..20_000)),
        quantities: [(meter, rng.u64(1..most))].into_iter().collect(),
        valid: rng.bool().then(|| rng.i64(1..10) * HOUR),
        priority: rng.i32(0..2),
        also_for: Vec::new(),
        once: false,
    }
}

/// A plan of one meter or two, that goes on at the rate or ends.
pub(crate) fn plan(rng: &mut Rng) -> PlanTerms {
    let mut quantities = vec![(Meter::Calls, rng.u64(1..40))];
    if rng.bool() {
        quantities.push((Meter::EgressBytes, rng.u64(1..4_000_000)));
    }
    PlanTerms {
        product: "use".parse().unwrap(),
        offer: "plan".parse().unwrap(),
        price: Micros::new(rng.i64(0..12_000)),
        every: [Every::Days(1), Every::Days(2), Every::Months(1)][rng.usize(0..3)],
        quantities: quantities.into_iter().collect(),
        beyond: if rng.bool() { Beyond::Rate } else { Beyond::Reject },
        priority: 0,
        grace: rng.i64(0..30) * HOUR,
        setup_fee: Micros::ZERO,
        trial: None,
        rollover: Default::default(),
    }
}
