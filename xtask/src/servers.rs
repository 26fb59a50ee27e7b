//! The database servers that the scenarios on Spin start, Redis and PostgreSQL, the programs that the pages of a deployment use, and
//! the gateways that the bench measures beside ours.
//!
//! The one thing that is installed outside the checkout, and only where that is ours to do: as root on a machine with
//! Debian's packages, as in CI. Anybody else is told what is missing. Invariant: none is left running by being installed.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

use crate::jobs::Log;

/// What the tests on Spin need: a program of each, and Debian's package of it.
pub(crate) const OF_TESTS: [(&str, &str); 4] =
    [("redis-server", "redis-server"), ("postgres", "postgresql"), ("sqlite3", "sqlite3"), ("jq", "jq")];

/// What the bench measures beside Farebox, and what it checks its own load with.
pub(crate) const OF_BENCH: [(&str, &str); 6] = [
    ("redis-server", "redis-server"),
    ("nginx", "nginx"),
    ("ngx_http_lua_module.so", "libnginx-mod-http-lua"),
    ("redis.lua", "lua-nginx-redis"),
    ("haproxy", "haproxy"),
    ("wrk", "wrk"),
];

/// Where Debian puts what is no program on the search path.
const PLACES: [&str; 3] = ["/usr/sbin", "/usr/lib/nginx/modules", "/usr/share/lua/5.1/nginx"];

/// Debian's packages of those that are not there.
pub(crate) fn missing(programs: &[(&str, &'static str)]) -> Vec<&'static str> {
    programs.iter().filter(|(program, _)| !is_there(program)).map(|(_, package)| *package).collect()
}

/// Sees to it that all are there.
pub(crate) fn install(log: &Log, programs: &[(&str, &'static str)]) -> Result<()> {
    let missing = missing(programs);
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.join(" ");
    if !rustix::process::geteuid().is_root() || !Path::new("/usr/bin/apt-get").exists() {
        bail!("what was asked for needs {packages}: install it (`apt-get install {packages}`), or leave that part out");
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
    let databases = versions.map(|version| version.path().join("bin"));
    let mut directories = env::split_paths(&path).chain(databases).chain(PLACES.map(PathBuf::from));
    directories.any(|directory| directory.join(program).is_file())
}
