//! `farebox-spin-host`: runs Farebox's Spin application where the Spin CLI is not installed. For tests and for
//! `cargo xtask dev` only.
//!
//! It does what `spin up` of Spin 4.1 does, for the part of Spin that Farebox uses, on the same engine and with the same rules.
//! It takes the same flags and prints the same lines, so a caller need not know which of the two it started. What it does not
//! know it refuses. It is not made for the world: no TLS, no limits on memory, no logs, no telemetry.
//!
//! In one point it is more lenient than Spin 4.1, because its engine is newer. It takes the fields that only the host may set
//! (`host`, `connection` and their like) off requests and responses before a component sees them. On Spin a component sees them,
//! and fails when it hands them on.

mod app;
mod bindings;
mod engine;
mod hosts;
mod instance;
mod key_value;
mod manifest;
mod outbound;
mod postgres;
mod routes;
mod runtime_config;
mod serve;
mod sqlite;
mod stream;
mod variables;

use std::{
    net::{SocketAddr, ToSocketAddrs},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use tokio::{
    io::AsyncReadExt,
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use crate::{
    app::{App, Plan},
    instance::Reuse,
    manifest::Manifest,
    runtime_config::RuntimeConfig,
    variables::Variables,
};

/// Runs Spin components as Spin does. For Farebox's tests and `cargo xtask dev` only: it is no Spin.
///
/// Example: farebox-spin-host up --from spin.toml --listen 127.0.0.1:0 --state-dir .spin
#[derive(Parser)]
#[command(name = "farebox-spin-host", verbatim_doc_comment)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Starts an application and serves it until SIGINT or SIGTERM.
    Up(Up),
}

/// The flags of `spin up` that are known here.
#[derive(Args)]
struct Up {
    /// The manifest, or the directory that holds `spin.toml`.
    #[arg(short = 'f', long = "from", alias = "from-file", default_value = "spin.toml")]
    from: PathBuf,
    /// Address and port to listen on. Port 0 picks a free one.
    #[arg(long, env = "SPIN_HTTP_LISTEN_ADDR", default_value = "127.0.0.1:3000", value_parser = parse_address)]
    listen: SocketAddr,
    /// Where the default stores are kept: `.spin` beside the manifest unless said otherwise.
    #[arg(long)]
    state_dir: Option<PathBuf>,
    /// A variable's value, as name=value. SPIN_VARIABLE_NAME in the environment does the same.
    #[arg(long = "variable", value_parser = variables::parse_argument)]
    variables: Vec<(String, String)>,
    /// What stores are made of.
    #[arg(long, env = "RUNTIME_CONFIG_FILE")]
    runtime_config_file: Option<PathBuf>,
    /// Calls that one instance takes before it is dropped.
    #[arg(long, default_value_t = 128)]
    max_instance_reuse_count: usize,
    /// Calls that one instance takes at a time.
    #[arg(long, default_value_t = 16)]
    max_instance_concurrent_reuse_count: usize,
    /// How long an idle instance is kept, such as 1s or 500ms.
    #[arg(long, default_value = "1s", value_parser = parse_duration)]
    idle_instance_timeout: Duration,
    /// Where compiled components are kept. Not one of Spin's flags.
    #[arg(long, env = "FAREBOX_SPIN_HOST_CACHE")]
    compiled: Option<PathBuf>,
    /// End when standard input is closed, as it is when the parent dies. Not one of Spin's flags.
    #[arg(long, env = "FAREBOX_SPIN_HOST_STDIN")]
    end_with_stdin: bool,
}

fn main() -> anyhow::Result<()> {
    let Command::Up(up) = Cli::parse().command;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let code = match runtime.block_on(run(up)) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("Error: {error:#}");
            1
        }
    };
    // With the runtime as it is: what still runs is not waited for, and Spin does not do it either.
    std::process::exit(code)
}

async fn run(up: Up) -> anyhow::Result<()> {
    let (listen, end_with_stdin) = (up.listen, up.end_with_stdin);
    let app = Arc::new(App::new(&plan(up)?)?);
    let listener = TcpListener::bind(listen).await.with_context(|| format!("unable to listen on {listen}"))?;
    let address = listener.local_addr()?;
    // Nobody else sets it.
    let _ = app.address.set(address);
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    println!("{}", serve::announcement(&app, address));
    tokio::select! {
        served = serve::serve(app, listener) => served,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
        () = stdin_closed(), if end_with_stdin => Ok(()),
    }
}

fn plan(up: Up) -> anyhow::Result<Plan> {
    let from = if up.from.is_dir() { up.from.join("spin.toml") } else { up.from };
    let manifest = Manifest::read(&from)?;
    let environment = |name: &str| std::env::var(name).ok();
    let variables = Variables::resolve(&manifest.variables, &up.variables, environment)?;
    let runtime = up.runtime_config_file.as_deref().map(RuntimeConfig::read).transpose()?.unwrap_or_default();
    let state = up.state_dir.unwrap_or_else(|| from.parent().unwrap_or(Path::new("")).join(".spin"));
    let reuse = Reuse {
        calls: up.max_instance_reuse_count,
        at_once: up.max_instance_concurrent_reuse_count,
        idle: up.idle_instance_timeout,
    };
    let cache = match up.compiled {
        Some(cache) => cache,
        // Beside the program: in cargo's target directory, where it is cleaned away with everything else.
        None => std::env::current_exe()?.with_file_name("compiled-components"),
    };
    Ok(Plan { manifest, variables, runtime, state, cache, reuse })
}

async fn stdin_closed() {
    let mut stdin = tokio::io::stdin();
    let mut ignored = [0; 64];
    while stdin.read(&mut ignored).await.is_ok_and(|read| read > 0) {}
}

fn parse_address(text: &str) -> anyhow::Result<SocketAddr> {
    text.to_socket_addrs()?.next().with_context(|| format!("{text:?} is no address and port"))
}

fn parse_duration(text: &str) -> anyhow::Result<Duration> {
    let number =
        |digits: &str| digits.parse::<u64>().with_context(|| format!("{text:?} is no duration such as 1s or 500ms"));
    match text.strip_suffix("ms") {
        Some(digits) => Ok(Duration::from_millis(number(digits)?)),
        None => Ok(Duration::from_secs(number(text.strip_suffix('s').unwrap_or(text))?)),
    }
}
