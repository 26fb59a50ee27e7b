//! The Node process that runs both Workers (`js/dev.mjs`).
//!
//! Invariant: it leads a process group of its own. So a Ctrl-C reaches only us, who end it in order, and nothing of it is
//! left behind: what does not end by itself is killed as a group, workerd included.

use std::{
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use super::state::State;
use crate::process::{npm_tool, root};

/// How long it may take to write down what is in memory before it is killed.
const PATIENCE: Duration = Duration::from_secs(5);

/// The running Workers.
pub(super) struct Runtime {
    /// Where the gateway serves: scheme and authority.
    pub(super) gateway: String,
    child: Child,
}

#[derive(Deserialize)]
struct Serving {
    gateway: String,
}

impl Runtime {
    /// Starts the Workers that `build` made, and waits until they serve. Port 0 picks a free one.
    pub(super) async fn start(state: &State, port: u16) -> Result<Self> {
        let mut command = npm_tool("node")?;
        command.arg(root().join("xtask/js/dev.mjs"));
        let mut command = Command::from(command);
        let mut child =
            command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("node")?;
        let order = json!({
            "root": root(),
            "port": port,
            "state": state.workers(),
            "bindings": {
                "MASTER_KEY": state.master_key,
                "ADMIN_TOKEN": state.admin_token,
                "FLUSH_SECONDS": "1",
                "DEV_CLOCK": "1",
            },
        });
        if let Some(input) = &mut child.stdin {
            input.write_all(format!("{order}\n").as_bytes()).await?;
        }
        let mut answer = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut answer).await?;
        }
        let mut runtime = Self { gateway: String::new(), child };
        match serde_json::from_str(&answer) {
            Ok(Serving { gateway }) => runtime.gateway = gateway,
            Err(_) => {
                runtime.stop().await;
                bail!("the Workers' runtime did not start; what it said is above (is port {port} taken?)");
            }
        }
        Ok(runtime)
    }

    /// Waits until it ends by itself.
    pub(super) async fn ended(&mut self) -> Result<ExitStatus> {
        // `wait` closes the input, which is what tells Node to end; so it must not be there to close.
        let input = self.child.stdin.take();
        let status = self.child.wait().await;
        drop(input);
        status.context("cannot wait for node")
    }

    /// Ends it, and does not come back before it has ended.
    pub(super) async fn stop(mut self) {
        let group = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        drop(self.child.stdin.take());
        if timeout(PATIENCE, self.child.wait()).await.is_err() {
            eprintln!("the Workers' runtime does not end; killing it");
        }
        // The leader may be gone while workerd is not.
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
