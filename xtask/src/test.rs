//! `cargo xtask test`: everything that must pass before something is merged.
//!
//! A list of steps, run to the end even after one failed, so that one run shows all there is to mend.
//! Invariant: the exit code is zero only when every step of the printed list ran and passed.

use std::{
    cell::RefCell,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    build::{self, Runtime},
    conformance,
    process::{cargo, describe, npm_tool, path_with, root},
    scenarios::Table,
    servers,
    setup::{self, SPIN_TARGET, WASM_TARGET},
    tidy,
};

/// The crates that are built for Workers.
const WASM_CRATES: [&str; 5] = [
    "farebox-cloudflare",
    "farebox-edge",
    "farebox-billing-worker",
    "farebox-conformance",
    "farebox-passthrough-worker",
];

/// The crates that are built for Spin.
const SPIN_CRATES: [&str; 6] = [
    "farebox-spin",
    "farebox-edge",
    "farebox-billing-worker",
    "farebox-conformance",
    "farebox-passthrough-spin",
    "farebox-spin-fixture",
];

/// The stand-in for Spin. Tested by itself: built together with the others it has other features, and its engine would be
/// compiled once more for the scenarios, which takes minutes.
const SPIN_HOST: &str = "farebox-spin-host";

/// The crate of the end-to-end scenarios.
const END_TO_END: &str = "farebox-tests";

/// What to leave out.
#[derive(Args)]
#[command(after_help = "Example: cargo xtask test --without workers")]
pub(crate) struct Options {
    /// Leave out the scenarios on this runtime
    #[arg(long, value_enum, value_name = "RUNTIME")]
    without: Vec<Runtime>,
}

/// What a step found. A step that is not a set of tests counts as one.
#[derive(Default, Clone, Copy)]
struct Count {
    passed: u32,
    failed: u32,
}

struct Outcome {
    name: &'static str,
    took: Duration,
    count: Count,
    error: Option<anyhow::Error>,
}

/// Runs them all.
pub(crate) fn run(options: &Options) -> Result<()> {
    setup::all()?;
    setup::python_packages()?;
    if !options.without.contains(&Runtime::Spin) {
        servers::install()?;
    }
    let (table, mut outcomes) = (RefCell::new(Table::default()), Vec::new());
    let mut step = |name, run: &dyn Fn() -> Result<Count>| outcomes.push(measure(name, run));

    step("tidy", &|| tidy::run().map(|()| one()));
    step("format", &|| check(cargo().args(["fmt", "--all", "--check"])));
    step("lints, host", &|| {
        let exclude = WASM_CRATES.iter().chain(&SPIN_CRATES).flat_map(|name| ["--exclude", name]);
        let mut clippy = cargo();
        clippy.args(["clippy", "--all-targets", "--workspace"]).args(exclude);
        check(clippy.args(["--", "-D", "warnings"]))
    });
    step("lints, wasm", &|| check(for_wasm(cargo().arg("clippy")).args(["--all-targets", "--", "-D", "warnings"])));
    step("lints, spin", &|| {
        let packages = SPIN_CRATES.iter().flat_map(|name| ["--package", name]);
        let mut clippy = cargo();
        clippy.args(["clippy", "--target", SPIN_TARGET]).args(packages);
        check(clippy.args(["--", "-D", "warnings"]))
    });
    step("licences and sources", &|| check(Command::new(setup::cargo_deny()?).args(DENY).current_dir(root())));
    step("tests, host", &|| {
        let others = WASM_CRATES.iter().chain(&SPIN_CRATES).chain([&SPIN_HOST, &END_TO_END]);
        let exclude = others.flat_map(|name| ["--exclude", name]);
        tests(cargo().args(["test", "--no-fail-fast", "--workspace"]).args(exclude), &mut |_| {})
    });
    step("tests, wasm", &|| {
        let path = path_with(&setup::wasm_bindgen()?)?;
        tests(for_wasm(cargo().args(["test", "--no-fail-fast"]).env("PATH", path)), &mut |_| {})
    });
    if !options.without.contains(&Runtime::Workers) {
        step("conformance, workers", &|| conformance::durable_object().map(|()| one()));
        step("size of the Workers", &|| build::run(&build::Options::default()).map(|()| one()));
        step("deployment, dry", &|| {
            let configs = ["billing-worker/wrangler.toml", "wrangler.toml"];
            configs.iter().try_fold(Count::default(), |sum, config| {
                let mut wrangler = npm_tool("wrangler")?;
                Ok(sum + check(wrangler.args(["deploy", "--dry-run", "--config", config]))?)
            })
        });
        step("end to end, workers", &|| end_to_end("workers", &table));
    }
    if !options.without.contains(&Runtime::Spin) {
        step("tests, Spin's stand-in", &|| {
            tests(cargo().args(["test", "--no-fail-fast", "--package", SPIN_HOST]), &mut |_| {})
        });
        step("conformance, spin", &|| {
            tests(cargo().args(["test", "--package", END_TO_END, "--test", "conformance"]), &mut |_| {})
        });
        step("end to end, spin", &|| end_to_end("spin", &table));
    }
    if options.without.is_empty() {
        step("parity", &|| tests(cargo().args(["test", "--package", END_TO_END, "--test", "parity"]), &mut |_| {}));
    }
    if !table.borrow().is_empty() {
        println!("\n{}", table.borrow());
    }
    report(&outcomes)
}

/// Advisories are left to the machines that can reach the advisory database.
const DENY: [&str; 5] = ["--all-features", "check", "bans", "licenses", "sources"];

fn for_wasm(command: &mut Command) -> &mut Command {
    command.args(["--target", WASM_TARGET]).args(WASM_CRATES.iter().flat_map(|name| ["--package", name]))
}

fn measure(name: &'static str, run: &dyn Fn() -> Result<Count>) -> Outcome {
    eprintln!("\n==> {name}");
    let start = Instant::now();
    let (count, error) = match run() {
        Ok(count) if count.failed == 0 => (count, None),
        Ok(count) => (count, Some(anyhow::anyhow!("{} failed", count.failed))),
        Err(error) => (Count { passed: 0, failed: 1 }, Some(error)),
    };
    Outcome { name, took: start.elapsed(), count, error }
}

fn report(outcomes: &[Outcome]) -> Result<()> {
    println!();
    for Outcome { name, took, count, error } in outcomes {
        let verdict = error.as_ref().map_or("ok".to_owned(), |error| format!("FAILED: {error:#}"));
        println!("{:>7.1} s  {name:22} {:>5} passed  {verdict}", took.as_secs_f32(), count.passed);
    }
    let total = outcomes.iter().fold(Count::default(), |sum, outcome| sum + outcome.count);
    let took: Duration = outcomes.iter().map(|outcome| outcome.took).sum();
    println!("{:>7.1} s  {} passed, {} failed", took.as_secs_f32(), total.passed, total.failed);
    if total.failed > 0 {
        bail!("not everything passed");
    }
    Ok(())
}

/// A command that succeeds or not.
fn check(command: &mut Command) -> Result<Count> {
    crate::process::run(command).map(|()| one())
}

fn one() -> Count {
    Count { passed: 1, failed: 0 }
}

/// Every scenario on one runtime, with the command line that the tests on the host have built.
fn end_to_end(runtime: &'static str, table: &RefCell<Table>) -> Result<Count> {
    let mut command = cargo();
    command.args(["test", "--package", END_TO_END, "--test", runtime]);
    command.env("FAREBOX", root().join("target/debug/farebox"));
    tests(&mut command, &mut |line| table.borrow_mut().note(runtime, line))
}

/// A `cargo test`: shows what it prints, also to `see`, and counts by its closing lines.
fn tests(command: &mut Command, see: &mut dyn FnMut(&str)) -> Result<Count> {
    let name = describe(command);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().with_context(|| name.clone())?;
    let mut count = Count::default();
    for line in child.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines) {
        let line = line?;
        println!("{line}");
        see(&line);
        count = count + closing_line(&line).unwrap_or_default();
    }
    if !child.wait()?.success() && count.failed == 0 {
        bail!("`{name}` failed");
    }
    Ok(count)
}

/// Reads `test result: ok. 3 passed; 0 failed; …`.
fn closing_line(line: &str) -> Option<Count> {
    let (_, numbers) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let number = |part: &str, word| part.trim().strip_suffix(word)?.trim().parse().ok();
    let mut parts = numbers.split(';');
    Some(Count { passed: number(parts.next()?, "passed")?, failed: number(parts.next()?, "failed")? })
}

impl std::ops::Add for Count {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { passed: self.passed + other.passed, failed: self.failed + other.failed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_from_the_closing_line_of_cargo_test() {
        let count = closing_line("test result: FAILED. 12 passed; 3 failed; 0 ignored; finished in 0.1s").unwrap();
        assert_eq!((count.passed, count.failed), (12, 3));
        assert!(closing_line("test result of something else").is_none());
    }
}
