//! End to end: the scenarios that Farebox must pass on a real runtime, with real clients and a real origin.
//!
//! A scenario is written once, against a running [`Farebox`]; a file in `tests/` per runtime runs them all there. One gateway
//! serves all the scenarios of a runtime, one after the other; each has a product and accounts of its own, so that none sees
//! what another did.

use std::{
    future::Future,
    sync::{Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

pub use crate::{
    farebox::{Farebox, Runtime},
    parity::parity,
};

mod account;
mod admin;
mod call;
pub mod conformance;
mod farebox;
mod http;
mod parity;
mod processes;
mod python;
pub mod scenarios;
mod servers;
mod shell;

/// Makes a test of each of these scenarios, on one runtime.
#[macro_export]
macro_rules! scenarios_on {
    ($runtime:expr; $($module:ident::$scenario:ident,)*) => {
        $(
            #[test]
            fn $scenario() {
                $crate::run($runtime, $crate::scenarios::$module::$scenario);
            }
        )*
    };
}

/// Runs a scenario on the gateway of this process, which is started for the first one.
///
/// # Panics
///
/// When the gateway does not start, or the scenario fails.
pub fn run(runtime: Runtime, scenario: impl AsyncFnOnce(&Farebox) -> Result<()>) {
    static RUNNING: OnceLock<Result<Farebox, String>> = OnceLock::new();
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let farebox = RUNNING.get_or_init(|| Farebox::start(runtime).map_err(|error| format!("{error:#}")));
    let result = match farebox {
        Ok(farebox) => executor().and_then(|executor| executor.block_on(scenario(farebox))),
        Err(error) => Err(anyhow::anyhow!("{error}")),
    };
    if let Err(error) = result {
        panic!("{error:#}");
    }
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
