//! `cargo xtask guard`: runs a program until standard input ends.
//!
//! It is for a program that would outlive whoever started it. The guard's standard input is a pipe that closes when the other end
//! is gone, however it died. Invariant: when the guard has ended, so has the program, and on Linux all that it started: `spin up`
//! that is killed leaves a process that goes on serving. The guard adopts what is left behind, and ends it.

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

use crate::process::this_program;

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
    let mut command = Command::new(this_program()?);
    command.arg("guard").arg(program);
    Ok(command)
}

/// Runs the program, and ends as it ended.
pub(crate) fn run(options: &Options) -> Result<()> {
    let (program, arguments) = options.command.split_first().context("no program")?;
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
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
    #[cfg(target_os = "linux")]
    end_orphans();
    std::process::exit(code.unwrap_or(1))
}

async fn input_ended() {
    let mut waste = [0; 64];
    while stdin().read(&mut waste).await.is_ok_and(|read| read > 0) {}
}

/// Kills what the program has left behind, until nothing is.
#[cfg(target_os = "linux")]
fn end_orphans() {
    use rustix::process::{WaitOptions, wait};
    let ours = std::process::id();
    while let Ok(children) = children_of(ours) {
        if children.is_empty() {
            return;
        }
        for child in children {
            // One that has ended meanwhile is waited for all the same. Its own children are ours then.
            let _ = kill_process(child, Signal::KILL);
            let _ = wait(WaitOptions::empty());
        }
    }
}

/// The processes whose parent is `parent`.
#[cfg(target_os = "linux")]
fn children_of(parent: u32) -> std::io::Result<Vec<Pid>> {
    let is_child = |id: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // Behind the name, which may hold anything, come the state and the parent.
        let of = stat.rsplit_once(')').and_then(|(_, fields)| fields.split_whitespace().nth(1)?.parse::<u32>().ok());
        of == Some(parent)
    };
    let processes = std::fs::read_dir("/proc")?.flatten();
    let ids = processes.filter_map(|process| process.file_name().to_str()?.parse::<i32>().ok());
    Ok(ids.filter(is_child).filter_map(Pid::from_raw).collect())
}
