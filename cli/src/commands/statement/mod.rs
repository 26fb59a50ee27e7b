//! `farebox statement`: what an account had, used and paid in a month.
//!
//! A statement is checked before it is shown, so nobody need believe the server. Whoever has it as a file can check it again at
//! any time, without the server.

mod check;
mod page;

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use farebox_core::time::Month;

use super::{Format, read};
use crate::{admin::Connection, named::Named};

/// Statements: what an account had, used and paid, month by month
#[derive(Debug, Subcommand)]
pub(crate) enum Statement {
    List(List),
    Show(Show),
    Verify(Verify),
}

/// List the months that have a statement, the latest first
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  farebox statement list acc_1")]
pub(crate) struct List {
    /// The account: its id, or its name
    account: Named,
    #[command(flatten)]
    format: Format,
}

/// Verify the statement of a month, and show it
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  farebox statement show acc_1
  farebox statement show acc_1 2026-11 --json > 2026-11.json")]
pub(crate) struct Show {
    /// The account: its id, or its name
    account: Named,
    /// The month, in UTC [default: the latest]
    month: Option<Month>,
    /// Print it as CSV, for a spreadsheet
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    format: Format,
}

/// Verify statements that were saved as JSON: their entries, balances and seals; needs no gateway
///
/// Of several, each must go on where the one before it ended. Fails with the first entry that is not as it was written.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  farebox statement verify 2026-10.json 2026-11.json")]
pub(crate) struct Verify {
    /// The statements in the order of time; `-` for standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    format: Format,
}

impl Statement {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        match self {
            Self::List(list) => list.run(connection),
            Self::Show(show) => show.run(connection),
            Self::Verify(verify) => verify.run(),
        }
    }
}

impl List {
    fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let admin = connection.admin()?;
        let months = admin.list(&format!("accounts/{}/statements", self.account.id(&admin)?), &[])?;
        self.format.list(months, &["period", "from", "until"]);
        Ok(())
    }
}

impl Show {
    fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let admin = connection.admin()?;
        let path = format!("accounts/{}/statements", self.account.id(&admin)?);
        let month = match self.month {
            Some(month) => month.to_string(),
            None => {
                let latest = admin.list(&path, &[])?.into_iter().next().context("the account has no statement")?;
                latest["period"].as_str().context("the gateway lists a statement without its period")?.to_owned()
            }
        };
        let answer = admin.get(&format!("{path}/{month}"))?.to_string();
        let statement = check::statement(&answer).context("what the gateway answered does not hold")?;
        if self.csv {
            print!("{}", statement.to_csv());
        } else if self.format.json {
            println!("{answer}");
        } else {
            print!("{}", page::of(&statement));
        }
        Ok(())
    }
}

impl Verify {
    fn run(self) -> anyhow::Result<()> {
        let mut verified = Vec::new();
        for file in &self.files {
            let name = || format!("{} does not hold", file.display());
            let statement = check::statement(&read(file)?).with_context(name)?;
            if let Some(before) = verified.last() {
                check::follows(before, &statement).with_context(name)?;
            }
            verified.push(statement);
        }
        let columns = ["account", "from", "until", "entries", "opening", "closing", "currency"];
        self.format.list(verified.iter().map(check::summary).collect(), &columns);
        Ok(())
    }
}
