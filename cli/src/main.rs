//! `farebox`: the operator's and caller's command line.
//!
//! A command either does what it says and exits with 0, or prints one line on standard error. Then its exit code says what kind
//! of failure it is. What a command answers goes to standard output, as a table for people or, with `--json`, as JSON for
//! scripts. Secrets and tokens come from the environment, a file or a prompt, never from an argument, where other users could see
//! them.

mod admin;
mod commands;
mod config;
mod failure;
mod given;
mod named;
mod output;

use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match commands::Cli::read() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and versions come this way too. There is nobody to tell when standard output is closed.
            let _ = error.print();
            return if error.use_stderr() { failure::USAGE.into() } else { ExitCode::SUCCESS };
        }
    };
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("farebox: {error:#}");
            failure::code(&error).into()
        }
    }
}
