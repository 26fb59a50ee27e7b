//! The admin API does what its description says. A public validator takes the description, and a property-based tester finds no
//! server error and nothing that is not described.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Farebox, account::Account, python, thorough};

/// `openapi-spec-validator`, then `schemathesis`: once on ids that nobody has, once on an account and a webhook that
/// are there.
pub async fn the_api_is_what_its_description_says(farebox: &Farebox) -> Result<()> {
    // The tester moves the clock and publishes catalogs.
    let farebox = farebox.another("contract")?;
    let description = format!("{}/_farebox/openapi.json", farebox.gateway());
    let answer = crate::http::Http::new().get(&description).await?;
    let file = farebox.directory().join("openapi.json");
    std::fs::write(&file, &answer.body)?;
    run(python::tool("openapi-spec-validator")?.arg(&file))?;

    let (account, _) = Account::with_balance(&farebox, "100.00").await?;
    let webhook = farebox.admin().post("webhooks", &json!({ "url": "http://127.0.0.1:9/" })).await?;
    let known = format!("[parameters]\n\"path.id\" = {:?}\n\"path.webhook\" = {}\n", account.id, webhook["id"]);
    for (name, config) in [("unknown", String::new()), ("known", known)] {
        let file = farebox.directory().join(format!("{name}.toml"));
        std::fs::write(&file, config)?;
        let mut schemathesis = python::tool("schemathesis")?;
        schemathesis.current_dir(farebox.directory()); // It keeps notes where it runs.
        schemathesis.arg("--config-file").arg(&file).args(["run", &description, "--no-color"]);
        schemathesis.args(["--header", &format!("Authorization: Bearer {}", farebox.admin_token())]);
        schemathesis.args([
            "--checks",
            CHECKS,
            "--max-examples",
            if thorough() { "15" } else { "8" },
            "--phases",
            "examples,coverage,fuzzing,stateful",
        ]);
        run(&mut schemathesis)?;
    }
    Ok(())
}

/// What must hold of every answer, whatever was sent.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

/// Runs to the end; what it printed is shown when it fails, with the seed that repeats it.
fn run(command: &mut std::process::Command) -> Result<()> {
    let output = command.output()?;
    let printed = [output.stdout, output.stderr].map(|printed| String::from_utf8_lossy(&printed).into_owned());
    ensure!(output.status.success(), "{:?} found something:\n{}", command.get_program(), printed.concat());
    Ok(())
}
