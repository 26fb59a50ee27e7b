//! The same request, good or bad, gets the same answer from both runtimes: status, header fields and body, and the upstream
//! receives the same.
//!
//! Both gateways have the same secrets, catalog and accounts, made under the same idempotency keys, so even ids agree. Each
//! request goes to both as the same bytes. What may differ is listed in `differences`, and in ARCHITECTURE.md with the reason;
//! everything that is found is told, with the request and both answers.

mod admin;
mod calls;
mod clients;
mod differences;
mod odd;
mod origin;
mod rejected;
mod wire;
mod world;

use anyhow::{Result, bail, ensure};

use self::{wire::exchange, world::World};
use crate::farebox::{Farebox, Runtime};

/// How many requests there must be at least.
const LEAST: usize = 60;

/// A request, and what it is about.
struct Case {
    name: String,
    request: Vec<u8>,
}

impl Case {
    fn new(name: impl Into<String>, request: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), request: request.into() }
    }
}

/// Sends every request to both.
///
/// # Errors
///
/// When answers differ; names each request with both answers.
pub fn parity() -> Result<()> {
    crate::executor()?.block_on(async {
        let [workers, spin] = [Farebox::twin(Runtime::Workers)?, Farebox::twin(Runtime::Spin)?];
        let origin = origin::start()?;
        let world = World::make(&workers, &origin).await?;
        let other = World::make(&spin, &origin).await?;
        ensure!(world == other, "the worlds differ:\n{world:#?}\n{other:#?}");

        let mut cases = calls::cases(&world)?;
        cases.extend(odd::cases(&world)?);
        cases.extend(rejected::cases(&world)?);
        cases.extend(clients::cases(&world));
        cases.extend(admin::cases(&world));
        ensure!(cases.len() >= LEAST, "{} requests are too few", cases.len());
        let mut differing = compare(&workers, &spin, &cases);
        // Spin itself answers 500, so there is nothing to compare it with.
        let latin = exchange(workers.gateway(), &calls::latin(&world))?.body;
        ensure!(String::from_utf8_lossy(&latin).contains("caf\u{e9}"), "the upstream got no byte of Latin-1");
        // The last ones need a clock that was moved.
        for farebox in [&workers, &spin] {
            world::let_packages_expire(farebox).await?;
        }
        let late = rejected::after_expiry(&world)?;
        differing.extend(compare(&workers, &spin, &late));
        println!("{} requests, {} answered differently", cases.len() + late.len(), differing.len());
        if differing.is_empty() {
            return Ok(());
        }
        bail!("{} requests are answered differently:\n{}", differing.len(), differing.join("\n"))
    })
}

/// What differs, a text for each request.
fn compare(workers: &Farebox, spin: &Farebox, cases: &[Case]) -> Vec<String> {
    let mut differing = Vec::new();
    for Case { name, request } in cases {
        let is_head = request.starts_with(b"HEAD ");
        let [one, other] = [workers, spin].map(|farebox| match exchange(farebox.gateway(), request) {
            Ok(answer) => differences::shown(answer, is_head),
            Err(error) => format!("{error:#}"),
        });
        println!("{} {name}", one.lines().next().unwrap_or_default());
        if one != other && !differences::APART.contains(&name.as_str()) {
            let request = String::from_utf8_lossy(&request[..request.len().min(2_000)]);
            differing.push(format!("\n##### {name}\n{request}\n--- Workers\n{one}\n--- Spin\n{other}"));
        }
    }
    differing
}
