//! `cargo xtask bench`: builds what is to be measured and hands over to the rig in `benches/`.
//!
//! The rig is a program of its own because it must be optimised and this one need not be.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    build::{self, Profile, Worker},
    jobs::{self, Job, Log},
    process::{self, cargo, describe, npm_tool, output, root},
    setup::{self, Tool},
};

/// What to measure, and for how long.
#[derive(Args)]
#[command(after_help = "Example: cargo xtask bench --rounds 120")]
pub(crate) struct Options {
    /// Rounds in which each peer has its turn; many short ones say more than few long ones, where the machine does other
    /// things too
    #[arg(long, default_value_t = 60)]
    rounds: u32,
    /// Length of a turn in milliseconds
    #[arg(long, default_value_t = 250)]
    turn: u32,
    /// Measure a part only
    #[arg(long, value_parser = ["core", "cost", "workers", "cold", "hosted", "duel", "spin"])]
    only: Option<String>,
    /// One line of JSON for each cell of the cost bench, and for each row of the tables of peers
    #[arg(long)]
    json: bool,
    /// Draw the tables of peers on workerd, as the documentation shows them, into this directory
    #[arg(long)]
    pictures: Option<PathBuf>,
}

/// `cargo xtask bench`.
pub(crate) fn run(options: &Options) -> Result<()> {
    let measured = |part| options.only.as_deref().is_none_or(|only| only == part);
    if measured("cost") {
        cost(options.json)?;
    }
    if options.only.as_deref() == Some("cost") {
        return Ok(());
    }
    let mut tools = vec![Tool::Targets, Tool::Npm];
    let on_workerd = ["workers", "cold", "hosted"].into_iter().any(measured);
    if on_workerd {
        tools.push(Tool::WorkerBuild);
    }
    if measured("hosted") || measured("duel") {
        tools.push(Tool::Peers);
    }
    if measured("duel") {
        tools.push(Tool::ExpressGateway);
    }
    setup::ensure(&tools)?;
    if on_workerd {
        jobs::all(&build::workers_of(&Worker::ALL, Profile::Release))?;
        for worker in Worker::ALL {
            println!("{}", build::size(worker)?);
        }
        jobs::all(&[Job::new("peers on Workers", &[], |log| build_peers(&root().join("benches/peers"), log))])?;
    }
    if measured("spin") || measured("duel") {
        jobs::all(&build::components(&Worker::ALL, Profile::Release))?;
        jobs::all(&[Job::new("peer on Spin", &[], build_for_spin)])?;
    }
    let mut rig = cargo();
    rig.args(["run", "--quiet", "--profile", "rig", "--package", "farebox-benches", "--bin", "farebox-bench", "--"]);
    rig.arg("--workerd").arg(workerd()?).arg("--node").arg(npm_tool("node")?.get_program()).arg("--root").arg(root());
    rig.arg("--express-gateway")
        .arg(setup::express_gateway().join("node_modules"))
        .arg("--spin")
        .arg(spin())
        .arg("--guard")
        .arg(std::env::current_exe()?);
    rig.args(["--rounds", &options.rounds.to_string(), "--turn", &options.turn.to_string()]);
    rig.args(options.only.iter().flat_map(|only| ["--only", only]));
    rig.args(options.json.then_some("--json"));
    if let Some(pictures) = &options.pictures {
        fs::create_dir_all(pictures).with_context(|| format!("cannot make {}", pictures.display()))?;
        rig.arg("--pictures").arg(pictures);
    }
    // Not `process::run`: the tables are what was asked for and belong on standard output.
    let status = rig.status().context("cannot start cargo")?;
    if !status.success() {
        bail!("`{}` failed", describe(&rig));
    }
    Ok(())
}

/// What a million calls cost at list prices: counted in a simulation, which needs nothing else.
fn cost(json: bool) -> Result<()> {
    let mut rig = cargo();
    rig.args(["run", "--quiet", "--profile", "rig", "--package", "farebox-benches", "--bin", "farebox-cost", "--"]);
    rig.args(json.then_some("--json"));
    if !rig.status().context("cannot start cargo")?.success() {
        bail!("`{}` failed", describe(&rig));
    }
    Ok(())
}

/// The workerd that the npm packages brought: the program itself, not the script that starts it, whose processor time
/// would be measured instead.
fn workerd() -> Result<PathBuf> {
    let path = output(npm_tool("node")?.args(["--print", "require('workerd').default"]))?;
    Ok(PathBuf::from(path.trim()))
}

/// Makes what the configurations in `peers` embed, under its `build/`.
fn build_peers(peers: &Path, log: &Log) -> Result<()> {
    let build = peers.join("build");
    fs::create_dir_all(&build)?;
    passthrough_worker(&build, log)?;
    let entry = |worker: Worker| worker.build_directory(Profile::Release).join("entry.js");
    bundle(&entry(Worker::Edge), &build.join("edge.js"), log)?;
    bundle(&entry(Worker::BillingWorker), &build.join("billing.js"), log)?;
    bundle(&peers.join("hono.js"), &build.join("hono.js"), log)
}

/// Builds the component that passes on and, where Spin is not installed, the host. Both are optimised as the rig is: a slower one
/// would hide what the others cost.
fn build_for_spin(log: &Log) -> Result<()> {
    let component = ["--target", setup::SPIN_TARGET, "--package", "farebox-passthrough-spin"];
    log.run(cargo().args(["build", "--release"]).args(component))?;
    if process::installed_spin().is_some() {
        return Ok(());
    }
    log.run(cargo().args(["build", "--profile", "rig", "--package", "farebox-spin-host"]))
}

/// Spin where it is installed, else the host for its components.
fn spin() -> PathBuf {
    process::installed_spin().unwrap_or_else(|| root().join("target/rig/farebox-spin-host"))
}

/// Builds the pass-through on the worker crate with that crate's own tool, as its users do.
fn passthrough_worker(build: &Path, log: &Log) -> Result<()> {
    let directory = root().join("benches/passthrough-worker");
    let tool = |name| root().join("node_modules/.bin").join(name);
    let mut worker_build = std::process::Command::new(setup::worker_build());
    worker_build
        .arg("--release")
        .current_dir(&directory)
        .env("WASM_BINDGEN_BIN", build::wasm_bindgen(log)?)
        .env("WASM_OPT_BIN", tool("wasm-opt"))
        .env("ESBUILD_BIN", tool("esbuild"));
    log.run(&mut worker_build)?;
    fs::copy(directory.join("build/index.js"), build.join("passthrough-worker.js"))?;
    fs::copy(directory.join("build/index_bg.wasm"), build.join("index_bg.wasm"))?;
    Ok(())
}

/// Bundles `entry` and what it imports into one script, as wrangler does. The scripts of the `worker` crate's bindings
/// have names that change with its version, which no configuration could list.
fn bundle(entry: &Path, script: &Path, log: &Log) -> Result<()> {
    let mut esbuild = npm_tool("esbuild")?;
    esbuild.arg(entry).args(["--bundle", "--format=esm", "--external:*.wasm", "--external:cloudflare:*"]);
    log.run(esbuild.arg("--log-level=warning").arg(format!("--outfile={}", script.display())))
}
