//! The guide's transcript holds: the commands of `docs/sell-an-api.md`, taken from the page as they stand there, take an OpenAPI
//! document to a gateway that sells, and print what the page says.
//!
//! Broken on purpose: another price in the page, and the scenario fails.
//!
//! Only what is another each time is replaced: addresses, ids, times, and the API itself, for which the demo origin stands.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::{Farebox, eventually, farebox::root, shell::Shell};

/// A command of the page, and the lines that it prints there.
struct Step {
    command: String,
    printed: Vec<String>,
}

/// The commands that the page shows with what they print.
fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let shown = page.split("```console\n").skip(1).filter_map(|rest| rest.split("```").next());
    for line in shown.flat_map(str::lines) {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step { command: command.to_owned(), printed: Vec::new() }),
            (None, Some(step)) => step.printed.push(line.to_owned()),
            (None, None) => {}
        }
    }
    steps
}

/// A line without what is another each time.
fn fixed(line: &str) -> String {
    let word = |word: &str| {
        let is_hex = word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_time = word.len() >= 20 && word.contains('T') && word.ends_with('Z');
        let is_address = word.starts_with("http");
        let is_id = word.starts_with("acc_") || word.starts_with("ak_");
        if is_hex || is_time || is_address || is_id { "…" } else { word }.to_owned()
    };
    line.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

/// Follows the guide to its end.
pub async fn the_commands_of_the_guide_take_an_openapi_document_to_a_selling_gateway(farebox: &Farebox) -> Result<()> {
    // The catalog is the guide's own.
    let farebox = farebox.another("guide")?;
    let follower = Shell::at(farebox.directory().join("guide"))?;
    std::os::unix::fs::symlink(root().join("tests"), follower.home().join("tests"))?;
    let page = std::fs::read_to_string(root().join("docs/sell-an-api.md"))?;
    ensure!(page.contains("\nfarebox profile set dev http://127.0.0.1:8787\n"), "the page begins in another way");
    follower.run(&format!("farebox profile set dev {}", farebox.gateway()), farebox.admin_token())?;
    let steps = steps(&page);
    ensure!(steps.len() == 6, "{} commands", steps.len());
    let mut account = String::new();
    for Step { command, printed } in steps {
        let command = command.replace("acc_0123456789abcdef", &account);
        // What the demo catalog sold before is not what the tests' catalog sold; what was counted is settled a little later.
        let expected: Vec<String> = printed
            .iter()
            .filter(|line| !line.starts_with("- ") && !line.starts_with("~ "))
            .map(|line| fixed(line))
            .collect();
        let settles = command.starts_with("farebox balance");
        let output = eventually(&format!("`{command}` to print {expected:?}"), Duration::from_secs(60), async || {
            if settles {
                follower.run("farebox settle", "")?;
            }
            let output = follower.run(&command, "")?;
            let lines: Vec<String> = output.lines().map(fixed).collect();
            let holds = expected.iter().all(|line| lines.contains(line));
            ensure!(settles || holds, "`{command}` printed {lines:?}, and the page says {expected:?}");
            Ok(holds.then_some(output))
        })
        .await?;
        if command.starts_with("farebox init") {
            let catalog = follower.home().join("catalog.toml");
            let text = std::fs::read_to_string(&catalog)?;
            ensure!(text.contains("\"https://api.apis.guru/v2\""), "{text}");
            std::fs::write(&catalog, text.replace("https://api.apis.guru/v2", farebox.origin()))?;
        }
        let created = output.split_whitespace().find(|word| word.starts_with("acc_"));
        account = created.map_or(account, str::to_owned);
    }
    Ok(())
}
