//! The program `wasm-bindgen`: makes the JavaScript that stands between a Worker and its module.
//!
//! Invariant: it is of exactly the crate's version, because their format changes with every release. So `Cargo.lock` names both.
//! Cargo builds this one among our own crates, without a lock file and a target directory of its own. It has a name of its own
//! because the compiler takes any crate `wasm_bindgen` of version 0.1 for one that is too old.

fn main() -> anyhow::Result<()> {
    wasm_bindgen_cli::wasm_bindgen::run_cli_with_args(std::env::args_os())
}
