//! One process per peer: started on a free port, asked what it has cost so far, and ended with the rig.
//!
//! Each peer has its own so that what it does after the answer is charged to it, and to nobody else. On Spin that is a guard, what it
//! guards, and what that starts: `spin up` serves in a process of its own, which would outlive it.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    rc::Rc,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a server may take until it serves.
const START: Duration = Duration::from_secs(10);

/// What a workerd configuration leaves open.
#[derive(Default)]
pub(crate) struct Parts<'a> {
    /// Variables and their values.
    pub(crate) environment: &'a [(&'a str, String)],
    /// External services and their addresses.
    pub(crate) externals: &'a [(&'a str, SocketAddr)],
    /// The disk service, where there is one, and its directory.
    pub(crate) disk: Option<(&'a str, Rc<TempDir>)>,
}

/// What runs Spin applications.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spin<'a> {
    /// Spin, or the host for tests: it takes the same words.
    pub(crate) program: &'a Path,
    /// `xtask`, whose `guard` ends it with us, and with all that it started.
    pub(crate) guard: &'a Path,
}

/// A running peer.
pub(crate) struct Runtime {
    child: Child,
    ends_with_its_input: bool,
    /// Whether it is several processes, whose threads come and go, so that they cannot be counted one by one.
    is_tree: bool,
    /// What it needs beside it, at its cost: a store of its own.
    beside: Vec<Runtime>,
    /// Where it stores things. Removed after it ended, and all that share it.
    state: Rc<TempDir>,
    /// Where it serves.
    pub(crate) address: SocketAddr,
}

impl Runtime {
    /// Runs the Cap'n Proto configuration `config`, completed by `parts`, on workerd itself.
    pub(crate) fn workerd(binary: &Path, config: &Path, parts: &Parts<'_>) -> Result<Self> {
        let mut command = Command::new(binary);
        command.arg("serve").arg("--control-fd=1").args(["--socket-addr", "http=127.0.0.1:0"]).arg(config);
        command.args(parts.externals.iter().map(|(name, address)| format!("--external-addr={name}={address}")));
        let state = match &parts.disk {
            Some((name, state)) => {
                command.arg(format!("--directory-path={name}={}", state.path().display()));
                Rc::clone(state)
            }
            None => Rc::new(TempDir::new()?),
        };
        command.envs(parts.environment.iter().map(|(name, value)| (name, value)));
        let listening = |line: &str| {
            let event: Value = serde_json::from_str(line).ok()?;
            let port = event["port"].as_u64().filter(|_| event["event"] == "listen" && event["socket"] == "http");
            Some((Ipv4Addr::LOCALHOST, u16::try_from(port?).ok()?).into())
        };
        Self::start(command, None, state, listening)
    }

    /// Runs `script`, which runs a peer on Miniflare, on Node. It gets `order` on its standard input, with a directory to store
    /// things in as `state`. It says where it serves, and ends when the input does.
    pub(crate) fn node(binary: &Path, script: &Path, mut order: Value) -> Result<Self> {
        let state = TempDir::new()?;
        order["state"] = json!(state.path());
        let mut command = Command::new(binary);
        command.arg(script);
        let serving = |line: &str| {
            let line: Value = serde_json::from_str(line).ok()?;
            line["gateway"].as_str()?.strip_prefix("http://")?.parse().ok()
        };
        Self::start(command, Some(order), Rc::new(state), serving)
    }

    /// Runs the Spin application of `manifest` on Spin or the host for tests, with more `flags` of `spin up`, and `variables`.
    pub(crate) fn spin(
        spin: Spin<'_>,
        manifest: &Path,
        flags: &[String],
        variables: &[(&str, String)],
        state: Rc<TempDir>,
    ) -> Result<Self> {
        let mut command = Command::new(spin.guard);
        command.arg("guard").arg(spin.program).args(["up", "--listen", "127.0.0.1:0", "--from"]).arg(manifest);
        command.arg("--state-dir").arg(state.path()).args(flags);
        for (name, value) in variables {
            command.arg("--variable").arg(format!("{name}={value}"));
        }
        let serving = |line: &str| line.strip_prefix("Serving http://")?.trim_end_matches('/').parse().ok();
        let mut runtime = Self::start(command, None, state, serving)?;
        (runtime.ends_with_its_input, runtime.is_tree) = (true, true);
        Ok(runtime)
    }

    /// Runs a server that says nothing: waits until it can be connected to at `address`.
    pub(crate) fn server(mut command: Command, state: TempDir, address: SocketAddr) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = command.spawn().with_context(|| format!("starting {command:?}"))?;
        let since = Instant::now();
        while TcpStream::connect(address).is_err() {
            ensure!(child.try_wait()?.is_none(), "{command:?} ended before it served");
            ensure!(since.elapsed() < START, "{command:?} does not serve at {address}");
            thread::sleep(Duration::from_millis(10));
        }
        Ok(Self {
            child,
            ends_with_its_input: false,
            is_tree: false,
            beside: Vec::new(),
            state: Rc::new(state),
            address,
        })
    }

    /// The same with `other` beside it, whose time and memory it is charged with and which ends with it.
    pub(crate) fn beside(mut self, other: Self) -> Self {
        self.beside.push(other);
        self
    }

    /// Waits until `command` prints a line in which `find` finds its address.
    ///
    /// Workers log to the same stream, so it is read to its end, and other lines are none of ours.
    fn start(
        mut command: Command,
        order: Option<Value>,
        state: Rc<TempDir>,
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
        Ok(Self { child, ends_with_its_input, is_tree: false, beside: Vec::new(), state, address })
    }

    /// Processor time that all its threads have used so far, as the scheduler accounts it. `/proc/…/schedstat` counts what utime
    /// + stime count, in nanoseconds instead of ticks.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        if self.is_tree {
            let mut table = Vec::new();
            for process in fs::read_dir("/proc")?.flatten() {
                // One that has ended meanwhile was none of ours: those run until we end them.
                let stat = fs::read_to_string(process.path().join("stat")).unwrap_or_default();
                table.extend(Stat::parse(&stat));
            }
            return Ok(time_of_tree(&table, self.child.id()));
        }
        let beside = self.beside.iter().map(Self::processor_time).sum::<Result<Duration>>()?;
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id())).context("a peer is gone")? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            nanos += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
        }
        Ok(beside + Duration::from_nanos(nanos))
    }

    /// What it stored, for as long as it runs.
    pub(crate) fn state(&self) -> &Path {
        self.state.path()
    }

    /// The memory it occupies at the moment, in bytes.
    pub(crate) fn resident(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).context("a peer is gone")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let beside = self.beside.iter().map(Self::resident).sum::<Result<u64>>()?;
        Ok(beside + line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
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

/// What `/proc/…/stat` says of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    id: u32,
    parent: u32,
    /// Processor time in ticks of 10 ms, also of threads that are gone.
    ticks: u64,
}

impl Stat {
    fn parse(stat: &str) -> Option<Self> {
        let (id, _) = stat.split_once(' ')?;
        // The fields behind the name, which may hold anything: the parent is the 2nd of them, utime and stime the 12th and 13th.
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
        Some(Self { id: id.parse().ok()?, parent: fields.get(1)?.parse().ok()?, ticks: ticks(11)? + ticks(12)? })
    }
}

/// The processor time of `root` and of all that descends from it.
fn time_of_tree(table: &[Stat], root: u32) -> Duration {
    let (mut tree, mut ticks) = (vec![root], 0);
    while let Some(id) = tree.pop() {
        ticks += table.iter().filter(|stat| stat.id == id).map(|stat| stat.ticks).sum::<u64>();
        tree.extend(table.iter().filter(|stat| stat.parent == id).map(|stat| stat.id));
    }
    Duration::from_millis(10 * ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_charged_with_what_it_started() {
        let stat = |id: u32, parent: u32, ticks: u64| {
            Stat::parse(&format!("{id} (a name) of) S {parent} 1 1 0 -1 4194304 10 0 0 0 {ticks} 2 0 0 20 0")).unwrap()
        };
        let table = [stat(7, 1, 1), stat(8, 7, 10), stat(9, 8, 100), stat(10, 1, 1_000)];
        assert_eq!(table[1], Stat { id: 8, parent: 7, ticks: 12 });
        assert_eq!(time_of_tree(&table, 7), Duration::from_millis(10 * (3 + 12 + 102)));
        assert_eq!(Stat::parse(""), None, "a process that is gone");
    }
}
