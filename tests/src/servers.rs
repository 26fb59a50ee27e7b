//! Real database servers, each started for one scenario on a free port and with nothing in it.
//!
//! Invariant: a server ends with the process that started it, also when that is killed: it stands behind `cargo xtask
//! guard`. A port that somebody else takes first is tried again with another.

use std::{
    env, fs,
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::chown,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{eventually, farebox::xtask};

/// How long a server may take to be there.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who runs PostgreSQL when we are root, as which it does not run. Every Linux has it.
const NOBODY: u32 = 65534;

/// A running Redis.
pub(crate) struct Redis(Server);

/// A running PostgreSQL, without a password.
pub(crate) struct Postgres(Server);

impl Redis {
    /// Starts one that keeps everything in memory.
    pub(crate) async fn start() -> Result<Self> {
        let program = find("redis-server")?;
        let directory = tempfile::tempdir()?;
        let server = Server::start(directory, |port, directory| {
            let mut command = guarded(&program);
            command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--dir"]).arg(directory);
            command
        })?;
        eventually("Redis to answer", PATIENCE, async || Ok(pong(server.port).await.ok())).await?;
        Ok(Self(server))
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.0.port)
    }
}

impl Postgres {
    /// Starts one with a cluster of its own.
    pub(crate) async fn start() -> Result<Self> {
        let [initdb, postgres, is_ready] = [find("initdb")?, find("postgres")?, find("pg_isready")?];
        // Not below the checkout, which another user may not be able to enter.
        let directory = tempfile::tempdir()?;
        let as_root = rustix::process::geteuid().is_root();
        if as_root {
            chown(directory.path(), Some(NOBODY), Some(NOBODY))?;
        }
        let mut init = unprivileged(as_root, &initdb);
        init.args(["--username=farebox", "--auth=trust", "--no-sync", "--encoding=UTF8", "--pgdata"]);
        let made = init.arg(directory.path()).current_dir("/").stdin(Stdio::null()).output()?;
        ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let server = Server::start(directory, |port, directory| {
            let inner = unprivileged(as_root, &postgres);
            let mut command = guarded(inner.get_program().as_ref());
            // What is lost with the machine matters to no test, what is lost with the process does.
            command.args(inner.get_args()).args(["-F", "-N", "300", "-h", "127.0.0.1", "-p", &port.to_string(), "-D"]);
            command.arg(directory).arg("-k").arg(directory);
            command
        })?;
        let port = server.port.to_string();
        eventually("PostgreSQL to be ready", PATIENCE, async || {
            let asked = Command::new(&is_ready).args(["-q", "-h", "127.0.0.1", "-p", &port]).status()?;
            Ok(asked.success().then_some(()))
        })
        .await?;
        Ok(Self(server))
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://farebox@127.0.0.1:{}/postgres", self.0.port)
    }
}

/// A server behind its guard.
struct Server {
    port: u16,
    guard: Child,
    /// Goes after the server.
    _directory: TempDir,
}

impl Server {
    fn start(directory: TempDir, command: impl FnOnce(u16, &std::path::Path) -> Command) -> Result<Self> {
        // Neither server can say which port it picked, so we do.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let log = fs::File::create(directory.path().join("log")).context("no log")?;
        let mut command = command(port, directory.path());
        let guard = command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log).spawn()?;
        Ok(Self { port, guard, _directory: directory })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The guard ends the server when its input ends, and itself after that.
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// A command that runs `program` until its standard input ends, with all that it starts.
pub(crate) fn guarded(program: &std::path::Path) -> Command {
    let mut command = xtask();
    command.arg("guard").arg(program);
    command
}

fn unprivileged(as_root: bool, program: &std::path::Path) -> Command {
    if !as_root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".to_owned()]).arg(program);
    command
}

/// A program of a server: on the search path, or where Debian puts PostgreSQL's.
fn find(name: &str) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let candidates = env::split_paths(&path).chain(versions.map(|version| version.path().join("bin")));
    let found = candidates.map(|directory| directory.join(name)).find(|program| program.is_file());
    found.with_context(|| format!("{name} is missing; `cargo xtask setup` installs it on Debian"))
}

async fn pong(port: u16) -> Result<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.write_all(b"PING\r\n").await?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await?;
    ensure!(&answer == b"+PONG", "not Redis");
    Ok(())
}
