//! The steps of `cargo xtask test`: what each runs and what it needs.
//!
//! Each crate is compiled once for a target. The compiler of these builds is clippy's, which says what it finds and goes on to
//! make code. So the lints cost no second build of everything. Whoever edits uses `cargo clippy` as ever. Invariant: every crate
//! of the workspace is in exactly one of the groups below, so that none goes without lints.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::Command,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::{count::Found, scenarios::Table};
use crate::{
    build::{self, Profile, Worker},
    conformance,
    jobs::{Job, Log},
    pages,
    process::{cargo, npm_tool, path_with, root},
    setup::{self, SPIN_TARGET, WASM_BINDGEN, WASM_TARGET},
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

/// Those of them that are components of their own, beside what is deployed.
const OTHER_COMPONENTS: [&str; 3] = ["farebox-conformance", "farebox-passthrough-spin", "farebox-spin-fixture"];

/// The crate of the end-to-end scenarios, whose tests need what others build.
const END_TO_END: &str = "farebox-tests";

/// The names of those tests.
const END_TO_END_TESTS: [&str; 4] = ["workers", "spin", "conformance", "parity"];

/// The step that builds the scenarios and what they start. It comes before all else for the host, because scenarios take longest.
const SCENARIOS_BUILD: &str = "build, programs of the scenarios";

/// The step that builds the pages, which both runtimes serve.
const PAGES: &str = "pages as they are deployed";

/// The tests of what is written in JavaScript, for Node's own runner.
const JAVASCRIPT_TESTS: &str = "edge/tests/*.test.mjs";

/// The crates whose documentation somebody reads: what the others are made of.
const DOCUMENTED: [&str; 8] = [
    "farebox-core",
    "farebox-ports",
    "farebox-books",
    "farebox-gateway",
    "farebox-billing",
    "farebox-control",
    "farebox-memory",
    "farebox",
];

/// Advisories are left to the machines that can reach the advisory database.
const DENY: [&str; 5] = ["--all-features", "check", "bans", "licenses", "sources"];

/// More threads than a runtime has scenarios, because the scenarios' own turns decide which run at once.
const THREADS: u8 = 100;

/// Tells the tests to do everything in full.
const THOROUGH: &str = "FAREBOX_THOROUGH";

type Step<'a> = Job<'a, Found>;

/// The test programs of the end-to-end scenarios, by name, once their build has made them. Asked of cargo again, each step
/// would wait for whatever else cargo builds then.
pub(super) type Programs = Mutex<BTreeMap<String, PathBuf>>;

/// What needs no runtime.
pub(super) fn always<'a>(fast: bool, thorough: bool, programs: &'a Programs) -> Vec<Step<'a>> {
    let mut steps = vec![
        Job::new("tidy", &[], |_| tidy::run().map(|()| Found::one())),
        Job::new("format", &[], |log| check(log, cargo().args(["fmt", "--all", "--check"]))),
        Job::new(SCENARIOS_BUILD, &[], |log| build_for_scenarios(log, programs)),
        // It waits until the scenarios of both runtimes can begin, and runs beside them: they wait most of their time.
        Job::new("build, host", &[SCENARIOS_BUILD, "Workers as they are deployed"], |log| {
            built_all(log, &mut host_crates(&BUILD))
        })
        .yielding(),
        Job::new("lints, host", &["build, host"], |log| no_warning(log, &mut host_crates(&BUILD))).yielding(),
        Job::new("tests, host", &["build, host", "cargo-nextest"], move |log| {
            let mut tests = host_crates(&["nextest", "run"]);
            tests.env(THOROUGH, if thorough { "1" } else { "" });
            run(log, tests.args(NEXTEST).args(["--filterset", &format!("not package({END_TO_END})")]), &mut |_| {})
        })
        .yielding(),
        Job::new("tests, documentation", &["build, host"], |log| {
            run(log, &mut host_crates(&["test", "--doc"]), &mut |_| {})
        })
        .yielding(),
        Job::new("tests, JavaScript", &["npm packages"], |log| {
            run(log, npm_tool("node")?.args(["--test", "--test-reporter=tap", JAVASCRIPT_TESTS]), &mut |_| {})
        }),
        Job::new("tests, pages' units", &["npm packages"], |log| run(log, &mut pages::units()?, &mut |_| {})),
        // After what the scenarios wait for, which would wait for cargo's lock.
        Job::new("build, Workers", &["Rust targets", "build, host", "Workers as they are deployed"], |log| {
            built_all(log, &mut wasm_crates(&BUILD))
        })
        .yielding(),
        Job::new("lints, Workers", &["build, Workers"], |log| no_warning(log, &mut wasm_crates(&BUILD))).yielding(),
        Job::new("tests, Workers", &["build, Workers", "build, host", "npm packages"], |log| {
            let path = path_with(&built(""))?;
            run(log, wasm_crates(&["test", "--no-fail-fast"]).env("PATH", path), &mut |_| {})
        }),
        Job::new("lints, Spin", &["Rust targets", "components as they are deployed", "build, host"], move |log| {
            if fast {
                // In the profile of the components, whose macros and build scripts are there already.
                let mut clippy = cargo();
                clippy.args(["clippy", "--release", "--target", SPIN_TARGET]).args(packages(&SPIN_CRATES));
                return check(log, clippy.args(["--", "-D", "warnings"]));
            }
            no_warning(log, &mut deployed_components())?;
            for package in OTHER_COMPONENTS {
                no_warning(log, &mut linted_components([package].into_iter()))?;
            }
            Ok(Found::one())
        })
        .yielding(),
    ];
    if !fast {
        steps.push(Job::new(PAGES, &[SCENARIOS_BUILD, "npm packages", "Workers as they are deployed"], |log| {
            pages::build(&built(WASM_BINDGEN), Profile::Release, log).map(|()| Found::one())
        }));
        steps.push(Job::new("tests, pages in a browser", &[PAGES, "scenarios, Workers", "scenarios, Spin"], |log| {
            run(log, &mut pages::looks()?, &mut |_| {})
        }));
        // Last of what asks cargo: the others would wait for its lock.
        steps.push(
            Job::new("documentation without a broken link", &["tests, documentation", "tests, Workers"], |log| {
                let mut doc = cargo();
                doc.args(["doc", "--no-deps", "--document-private-items"]).args(packages(&DOCUMENTED));
                check(log, doc.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links"))
            })
            .yielding(),
        );
        steps.push(Job::new("licences and sources", &["cargo-deny"], |log| {
            check(log, Command::new(setup::deny()).args(DENY).current_dir(root()))
        }));
    }
    steps
}

/// What needs the Workers' runtime.
pub(super) fn workers<'a>(table: &'a Mutex<Table>, thorough: bool, programs: &'a Programs) -> Vec<Step<'a>> {
    vec![
        // Apart from the packing, because it needs nothing that the host's build makes.
        Job::new("Workers as they are deployed, compiled", &["Rust targets"], |log| {
            build::compile(&Worker::ALL, Profile::Release, log).map(|_| Found::default())
        }),
        Job::new(
            "Workers as they are deployed",
            &["Workers as they are deployed, compiled", SCENARIOS_BUILD, "npm packages"],
            |log| {
                build::pack_all(&Worker::ALL, Profile::Release, &built(WASM_BINDGEN), log)?;
                for worker in Worker::ALL {
                    log.say(&build::size(worker)?);
                }
                Ok(Found::one())
            },
        ),
        Job::new("deployment, dry", &["Workers as they are deployed", PAGES], |log| {
            for config in ["billing-worker/wrangler.toml", "wrangler.toml"] {
                let mut wrangler = npm_tool("wrangler")?;
                wrangler.env(build::WASM_BINDGEN_VARIABLE, built(WASM_BINDGEN));
                log.run(wrangler.args(["deploy", "--dry-run", "--config", config]))?;
            }
            Ok(Found::one())
        }),
        Job::new("journey, Workers", &["Workers as they are deployed", PAGES], |log| {
            run(log, &mut pages::journey("workers", &built("xtask"))?, &mut |_| {})
        }),
        Job::new("conformance, Workers", &["build, Workers", "npm packages"], |log| {
            conformance::durable_object(&built(WASM_BINDGEN), log).map(|()| Found::one())
        }),
        Job::new(
            "scenarios, Workers",
            &["Workers as they are deployed", PAGES, SCENARIOS_BUILD, "npm packages", "Python packages", "Chromium"],
            move |log| scenarios("workers", table, thorough, programs, log),
        ),
    ]
}

/// What needs Spin's runtime, or the host that stands in for it.
pub(super) fn spin<'a>(table: &'a Mutex<Table>, thorough: bool, programs: &'a Programs) -> Vec<Step<'a>> {
    vec![
        Job::new("components as they are deployed", &["Rust targets"], |log| {
            built_all(log, &mut deployed_components())
        }),
        Job::new("journey, Spin", &["components as they are deployed", PAGES], |log| {
            run(log, &mut pages::journey("spin", &built("xtask"))?, &mut |_| {})
        }),
        Job::new(
            "conformance, Spin",
            &[SCENARIOS_BUILD, "Redis and PostgreSQL", "components as they are deployed"],
            |log| end_to_end("conformance", false, programs, log, &mut |_| {}),
        )
        .yielding(),
        Job::new(
            "scenarios, Spin",
            &[
                SCENARIOS_BUILD,
                "components as they are deployed",
                PAGES,
                "npm packages",
                "Python packages",
                "Redis and PostgreSQL",
                "Chromium",
            ],
            move |log| scenarios("spin", table, thorough, programs, log),
        ),
    ]
}

/// What needs both.
pub(super) fn parity(programs: &Programs) -> Step<'_> {
    let built = &[SCENARIOS_BUILD, PAGES, "components as they are deployed", "Workers as they are deployed"];
    Job::new("parity", built, |log| end_to_end("parity", false, programs, log, &mut |_| {}))
}

/// What builds everything that a crate has.
pub(crate) const BUILD: [&str; 2] = ["build", "--all-targets"];

/// How nextest runs and prints: every test, each with its time, in lines.
const NEXTEST: [&str; 7] = [
    "--no-fail-fast",
    "--color=never",
    "--status-level=pass",
    "--final-status-level=fail",
    "--show-progress=none",
    "--no-tests=fail",
    "--no-input-handler",
];

/// A cargo command for the crates of the host, as clippy compiles them.
fn host_crates(arguments: &[&str]) -> Command {
    let mut command = cargo();
    command.args(arguments).arg("--workspace");
    let others = WASM_CRATES.iter().chain(&SPIN_CRATES);
    command.args(others.flat_map(|name| ["--exclude", name]));
    linted(&mut command);
    command
}

/// A cargo command for the crates of the Workers, as clippy compiles them.
pub(crate) fn wasm_crates(arguments: &[&str]) -> Command {
    let mut command = cargo();
    command.args(arguments).args(["--target", WASM_TARGET]).args(packages(&WASM_CRATES));
    linted(&mut command);
    command
}

/// A cargo command for the components that are deployed, as clippy compiles them.
fn deployed_components() -> Command {
    linted_components(Worker::ALL.iter().map(|worker| worker.package()))
}

/// A cargo command for components in release, as clippy compiles them.
fn linted_components<'a>(packages: impl Iterator<Item = &'a str>) -> Command {
    let mut command = build::compiling(packages, Profile::Release);
    linted(&mut command);
    command
}

/// A program that the build for the scenarios has made: the copy that no other build replaces.
fn built(program: &str) -> PathBuf {
    root().join("target/tested").join(program)
}

fn packages<'a>(names: &'a [&str]) -> impl Iterator<Item = &'a str> {
    names.iter().flat_map(|name| ["--package", *name])
}

/// Lets clippy compile the crates of the workspace. Whatever it finds is a warning at first, so that the tests run all the
/// same; the steps for the lints fail for it.
fn linted(command: &mut Command) -> &mut Command {
    command.env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver");
    command.env("CLIPPY_ARGS", "--cap-lints__CLIPPY_HACKERY__warn__CLIPPY_HACKERY__")
}

/// A build that succeeds or not, and counts as nothing by itself.
fn built_all(log: &Log, build: &mut Command) -> Result<Found> {
    log.run(build).map(|()| Found::default())
}

/// A build that was made already, whose warnings cargo shows again: any is an error.
fn no_warning(log: &Log, build: &mut Command) -> Result<Found> {
    let mut warnings = 0;
    log.watch(build, &mut |line| warnings += u32::from(line.starts_with("warning") || line.starts_with("error")))?;
    ensure!(warnings == 0, "{warnings} warnings, and a warning is an error");
    Ok(Found::one())
}

/// A command that succeeds or not.
fn check(log: &Log, command: &mut Command) -> Result<Found> {
    log.run(command).map(|()| Found::one())
}

/// A test runner: counts by what it prints, and shows that to `see`.
fn run(log: &Log, command: &mut Command, see: &mut dyn FnMut(&str)) -> Result<Found> {
    let mut found = Found::default();
    let ended = log.watch(command, &mut |line| {
        found.note(line);
        see(line);
    });
    match ended {
        Ok(()) => Ok(found),
        Err(error) => Err(error.context(found)),
    }
}

/// Every scenario on one runtime.
fn scenarios(
    runtime: &'static str,
    table: &Mutex<Table>,
    thorough: bool,
    programs: &Programs,
    log: &Log,
) -> Result<Found> {
    end_to_end(runtime, thorough, programs, log, &mut |line| {
        table.lock().unwrap_or_else(PoisonError::into_inner).note(runtime, line);
    })
}

/// One of the test programs of `farebox-tests`, on what the steps before it built.
fn end_to_end(test: &str, thorough: bool, programs: &Programs, log: &Log, see: &mut dyn FnMut(&str)) -> Result<Found> {
    let program = programs.lock().unwrap_or_else(PoisonError::into_inner).get(test).cloned();
    let mut program = Command::new(program.with_context(|| format!("cargo made no test `{test}`"))?);
    program.args(["--nocapture", &format!("--test-threads={THREADS}")]).current_dir(root().join("tests"));
    program.env("CARGO", cargo().get_program()).env("FAREBOX_XTASK", built("xtask"));
    program.env("FAREBOX", built("farebox")).env("FAREBOX_SPIN_HOST", built("farebox-spin-host"));
    program.env(THOROUGH, if thorough { "1" } else { "" });
    // What a test builds itself is built as the step for its lints has built it.
    run(log, linted(&mut program), see)
}

/// Builds what the scenarios start, and notes where cargo has put the end-to-end tests. Other crates have tests of the same
/// names. The programs are copied. Whoever calls `cargo xtask` meanwhile, as Wrangler does, has cargo replace them where they
/// are, and a scenario that restarts its gateway then finds none.
fn build_for_scenarios(log: &Log, programs: &Programs) -> Result<Found> {
    #[derive(Deserialize)]
    struct Message {
        manifest_path: PathBuf,
        executable: PathBuf,
        target: Target,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
        kind: Vec<String>,
    }
    let ours = root().join("tests/Cargo.toml");
    let mut to_copy = Vec::new();
    // Of all crates, so that their features are those of the build for the host, and nothing is compiled twice.
    let mut build = host_crates(&["build", "--bins"]);
    build.args(END_TO_END_TESTS.iter().flat_map(|test| ["--test", test]));
    log.watch(build.arg("--message-format=json-render-diagnostics"), &mut |line| {
        let Ok(made) = serde_json::from_str::<Message>(line) else { return };
        if made.target.kind == ["bin"] {
            to_copy.push((made.executable, built(&made.target.name)));
        } else if made.manifest_path == ours && made.target.kind == ["test"] {
            programs.lock().unwrap_or_else(PoisonError::into_inner).insert(made.target.name, made.executable);
        }
    })?;
    fs::create_dir_all(built(""))?;
    for (from, to) in to_copy {
        // A copy that still runs can't be written to, but can be replaced.
        let new = to.with_extension("new");
        fs::copy(&from, &new).with_context(|| from.display().to_string())?;
        fs::rename(new, to)?;
    }
    Ok(Found::default())
}
