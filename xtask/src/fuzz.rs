//! `cargo xtask fuzz`: raw requests by chance against a runtime, as many as one has time for.
//!
//! `tests/src/fuzz` says what is sent and what must hold. This builds what is attacked, as it is deployed, and runs the scenario
//! of the end-to-end tests with other numbers.

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{dev, process::cargo};

/// The scenario.
const SCENARIO: &str = "raw_requests_break_nothing_and_pass_only_as_they_were_signed";

/// What to send, and where.
#[derive(Args)]
#[command(after_help = "Example: cargo xtask fuzz --runtime spin --requests 100000")]
pub(crate) struct Options {
    /// The runtime
    #[arg(long, value_enum, default_value = "workers")]
    runtime: dev::Platform,
    /// How many requests
    #[arg(long, default_value_t = 1_000_000)]
    requests: u64,
    /// Where all chance comes from; another one each time when not said
    #[arg(long)]
    seed: Option<u64>,
    /// The number of the first request; the report gives it as the first part of `m=`
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Attack what was built before, as it is
    #[arg(long)]
    no_build: bool,
}

/// `cargo xtask fuzz`.
pub(crate) fn run(options: &Options) -> Result<()> {
    if !options.no_build {
        dev::prepare(&dev::PrepareOptions::released(options.runtime))?;
    }
    let mut tests = cargo();
    tests.args(["test", "--quiet", "--package", "farebox-tests", "--test", options.runtime.name()]);
    tests.args(["--", "--exact", "--nocapture", SCENARIO]);
    tests.env("FAREBOX_XTASK", std::env::current_exe()?).env("FAREBOX_FUZZ", options.requests.to_string());
    tests.env("FAREBOX_FUZZ_FROM", options.from.to_string());
    if let Some(seed) = options.seed {
        tests.env("FAREBOX_SEED", seed.to_string());
    }
    if !tests.status().context("cannot start cargo")?.success() {
        bail!("the fuzz found something wrong");
    }
    Ok(())
}
