//! Building a Worker as it is deployed: Rust to wasm, bindings, optimiser, and our own entry beside them. A component for Spin
//! is what cargo makes.
//!
//! The entry (`src/entry.js`) is written by hand because the way of a call through it is: see ARCHITECTURE.md.
//! Invariant: what is in `build/` was made from the sources that are there now. When nothing changed, nothing is done.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use flate2::{Compression, write::GzEncoder};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{
    process::{self, cargo, describe, npm_tool, root, step},
    setup::{self, SPIN_TARGET, WASM_TARGET},
};

/// What the edge Worker may weigh, gzipped, in bytes.
const EDGE_LIMIT: usize = 350 * 1024;

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

    /// The directory of its crate, which has its `src/entry.js` and gets its `build/`.
    pub(crate) fn directory(self) -> PathBuf {
        root().join(match self {
            Self::Edge => "edge",
            Self::BillingWorker => "billing-worker",
        })
    }

    /// How hard to optimise. The edge is on the way of each call; for the other one, a third of the time is enough.
    fn effort(self) -> &'static str {
        match self {
            Self::Edge => HARD,
            Self::BillingWorker => "-O1",
        }
    }

    fn package(self) -> &'static str {
        match self {
            Self::Edge => "farebox-edge",
            Self::BillingWorker => "farebox-billing-worker",
        }
    }
}

/// `cargo xtask build`.
pub(crate) fn run(options: &Options) -> Result<()> {
    let workers = options.worker.map_or_else(|| Worker::ALL.to_vec(), |worker| vec![worker]);
    if options.runtime == Runtime::Spin {
        return components(&workers);
    }
    setup::all()?;
    for worker in workers {
        build(worker)?;
        report_size(worker)?;
    }
    Ok(())
}

/// Builds the components for Spin, as `spin build` does by `spin.toml`.
pub(crate) fn components(workers: &[Worker]) -> Result<()> {
    setup::target("Spin", SPIN_TARGET)?;
    let mut command = cargo();
    command.args(["build", "--release", "--target", SPIN_TARGET]);
    command.args(workers.iter().flat_map(|worker| ["--package", worker.package()]));
    step("Compiling for Spin", || process::run(&mut command))
}

/// Builds `worker` into its `build/`. Needs what `setup::all` installs.
pub(crate) fn build(worker: Worker) -> Result<()> {
    let package = worker.package();
    let wasm = step(&format!("Compiling {package}"), || compile(package, "release"))?;
    let (source, build) = (worker.directory().join("src"), worker.directory().join("build"));
    let scripts = files_with(&source, "js")?;
    let stamp = build.join("stamp");
    let now = fingerprint(scripts.iter().chain([&wasm]))?;
    if fs::read_to_string(&stamp).is_ok_and(|then| then == now) {
        return Ok(());
    }
    step(&format!("Packing {package}"), || {
        if build.exists() {
            fs::remove_dir_all(&build)?;
        }
        fs::create_dir_all(&build)?;
        bind(&wasm, &build)?;
        optimise(&build.join("bindings_bg.wasm"), worker.effort())?;
        for script in &scripts {
            fs::copy(script, build.join(script.file_name().unwrap_or_default()))?;
        }
        Ok(())
    })?;
    fs::write(stamp, now).context("cannot write the build stamp")
}

/// Compiles `package` for Workers in a profile and gives the path of the module that cargo made. Asked of cargo, because the
/// target directory may be anywhere.
pub(crate) fn compile(package: &str, profile: &str) -> Result<PathBuf> {
    #[derive(Deserialize)]
    struct Message {
        #[serde(default)]
        filenames: Vec<PathBuf>,
    }
    let mut command = cargo();
    command.args(["build", "--profile", profile, "--target", WASM_TARGET, "--package", package]);
    command.arg("--message-format=json-render-diagnostics").stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("`{}` failed", describe(&command));
    }
    let module = format!("{}.wasm", package.replace('-', "_"));
    let messages = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Message>().flatten();
    let made = messages.flat_map(|message| message.filenames).filter(|path| path.ends_with(&module)).last();
    made.with_context(|| format!("cargo made no {module}; is the crate a cdylib?"))
}

/// Makes `bindings.js` and `bindings_bg.wasm` of the module `wasm`, in `build`.
pub(crate) fn bind(wasm: &Path, build: &Path) -> Result<()> {
    let mut command = std::process::Command::new(setup::wasm_bindgen()?.join("wasm-bindgen"));
    command.args(["--target", "web", "--no-typescript", "--out-name", "bindings"]);
    // Lets the entry begin a new instance after a panic.
    command.args(["--experimental-reset-state-function", "--out-dir"]);
    process::run(command.arg(build).arg(wasm))
}

/// Makes `wasm` smaller and faster, in place.
pub(crate) fn optimise(wasm: &Path, effort: &str) -> Result<()> {
    process::run(npm_tool("wasm-opt")?.arg(effort).args(WASM_FEATURES).arg(wasm).arg("-o").arg(wasm))
}

/// Prints what `worker` weighs as it is uploaded; an edge Worker over its budget is an error.
pub(crate) fn report_size(worker: Worker) -> Result<()> {
    let build = worker.directory().join("build");
    let mut archive = GzEncoder::new(Vec::new(), Compression::default());
    let mut plain = 0;
    for module in modules(&build)? {
        let content = fs::read(module)?;
        plain += content.len();
        archive.write_all(&content)?;
    }
    let packed = archive.finish()?.len();
    let package = worker.package();
    println!("{package}: {:.1} KiB, {:.1} KiB gzipped", kib(plain), kib(packed));
    if worker == Worker::Edge && packed > EDGE_LIMIT {
        bail!("{package} is {:.1} KiB gzipped; it may be {:.1}", kib(packed), kib(EDGE_LIMIT));
    }
    Ok(())
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
fn fingerprint<'a>(files: impl Iterator<Item = &'a PathBuf>) -> Result<String> {
    let mut digest = Sha256::new();
    for file in files {
        digest.update(file.file_name().unwrap_or_default().as_encoded_bytes());
        digest.update(Sha256::digest(fs::read(file)?));
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
