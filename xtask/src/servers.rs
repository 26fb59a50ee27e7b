//! The database servers that the scenarios on Spin start, Redis and PostgreSQL, and the programs that the pages of a deployment use.
//!
//! The one thing that is installed outside the checkout, and only where that is ours to do: as root on a machine with
//! Debian's packages, as in CI. Anybody else is told what is missing. Invariant: none is left running by being installed.

use std::{env, fs, path::Path, process::Command};

use anyhow::{Result, bail};

use crate::jobs::Log;

/// A program of each, and Debian's package of it.
const PROGRAMS: [(&str, &str); 4] =
    [("redis-server", "redis-server"), ("postgres", "postgresql"), ("sqlite3", "sqlite3"), ("jq", "jq")];

/// Debian's packages of those that are not there.
pub(crate) fn missing() -> Vec<&'static str> {
    PROGRAMS.iter().filter(|(program, _)| !is_there(program)).map(|(_, package)| *package).collect()
}

/// Sees to it that all are there.
pub(crate) fn install(log: &Log) -> Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    if !rustix::process::geteuid().is_root() || !Path::new("/usr/bin/apt-get").exists() {
        bail!(
            "the tests on Spin need {}: install it (`apt-get install {}`), or say `--without spin`",
            missing.join(" and "),
            missing.join(" ")
        );
    }
    log.run(apt_get().arg("update"))?;
    log.run(apt_get().args(["install", "--yes", "--no-install-recommends"]).args(&missing))
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    // In this run level Debian's packages start no service.
    command.arg("--quiet").env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
    command
}

/// On the search path, or where Debian puts PostgreSQL's.
fn is_there(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut directories = env::split_paths(&path).chain(versions.map(|version| version.path().join("bin")));
    directories.any(|directory| directory.join(program).is_file())
}
