//! What neither the compiler nor clippy checks: the shape of files and the direction of dependencies.
//!
//! Invariant: it reads what git tracks and nothing else, so that it says the same on every machine.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use crate::process::{output, root};

/// No source file is longer, in lines.
const LONGEST_FILE: usize = 400;

/// Which crates of the workspace each one may use, besides in its tests: the table in ARCHITECTURE.md. Arrows point down only, and
/// none leads from the way of a call to what only settlement or the control plane may do.
const ARROWS: [(&str, &[&str]); 17] = [
    ("core", &[]),
    ("ports", &["farebox-core"]),
    ("books", &["farebox-core", "farebox-ports"]),
    ("gateway", &["farebox-core", "farebox-ports"]),
    ("billing", &["farebox-core", "farebox-ports"]),
    ("control", &["farebox-core", "farebox-ports", "farebox-billing"]),
    ("platform/memory", &PLATFORMS_USE),
    ("platform/cloudflare", &PLATFORMS_USE),
    ("platform/spin", &PLATFORMS_USE),
    ("edge", &["farebox-core", "farebox-ports", "farebox-gateway", "farebox-cloudflare", "farebox-spin"]),
    (
        "billing-worker",
        &[
            "farebox-core",
            "farebox-ports",
            "farebox-books",
            "farebox-billing",
            "farebox-control",
            "farebox-cloudflare",
            "farebox-spin",
        ],
    ),
    ("cli", &["farebox-core"]),
    (
        "benches",
        &["farebox-core", "farebox-ports", "farebox-books", "farebox-gateway", "farebox-billing", "farebox-memory"],
    ),
    ("tests", &["farebox-core"]),
    ("tests/conformance", &["farebox-core", "farebox-ports", "farebox-books", "farebox-cloudflare", "farebox-spin"]),
    ("portal/verifier", &["farebox-core"]),
    ("xtask", &[]),
];

/// What a platform's ports are made with.
const PLATFORMS_USE: [&str; 3] = ["farebox-core", "farebox-ports", "farebox-books"];

/// The crates that may see a platform's SDK.
const PLATFORM_CRATES: [&str; 8] = [
    "platform/cloudflare",
    "platform/spin",
    "edge",
    "billing-worker",
    "portal/verifier",
    "benches/",
    "tests/host/",
    "tests/conformance",
];

/// What only platform crates may depend on.
const SDKS: [&str; 4] = ["worker", "wasm-bindgen", "js-sys", "spin-sdk"];

/// Checks everything and names each thing that is wrong.
pub(crate) fn run() -> Result<()> {
    let files = output(
        Command::new("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(root()),
    )?;
    let mut wrong = Vec::new();
    for file in files.lines() {
        // A file that git still knows but that is gone has nothing to check; one that is not text has no lines.
        let Ok(text) = fs::read_to_string(root().join(file)) else { continue };
        wrong.extend(shape(file, &text).into_iter().map(|reason| format!("{file}: {reason}")));
        if Path::new(file).file_name().is_some_and(|name| name == "Cargo.toml") {
            let reasons = arrows(file, &text).with_context(|| file.to_owned())?;
            wrong.extend(reasons.into_iter().map(|reason| format!("{file}: {reason}")));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    for reason in &wrong {
        eprintln!("{reason}");
    }
    bail!("{} untidy", wrong.len())
}

fn shape(file: &str, text: &str) -> Vec<String> {
    let extension = Path::new(file).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let mut wrong = Vec::new();
    let lines = text.lines().count();
    if matches!(extension, "rs" | "js" | "mjs" | "ts" | "tsx" | "css") && lines > LONGEST_FILE {
        wrong.push(format!("{lines} lines, more than {LONGEST_FILE}"));
    }
    let header = match extension {
        "rs" => Some("//!"),
        "js" | "mjs" | "ts" | "tsx" => Some("//"),
        "css" => Some("/*"),
        _ => None,
    };
    if let Some(header) = header.filter(|header| !text.starts_with(*header)) {
        wrong.push(format!("does not begin with `{header}` and what it decides"));
    }
    if file == "package-lock.json" && text.contains("\"resolved\": \"http") {
        wrong.push("names the registry it was made with; see .npmrc".to_owned());
    }
    if file == "Cargo.lock"
        && text.lines().any(|line| line.starts_with("source") && !line.contains("/crates.io-index\""))
    {
        wrong.push("has a package from elsewhere than crates.io".to_owned());
    }
    // Written in two pieces, so that this file does not find itself.
    for home in [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")] {
        if text.contains(home) {
            wrong.push(format!("names a directory of somebody's machine ({home})"));
        }
    }
    wrong
}

/// The dependencies in this manifest that its crate must not have.
fn arrows(file: &str, text: &str) -> Result<Vec<String>> {
    let manifest: toml::Table = text.parse()?;
    let allowed: BTreeMap<_, _> = ARROWS.into_iter().collect();
    let directory = file.trim_end_matches("Cargo.toml").trim_end_matches('/');
    let platform = PLATFORM_CRATES.iter().any(|platform| directory.starts_with(platform));
    let ours = |name: &str| name.starts_with("farebox-");
    let mut wrong = Vec::new();
    for name in dependencies(&manifest) {
        if ours(name) && !allowed.get(directory).is_some_and(|allowed| allowed.contains(&name)) {
            wrong.push(format!("must not depend on {name}"));
        }
        if SDKS.contains(&name) && !platform {
            wrong.push(format!("must not see a platform's SDK ({name})"));
        }
    }
    Ok(wrong)
}

/// What a crate depends on, on any target.
fn dependencies(manifest: &toml::Table) -> Vec<&str> {
    let targets = manifest.get("target").and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::values);
    let tables = targets.filter_map(toml::Value::as_table).chain([manifest]);
    let dependencies = tables.filter_map(|table| table.get("dependencies").and_then(toml::Value::as_table));
    dependencies.flat_map(toml::Table::keys).map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Each arrow that the table does not have, drawn in a manifest by itself.
    #[test]
    fn every_arrow_that_the_table_forbids_is_untidy() {
        let names: BTreeSet<&str> = ARROWS.iter().flat_map(|(_, uses)| uses.iter().copied()).collect();
        let mut forbidden = 0;
        for (directory, uses) in ARROWS {
            for name in &names {
                let manifest = format!("[target.wasm32.dependencies]\n{name}.workspace = true");
                let wrong = arrows(&format!("{directory}/Cargo.toml"), &manifest).unwrap();
                assert_eq!(wrong.is_empty(), uses.contains(name), "{directory} -> {name}: {wrong:?}");
                forbidden += wrong.len();
            }
        }
        let allowed: usize = ARROWS.iter().map(|(_, uses)| uses.len()).sum();
        assert_eq!(forbidden, ARROWS.len() * names.len() - allowed);
    }

    #[test]
    fn a_crate_that_the_table_does_not_know_may_use_none_of_ours() {
        assert_eq!(arrows("new/Cargo.toml", "[dependencies]\nfarebox-core.workspace = true").unwrap().len(), 1);
    }

    #[test]
    fn only_what_belongs_to_a_platform_sees_its_sdk() {
        let manifest = "[dependencies]\nworker = \"0.8\"";
        assert_eq!(arrows("gateway/Cargo.toml", manifest).unwrap().len(), 1);
        assert_eq!(arrows("edge/Cargo.toml", manifest).unwrap().len(), 0);
    }

    #[test]
    fn a_file_without_a_header_or_with_a_home_directory_is_untidy() {
        assert_eq!(shape("core/src/lib.rs", "//! The core.\n").len(), 0);
        assert_eq!(shape("core/src/lib.rs", "use std::fs;\n").len(), 1);
        assert_eq!(shape("README.md", concat!("see /ho", "me/me/x")).len(), 1);
    }
}
