//! The Python of the tests: its packages are those of `tests/py/requirements.txt`, installed by `cargo xtask setup`.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::farebox::root;

/// A program of the packages, or `python` itself.
pub(crate) fn tool(name: &str) -> Result<Command> {
    let program = root().join("target/tools/python/bin").join(name);
    ensure!(program.exists(), "{} is missing; `cargo xtask setup` installs it", program.display());
    let mut command = Command::new(program);
    command.current_dir(root()).stdin(Stdio::null());
    Ok(command)
}

/// Runs a script with `input` as JSON on its standard input and returns the JSON that it prints.
pub(crate) async fn run(script: &str, input: &Value) -> Result<Value> {
    let mut python = tool("python")?;
    let mut child = python.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("python")?;
    serde_json::to_writer(child.stdin.take().context("no input")?, input)?;
    let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await??;
    serde_json::from_slice(&output.stdout).with_context(|| format!("{script} failed"))
}
