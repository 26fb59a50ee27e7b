//! `farebox apply`: publish the catalog.
//!
//! A catalog that is refused is refused with everything that is wrong with it, a line each, before the one line that
//! every failure ends with.

use std::path::PathBuf;

use clap::Args;
use farebox_cli::http::Problem;
use farebox_core::catalog::difference::Change;
use serde_json::Value;

use super::{Format, read};
use crate::admin::Connection;

/// Publish the catalog: what is for sale, where it comes from and what it costs
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  farebox apply --dry-run catalog.toml")]
pub(crate) struct Apply {
    /// The catalog, in TOML; `-` for standard input
    file: PathBuf,

    /// Check it and show what would change, but publish nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    format: Format,
}

impl Apply {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let source = read(&self.file)?;
        let path = if self.dry_run { "catalog?dry_run=true" } else { "catalog" };
        let answer = connection.admin()?.put(path, "application/toml", source);
        let answer = answer.inspect_err(|error| {
            let problems = error.downcast_ref::<Problem>().map_or(&[][..], |problem| &problem.problems);
            problems.iter().for_each(|problem| eprintln!("{}: {problem}", self.file.display()));
        })?;
        if self.format.json {
            println!("{answer}");
        } else {
            print!("{}", changes(&answer));
            let version = answer["version"].as_str().unwrap_or_default();
            let done = if self.dry_run { "valid, not published" } else { "published" };
            println!("catalog {version} {done}");
        }
        Ok(())
    }
}

/// The changes of an answer, one a line.
fn changes(answer: &Value) -> String {
    let changes: Vec<Change> = serde_json::from_value(answer["changes"].clone()).unwrap_or_default();
    if changes.is_empty() {
        return "no changes\n".to_owned();
    }
    changes.iter().map(|change| format!("{change}\n")).collect()
}
