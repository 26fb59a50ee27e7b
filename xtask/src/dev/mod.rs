//! `cargo xtask dev`: the whole of Farebox on this machine, with something to sell and somebody to buy it.
//!
//! Three things run. The gateway runs with its billing worker (`runtime`): both Workers in one Node process on Miniflare, or the
//! two components on Spin. The demo origin runs in this process, which also makes the demo account (`demo`) and waits for the
//! end. Invariants: whatever ends this process ends what it started too (`group`). What runs the gateway sees its standard input
//! close, however this process died. One state directory serves one `dev` at a time.

use std::{
    path::PathBuf,
    process::ExitStatus,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{build::Profile, origin, process::root};

pub(crate) use self::prepare::{Options as PrepareOptions, run as prepare};
use self::{demo::Demo, payments::Payments, runtime::Runtime, state::State};

mod api;
mod demo;
mod group;
mod payments;
mod prepare;
mod runtime;
mod schedule;
mod spin;
mod state;
mod workers;

/// Where the gateway runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Platform {
    /// Cloudflare Workers' runtime, by way of Miniflare
    Workers,
    /// Spin; where it is not installed, the host for tests in `tests/host`
    Spin,
}

impl Platform {
    const ALL: [Self; 2] = [Self::Workers, Self::Spin];

    /// Its name on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Workers => "workers",
            Self::Spin => "spin",
        }
    }
}

/// How to run it on Spin. The flags that `spin up` has too mean the same.
#[derive(Args, Default)]
pub(crate) struct SpinOptions {
    /// On Spin: how many processes serve the gateway, on one state directory
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    processes: u8,
    /// On Spin: a variable to set, beside those that `dev` sets itself
    #[arg(long = "variable", value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// On Spin: which stores to use instead of SQLite
    #[arg(long, value_name = "FILE")]
    runtime_config_file: Option<PathBuf>,
    /// On Spin: how many calls an instance serves before it is ended; 10000 when not said
    #[arg(long, value_name = "NUMBER")]
    instance_calls: Option<u32>,
    /// On Spin: after how many seconds without a call an instance is ended; 60 when not said
    #[arg(long, value_name = "SECONDS")]
    idle_seconds: Option<u32>,
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
    /// Run it as it is deployed, which takes minutes to build, instead of what builds quickly
    #[arg(long)]
    release: bool,
    /// Run what was built before, as it is
    #[arg(long, hide = true)]
    no_build: bool,
    /// The operations of one request or run on Workers after which the next is refused, as on Cloudflare
    #[arg(long, hide = true, default_value_t = 1_000)]
    operations: u32,
    /// An issuer of OpenID Connect on this machine, which knows the client `farebox` with the secret `development`
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    #[command(flatten)]
    spin: SpinOptions,
}

impl Options {
    /// The issuer, and the id and the secret under which it knows the gateway; all empty where there is none.
    fn oidc(&self) -> [&str; 3] {
        self.issuer.as_deref().map_or([""; 3], |issuer| [issuer, "farebox", "development"])
    }

    fn profile(&self) -> Profile {
        if self.release { Profile::Release } else { Profile::Dev }
    }
}

/// What `--json` prints. Other programs rely on the names.
#[derive(Serialize)]
struct Ready<'a> {
    gateway: &'a str,
    /// All of them, where there are several.
    #[serde(skip_serializing_if = "is_one")]
    gateways: &'a [String],
    origin: String,
    /// Where the payment service is, which plays Stripe.
    payments: &'a str,
    #[serde(flatten)]
    state: &'a State,
    #[serde(flatten)]
    demo: &'a Demo,
}

/// Runs until it is told to end.
pub(crate) fn run(options: &Options) -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let (start, mut end) = (Instant::now(), End::watch()?);
        tokio::select! {
            built = runtime::build(options) => built?,
            () = end.told() => return Ok(()),
        }
        serve(options, start, &mut end).await
    })
}

async fn serve(options: &Options, start: Instant, end: &mut End) -> Result<()> {
    let directory = options.state.clone().unwrap_or_else(|| root().join(".farebox"));
    let state = State::open(&directory, options.runtime, options.fresh)?;
    let origin = format!("http://{}", origin::start().await?);
    let payments = Payments::start(&state.admin_token).await?;
    let mut runtime = tokio::select! {
        runtime = Runtime::start(options, &state, payments.api()) => runtime?,
        () = end.told() => return Ok(()),
    };
    let ended = tokio::select! {
        ended = async {
            let gateways = runtime.gateways().to_vec();
            let gateway = &gateways[0];
            payments.tell(gateway);
            let demo = demo::set_up(&state, gateway, &origin, options.catalog.as_deref()).await?;
            let ready = Ready { gateway, gateways: &gateways, origin, payments: payments.api(), state: &state, demo: &demo };
            announce(options, &ready, start);
            tokio::select! {
                ended = runtime.ended() => return ended,
                built = runtime::build_command_line(options) => announce_command_line(options, &ready, built),
            }
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
    bail!("the gateway's runtime ended by itself ({status})")
}

fn is_one(gateways: &[String]) -> bool {
    gateways.len() == 1
}

fn announce(options: &Options, ready: &Ready<'_>, start: Instant) {
    if options.json {
        println!("{}", serde_json::json!(ready));
        return;
    }
    let Ready { gateway, origin, payments, state, demo, .. } = ready;
    let Demo { account, key, secret, app_code, call, .. } = demo;
    println!(
        "
Farebox is running, {took:.1} s after the start. Ctrl-C ends it.

A paid call to paste:

  curl -H 'Authorization: APPCODE {app_code}' '{gateway}{call}'

  gateway      {gateway}
  admin token  {token}
  demo origin  {origin}
  payments     {payments}, which plays Stripe: no money moves
  account      {account}
  credential   key {key}, secret {secret}, app code {app_code}
",
        took = start.elapsed().as_secs_f32(),
        token = state.admin_token,
    );
}

/// Shows what the command line does, once it is there.
fn announce_command_line(options: &Options, ready: &Ready<'_>, built: Result<()>) {
    if let Err(error) = built {
        eprintln!("the command line: {error:#}");
        return;
    }
    if options.json {
        return;
    }
    let Ready { gateway, state, demo, .. } = ready;
    let Demo { account, key, secret, call, .. } = demo;
    println!(
        "The same call, signed, by the command line:

  FAREBOX_SECRET={secret} cargo run -q -p farebox -- call --key {key} '{gateway}{call}'

What it cost:

  export FAREBOX_GATEWAY={gateway} FAREBOX_ADMIN_TOKEN={token}
  cargo run -q -p farebox -- settle && cargo run -q -p farebox -- balance {account}
",
        token = state.admin_token,
    );
}
