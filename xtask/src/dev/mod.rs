//! `cargo xtask dev`: the whole of Farebox on this machine, with something to sell and somebody to buy it.
//!
//! Three things run: both Workers in one Node process on Miniflare (`runtime`), the demo origin in this process, and this
//! process, which makes the demo account (`demo`) and waits for the end.
//! Invariants: whatever ends this process ends what it started too (`group`; and Node sees its standard input close, however
//! this process died); one state directory serves one `dev` at a time.

use std::{
    path::PathBuf,
    process::{Command, ExitStatus},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{origin, process::root};

use self::{demo::Demo, group::Group, runtime::Runtime, state::State};

mod api;
mod demo;
mod group;
mod runtime;
mod state;

/// Where the gateway runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Platform {
    /// Cloudflare Workers' runtime, by way of Miniflare
    Workers,
    /// Spin
    Spin,
}

/// How to run it.
#[derive(Args)]
#[command(after_help = "Example: cargo xtask dev --port 0 --fresh --json")]
pub(crate) struct Options {
    /// The runtime
    #[arg(long, value_enum, default_value = "workers")]
    runtime: Platform,
    /// The gateway's port on 127.0.0.1; 0 picks a free one
    #[arg(long, default_value_t = 8787)]
    port: u16,
    /// Where data is kept between two starts; `.farebox` in the checkout when not said
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The catalog to publish, instead of the demo's
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// Start with nothing: forget what the state directory holds
    #[arg(long)]
    fresh: bool,
    /// Print one line of JSON when it is ready, and nothing else
    #[arg(long)]
    json: bool,
}

/// What `--json` prints. Other programs rely on the names.
#[derive(Serialize)]
struct Ready<'a> {
    gateway: &'a str,
    origin: String,
    #[serde(flatten)]
    state: &'a State,
    #[serde(flatten)]
    demo: &'a Demo,
}

/// Runs until it is told to end.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.runtime == Platform::Spin {
        bail!("`--runtime spin` is not there yet; `--runtime workers` is");
    }
    tokio::runtime::Runtime::new()?.block_on(async {
        let (start, mut end) = (Instant::now(), End::watch()?);
        tokio::select! {
            built = build() => built?,
            () = end.told() => return Ok(()),
        }
        serve(options, start, &mut end).await
    })
}

/// Builds both Workers, and installs what that needs. A process of its own, so that it can be ended half way with every
/// compiler it has started.
async fn build() -> Result<()> {
    let mut build = Command::new(std::env::current_exe()?);
    build.arg("build");
    let status = Group::start(build, std::io::stderr().into())?.ended().await?;
    if !status.success() {
        bail!("the Workers could not be built");
    }
    Ok(())
}

async fn serve(options: &Options, start: Instant, end: &mut End) -> Result<()> {
    let state = State::open(&options.state.clone().unwrap_or_else(|| root().join(".farebox")), options.fresh)?;
    let origin = format!("http://{}", origin::start().await?);
    let mut runtime = tokio::select! {
        runtime = Runtime::start(&state, options.port) => runtime?,
        () = end.told() => return Ok(()),
    };
    let ended = tokio::select! {
        ended = async {
            let demo = demo::set_up(&state, &runtime.gateway, &origin, options.catalog.as_deref()).await?;
            announce(options, &Ready { gateway: &runtime.gateway, origin, state: &state, demo: &demo }, start);
            runtime.ended().await
        } => unexpected(ended?),
        () = end.told() => Ok(()),
    };
    runtime.stop().await;
    ended
}

/// What ends us: Ctrl-C, SIGTERM, or that the process which started us is gone.
struct End {
    interrupt: Signal,
    terminate: Signal,
    parent: u32,
}

impl End {
    fn watch() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            parent: std::os::unix::process::parent_id(),
        })
    }

    /// Comes back when it is time to end.
    async fn told(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            () = orphaned(self.parent) => {}
        }
    }
}

/// Comes back when the process that started us is gone, which shows as having another parent.
async fn orphaned(parent: u32) {
    while std::os::unix::process::parent_id() == parent {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn unexpected(status: ExitStatus) -> Result<()> {
    bail!("the Workers' runtime ended by itself ({status})")
}

fn announce(options: &Options, ready: &Ready<'_>, start: Instant) {
    if options.json {
        println!("{}", serde_json::json!(ready));
        return;
    }
    let Ready { gateway, origin, state, demo } = ready;
    let Demo { account, key, secret, app_code, call, .. } = demo;
    println!(
        "
Farebox is running, {took:.1} s after the start. Ctrl-C ends it.

  gateway      {gateway}
  admin token  {token}
  demo origin  {origin}
  account      {account}
  credential   key {key}, secret {secret}, app code {app_code}

A signed call to paste:

  FAREBOX_SECRET={secret} cargo run -q -p farebox -- call --key {key} '{gateway}{call}'

What it cost:

  export FAREBOX_GATEWAY={gateway} FAREBOX_ADMIN_TOKEN={token}
  cargo run -q -p farebox -- settle && cargo run -q -p farebox -- balance {account}
",
        took = start.elapsed().as_secs_f32(),
        token = state.admin_token,
    );
}
