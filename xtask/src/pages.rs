//! Building the pages: the verifier of statements out of `core`, then types, lints, unit tests, and what is deployed.
//!
//! Invariant: what is in `portal/dist` was made from the sources that are there now, which were checked; when nothing changed,
//! nothing is done. It is the same for both runtimes and for `dev`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    build::{self, Profile},
    jobs::{Job, Log},
    process::{npm_tool, root},
};

/// The verifier's crate.
pub(crate) const VERIFIER: &str = "farebox-verifier";

/// The verifier's effort: it is loaded to be run once.
const SMALL: &str = "-Oz";

/// What the pages are made of, below `portal/`.
const SOURCES: [&str; 5] = ["build", "public", "src", "tests/fixture", "tests/unit"];

/// The jobs that build the pages, beside those that build a runtime.
pub(crate) fn jobs(profile: Profile) -> Vec<Job<'static, ()>> {
    vec![Job::new("pages", &["npm packages", "Rust targets"], move |log| {
        build(&build::wasm_bindgen(log)?, profile, log)
    })]
}

/// Builds the pages, with the program `wasm_bindgen`. The verifier is compiled together with what of `profile` is compiled for
/// Workers, where that is optimised too.
pub(crate) fn build(wasm_bindgen: &Path, profile: Profile, log: &Log) -> Result<()> {
    let module = build::verifier(profile, log)?;
    let (portal, stamp) = (portal(), portal().join("dist/stamp"));
    let mut sources = vec![module.clone(), root().join("package-lock.json")];
    for directory in SOURCES {
        files_below(&portal.join(directory), &mut sources)?;
    }
    for entry in fs::read_dir(&portal)? {
        sources.extend(Some(entry?.path()).filter(|path| path.is_file()));
    }
    sources.sort();
    let now = build::fingerprint(sources.iter())?;
    if fs::read_to_string(&stamp).is_ok_and(|then| then == now) {
        return Ok(());
    }
    let made = portal.join("verifier/build");
    fs::create_dir_all(&made)?;
    build::bind(&module, &made, wasm_bindgen, log)?;
    build::optimise(&made.join("bindings_bg.wasm"), SMALL, log)?;
    log.run(tool("tsc")?.arg("--noEmit"))?;
    log.run(tool("biome")?.args(["ci", "--colors=off", "."]))?;
    log.run(&mut units()?)?;
    log.run(tool("vite")?.args(["build", "--logLevel", "warn"]))?;
    log.run(tool("node")?.arg("build/pack.ts"))?;
    fs::write(stamp, now).context("cannot write the pages' stamp")
}

/// What runs the unit tests of the pages.
pub(crate) fn units() -> Result<Command> {
    tests("tests/unit/*.test.ts")
}

/// What looks at every page in a browser.
pub(crate) fn looks() -> Result<Command> {
    tests("tests/pages/*.test.ts")
}

/// What goes through the real pages on a runtime, as it was built before, by the program `xtask`.
pub(crate) fn journey(runtime: &str, xtask: &Path) -> Result<Command> {
    let mut node = tests("tests/journey/*.test.ts")?;
    node.env("FAREBOX_RUNTIME", runtime).env("FAREBOX_XTASK", xtask).env("FAREBOX_DEV", "--release --no-build");
    Ok(node)
}

fn tests(files: &str) -> Result<Command> {
    let mut node = tool("node")?;
    node.args(["--test", "--test-reporter=tap", files]);
    Ok(node)
}

fn tool(name: &str) -> Result<Command> {
    let mut command = npm_tool(name)?;
    command.current_dir(portal());
    Ok(command)
}

fn portal() -> PathBuf {
    root().join("portal")
}

fn files_below(directory: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            files_below(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
