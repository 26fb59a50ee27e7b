//! The command line, as somebody uses it at a shell of their own.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::farebox::root;

/// A shell that finds `farebox`, with a home that nobody else uses.
pub(crate) struct Shell {
    farebox: PathBuf,
    home: PathBuf,
}

impl Shell {
    /// With the command line that `FAREBOX` names, or else one that is built now. Makes `home` where it is not there.
    pub(crate) fn at(home: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&home)?;
        let given = std::env::var_os("FAREBOX").map(PathBuf::from);
        Ok(Self { farebox: given.map_or_else(Self::build, Ok)?, home })
    }

    fn build() -> Result<PathBuf> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.current_dir(root()).args(["build", "--package", "farebox", "--message-format", "json"]);
        let output = build.stderr(Stdio::inherit()).output().context("cargo build")?;
        ensure!(output.status.success(), "the command line cannot be built");
        let farebox = String::from_utf8(output.stdout)?.lines().find_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            Some(PathBuf::from(message["executable"].as_str()?))
        });
        farebox.context("cargo names no executable")
    }

    /// Where it is.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// What a command prints; an error when it fails.
    pub(crate) fn run(&self, command: &str, input: &str) -> Result<String> {
        let path = self.farebox.parent().context("no directory")?;
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([path.to_owned()].into_iter().chain(std::env::split_paths(&paths)))?;
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(&self.home).env_clear().env("PATH", path).env("HOME", &self.home);
        let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        shell.stdin.take().context("no input")?.write_all(input.as_bytes())?;
        let output = shell.wait_with_output()?;
        ensure!(output.status.success(), "`{command}`: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }
}
