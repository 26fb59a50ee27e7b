//! The conformance suite of the books' stores (`farebox_books::conformance`), run inside the platforms' own runtimes.

use std::{
    env,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::{
    farebox::root,
    http::Http,
    servers::{Postgres, guarded},
};

/// On Spin's SQLite.
///
/// # Errors
/// A rule is not kept, or the runtime cannot be started.
pub async fn on_sqlite() -> Result<()> {
    suite("sqlite", None).await
}

/// On PostgreSQL, through Spin.
///
/// # Errors
/// As [`on_sqlite`].
pub async fn on_postgresql() -> Result<()> {
    let postgres = Postgres::start().await?;
    suite("postgres", Some(postgres.url())).await
}

async fn suite(store: &str, postgres: Option<String>) -> Result<()> {
    build(&["--release", "--target", "wasm32-wasip2", "--package", "farebox-conformance"])?;
    let state = tempfile::tempdir()?;
    let mut command = guarded(&host()?);
    command.args(["up", "--from"]).arg(root().join("tests/conformance/spin.toml"));
    command.args(["--listen", "127.0.0.1:0", "--state-dir"]).arg(state.path());
    command.env("SPIN_VARIABLE_LEDGER", store);
    command.envs(postgres.map(|address| ("SPIN_VARIABLE_POSTGRES", address)));
    let mut running = Running(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?);
    let output = running.0.stdout.take().context("no output")?;
    let mut lines = BufReader::new(output).lines();
    let serving = lines.find_map(|line| Some(line.ok()?.strip_prefix("Serving ")?.trim().to_owned()));
    let url = format!("{}/{store}", serving.context("Spin did not start; what it said is above")?);
    let answer = Http::new().get(&url).await?;
    ensure!(answer.status == 200, "{} {}", answer.status, String::from_utf8_lossy(&answer.body));
    ensure!(&*answer.body == b"kept", "the suite did not run");
    Ok(())
}

/// What runs components: Spin where it is installed, else our host, which `FAREBOX_SPIN_HOST` names where it was built together with
/// everything else. Built alone it has other features, and all that it uses is compiled again.
fn host() -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    if let Some(spin) = env::split_paths(&path).map(|directory| directory.join("spin")).find(|spin| spin.is_file()) {
        return Ok(spin);
    }
    if let Some(built) = env::var_os("FAREBOX_SPIN_HOST") {
        return Ok(built.into());
    }
    build(&["--package", "farebox-spin-host"])?;
    let here = env::current_exe()?;
    let profile = here.parent().and_then(std::path::Path::parent).context("a test that is nowhere")?;
    Ok(profile.join("farebox-spin-host"))
}

fn build(arguments: &[&str]) -> Result<()> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let status = cargo.current_dir(root()).arg("build").args(arguments).status()?;
    ensure!(status.success(), "cargo build {} failed", arguments.join(" "));
    Ok(())
}

/// A guard that ends with this value, and with it what it guards: Spin serves in a process of its own.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
