//! `cargo xtask guard`: runs a program until standard input ends.
//!
//! For a program that would outlive whoever started it: the guard's standard input is a pipe that closes when the other end
//! is gone, however it died. Invariant: when the guard has ended, so has the program.

use std::{
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};
use clap::Args;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncReadExt, stdin},
    time::timeout,
};

/// The exit code that stands for a program that was killed, as a shell has it: 128 and the number of the signal.
pub(crate) const KILLED: i32 = 128 + 9;

/// How long the program may take to end when it is asked to. Less than `dev` waits for the guard.
const PATIENCE: Duration = Duration::from_secs(4);

/// What to run.
#[derive(Args)]
pub(crate) struct Options {
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

/// A command that runs `program` behind a guard. What is added to it are the program's arguments.
pub(crate) fn command(program: &Path) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("guard").arg(program);
    Ok(command)
}

/// Runs the program, and ends as it ended.
pub(crate) fn run(options: &Options) -> Result<()> {
    let (program, arguments) = options.command.split_first().context("no program")?;
    let runtime = tokio::runtime::Runtime::new()?;
    let code = runtime.block_on(async {
        let mut command = tokio::process::Command::new(program);
        command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| program.clone())?;
        let status = tokio::select! {
            status = child.wait() => status?,
            () = input_ended() => {
                if let Some(id) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
                    kill_process(id, Signal::INT)?;
                }
                match timeout(PATIENCE, child.wait()).await {
                    Ok(status) => status?,
                    Err(_) => {
                        child.kill().await?;
                        child.wait().await?
                    }
                }
            }
        };
        anyhow::Ok(status.code().or(status.signal().map(|signal| 128 + signal)))
    })?;
    // Not by dropping it: a read of standard input that never ends would be waited for.
    runtime.shutdown_background();
    std::process::exit(code.unwrap_or(1))
}

async fn input_ended() {
    let mut waste = [0; 64];
    while stdin().read(&mut waste).await.is_ok_and(|read| read > 0) {}
}
