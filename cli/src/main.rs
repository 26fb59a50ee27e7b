//! `farebox`: the operator's and caller's command line.
//!
//! A command either does what it says and exits with 0, or prints one line on standard error and exits with 1. What a
//! command answers goes to standard output, as a table for people or, with `--json`, as JSON for scripts. Secrets and
//! tokens come from the environment, a file or a prompt, never from an argument, where other users could see them.

mod admin;
mod commands;
mod config;
mod output;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match commands::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("farebox: {error:#}");
            ExitCode::FAILURE
        }
    }
}
