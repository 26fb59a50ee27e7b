//! A gateway to test: starts `cargo xtask dev`, reads the line it prints when it is ready, and ends it.
//!
//! Invariant: it ends with the process that started it, also when that is killed: `dev` sees its parent go.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{admin::Admin, eventually, http::Http, processes};

/// Where the gateway runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtime {
    /// Cloudflare Workers' runtime.
    Workers,
    /// Spin, or the host for tests where it is not installed.
    Spin,
}

impl Runtime {
    const fn name(self) -> &'static str {
        match self {
            Self::Workers => "workers",
            Self::Spin => "spin",
        }
    }

    /// The name of its processes, as Linux shows it: the first 15 characters.
    fn process(self) -> &'static str {
        let path = env::var_os("PATH").unwrap_or_default();
        match self {
            Self::Workers => "workerd",
            Self::Spin if env::split_paths(&path).any(|directory| directory.join("spin").is_file()) => "spin",
            Self::Spin => "farebox-spin-ho",
        }
    }
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
    /// Missing where there is only one.
    #[serde(default)]
    gateways: Vec<String>,
    origin: String,
    payments: String,
    admin_token: String,
}

impl Farebox {
    /// Starts one with nothing in it but the catalog of the tests. The first start of a checkout builds everything.
    ///
    /// # Errors
    ///
    /// When it ends before it is ready; what it said is on standard error.
    pub fn start(runtime: Runtime) -> Result<Self> {
        Self::start_in(runtime, &directory(runtime, "all"), &["--fresh"])
    }

    /// Starts another one beside it, for a scenario that would disturb the others. `name` tells its data from theirs.
    pub(crate) fn another(&self, name: &str) -> Result<Self> {
        self.another_with(name, &[])
    }

    /// The same, with more words for `cargo xtask dev`.
    pub(crate) fn another_with(&self, name: &str, more: &[&str]) -> Result<Self> {
        let words: Vec<&str> = ["--fresh"].iter().chain(more).copied().collect();
        Self::start_in(self.runtime, &directory(self.runtime, name), &words)
    }

    /// Starts another one on what `put` puts into its state directory, and into that of its data, which is not there before.
    pub(crate) fn restored(&self, name: &str, put: impl FnOnce(&Path, &Path) -> Result<()>) -> Result<Self> {
        let state = directory(self.runtime, name);
        // What is there is of a run of the tests that had the same process id.
        if state.exists() {
            fs::remove_dir_all(&state)?;
        }
        fs::create_dir_all(&state)?;
        put(&state, &state.join(self.runtime.name()))?;
        Self::start_in(self.runtime, &state, &[])
    }

    /// What it runs on.
    pub(crate) const fn runtime(&self) -> Runtime {
        self.runtime
    }

    /// Where the runtime keeps its data.
    pub(crate) fn data(&self) -> PathBuf {
        self.state.join(self.runtime.name())
    }

    /// Starts one that has the secrets of every other twin: under the same idempotency keys, what they make is the same.
    pub(crate) fn twin(runtime: Runtime) -> Result<Self> {
        let state = directory(runtime, "twin");
        fs::create_dir_all(&state)?;
        let secrets = json!({ "admin_token": "0".repeat(64), "master_key": format!("{}=", "A".repeat(43)) });
        fs::write(state.join("secrets.json"), secrets.to_string())?;
        Self::start_in(runtime, &state, &[])
    }

    fn start_in(runtime: Runtime, state: &Path, more: &[&str]) -> Result<Self> {
        let mut command = xtask();
        command.args(["dev", "--json", "--port", "0", "--runtime", runtime.name()]).args(how_built());
        // Spin's own numbers: instances that end are what the scenarios are to meet.
        command.args(["--idle-seconds", "1"]);
        if !more.contains(&"--instance-calls") {
            command.args(["--instance-calls", "128"]);
        }
        command.arg("--state").arg(state).arg("--catalog").arg(root().join("tests/catalog.toml")).args(more);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cargo xtask dev")?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let ready = serde_json::from_str(&line).context("`cargo xtask dev` ended before it was ready")?;
        Ok(Self { runtime, ready, state: state.to_owned(), child })
    }

    /// Scheme and authority of the gateway.
    pub(crate) fn gateway(&self) -> &str {
        &self.ready.gateway
    }

    /// All of them, where several processes serve the same accounts.
    pub(crate) fn gateways(&self) -> &[String] {
        if self.ready.gateways.is_empty() { std::slice::from_ref(&self.ready.gateway) } else { &self.ready.gateways }
    }

    /// The admin API.
    pub(crate) fn admin(&self) -> Admin {
        Admin::new(&self.ready.gateway, &self.ready.admin_token)
    }

    /// Scheme and authority of the payment service, which plays Stripe.
    pub(crate) fn payments(&self) -> &str {
        &self.ready.payments
    }

    /// Scheme and authority of the demo origin.
    pub(crate) fn origin(&self) -> &str {
        &self.ready.origin
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
        self.seen(product, "calls").await
    }

    /// How many bytes of request bodies reached the origin of `product` so far.
    pub(crate) async fn received(&self, product: &str) -> Result<u64> {
        self.seen(product, "ingress_bytes").await
    }

    async fn seen(&self, product: &str, what: &str) -> Result<u64> {
        let answer = Http::new().get(&format!("{}/_origin/seen/{product}", self.ready.origin)).await?;
        answer.json()?[what].as_u64().context("the origin does not count")
    }

    /// The keys of the usage journal, with when each expires in seconds since 1970 (null for never). Read from the store
    /// itself, behind the gateway's back.
    pub(crate) fn journal(&self) -> Result<Vec<(String, Option<u64>)>> {
        let output = node("tests/js/journal.mjs").arg(self.data()).output()?;
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("cannot read the journal: {}", String::from_utf8_lossy(&output.stderr)))
    }

    /// Whether what is in the journal expires by itself. Where it does not, a settlement removes it.
    pub(crate) fn journal_expires(&self) -> bool {
        self.runtime == Runtime::Workers
    }

    /// The resident memory of the runtime's processes, in bytes.
    pub(crate) fn memory(&self) -> Result<u64> {
        processes::resident(self.child.id(), self.runtime.process())
    }

    /// The processor time that the runtime's processes have taken, in milliseconds.
    pub(crate) fn processor_time(&self) -> Result<u64> {
        let taken = processes::processor_time(&self.processes()?);
        Ok(taken.as_millis().try_into()?)
    }

    /// The runtime's processes.
    pub(crate) fn processes(&self) -> Result<Vec<u32>> {
        processes::below(self.child.id(), self.runtime.process())
    }

    /// Kills the runtime as a machine that fails does: nothing can be written down before. Comes back when another one
    /// serves in its place, on the same data.
    pub(crate) async fn crash(&self) -> Result<()> {
        let running = processes::below(self.child.id(), self.runtime.process())?;
        running.iter().try_for_each(|process| processes::kill(*process))?;
        let health = format!("{}/_farebox/admin/v1/health", self.ready.gateway);
        eventually("the runtime to be there again", Duration::from_secs(60), async || {
            let now = processes::below(self.child.id(), self.runtime.process())?;
            if now.is_empty() || now.iter().any(|process| running.contains(process)) {
                return Ok(None);
            }
            // Until it listens, there is no answer at all.
            Ok(Http::new().get(&health).await.ok().filter(|answer| answer.status == 200).map(drop))
        })
        .await
    }
}

impl Drop for Farebox {
    fn drop(&mut self) {
        // What it started ends with it. There is nobody to tell if this fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a gateway keeps its data, empty but for what a run of the tests that had the same process id left there.
fn directory(runtime: Runtime, name: &str) -> PathBuf {
    root().join(format!("target/tmp/{}-{}-{name}", runtime.name(), std::process::id()))
}

/// `cargo xtask`; the program itself where `cargo xtask test` names it.
pub(crate) fn xtask() -> Command {
    let mut command = match env::var_os("FAREBOX_XTASK") {
        Some(program) => Command::new(program),
        None => {
            let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            cargo.arg("xtask");
            cargo
        }
    };
    command.current_dir(root());
    command
}

/// What `dev` runs: what `cargo xtask test` has built, as it is deployed; else what builds quickly, built now.
fn how_built() -> &'static [&'static str] {
    if env::var_os("FAREBOX_XTASK").is_some() { &["--release", "--no-build"] } else { &[] }
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
