//! `cargo xtask dev | test | bench | build | tidy | setup`: everything that is done to this workspace from the command line.
//!
//! Each command is a file. What they share is in `process` (running other programs) and `setup` (having them).

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::setup::Tool;

mod bench;
mod build;
mod conformance;
mod debian;
mod dev;
mod fuzz;
mod guard;
mod jobs;
mod openapi_sweep;
mod origin;
mod pages;
mod process;
mod setup;
mod test;
mod tidy;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, runs and tests Farebox", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Starts the gateway, the billing worker and a demo origin on this machine
    Dev(dev::Options),
    /// Runs everything that must pass: format, lints, unit and property tests, and end to end on the runtimes
    Test(test::Options),
    /// Builds and installs what `dev` runs
    #[command(hide = true)]
    Prepare(dev::PrepareOptions),
    /// Measures side by side with what a user would pick instead, and prints the tables
    Bench(bench::Options),
    /// Sends raw requests by chance to a runtime, and says what should not have come of them
    Fuzz(fuzz::Options),
    /// Builds the Workers as they are deployed
    Build(build::Options),
    /// Holds the ledger's store against what every store must do, inside the Workers' runtime
    Conformance,
    /// Runs a program until standard input ends; what `dev` puts in front of a program that would outlive it
    #[command(hide = true)]
    Guard(guard::Options),
    /// Reads 2,639 public OpenAPI documents: each operation is sold at its own address, or named
    OpenapiSweep(openapi_sweep::Options),
    /// Checks what neither the compiler nor clippy checks: file sizes, headers, the direction of dependencies
    Tidy,
    /// Installs what the other commands need: wasm targets and tools, the npm packages, and for the tests Python packages
    /// and, as root on Debian, Redis and PostgreSQL
    Setup,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        // By hand, because the one line is for people: no backtrace, whatever RUST_BACKTRACE says.
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Dev(options) => dev::run(&options),
        Command::Prepare(options) => dev::prepare(&options),
        Command::Test(options) => test::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Build(options) => build::run(&options),
        Command::Conformance => conformance::run(),
        Command::Guard(options) => guard::run(&options),
        Command::OpenapiSweep(options) => openapi_sweep::run_sweep(&options),
        Command::Tidy => tidy::run(),
        Command::Setup => {
            let of_tests = [Tool::Nextest, Tool::Python, Tool::Servers, Tool::Browser];
            setup::ensure(&[[Tool::Targets, Tool::Npm].as_slice(), &of_tests].concat())
        }
    }
}
