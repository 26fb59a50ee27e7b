//! End to end: the scenarios that Farebox must pass on a real runtime, with real clients and a real origin.
//!
//! A scenario is written once, against a running [`Farebox`]; a file in `tests/` per runtime runs them all there. One gateway
//! serves all the scenarios of a runtime, some of them at once. Each has a product and accounts of its own, so none sees what
//! another did. One that looks at what all of them share has the gateway for itself.

use std::{
    future::Future,
    sync::OnceLock,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

pub use crate::{
    farebox::{Farebox, Runtime},
    parity::parity,
    turns::Turn,
};

mod account;
mod admin;
mod browser;
mod call;
pub mod conformance;
mod farebox;
mod fuzz;
mod http;
mod parity;
mod processes;
mod python;
pub mod scenarios;
mod servers;
mod shell;
mod turns;

/// Makes a test of each of these scenarios, on one runtime. `$turn` is the name of a [`Turn`].
#[macro_export]
macro_rules! scenarios_on {
    ($runtime:expr; $turn:ident: $($module:ident::$scenario:ident,)*) => {
        $(
            #[test]
            fn $scenario() {
                let name = stringify!($scenario);
                $crate::run($runtime, name, $crate::Turn::$turn, $crate::scenarios::$module::$scenario);
            }
        )*
    };
}

/// Runs a scenario on the gateway of this process, which is started for the first one, and prints what came of it.
///
/// # Panics
///
/// When the gateway does not start, or the scenario fails.
pub fn run(runtime: Runtime, name: &str, turn: Turn, scenario: impl AsyncFnOnce(&Farebox) -> Result<()>) {
    static RUNNING: OnceLock<Result<Farebox, String>> = OnceLock::new();

    let farebox = RUNNING.get_or_init(|| Farebox::start(runtime).map_err(|error| format!("{error:#}")));
    let _running = turns::take(turn);
    let start = Instant::now();
    let result = match farebox {
        Ok(farebox) => executor().and_then(|executor| executor.block_on(scenario(farebox))),
        Err(error) => Err(anyhow::anyhow!("{error}")),
    };
    let verdict = if result.is_ok() { "ok" } else { "FAILED" };
    // `cargo xtask test` reads this line.
    println!("scenario {name}: {verdict} in {:.1} s", start.elapsed().as_secs_f32());
    if let Err(error) = result {
        panic!("{error:#}");
    }
}

/// Whether to do everything in full: more worlds, larger crowds, more crashes (`cargo xtask test --thorough`).
fn thorough() -> bool {
    std::env::var_os("FAREBOX_THOROUGH").is_some_and(|value| !value.is_empty())
}

fn executor() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("no executor")
}

/// Asks again and again until there is an answer; an error after `limit`, with what was waited for.
async fn eventually<T, F>(what: &str, limit: Duration, mut ask: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        if start.elapsed() > limit {
            bail!("waited {limit:?} for {what}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Runs a test that brings what it needs.
///
/// # Panics
///
/// When it fails.
pub fn alone(test: impl AsyncFnOnce() -> Result<()>) {
    if let Err(error) = executor().and_then(|executor| executor.block_on(test())) {
        panic!("{error:#}");
    }
}
