//! `cargo xtask conformance`: the ledger's conformance suite over the stores that only a runtime has.
//!
//! The suite over memory is a test of `platform/memory`; here it runs inside workerd, over the SQLite of a Durable Object.
//! Built without optimisation, which costs the suite a second and spares the build a minute.

use std::fs;

use anyhow::Result;

use crate::{
    build,
    process::{self, npm_tool, root},
    setup,
};

const PACKAGE: &str = "farebox-conformance";

/// Runs it in a Durable Object.
pub(crate) fn durable_object() -> Result<()> {
    setup::all()?;
    let wasm = build::compile(PACKAGE, "dev")?;
    let bindings = wasm.with_file_name("conformance");
    fs::create_dir_all(&bindings)?;
    build::bind(&wasm, &bindings)?;
    process::run(npm_tool("node")?.arg(root().join("tests/js/conformance.mjs")).arg(&bindings))
}
