//! One workerd process per peer: started on a free port, asked what it has cost so far, and ended with the rig.
//!
//! Each peer has its own process so that what it does after the answer is charged to it, and to nobody else.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::Value;

/// A running workerd.
pub(crate) struct Workerd {
    child: Child,
    /// Where it serves.
    pub(crate) address: SocketAddr,
}

/// What a configuration leaves open.
#[derive(Default)]
pub(crate) struct Parts<'a> {
    /// Variables and their values.
    pub(crate) environment: &'a [(&'a str, String)],
    /// External services and their addresses.
    pub(crate) externals: &'a [(&'a str, SocketAddr)],
    /// Disk services and their directories.
    pub(crate) directories: &'a [(&'a str, &'a Path)],
}

impl Workerd {
    /// Starts `binary` on the Cap'n Proto configuration `config`, which is completed by `parts`.
    pub(crate) fn start(binary: &Path, config: &Path, parts: &Parts<'_>) -> Result<Self> {
        let mut command = Command::new(binary);
        command.arg("serve").arg("--control-fd=1").args(["--socket-addr", "http=127.0.0.1:0"]).arg(config);
        command.args(parts.externals.iter().map(|(name, address)| format!("--external-addr={name}={address}")));
        command
            .args(parts.directories.iter().map(|(name, path)| format!("--directory-path={name}={}", path.display())));
        command.envs(parts.environment.iter().map(|(name, value)| (name, value)));
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", binary.display()))?;
        match listening(&mut child) {
            Ok(port) => Ok(Self { child, address: (Ipv4Addr::LOCALHOST, port).into() }),
            Err(error) => {
                child.kill().and_then(|()| child.wait()).context("ending workerd")?;
                Err(error.context(format!("workerd on {}", config.display())))
            }
        }
    }

    /// Processor time that all its threads have used so far, as the scheduler accounts it (`/proc/…/schedstat`, which
    /// counts what utime + stime count, in nanoseconds instead of ticks).
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id())).context("workerd is gone")? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            nanos += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanos))
    }
}

impl Drop for Workerd {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing left to end.
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// Waits until workerd says on its control channel that it listens.
///
/// Workers log to the same stream, so it is read to its end, and lines that are no events are none of ours.
fn listening(child: &mut Child) -> Result<u16> {
    let control = child.stdout.take().context("no control channel")?;
    let (listens, port) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(control).lines().map_while(Result::ok) {
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            if event["event"] == "listen" && event["socket"] == "http" {
                let _ = listens.send(event["port"].as_u64());
            }
        }
    });
    let port = port.recv().context("ended before it listened")?.context("listens on no port")?;
    Ok(port.try_into()?)
}
