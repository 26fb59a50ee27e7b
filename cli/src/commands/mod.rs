//! The commands: what they are called, what they take, and where each is carried out.

mod account;
mod apply;
mod books;
mod call;
mod clock;
mod completions;
mod credential;
mod entries;
mod explain;
mod init;
mod invoice;
mod me;
mod pay;
mod product;
mod profile;
mod reconcile;
mod reports;
mod reprice;
mod request_arguments;
mod secret;
mod settle;
mod statement;
mod subscription;
mod terms;
mod token;
mod usage_series;
mod webhook;

use std::{fs::File, io::Read, path::Path};

use anyhow::Context;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use serde_json::Value;

use crate::{admin::Connection, output};

const EXAMPLE: &str = "\
Example:
  farebox profile set dev http://127.0.0.1:8787
  farebox init --openapi openapi.yaml && farebox apply catalog.toml
  farebox account create Bob --recharge 10.00 --credential-file bob.json
  farebox call --credential-file bob.json /v1/echo
  farebox settle && farebox usage acc_1";

/// Sell an API: run the gateway's books, and call through it
#[derive(Debug, Parser)]
#[command(name = "farebox", version, after_help = EXAMPLE)]
pub(crate) struct Cli {
    #[command(flatten)]
    connection: Connection,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Init),
    Apply(apply::Apply),
    Diff(apply::Diff),
    Export(apply::Export),
    Reprice(reprice::Reprice),
    #[command(subcommand)]
    Product(product::Product),
    #[command(subcommand)]
    Secret(secret::Secret),
    #[command(subcommand)]
    Account(account::Account),
    #[command(subcommand)]
    Credential(credential::Credential),
    #[command(subcommand)]
    Terms(terms::Terms),
    Recharge(pay::Recharge),
    Refund(pay::Refund),
    Adjust(pay::Adjust),
    Buy(pay::Buy),
    #[command(subcommand)]
    Subscription(subscription::Subscription),
    Balance(books::Balance),
    Grants(books::Grants),
    Leases(books::Leases),
    Entries(entries::Entries),
    Usage(books::Usage),
    #[command(subcommand)]
    Statement(statement::Statement),
    #[command(subcommand)]
    Invoice(invoice::Invoice),
    #[command(subcommand)]
    Reconcile(reconcile::Reconcile),
    Settle(settle::Settle),
    #[command(subcommand)]
    Settlements(reports::Settlements),
    #[command(subcommand)]
    Webhook(webhook::Webhook),
    #[command(subcommand)]
    Token(token::Token),
    Audit(reports::Audit),
    Metrics(reports::Metrics),
    Call(call::Call),
    #[command(subcommand)]
    Me(me::Me),
    Explain(explain::Explain),
    #[command(subcommand)]
    Clock(clock::Clock),
    #[command(subcommand)]
    Profile(profile::Profile),
    Completions(completions::Completions),
}

/// How to print an answer.
#[derive(Debug, Args)]
struct Format {
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

impl Cli {
    /// Reads the command line.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        let mut matches = with_negative_numbers(Self::command()).try_get_matches()?;
        Self::from_arg_matches_mut(&mut matches)
    }

    /// Carries the command out.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let connection = &self.connection;
        match self.command {
            Command::Init(init) => init.run(connection),
            Command::Apply(apply) => apply.run(connection),
            Command::Diff(diff) => diff.run(connection),
            Command::Export(export) => export.run(connection),
            Command::Reprice(reprice) => reprice.run(connection),
            Command::Product(product) => product.run(connection),
            Command::Secret(secret) => secret.run(connection),
            Command::Account(account) => account.run(connection),
            Command::Credential(credential) => credential.run(connection),
            Command::Terms(terms) => terms.run(connection),
            Command::Recharge(recharge) => recharge.run(connection),
            Command::Refund(refund) => refund.run(connection),
            Command::Adjust(adjust) => adjust.run(connection),
            Command::Buy(buy) => buy.run(connection),
            Command::Subscription(subscription) => subscription.run(connection),
            Command::Balance(balance) => balance.run(connection),
            Command::Grants(grants) => grants.run(connection),
            Command::Leases(leases) => leases.run(connection),
            Command::Entries(entries) => entries.run(connection),
            Command::Usage(usage) => usage.run(connection),
            Command::Statement(statement) => statement.run(connection),
            Command::Invoice(invoice) => invoice.run(connection),
            Command::Reconcile(reconcile) => reconcile.run(connection),
            Command::Settle(settle) => settle.run(connection),
            Command::Settlements(settlements) => settlements.run(connection),
            Command::Webhook(webhook) => webhook.run(connection),
            Command::Token(token) => token.run(connection),
            Command::Audit(audit) => audit.run(connection),
            Command::Metrics(metrics) => metrics.run(connection),
            Command::Call(call) => call.run(connection),
            Command::Me(me) => me.run(connection),
            Command::Explain(explain) => explain.run(connection),
            Command::Clock(clock) => clock.run(connection),
            Command::Profile(profile) => profile.run(),
            Command::Completions(completions) => {
                completions.run();
                Ok(())
            }
        }
    }
}

impl Format {
    /// Prints one thing; for people those of `columns` that it has.
    fn record(&self, item: &Value, columns: &[&str]) {
        if self.json { println!("{item}") } else { print!("{}", output::record(item, columns)) }
    }

    /// Prints that something without an answer of its own was done.
    fn done(&self, answer: &Value, done: &str) {
        if self.json { println!("{answer}") } else { println!("{done}") }
    }

    /// Prints many things; for people those of `columns` that any has.
    fn list(&self, items: Vec<Value>, columns: &[&str]) {
        if self.json {
            println!("{}", serde_json::json!({ "items": items }));
        } else {
            print!("{}", output::fitting(&items, columns));
        }
    }
}

/// The same command, whose every value may be a negative number. So what may not be negative says so itself, and no
/// number is taken for an option that does not exist.
fn with_negative_numbers(command: clap::Command) -> clap::Command {
    let allowed = |arg: clap::Arg| {
        let takes_values = arg.get_action().takes_values();
        arg.allow_negative_numbers(takes_values)
    };
    command.mut_args(allowed).mut_subcommands(with_negative_numbers)
}

/// The text of a file; of standard input for `-`.
fn read(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let read = if file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text)
    } else {
        File::open(file).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.with_context(|| format!("cannot read {}", file.display()))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every command that does something, by its whole name.
    fn leaves() -> Vec<(String, clap::Command)> {
        fn walk(name: &str, command: &clap::Command, leaves: &mut Vec<(String, clap::Command)>) {
            if !command.has_subcommands() {
                leaves.push((name.to_owned(), command.clone()));
            }
            for sub in command.get_subcommands() {
                walk(format!("{name} {}", sub.get_name()).trim(), sub, leaves);
            }
        }
        let mut leaves = Vec::new();
        walk("", &with_negative_numbers(Cli::command()), &mut leaves);
        leaves
    }

    #[test]
    fn every_command_can_answer_in_json() {
        // A call prints what the API answers, and its `--json` is a body. Completions are a script.
        let others = ["call", "explain", "completions", "init"];
        for (name, command) in leaves() {
            let flag = command.get_arguments().find(|arg| arg.get_long() == Some("json"));
            let is_format = flag.is_some_and(|flag| !flag.get_action().takes_values());
            assert!(is_format || others.contains(&name.as_str()), "`{name}` has no --json");
        }
    }

    #[test]
    fn no_value_is_taken_for_an_option_because_it_is_negative() {
        for (name, command) in leaves() {
            let values = command.get_arguments().filter(|arg| arg.get_action().takes_values());
            for arg in values {
                let allowed = arg.is_allow_negative_numbers_set() || arg.is_allow_hyphen_values_set();
                assert!(allowed, "`{name}`: {}", arg.get_id());
            }
        }
    }

    #[test]
    fn every_command_has_an_example_and_the_definitions_hold() {
        Cli::command().debug_assert();
        for (name, command) in leaves() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("farebox"), "`{name}` has no example");
        }
    }
}
