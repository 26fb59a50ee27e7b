//! Writes the bindings' source: `bindgen!` over the WIT files that ship inside the `spin-sdk` crate.
//!
//! The macro takes its path as a literal, and where cargo keeps a crate's source differs from machine to machine. So
//! cargo is asked, and the macro's call is written into `OUT_DIR`. No WIT file is copied: what the components are built
//! on is what the host implements.

use std::{env, fs, path::PathBuf, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/bindings.in");
    println!("cargo::rerun-if-changed=../../Cargo.lock");
    let wit = sdk_directory().join("wit");
    assert!(wit.join("sdk.wit").is_file(), "spin-sdk has no WIT files at {}", wit.display());
    let template = fs::read_to_string("src/bindings.in").expect("src/bindings.in is readable");
    let path = wit.to_str().expect("cargo's home is in UTF-8");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("bindings.rs");
    fs::write(out, template.replace("{WIT}", &path.escape_default().to_string())).expect("OUT_DIR is writable");
}

/// Where cargo keeps the source of the `spin-sdk` that this workspace is locked to.
fn sdk_directory() -> PathBuf {
    let cargo = env::var_os("CARGO").expect("cargo sets CARGO");
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", "wasm32-wasip2"])
        .output()
        .expect("cargo metadata runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let manifest = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|package| package["name"] == "spin-sdk")
        .and_then(|package| package["manifest_path"].as_str())
        .expect("spin-sdk is among the workspace's dependencies");
    PathBuf::from(manifest).parent().expect("a manifest is in a directory").to_owned()
}
