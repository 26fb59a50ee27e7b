//! Whoever generates a client of either API from its description makes a key with it and reads a balance.
//!
//! The generators take the descriptions from the gateway, as their users do, and leave nothing out: the compiler checks the program
//! in TypeScript, and the generator for Python ends at its first warning.

use std::{
    fs,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use farebox_core::plain_key;
use serde_json::{Value, json};

use crate::{
    Farebox,
    farebox::{node, root, run_node},
    python,
};

/// Each API, and where below the gateway its description is.
const APIS: [(&str, &str); 2] = [("admin", "/_farebox/openapi.json"), ("customer", "/_farebox/v1/openapi.json")];

/// npm's `openapi-typescript` with `openapi-fetch`, and PyPI's `openapi-python-client`.
pub async fn generated_clients_make_a_key_and_read_a_balance(farebox: &Farebox) -> Result<()> {
    let folder = farebox.directory().join("generated");
    fs::create_dir_all(&folder)?;
    let address = |path: &str| format!("{}{path}", farebox.gateway());
    let input = |language: &str| {
        let email = format!("{language}-{}@example.com", std::process::id());
        json!({ "gateway": farebox.gateway(), "token": farebox.admin_token(), "email": email, "clients": folder })
    };

    for (api, path) in APIS {
        let mut generate = node("node_modules/openapi-typescript/bin/cli.js");
        generate.arg(address(path)).arg("--output").arg(folder.join(format!("{api}.ts")));
        done(generate).await?;
    }
    let script = folder.join("generated-clients.ts");
    fs::copy(root().join("tests/js/generated-clients.ts"), &script)?;
    let mut check = node("portal/node_modules/typescript/bin/tsc");
    check.args(["--noEmit", "--strict", "--module", "nodenext", "--target", "es2024", "--allowImportingTsExtensions"]);
    check.args(["--types", "node"]).arg(&script);
    done(check).await?;
    let script = script.to_str().context("no path")?;
    made("TypeScript", &run_node(script, &input("ts")).await?)?;

    for (api, path) in APIS {
        let mut generate = python::tool("openapi-python-client")?;
        generate.args(["generate", "--url", &address(path), "--meta", "none", "--overwrite", "--fail-on-warning"]);
        generate.args(["--config", "tests/py/openapi-python-client.yaml", "--output-path"]);
        generate.arg(folder.join(format!("farebox_{api}")));
        done(generate).await?;
    }
    made("Python", &python::run("tests/py/generated_clients.py", &input("py")).await?)
}

/// Both keys are keys, and both balances what they must be.
fn made(language: &str, outcome: &Value) -> Result<()> {
    for (api, balance) in [("admin", "2.50"), ("customer", "0.00")] {
        let key = outcome[api]["key"].as_str().unwrap_or_default();
        ensure!(plain_key::is_of_form(key) && outcome[api]["balance"] == balance, "{language}, {api}: {outcome}");
    }
    ensure!(outcome["customer"]["by_key"] == "0.00", "{language}, by the key: {outcome}");
    Ok(())
}

/// Runs a program to its end, which must be good.
async fn done(mut command: Command) -> Result<()> {
    let shown = format!("{command:?}");
    let output = tokio::task::spawn_blocking(move || command.stdin(Stdio::null()).output()).await??;
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).join("\n");
    ensure!(output.status.success(), "{shown}: {said}");
    Ok(())
}
