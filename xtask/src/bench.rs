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
    build::{self, Worker},
    process::{self, cargo, describe, npm_tool, output, root, step},
    setup,
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
    #[arg(long, value_parser = ["core", "workers", "spin"])]
    only: Option<String>,
}

/// `cargo xtask bench`.
pub(crate) fn run(options: &Options) -> Result<()> {
    setup::all()?;
    let measured = |part| options.only.as_deref().is_none_or(|only| only == part);
    if measured("workers") {
        for worker in Worker::ALL {
            build::build(worker)?;
            build::report_size(worker)?;
        }
        let peers = root().join("benches/peers");
        step("Building the peers", || build_peers(&peers))?;
    }
    if measured("spin") {
        build::components(&Worker::ALL)?;
        step("Building the peer on Spin, and the host", build_for_spin)?;
    }
    let mut rig = cargo();
    rig.args(["run", "--quiet", "--profile", "rig", "--package", "farebox-benches", "--"]);
    rig.arg("--workerd").arg(workerd()?).arg("--node").arg(npm_tool("node")?.get_program()).arg("--root").arg(root());
    rig.arg("--spin-host").arg(root().join("target/rig/farebox-spin-host"));
    rig.args(["--rounds", &options.rounds.to_string(), "--turn", &options.turn.to_string()]);
    rig.args(options.only.iter().flat_map(|only| ["--only", only]));
    // Not `process::run`: the tables are what was asked for and belong on standard output.
    let status = rig.status().context("cannot start cargo")?;
    if !status.success() {
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
fn build_peers(peers: &Path) -> Result<()> {
    let build = peers.join("build");
    fs::create_dir_all(&build)?;
    passthrough_worker(&build)?;
    bundle(&Worker::Edge.directory().join("build/entry.js"), &build.join("edge.js"))?;
    bundle(&Worker::BillingWorker.directory().join("build/entry.js"), &build.join("billing.js"))
}

/// Builds the component that passes on and, optimised as the rig is, the host: a slower one would hide what the others cost.
fn build_for_spin() -> Result<()> {
    let component = ["--target", setup::SPIN_TARGET, "--package", "farebox-passthrough-spin"];
    process::run(cargo().args(["build", "--release"]).args(component))?;
    process::run(cargo().args(["build", "--profile", "rig", "--package", "farebox-spin-host"]))
}

/// Builds the pass-through on the worker crate with that crate's own tool, as its users do.
fn passthrough_worker(build: &Path) -> Result<()> {
    let directory = root().join("benches/passthrough-worker");
    let tool = |name| root().join("node_modules/.bin").join(name);
    let mut worker_build = std::process::Command::new(setup::worker_build()?);
    worker_build
        .arg("--release")
        .current_dir(&directory)
        .env("WASM_BINDGEN_BIN", setup::wasm_bindgen()?.join("wasm-bindgen"))
        .env("WASM_OPT_BIN", tool("wasm-opt"))
        .env("ESBUILD_BIN", tool("esbuild"));
    process::run(&mut worker_build)?;
    fs::copy(directory.join("build/index.js"), build.join("passthrough-worker.js"))?;
    fs::copy(directory.join("build/index_bg.wasm"), build.join("index_bg.wasm"))?;
    Ok(())
}

/// Bundles `entry` and what it imports into one script, as wrangler does. The scripts of the `worker` crate's bindings
/// have names that change with its version, which no configuration could list.
fn bundle(entry: &Path, script: &Path) -> Result<()> {
    let mut esbuild = npm_tool("esbuild")?;
    esbuild.arg(entry).args(["--bundle", "--format=esm", "--external:*.wasm", "--external:cloudflare:*"]);
    process::run(esbuild.arg("--log-level=warning").arg(format!("--outfile={}", script.display())))
}
