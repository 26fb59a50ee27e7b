//! The guide's transcript holds: the commands of `docs/sell-an-api.md`, taken from the page as they stand there, take an OpenAPI
//! document to a gateway that sells, and print what the page says.
//!
//! Broken on purpose: another price in the page, and the scenario fails.
//!
//! Only what is another each time is replaced: addresses, ids, times, and the API itself, for which the demo origin stands.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use crate::{Farebox, eventually, farebox::root};

/// A command of the page, and the lines that it prints there.
struct Step {
    command: String,
    printed: Vec<String>,
}

/// The shell of somebody who follows the guide.
struct Follower {
    farebox: PathBuf,
    home: PathBuf,
}

impl Follower {
    /// With the command line built, in a directory of their own beside which the checkout's `tests` are.
    fn new(directory: &Path) -> Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.current_dir(root()).args(["build", "--package", "farebox", "--message-format", "json"]);
        let output = build.stderr(Stdio::inherit()).output().context("cargo build")?;
        ensure!(output.status.success(), "the command line cannot be built");
        let farebox = String::from_utf8(output.stdout)?.lines().find_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            Some(PathBuf::from(message["executable"].as_str()?))
        });
        let home = directory.join("guide");
        std::fs::create_dir_all(&home)?;
        std::os::unix::fs::symlink(root().join("tests"), home.join("tests"))?;
        Ok(Self { farebox: farebox.context("cargo names no executable")?, home })
    }

    /// What a command prints; an error when it fails.
    fn run(&self, command: &str, input: &str) -> Result<String> {
        let path = self.farebox.parent().context("no directory")?;
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([path.to_owned()].into_iter().chain(std::env::split_paths(&paths)))?;
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(&self.home).env_clear().env("PATH", path).env("HOME", &self.home);
        let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        shell.stdin.take().context("no input")?.write_all(input.as_bytes())?;
        let output = shell.wait_with_output()?;
        ensure!(output.status.success(), "`{command}`: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }
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
    let follower = Follower::new(farebox.directory())?;
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
            let catalog = follower.home.join("catalog.toml");
            let text = std::fs::read_to_string(&catalog)?;
            ensure!(text.contains("\"https://api.apis.guru/v2\""), "{text}");
            std::fs::write(&catalog, text.replace("https://api.apis.guru/v2", farebox.origin()))?;
        }
        let created = output.split_whitespace().find(|word| word.starts_with("acc_"));
        account = created.map_or(account, str::to_owned);
    }
    Ok(())
}
