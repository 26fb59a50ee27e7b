//! Having the tools: on a machine with rustup, Node and npm, installs what else is needed and is not there yet.
//!
//! Invariants: nothing is written outside the checkout and cargo's own home; what is there already costs no more than a
//! look; the versions come from the two lock files, so that two machines with one checkout have the same tools.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::process::{cargo, output, root, run, step};

/// The target of the Workers.
pub(crate) const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// The target of the components on Spin.
pub(crate) const SPIN_TARGET: &str = "wasm32-wasip2";

/// Checks licences and sources of the dependencies.
const CARGO_DENY: &str = "0.20.2";

/// Everything that any command needs.
pub(crate) fn all() -> Result<()> {
    target("Workers", WASM_TARGET)?;
    target("Spin", SPIN_TARGET)?;
    wasm_bindgen()?;
    npm_packages()
}

/// The standard library for the target of a platform.
pub(crate) fn target(platform: &str, target: &str) -> Result<()> {
    let directory = output(rustc().args(["--print", "target-libdir", "--target", target]))?;
    if Path::new(directory.trim()).is_dir() {
        return Ok(());
    }
    let name = format!("Installing the Rust target for {platform}");
    step(&name, || run(Command::new("rustup").args(["target", "add", target])))
}

/// The directory that holds `wasm-bindgen` and `wasm-bindgen-test-runner`, of exactly the crate's version: their formats
/// change with every release.
pub(crate) fn wasm_bindgen() -> Result<PathBuf> {
    // Not as locked: the lock file that the crate ships names a version that was withdrawn.
    installed("wasm-bindgen-cli", "wasm-bindgen", &locked_version("wasm-bindgen")?, &[])
}

/// The program `worker-build`, which only `bench` needs, to build a peer as its users would.
pub(crate) fn worker_build() -> Result<PathBuf> {
    Ok(installed("worker-build", "worker-build", &locked_version("worker")?, &["--locked"])?.join("worker-build"))
}

/// The program `cargo-deny`, which only `test` needs.
pub(crate) fn cargo_deny() -> Result<PathBuf> {
    Ok(installed("cargo-deny", "cargo-deny", CARGO_DENY, &["--locked"])?.join("cargo-deny"))
}

/// The directory that holds the `program` of a crate in this version.
fn installed(package: &str, program: &str, version: &str, options: &[&str]) -> Result<PathBuf> {
    let tools = root().join("target/tools");
    let bin = tools.join("bin");
    if is_version(&bin.join(program), version) {
        return Ok(bin);
    }
    step(&format!("Installing {package} {version} (once, some minutes)"), || {
        // A debug build takes a third of the time to build and runs no slower here.
        let mut install = cargo();
        install.args(["install", package, "--debug", "--force", "--version", version]).args(options);
        install.arg("--root").arg(&tools).env_remove("CARGO_TARGET_DIR");
        // Cargo builds it where temporary files go, which may be small.
        fs::create_dir_all(&tools)?;
        run(install.env("TMPDIR", &tools))
    })?;
    Ok(bin)
}

/// The Python packages of `tests/py/requirements.txt`, which only the end-to-end tests need, in an environment of their own.
pub(crate) fn python_packages() -> Result<()> {
    let environment = root().join("target/tools/python");
    let requirements = root().join("tests/py/requirements.txt");
    let wanted = fs::read(&requirements).context("tests/py/requirements.txt")?;
    let stamp = environment.join("installed.txt");
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    step("Installing the Python packages of the tests", || {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
        let mut install = Command::new(environment.join("bin/python"));
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
        run(install.arg(&requirements))
    })?;
    fs::write(&stamp, wanted).context("target/tools/python")
}

/// The npm packages of `package-lock.json`, among them the Node that runs the others.
pub(crate) fn npm_packages() -> Result<()> {
    let root = root();
    let wanted = fs::read(root.join("package-lock.json")).context("package-lock.json")?;
    let stamp = root.join("node_modules/.installed-lock.json");
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    step("Installing the npm packages", || {
        run(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&root))
    })?;
    if !root.join("node_modules/.bin/node").exists() {
        bail!("npm did not install the package `node`; does it run install scripts?");
    }
    fs::write(&stamp, wanted).context("node_modules")
}

/// The version of `package` in `Cargo.lock`.
fn locked_version(package: &str) -> Result<String> {
    let lock: toml::Table = fs::read_to_string(root().join("Cargo.lock"))?.parse().context("Cargo.lock")?;
    let packages = lock.get("package").and_then(toml::Value::as_array).context("Cargo.lock has no packages")?;
    let found = packages.iter().find(|entry| entry.get("name").and_then(toml::Value::as_str) == Some(package));
    let version = found.and_then(|entry| entry.get("version")).and_then(toml::Value::as_str);
    Ok(version.with_context(|| format!("Cargo.lock has no {package}"))?.to_owned())
}

fn is_version(program: &Path, version: &str) -> bool {
    let answer = Command::new(program).arg("--version").output();
    answer.is_ok_and(|answer| String::from_utf8_lossy(&answer.stdout).split_whitespace().any(|word| word == version))
}

fn rustc() -> Command {
    let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.current_dir(root());
    command
}
