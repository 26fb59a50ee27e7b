//! A program that we start together with all that it starts.
//!
//! Invariant: it leads a process group of its own. So a Ctrl-C reaches only us, who end it in order. The whole group is killed
//! when the value goes, workerd or a compiler included, so nothing of it is left behind.

use std::{
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

/// How long it may take to write down what is in memory before it is killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running program.
pub(super) struct Group {
    leader: Pid,
    child: Child,
    input: Option<ChildStdin>,
}

impl Group {
    /// Starts it. It is asked to end by closing its standard input.
    pub(super) fn start(command: std::process::Command, output: Stdio) -> Result<Self> {
        let name = crate::process::describe(&command);
        let mut command = Command::from(command);
        let mut child = command.process_group(0).stdin(Stdio::piped()).stdout(output).spawn().context(name)?;
        let leader = child.id().and_then(|id| Pid::from_raw(id.cast_signed())).context("a process without an id")?;
        // `wait` would close an input that it finds in the child.
        let input = child.stdin.take();
        Ok(Self { leader, child, input })
    }

    /// Its standard input, while it is open.
    pub(super) fn input(&mut self) -> Option<&mut ChildStdin> {
        self.input.as_mut()
    }

    /// Its standard output, once.
    pub(super) fn output(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Waits until the leader ends by itself.
    pub(super) async fn ended(&mut self) -> Result<ExitStatus> {
        self.child.wait().await.context("cannot wait for a process")
    }

    /// Asks it to end, and does not come back before it has ended.
    pub(super) async fn stop(mut self) {
        drop(self.input.take());
        if timeout(PATIENCE, self.child.wait()).await.is_err() {
            eprintln!("the gateway's runtime does not end; killing it");
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The leader may be gone while others of the group are not. An error says that nobody is left.
        let _ = kill_process_group(self.leader, Signal::KILL);
    }
}
