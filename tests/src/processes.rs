//! The processes below one of ours, from `/proc` (Linux): how much memory and time they use, and ending them as no program expects.

use std::fs;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// The unit of processor time in `/proc`, in milliseconds: the same on all of Linux that programs run on (`USER_HZ` is 100).
const TICK: u64 = 10;

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

/// The processor time, in milliseconds, that all processes called `name` have taken that descend from `ancestor`.
///
/// # Errors
///
/// When there is none.
pub(crate) fn processor_time(ancestor: u32, name: &str) -> Result<u64> {
    // User and system time are the 14th and 15th fields, counted behind the name, which may have blanks (proc_pid_stat(5)).
    let of = |process: u32| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        let fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11).take(2);
        fields.map(|field| field.parse::<u64>().ok()).sum::<Option<u64>>()
    };
    let processes = below(ancestor, name)?;
    ensure!(!processes.is_empty(), "no process {name}");
    let ticks: u64 = processes.into_iter().filter_map(of).sum();
    Ok(ticks * TICK)
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
