//! A real browser: Chromium without a window, on a page of an origin of its own.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::farebox::run_node;

/// The names under which Chromium is installed, as `cargo xtask setup` looks for it.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Has a page make `calls`, and gives what it may read of their answers.
///
/// # Errors
///
/// There is no Chromium, or the page could not be opened in it: what it decides must be seen, not supposed.
pub(crate) async fn page_calls(calls: &Value) -> Result<Value> {
    let chromium = chromium().context("there is no Chromium on this machine: run `cargo xtask setup`")?;
    run_node("tests/js/page.mjs", &json!({ "chromium": chromium, "calls": calls })).await
}

/// Where Chromium is; `None` where it is not.
fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let at = |name| std::env::split_paths(&path).map(move |directory| directory.join(name));
    NAMES.into_iter().flat_map(at).find(|program| program.is_file())
}
