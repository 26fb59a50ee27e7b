//! What Debian brings: the database servers that the scenarios on Spin start, and the programs that the pages of a deployment
//! use. Also a browser, and the gateways that the bench measures beside ours.
//!
//! It is the one thing that is installed outside the checkout. That happens only where it is ours to do: as root on a machine
//! with Debian's packages, as in CI. Anybody else is told what is missing. Invariants: no server is left running by being
//! installed; packages are installed one job after the other, because they share a lock.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use anyhow::{Result, bail};

use crate::jobs::Log;

/// A program that is found under any of its names, and Debian's package of it.
pub(crate) struct Program {
    names: &'static [&'static str],
    package: &'static str,
}

/// What the scenarios on Spin start, and what the pages of a deployment there use.
pub(crate) const SERVERS: [Program; 4] = [
    Program { names: &["redis-server"], package: "redis-server" },
    Program { names: &["postgres"], package: "postgresql" },
    Program { names: &["sqlite3"], package: "sqlite3" },
    Program { names: &["jq"], package: "jq" },
];

/// What the scenarios of pages open them in. The names are those of `tests/src/browser.rs`.
pub(crate) const BROWSER: [Program; 1] =
    [Program { names: &["chromium", "chromium-browser", "google-chrome"], package: "chromium" }];

/// What the bench measures beside Farebox, and what it checks its own load with.
pub(crate) const PEERS: [Program; 6] = [
    Program { names: &["redis-server"], package: "redis-server" },
    Program { names: &["nginx"], package: "nginx" },
    Program { names: &["ngx_http_lua_module.so"], package: "libnginx-mod-http-lua" },
    Program { names: &["redis.lua"], package: "lua-nginx-redis" },
    Program { names: &["haproxy"], package: "haproxy" },
    Program { names: &["wrk"], package: "wrk" },
];

/// Where Debian puts what is on no search path.
const PLACES: [&str; 3] = ["/usr/sbin", "/usr/lib/nginx/modules", "/usr/share/lua/5.1/nginx"];

static APT_GET: Mutex<()> = Mutex::new(());

/// Debian's packages of those of `programs` that are not there.
pub(crate) fn missing(programs: &[Program]) -> Vec<&'static str> {
    let missing = programs.iter().filter(|program| !program.names.iter().any(|name| is_there(name)));
    missing.map(|program| program.package).collect()
}

/// Sees to it that all of `programs` are there.
pub(crate) fn install(programs: &[Program], log: &Log) -> Result<()> {
    let missing = missing(programs);
    if missing.is_empty() {
        return Ok(());
    }
    if !rustix::process::geteuid().is_root() || !Path::new("/usr/bin/apt-get").exists() {
        let (all, packages) = (missing.join(" and "), missing.join(" "));
        bail!("what was asked for needs {all}: install it (`apt-get install {packages}`)");
    }
    let _alone = APT_GET.lock().unwrap_or_else(PoisonError::into_inner);
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
