//! The processes below one of ours, from `/proc` (Linux): how much memory and processor time they use, and ending them as no program expects.

use std::{fs, time::Duration};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// The processes called `name` that descend from `ancestor`.
///
/// # Errors
///
/// When there is no `/proc`.
pub(crate) fn below(ancestor: u32, name: &str) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("/proc")? {
        let Some(process) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // A process may end while it is looked at.
        if field(process, "Name:").as_deref() == Some(name) && descends(process, ancestor) {
            found.push(process);
        }
    }
    Ok(found)
}

/// The resident memory, in bytes, of all processes called `name` that descend from `ancestor`.
///
/// # Errors
///
/// When there is none.
pub(crate) fn resident(ancestor: u32, name: &str) -> Result<u64> {
    let of = |process: u32| field(process, "VmRSS:")?.trim_end_matches(" kB").trim().parse::<u64>().ok();
    let kibibytes: u64 = below(ancestor, name)?.into_iter().filter_map(of).sum();
    ensure!(kibibytes > 0, "no process {name}");
    Ok(kibibytes * 1024)
}

/// The processor time that these processes have taken so far. Threads that have ended are not in it.
pub(crate) fn processor_time(processes: &[u32]) -> Duration {
    let threads = |process: &u32| fs::read_dir(format!("/proc/{process}/task")).ok();
    // A thread may end while it is looked at.
    let of = |thread: fs::DirEntry| {
        let statistics = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        statistics.split(' ').next()?.parse::<u64>().ok()
    };
    let nanoseconds = processes.iter().filter_map(threads).flatten().flatten().filter_map(of).sum();
    Duration::from_nanos(nanoseconds)
}

/// Kills a process: it gets no chance to write anything down.
///
/// # Errors
///
/// When it is gone already.
pub(crate) fn kill(process: u32) -> Result<()> {
    let id = Pid::from_raw(process.cast_signed()).context("not a process")?;
    kill_process(id, Signal::KILL).with_context(|| format!("cannot kill process {process}"))
}

fn descends(mut process: u32, ancestor: u32) -> bool {
    while process > 1 && process != ancestor {
        process = field(process, "PPid:").and_then(|parent| parent.parse().ok()).unwrap_or_default();
    }
    process == ancestor
}

fn field(process: u32, name: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    Some(status.lines().find_map(|line| line.strip_prefix(name))?.trim().to_owned())
}
