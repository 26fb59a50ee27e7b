//! Building a Worker: Rust to wasm, bindings, optimiser, and our own entry beside them. A component for Spin is what cargo
//! makes. What the billing worker shows people is built by [`pages`].
//!
//! The scripts of a Worker are written by hand because the way of a call through them is: see ARCHITECTURE.md.
//! Invariant: what is in a build directory was made from the sources that are there now. When nothing changed, nothing is
//! done. What is deployed and what `dev` runs have directories of their own, so that neither stands for the other.

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use flate2::{Compression, write::GzEncoder};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{
    jobs::{self, Job, Log},
    pages,
    process::{cargo, npm_tool, root},
    setup::{SPIN_TARGET, Tool, WASM_BINDGEN, WASM_TARGET},
};

/// What the edge Worker may weigh, gzipped, in bytes.
const EDGE_LIMIT: usize = 350 * 1024;

/// Names a program `wasm-bindgen` that is there already.
pub(crate) const WASM_BINDGEN_VARIABLE: &str = "FAREBOX_WASM_BINDGEN";

/// The optimiser's effort for what is on the way of a call.
pub(crate) const HARD: &str = "-O3";

/// What Rust 1.95 turns on for the target, and the optimiser does not assume.
const WASM_FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// A Worker that is built and deployed by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Worker {
    /// The gateway
    Edge,
    /// Settlement, admin API, account objects
    BillingWorker,
}

/// A runtime that Farebox is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Runtime {
    /// Cloudflare Workers
    #[default]
    Workers,
    /// Spin
    Spin,
}

/// How a Worker is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Profile {
    /// As it is deployed: small and fast, minutes to build
    #[default]
    Release,
    /// As `cargo xtask dev` runs it: quick to build
    Dev,
}

/// What to build.
#[derive(Args, Default)]
#[command(after_help = "Example: cargo xtask build edge")]
pub(crate) struct Options {
    /// Which of the two; both when not said
    worker: Option<Worker>,
    /// For which runtime
    #[arg(long, value_enum, default_value_t)]
    runtime: Runtime,
}

impl Worker {
    /// Every Worker.
    pub(crate) const ALL: [Self; 2] = [Self::Edge, Self::BillingWorker];

    /// The name of its crate's directory.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::BillingWorker => "billing-worker",
        }
    }

    /// Where it is built, by profile: beside its `wrangler.toml`'s `main`, or where only `dev` looks.
    pub(crate) fn build_directory(self, profile: Profile) -> PathBuf {
        match profile {
            Profile::Release => root().join(self.name()).join("build"),
            Profile::Dev => root().join("target/dev").join(self.name()),
        }
    }

    /// How hard to optimise. The edge is on the way of each call; for the other one, a third of the time is enough.
    fn effort(self) -> &'static str {
        match self {
            Self::Edge => HARD,
            Self::BillingWorker => "-O1",
        }
    }

    pub(crate) const fn package(self) -> &'static str {
        match self {
            Self::Edge => "farebox-edge",
            Self::BillingWorker => "farebox-billing-worker",
        }
    }
}

impl Profile {
    /// As cargo calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dev => "dev",
        }
    }

    /// As cargo calls it for Workers, which are optimised for their size too.
    const fn of_workers(self) -> &'static str {
        match self {
            Self::Release => "worker",
            Self::Dev => "dev",
        }
    }
}

/// `cargo xtask build`.
pub(crate) fn run(options: &Options) -> Result<()> {
    let workers = options.worker.map_or_else(|| Worker::ALL.to_vec(), |worker| vec![worker]);
    match options.runtime {
        Runtime::Spin => jobs::all(&components(&workers, Profile::Release)),
        Runtime::Workers => {
            jobs::all(&workers_of(&workers, Profile::Release))?;
            for worker in workers {
                println!("{}", size(worker)?);
            }
            Ok(())
        }
    }
}

/// The jobs that build Workers, those that install what they need included.
pub(crate) fn workers_of(workers: &[Worker], profile: Profile) -> Vec<Job<'static, ()>> {
    let mut jobs = missing(&[Tool::Targets, Tool::Npm]);
    let (compiled, packed) = (workers.to_vec(), workers.to_vec());
    jobs.push(Job::new("Workers", &["Rust targets"], move |log| compile(&compiled, profile, log).map(drop)));
    jobs.push(Job::new("wasm-bindgen", &[], |log| wasm_bindgen(log).map(drop)));
    jobs.push(Job::new("packing the Workers", &["Workers", "wasm-bindgen", "npm packages"], move |log| {
        pack_all(&packed, profile, &wasm_bindgen(log)?, log)
    }));
    if workers.contains(&Worker::BillingWorker) {
        jobs.extend(pages::jobs(profile));
    }
    jobs
}

/// The jobs that build components for Spin, as `spin build` does by `spin.toml`, and install what they need.
pub(crate) fn components(workers: &[Worker], profile: Profile) -> Vec<Job<'static, ()>> {
    let mut jobs = missing(&[Tool::Targets, Tool::Npm]);
    if workers.contains(&Worker::BillingWorker) {
        jobs.extend(pages::jobs(profile));
    }
    let workers = workers.to_vec();
    jobs.push(Job::new("components", &["Rust targets"], move |log| compile_components(&workers, profile, log)));
    jobs
}

/// Compiles components for Spin.
pub(crate) fn compile_components(workers: &[Worker], profile: Profile, log: &Log) -> Result<()> {
    log.run(&mut compiling(workers.iter().map(|worker| worker.package()), profile))
}

/// What compiles these packages as components. Built by one command, they are built with each other's features.
pub(crate) fn compiling<'a>(packages: impl Iterator<Item = &'a str>, profile: Profile) -> Command {
    let mut build = cargo();
    build.args(["build", "--profile", profile.name(), "--target", SPIN_TARGET]);
    build.args(packages.flat_map(|package| ["--package", package]));
    build
}

/// Compiles Workers and packs them, with the program `wasm_bindgen`.
pub(crate) fn pack_all(workers: &[Worker], profile: Profile, wasm_bindgen: &Path, log: &Log) -> Result<()> {
    let modules = compile(workers, profile, log)?;
    workers.iter().zip(&modules).try_for_each(|(worker, module)| pack(*worker, module, profile, wasm_bindgen, log))
}

/// Jobs for what is not there.
pub(crate) fn missing(tools: &[Tool]) -> Vec<Job<'static, ()>> {
    tools.iter().filter(|tool| !tool.is_there()).map(|tool| tool.job()).collect()
}

/// Compiles Workers and gives the module that cargo made of each.
pub(crate) fn compile(workers: &[Worker], profile: Profile, log: &Log) -> Result<Vec<PathBuf>> {
    modules_of(&workers.iter().map(|worker| worker.package()).collect::<Vec<_>>(), profile, log)
}

/// Compiles the pages' verifier, which is optimised in `dev` too: there alone, else with the Workers.
pub(crate) fn verifier(profile: Profile, log: &Log) -> Result<PathBuf> {
    if profile == Profile::Release {
        return Ok(modules_of(&[pages::VERIFIER], profile, log)?.remove(0));
    }
    let mut build = cargo();
    build.args(["build", "--profile", Profile::Release.of_workers(), "--target", WASM_TARGET]);
    Ok(made(build.args(["--package", pages::VERIFIER]), &[module_of(pages::VERIFIER)], log)?.remove(0))
}

/// Compiles what runs in a Worker or a browser, and gives the modules of these `packages`. Always all of them, so that what they
/// share is compiled once, whichever is asked for.
fn modules_of(packages: &[&str], profile: Profile, log: &Log) -> Result<Vec<PathBuf>> {
    let mut build = cargo();
    build.args(["build", "--profile", profile.of_workers(), "--target", WASM_TARGET]);
    build.args(Worker::ALL.iter().flat_map(|worker| ["--package", worker.package()]));
    if profile == Profile::Release {
        build.args(["--package", pages::VERIFIER]);
    }
    made(&mut build, &packages.iter().map(|package| module_of(package)).collect::<Vec<_>>(), log)
}

/// The file that cargo makes of a package for Workers and browsers.
fn module_of(package: &str) -> String {
    format!("{}.wasm", package.replace('-', "_"))
}

/// The program `wasm-bindgen` of our lock file; the one that the environment's `FAREBOX_WASM_BINDGEN` names, where the tests
/// have built it together with everything else.
pub(crate) fn wasm_bindgen(log: &Log) -> Result<PathBuf> {
    if let Some(program) = env::var_os(WASM_BINDGEN_VARIABLE) {
        return Ok(program.into());
    }
    let program = WASM_BINDGEN.to_owned();
    Ok(made(cargo().args(["build", "--package", WASM_BINDGEN]), &[program], log)?.remove(0))
}

/// Runs a `cargo build` and gives the paths of the `files` that it made, in their order. Asked of cargo, because the target
/// directory may be anywhere.
pub(crate) fn made(build: &mut Command, files: &[String], log: &Log) -> Result<Vec<PathBuf>> {
    #[derive(Deserialize)]
    struct Message {
        #[serde(default)]
        filenames: Vec<PathBuf>,
    }
    let mut all = Vec::new();
    log.watch(build.arg("--message-format=json-render-diagnostics"), &mut |line| {
        all.extend(serde_json::from_str::<Message>(line).into_iter().flat_map(|message| message.filenames));
    })?;
    let found = files.iter().map(|file| {
        let path = all.iter().rev().find(|path| path.ends_with(file));
        path.cloned().with_context(|| format!("cargo made no {file}"))
    });
    found.collect()
}

/// Makes a Worker of its module and its scripts, when one of them changed.
fn pack(worker: Worker, wasm: &PathBuf, profile: Profile, wasm_bindgen: &Path, log: &Log) -> Result<()> {
    let (source, build) = (root().join(worker.name()).join("src"), worker.build_directory(profile));
    let scripts = files_with(&source, "js")?;
    let stamp = build.join("stamp");
    let now = fingerprint(scripts.iter().chain([wasm]))?;
    if fs::read_to_string(&stamp).is_ok_and(|then| then == now) {
        return Ok(());
    }
    if build.exists() {
        fs::remove_dir_all(&build)?;
    }
    fs::create_dir_all(&build)?;
    bind(wasm, &build, wasm_bindgen, log)?;
    if profile == Profile::Release {
        optimise(&build.join("bindings_bg.wasm"), worker.effort(), log)?;
    }
    for script in scripts.iter().chain([&build.join("bindings.js")]) {
        strip(script, &build, log)?;
    }
    fs::write(stamp, now).context("cannot write the build stamp")
}

/// Makes `bindings.js` and `bindings_bg.wasm` of the module `wasm`, in `build`.
pub(crate) fn bind(wasm: &Path, build: &Path, wasm_bindgen: &Path, log: &Log) -> Result<()> {
    let mut command = Command::new(wasm_bindgen);
    command.args(["--target", "web", "--no-typescript", "--out-name", "bindings"]);
    // Lets the entry begin a new instance after a panic.
    command.args(["--experimental-reset-state-function", "--out-dir"]);
    log.run(command.arg(build).arg(wasm))
}

/// Puts `script` into `build`, without its comments and blanks: they are uploaded, and read at each start.
fn strip(script: &Path, build: &Path, log: &Log) -> Result<()> {
    let made = build.join(script.file_name().unwrap_or_default());
    let mut esbuild = npm_tool("esbuild")?;
    esbuild.arg(script).args(["--minify-whitespace", "--minify-syntax", "--format=esm", "--target=esnext"]);
    log.run(esbuild.args(["--allow-overwrite", "--log-level=warning"]).arg(format!("--outfile={}", made.display())))
}

/// Makes `wasm` smaller and faster, in place.
pub(crate) fn optimise(wasm: &Path, effort: &str, log: &Log) -> Result<()> {
    log.run(npm_tool("wasm-opt")?.arg(effort).args(WASM_FEATURES).arg(wasm).arg("-o").arg(wasm))
}

/// What `worker` weighs as it is uploaded, in words; an edge Worker over its budget is an error.
pub(crate) fn size(worker: Worker) -> Result<String> {
    let build = worker.build_directory(Profile::Release);
    let mut archive = GzEncoder::new(Vec::new(), Compression::default());
    let mut plain = 0;
    for module in modules(&build)? {
        let content = fs::read(module)?;
        plain += content.len();
        archive.write_all(&content)?;
    }
    let packed = archive.finish()?.len();
    let package = worker.package();
    if worker == Worker::Edge && packed > EDGE_LIMIT {
        bail!("{package} is {:.1} KiB gzipped; it may be {:.1}", kib(packed), kib(EDGE_LIMIT));
    }
    Ok(format!("{package}: {:.1} KiB, {:.1} KiB gzipped", kib(plain), kib(packed)))
}

fn kib(bytes: usize) -> f64 {
    bytes as f64 / 1024.0
}

fn files_with(directory: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|found| found == extension));
    files.sort();
    Ok(files)
}

/// The modules of a built Worker, those in subdirectories included.
fn modules(build: &Path) -> Result<Vec<PathBuf>> {
    let mut modules = [files_with(build, "js")?, files_with(build, "wasm")?].concat();
    for entry in fs::read_dir(build)? {
        let path = entry?.path();
        if path.is_dir() {
            modules.extend(self::modules(&path)?);
        }
    }
    Ok(modules)
}

/// A digest of the names and contents of `files`.
pub(crate) fn fingerprint<'a>(files: impl Iterator<Item = &'a PathBuf>) -> Result<String> {
    let mut digest = Sha256::new();
    for file in files {
        digest.update(file.file_name().unwrap_or_default().as_encoded_bytes());
        digest.update(Sha256::digest(fs::read(file)?));
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
