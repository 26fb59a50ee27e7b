//! The guides' transcripts hold. The commands of `docs/sell-an-api.md`, taken from the page as they stand there, take an OpenAPI
//! document to a gateway that sells. They print what the page says, line for line. So does the last step of a deployment, which
//! is the same on both pages.
//!
//! Only what is another each time is replaced: addresses, ids, times, and the API itself, for which the demo origin stands.

use anyhow::{Context, Result, ensure};

use crate::{Farebox, farebox::root, shell::Shell};

/// A command of a page, and the lines that it prints there.
struct Step {
    command: String,
    printed: Vec<String>,
}

/// The commands that a page shows with what they print.
fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let shown = page.split("```console\n").skip(1).filter_map(|rest| rest.split("```").next());
    for line in shown.flat_map(str::lines).map(str::trim_start) {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step { command: command.to_owned(), printed: Vec::new() }),
            (None, Some(step)) if !line.is_empty() => step.printed.push(line.to_owned()),
            (None, _) => {}
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

/// What a command printed must be what the page says, all of it. Where the page shows nothing, the answer is the API's own.
fn holds(step: &Step, output: &str) -> Result<()> {
    let expected: Vec<String> = step.printed.iter().map(|line| fixed(line)).collect();
    let printed: Vec<String> = output.lines().map(fixed).collect();
    ensure!(
        expected.is_empty() || printed == expected,
        "`{}` printed {printed:#?}, and the page says {expected:#?}",
        step.command
    );
    Ok(())
}

/// Follows steps at a shell, each once; `meanwhile` does what the page leaves to the reader.
fn follow(shell: &Shell, steps: &[Step], meanwhile: impl Fn(&str) -> Result<()>) -> Result<()> {
    let mut account = String::new();
    for step in steps {
        let command = step.command.replace("acc_0123456789abcdef", &account).replace("/your/path", "/metrics.json");
        let output = shell.run(&command, "")?;
        holds(step, &output)?;
        meanwhile(&command)?;
        let created = output.split_whitespace().find(|word| word.starts_with("acc_"));
        account = created.map_or(account, str::to_owned);
    }
    Ok(())
}

/// Follows the guide to its end, and then the last step of a deployment.
pub async fn the_commands_of_the_guide_take_an_openapi_document_to_a_selling_gateway(farebox: &Farebox) -> Result<()> {
    // The catalog is the guide's own, and before it the demo's, as the page says.
    let farebox = farebox.another("guide")?;
    let follower = Shell::at(farebox.directory().join("guide"))?;
    std::os::unix::fs::symlink(root().join("tests"), follower.home().join("tests"))?;
    let page = std::fs::read_to_string(root().join("docs/sell-an-api.md"))?;
    ensure!(page.contains("\nfarebox profile set dev http://127.0.0.1:8787\n"), "the page begins in another way");
    follower.run(&format!("farebox profile set dev {}", farebox.gateway()), farebox.admin_token())?;
    std::fs::copy(root().join("xtask/demo/catalog.toml"), follower.home().join("demo.toml"))?;
    follower.run("farebox apply --yes demo.toml", "")?;
    let guide = steps(&page);
    ensure!(guide.len() == 6, "{} commands", guide.len());
    follow(&follower, &guide, |command| {
        if !command.starts_with("farebox init") {
            return Ok(());
        }
        let catalog = follower.home().join("catalog.toml");
        let text = std::fs::read_to_string(&catalog)?;
        ensure!(text.contains("\"https://api.apis.guru/v2\""), "{text}");
        Ok(std::fs::write(&catalog, text.replace("https://api.apis.guru/v2", farebox.origin()))?)
    })?;

    let last = |page: &str| -> Result<Vec<Step>> { Ok(steps(&std::fs::read_to_string(root().join(page))?)) };
    let (workers, spin) = (last("docs/deploy-workers.md")?, last("docs/deploy-spin.md")?);
    let text =
        |steps: &[Step]| steps.iter().map(|step| (step.command.clone(), step.printed.clone())).collect::<Vec<_>>();
    ensure!(text(&workers) == text(&spin), "the pages end in other ways: {:?} and {:?}", text(&workers), text(&spin));
    ensure!(workers.len() == 5, "{} commands", workers.len());
    std::fs::remove_file(follower.home().join("bob.json")).context("the first Bob's credential")?;
    follow(&follower, &workers, |_| Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_or_a_line_that_differs_from_the_page_is_found() {
        let page = "```console\n$ farebox balance acc_0\nbalance  9.9975\nleased   0.00\n$ farebox call /x\n```\n";
        let steps = steps(page);
        assert_eq!(steps.len(), 2);
        holds(&steps[0], "balance 9.9975\nleased 0.00\n").expect("the same");
        for other in ["balance 9.9976\nleased 0.00\n", "balance 9.9975\n", "balance 9.9975\nleased 0.00\nmore\n", ""] {
            assert!(holds(&steps[0], other).is_err(), "{other}");
        }
        holds(&steps[1], "whatever the API answers").expect("its own");
    }
}
