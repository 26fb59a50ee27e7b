//! One process per peer: started on a free port, asked what it has cost so far, and ended with the rig.
//!
//! Each peer has its own so that what it does after the answer is charged to it, and to nobody else.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What a workerd configuration leaves open.
#[derive(Default)]
pub(crate) struct Parts<'a> {
    /// Variables and their values.
    pub(crate) environment: &'a [(&'a str, String)],
    /// External services and their addresses.
    pub(crate) externals: &'a [(&'a str, SocketAddr)],
    /// The disk service, where there is one: it gets a directory of its own.
    pub(crate) disk: Option<&'a str>,
}

/// A running peer.
pub(crate) struct Runtime {
    child: Child,
    ends_with_its_input: bool,
    /// Whether its threads come and go, so that they cannot be counted one by one.
    threads_end: bool,
    /// Where it stores things. Removed after it ended.
    state: TempDir,
    /// Where it serves.
    pub(crate) address: SocketAddr,
}

impl Runtime {
    /// Runs the Cap'n Proto configuration `config`, completed by `parts`, on workerd itself.
    pub(crate) fn workerd(binary: &Path, config: &Path, parts: &Parts<'_>) -> Result<Self> {
        let mut command = Command::new(binary);
        command.arg("serve").arg("--control-fd=1").args(["--socket-addr", "http=127.0.0.1:0"]).arg(config);
        command.args(parts.externals.iter().map(|(name, address)| format!("--external-addr={name}={address}")));
        let state = TempDir::new()?;
        command.args(parts.disk.map(|name| format!("--directory-path={name}={}", state.path().display())));
        command.envs(parts.environment.iter().map(|(name, value)| (name, value)));
        let listening = |line: &str| {
            let event: Value = serde_json::from_str(line).ok()?;
            let port = event["port"].as_u64().filter(|_| event["event"] == "listen" && event["socket"] == "http");
            Some((Ipv4Addr::LOCALHOST, u16::try_from(port?).ok()?).into())
        };
        Self::start(command, None, state, listening)
    }

    /// Runs `script`, which runs a peer on Miniflare, on Node. It gets `order` on its standard input, with a directory to
    /// store things in as `state`, says where it serves, and ends when the input does.
    pub(crate) fn node(binary: &Path, script: &Path, mut order: Value) -> Result<Self> {
        let state = TempDir::new()?;
        order["state"] = json!(state.path());
        let mut command = Command::new(binary);
        command.arg(script);
        let serving = |line: &str| {
            let line: Value = serde_json::from_str(line).ok()?;
            line["gateway"].as_str()?.strip_prefix("http://")?.parse().ok()
        };
        Self::start(command, Some(order), state, serving)
    }

    /// Runs the Spin application of `manifest` on the host for tests, with more `flags` of `spin up`, and `variables`.
    pub(crate) fn spin(host: &Path, manifest: &Path, flags: &[String], variables: &[(&str, String)]) -> Result<Self> {
        let state = TempDir::new()?;
        let mut command = Command::new(host);
        command.args(["up", "--listen", "127.0.0.1:0", "--end-with-stdin", "--from"]).arg(manifest);
        command.arg("--state-dir").arg(state.path()).args(flags);
        for (name, value) in variables {
            command.arg("--variable").arg(format!("{name}={value}"));
        }
        let serving = |line: &str| line.strip_prefix("Serving http://")?.parse().ok();
        let mut runtime = Self::start(command, None, state, serving)?;
        (runtime.ends_with_its_input, runtime.threads_end) = (true, true);
        Ok(runtime)
    }

    /// Waits until `command` prints a line in which `find` finds its address.
    ///
    /// Workers log to the same stream, so it is read to its end, and other lines are none of ours.
    fn start(
        mut command: Command,
        order: Option<Value>,
        state: TempDir,
        find: fn(&str) -> Option<SocketAddr>,
    ) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("starting {command:?}"))?;
        if let (Some(order), Some(input)) = (&order, &mut child.stdin) {
            writeln!(input, "{order}")?;
        }
        let output = child.stdout.take().context("no standard output")?;
        let (found, address) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(address) = find(&line) {
                    // Whoever waits has it already when a second line says so.
                    let _ = found.send(address);
                }
            }
        });
        let address = address.recv().with_context(|| format!("{command:?} ended before it served"))?;
        let ends_with_its_input = order.is_some();
        Ok(Self { child, ends_with_its_input, threads_end: false, state, address })
    }

    /// Processor time that all its threads have used so far, as the scheduler accounts it (`/proc/…/schedstat`, which
    /// counts what utime + stime count, in nanoseconds instead of ticks). What it started counts for itself.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        if self.threads_end {
            return self.processor_time_in_ticks();
        }
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id())).context("a peer is gone")? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            nanos += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// What it stored, for as long as it runs.
    pub(crate) fn state(&self) -> &Path {
        self.state.path()
    }

    /// The same by ticks of 10 ms, which also count threads that are gone.
    fn processor_time_in_ticks(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).context("a peer is gone")?;
        // The fields behind the name, which may hold anything: utime and stime are the 12th and 13th of them.
        let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        Ok(Duration::from_millis(10 * ticks))
    }

    /// The memory it occupies at the moment, in bytes.
    pub(crate) fn resident(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).context("a peer is gone")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // Node is told to end, so that it ends what it started; workerd does not listen to its input.
        drop(self.child.stdin.take());
        if self.ends_with_its_input {
            let _ = self.child.wait();
        } else {
            let _ = self.child.kill().and_then(|()| self.child.wait());
        }
    }
}
