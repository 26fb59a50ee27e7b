//! `wasm-bindgen-test-runner`: what cargo runs the tests of a crate for Workers with. Why it is built here:
//! see `farebox-wasm-bindgen.rs`.

fn main() -> anyhow::Result<()> {
    wasm_bindgen_cli::wasm_bindgen_test_runner::run_cli_with_args(std::env::args_os())
}
