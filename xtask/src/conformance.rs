//! `cargo xtask conformance`: the ledger's conformance suite over the stores that only a runtime has.
//!
//! The suite over memory is a test of `platform/memory`; here it runs inside workerd, over the SQLite of a Durable Object.
//! Built without optimisation, which costs the suite a second and spares the build a minute.

use std::{fs, path::Path};

use anyhow::Result;

use crate::{
    build,
    jobs::{self, Job, Log},
    process::{npm_tool, root},
    setup::Tool,
    test::{BUILD, wasm_crates},
};

/// The module that cargo makes of the suite.
const MODULE: &str = "farebox_conformance.wasm";

/// Runs it in a Durable Object, with what that needs.
pub(crate) fn run() -> Result<()> {
    let mut jobs = build::missing(&[Tool::Targets, Tool::Npm]);
    jobs.push(Job::new("conformance, Workers", &["Rust targets", "npm packages"], |log| {
        durable_object(&build::wasm_bindgen(log)?, log)
    }));
    jobs::all(&jobs)
}

/// Runs it in a Durable Object, with the program `wasm_bindgen`.
pub(crate) fn durable_object(wasm_bindgen: &Path, log: &Log) -> Result<()> {
    // Together with the other crates for Workers, as the tests build them: else its dependencies would be compiled again.
    let mut build = wasm_crates(&BUILD);
    let wasm = build::made(&mut build, &[MODULE.to_owned()], log)?.remove(0);
    let bindings = wasm.with_file_name("conformance");
    fs::create_dir_all(&bindings)?;
    build::bind(&wasm, &bindings, wasm_bindgen, log)?;
    log.run(npm_tool("node")?.arg(root().join("tests/js/conformance.mjs")).arg(&bindings))
}
