//! A gateway to test: starts `cargo xtask dev`, reads the line it prints when it is ready, and ends it.
//!
//! Invariant: it ends with the process that started it, also when that is killed: `dev` sees its parent go.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::{admin::Admin, eventually, http::Http, processes};

/// Where the gateway runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtime {
    /// Cloudflare Workers' runtime.
    Workers,
}

/// A running gateway, with its billing worker and an origin.
pub struct Farebox {
    runtime: Runtime,
    ready: Ready,
    state: PathBuf,
    child: Child,
}

/// What `cargo xtask dev --json` prints, as far as it is needed here.
#[derive(Deserialize)]
struct Ready {
    gateway: String,
    origin: String,
    admin_token: String,
}

impl Farebox {
    /// Starts one with nothing in it but the catalog of the tests. The first start of a checkout builds everything.
    ///
    /// # Errors
    ///
    /// When it ends before it is ready; what it said is on standard error.
    pub fn start(runtime: Runtime) -> Result<Self> {
        Self::start_in(runtime, &std::process::id().to_string())
    }

    /// Starts another one beside it, for a scenario that would disturb the others. `name` tells its data from theirs.
    pub(crate) fn another(&self, name: &str) -> Result<Self> {
        Self::start_in(self.runtime, &format!("{}-{name}", std::process::id()))
    }

    fn start_in(runtime: Runtime, directory: &str) -> Result<Self> {
        let name = match runtime {
            Runtime::Workers => "workers",
        };
        let state = root().join(format!("target/tmp/{name}-{directory}"));
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(root()).args(["xtask", "dev", "--json", "--port", "0", "--fresh", "--runtime", name]);
        command.arg("--state").arg(&state).arg("--catalog").arg(root().join("tests/catalog.toml"));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cargo xtask dev")?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let ready = serde_json::from_str(&line).context("`cargo xtask dev` ended before it was ready")?;
        Ok(Self { runtime, ready, state, child })
    }

    /// Scheme and authority of the gateway.
    pub(crate) fn gateway(&self) -> &str {
        &self.ready.gateway
    }

    /// The admin API.
    pub(crate) fn admin(&self) -> Admin {
        Admin::new(&self.ready.gateway, &self.ready.admin_token)
    }

    /// The token of the deployment.
    pub(crate) fn admin_token(&self) -> &str {
        &self.ready.admin_token
    }

    /// A directory that is the gateway's own, for files of a scenario.
    pub(crate) fn directory(&self) -> &Path {
        &self.state
    }

    /// How many calls reached the origin of `product` so far: those that were forwarded.
    pub(crate) async fn forwarded(&self, product: &str) -> Result<u64> {
        let answer = Http::new().get(&format!("{}/_origin/seen/{product}", self.ready.origin)).await?;
        answer.json()?["calls"].as_u64().context("the origin does not count")
    }

    /// The keys of the usage journal, with when each expires in seconds since 1970 (null for never). Read from the store
    /// itself, behind the gateway's back.
    pub(crate) fn journal(&self) -> Result<Vec<(String, Option<u64>)>> {
        let output = match self.runtime {
            Runtime::Workers => node("tests/js/journal.mjs").arg(self.state.join("workers")).output()?,
        };
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("cannot read the journal: {}", String::from_utf8_lossy(&output.stderr)))
    }

    /// The resident memory of the runtime's processes, in bytes.
    pub(crate) fn memory(&self) -> Result<u64> {
        processes::resident(self.child.id(), self.process())
    }

    /// Kills the runtime as a machine that fails does: nothing can be written down before. Comes back when another one
    /// serves in its place, on the same data.
    pub(crate) async fn crash(&self) -> Result<()> {
        let running = processes::below(self.child.id(), self.process())?;
        running.iter().try_for_each(|process| processes::kill(*process))?;
        let health = format!("{}/_farebox/admin/v1/health", self.ready.gateway);
        eventually("the runtime to be there again", Duration::from_secs(60), async || {
            let now = processes::below(self.child.id(), self.process())?;
            if now.is_empty() || now.iter().any(|process| running.contains(process)) {
                return Ok(None);
            }
            // Until it listens, there is no answer at all.
            Ok(Http::new().get(&health).await.ok().filter(|answer| answer.status == 200).map(drop))
        })
        .await
    }

    fn process(&self) -> &'static str {
        match self.runtime {
            Runtime::Workers => "workerd",
        }
    }
}

impl Drop for Farebox {
    fn drop(&mut self) {
        // What it started ends with it. There is nobody to tell if this fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A script, to be run on the Node of the lock file.
pub(crate) fn node(script: &str) -> Command {
    let mut command = Command::new(root().join("node_modules/.bin/node"));
    command.current_dir(root()).arg(root().join(script));
    command
}

/// Runs a script with `input` as JSON on its standard input and returns the JSON that it prints.
pub(crate) async fn run_node(script: &str, input: &Value) -> Result<Value> {
    let mut child = node(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("node")?;
    serde_json::to_writer(child.stdin.take().context("no input")?, input)?;
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await??;
    serde_json::from_slice(&output.stdout).with_context(|| format!("{script} failed"))
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}
