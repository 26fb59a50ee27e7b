//! Having the tools: on a machine with rustup, Node and npm, installs what else is needed and is not there yet.
//!
//! What is missing is installed side by side: most of it waits for a registry while the rest compiles. Invariants: nothing is
//! written outside the checkout and cargo's own home, but for Debian's packages (see `debian`). What is there already costs no
//! more than a look. The versions come from the lock files, so two machines with one checkout have the same tools.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    debian::{self, BROWSER, PEERS, SERVERS},
    jobs::{self, Job, Log},
    process::{cargo, output, root},
};

/// The target of the Workers.
pub(crate) const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// The target of the components on Spin.
pub(crate) const SPIN_TARGET: &str = "wasm32-wasip2";

/// The package whose programs are wasm-bindgen's, and the one of them that makes bindings.
pub(crate) const WASM_BINDGEN: &str = "farebox-wasm-bindgen";

/// Checks licences and sources of the dependencies.
const CARGO_DENY: &str = "0.20.2";

/// Runs tests: each in a process of its own, with its time.
const NEXTEST: &str = "0.9.143";

/// Something that a command needs and may have to install.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    /// Rust's standard library for both runtimes.
    Targets,
    /// The npm packages of `package-lock.json`, among them the Node that runs the others.
    Npm,
    /// The Python packages of `tests/py/requirements.txt`, which only the end-to-end tests need.
    Python,
    /// Redis and PostgreSQL, which only the end-to-end tests on Spin need.
    Servers,
    /// Chromium, which the end-to-end tests of pages need: npm's `playwright-core` drives it.
    Browser,
    /// nginx with Lua, HAProxy and Redis, which only `bench` needs, to measure beside them.
    Peers,
    /// Express Gateway, which only `bench` needs, for the duel.
    ExpressGateway,
    /// `cargo-deny`, which only `test` needs.
    Deny,
    /// `cargo-nextest`, which only `test` needs.
    Nextest,
    /// `worker-build`, which only `bench` needs, to build a peer as its users would.
    WorkerBuild,
}

impl Tool {
    /// What it is called where it is installed.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Targets => "Rust targets",
            Self::Npm => "npm packages",
            Self::Python => "Python packages",
            Self::Servers => "Redis and PostgreSQL",
            Self::Browser => "Chromium",
            Self::Peers => "nginx and HAProxy",
            Self::ExpressGateway => "Express Gateway",
            Self::Deny => "cargo-deny",
            Self::Nextest => "cargo-nextest",
            Self::WorkerBuild => "worker-build",
        }
    }

    /// Whether it is there, in the right version.
    pub(crate) fn is_there(self) -> bool {
        match self {
            Self::Targets => missing_targets().is_ok_and(|missing| missing.is_empty()),
            Self::Npm => is_stamped(&npm_stamp(), &root().join("package-lock.json")),
            Self::Python => is_stamped(&python().join("installed.txt"), &root().join(REQUIREMENTS)),
            Self::Servers => debian::missing(&SERVERS).is_empty(),
            Self::Browser => debian::missing(&BROWSER).is_empty(),
            Self::Peers => debian::missing(&PEERS).is_empty(),
            Self::ExpressGateway => express_gateway().join("node_modules/express-gateway").is_dir(),
            Self::Deny => is_version(&deny(), CARGO_DENY),
            Self::Nextest => nextest().is_some(),
            Self::WorkerBuild => worker_build_version().is_ok_and(|version| is_version(&worker_build(), &version)),
        }
    }

    /// Installs it.
    pub(crate) fn install(self, log: &Log) -> Result<()> {
        match self {
            Self::Targets => log.run(Command::new("rustup").args(["target", "add"]).args(missing_targets()?)),
            Self::Npm => npm_packages(log),
            Self::Python => python_packages(log),
            Self::Servers => debian::install(&SERVERS, log).context("`--without spin` needs none of them"),
            Self::Browser => debian::install(&BROWSER, log),
            Self::Peers => debian::install(&PEERS, log),
            Self::ExpressGateway => install_express_gateway(log),
            Self::Deny => install(log, "cargo-deny", CARGO_DENY),
            Self::Nextest => install(log, "cargo-nextest", NEXTEST),
            Self::WorkerBuild => install(log, "worker-build", &worker_build_version()?),
        }
    }

    /// A job that installs it.
    pub(crate) fn job<'a>(self) -> Job<'a, ()> {
        Job::new(self.name(), &[], move |log| self.install(log))
    }
}

/// Sees to it that all of `tools` are there.
pub(crate) fn ensure(tools: &[Tool]) -> Result<()> {
    let missing: Vec<_> = tools.iter().filter(|tool| !tool.is_there()).map(|tool| tool.job()).collect();
    jobs::all(&missing)
}

/// The targets whose standard library is not installed.
fn missing_targets() -> Result<Vec<&'static str>> {
    let mut missing = Vec::new();
    for target in [WASM_TARGET, SPIN_TARGET] {
        let directory = output(rustc().args(["--print", "target-libdir", "--target", target]))?;
        if !Path::new(directory.trim()).is_dir() {
            missing.push(target);
        }
    }
    Ok(missing)
}

/// The program `cargo-deny`.
pub(crate) fn deny() -> PathBuf {
    tools().join("bin/cargo-deny")
}

/// The program `worker-build`.
pub(crate) fn worker_build() -> PathBuf {
    tools().join("bin/worker-build")
}

/// The program `cargo-nextest`: the user's own where it is of a version that does, else ours.
pub(crate) fn nextest() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let ours = std::iter::once(tools().join("bin"));
    let found = ours.chain(std::env::split_paths(&path)).map(|directory| directory.join("cargo-nextest"));
    found.into_iter().find(|program| program.is_file() && is_at_least(program, NEXTEST))
}

fn tools() -> PathBuf {
    root().join("target/tools")
}

/// Installs the programs of a crate below `target/tools`.
fn install(log: &Log, package: &str, version: &str) -> Result<()> {
    let tools = tools();
    let mut install = cargo();
    // A debug build takes a third of the time to build and runs no slower here.
    install.args(["install", package, "--debug", "--force", "--locked", "--version", version, "--root"]).arg(&tools);
    install.env_remove("CARGO_TARGET_DIR").env("CARGO_PROFILE_DEV_DEBUG", "0");
    // Cargo builds it where temporary files go, which may be small.
    fs::create_dir_all(&tools)?;
    log.run(install.env("TMPDIR", &tools))
}

const REQUIREMENTS: &str = "tests/py/requirements.txt";

fn python() -> PathBuf {
    tools().join("python")
}

/// An environment of its own, with the packages of the tests.
fn python_packages(log: &Log) -> Result<()> {
    let (environment, requirements) = (python(), root().join(REQUIREMENTS));
    log.run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    let mut install = Command::new(environment.join("bin/python"));
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--requirement"]);
    log.run(install.arg(&requirements))?;
    fs::copy(&requirements, environment.join("installed.txt")).context(REQUIREMENTS).map(drop)
}

/// Where Express Gateway is installed: its 724 packages are none that a contributor should have to.
pub(crate) fn express_gateway() -> PathBuf {
    tools().join("express-gateway")
}

/// Installs it as it was on a day, with what it depends on.
fn install_express_gateway(log: &Log) -> Result<()> {
    let mut install = Command::new("npm");
    install.args(["install", "express-gateway@1.16.11", "--before=2026-11-01", "--ignore-scripts", "--loglevel=error"]);
    log.run(install.args(["--no-audit", "--no-fund", "--no-save", "--prefix"]).arg(express_gateway()))
}

fn npm_stamp() -> PathBuf {
    root().join("node_modules/.installed-lock.json")
}

fn npm_packages(log: &Log) -> Result<()> {
    let root = root();
    log.run(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&root))?;
    if !root.join("node_modules/.bin/node").exists() {
        bail!("npm did not install the package `node`; does it run install scripts?");
    }
    fs::copy(root.join("package-lock.json"), npm_stamp()).context("node_modules").map(drop)
}

/// Whether what was installed from `wanted` is what `stamp` says.
fn is_stamped(stamp: &Path, wanted: &Path) -> bool {
    fs::read(stamp).is_ok_and(|installed| fs::read(wanted).is_ok_and(|wanted| installed == wanted))
}

/// The version of `worker-build` that belongs to the crate `worker`.
fn worker_build_version() -> Result<String> {
    locked_version("worker")
}

/// The version of `package` in `Cargo.lock`.
fn locked_version(package: &str) -> Result<String> {
    let lock: toml::Table = fs::read_to_string(root().join("Cargo.lock"))?.parse().context("Cargo.lock")?;
    let packages = lock.get("package").and_then(toml::Value::as_array).context("Cargo.lock has no packages")?;
    let found = packages.iter().find(|entry| entry.get("name").and_then(toml::Value::as_str) == Some(package));
    let version = found.and_then(|entry| entry.get("version")).and_then(toml::Value::as_str);
    Ok(version.with_context(|| format!("Cargo.lock has no {package}"))?.to_owned())
}

/// The words that a program answers to `--version`.
fn version_of(program: &Path) -> Vec<String> {
    let answer = Command::new(program).arg("--version").output();
    let text = answer.map(|answer| String::from_utf8_lossy(&answer.stdout).into_owned()).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

fn is_version(program: &Path, version: &str) -> bool {
    version_of(program).iter().any(|word| word == version)
}

fn is_at_least(program: &Path, version: &str) -> bool {
    let numbers = |text: &str| text.split('.').map(str::parse).collect::<Result<Vec<u32>, _>>().ok();
    let found = version_of(program).iter().find_map(|word| numbers(word));
    found.is_some_and(|found| Some(found) >= numbers(version))
}

fn rustc() -> Command {
    let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.current_dir(root());
    command
}
