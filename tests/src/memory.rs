//! The memory of processes below one of ours, from `/proc` (Linux).

use std::fs;

use anyhow::{Context, Result, ensure};

/// The resident memory, in bytes, of all processes called `name` that descend from `ancestor`.
///
/// # Errors
///
/// When there is none.
pub(crate) fn resident(ancestor: u32, name: &str) -> Result<u64> {
    let mut found = 0;
    for entry in fs::read_dir("/proc").context("/proc")? {
        let Some(process) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // A process may end while it is looked at.
        if field(process, "Name:").as_deref() == Some(name) && descends(process, ancestor) {
            let kibibytes =
                field(process, "VmRSS:").and_then(|text| text.trim_end_matches(" kB").trim().parse::<u64>().ok());
            found += kibibytes.unwrap_or_default() * 1024;
        }
    }
    ensure!(found > 0, "no process {name}");
    Ok(found)
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
