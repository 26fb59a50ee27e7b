//! `cargo xtask test`: everything that must pass before something is merged.
//!
//! A list of steps (`steps`), run side by side. All run to the end even after one failed, so one run shows all there is to mend.
//! Invariant: the exit code is zero only when every step of the printed list ran and passed.

use std::{sync::Mutex, thread, time::Instant};

use anyhow::Result;
use clap::Args;

use crate::{
    build::{self, Runtime},
    jobs::{self, AfterFailure, Job},
    setup::Tool,
};

use self::{count::Found, scenarios::Table, steps::Programs};

mod count;
mod report;
mod scenarios;
mod steps;

pub(crate) use steps::{BUILD, wasm_crates};

/// How many steps run at once beside one for each core: scenarios and downloads wait most of their time.
const WAITING: usize = 3;

/// What to leave out, and how much to do.
#[derive(Args)]
#[command(after_help = "Example: cargo xtask test --fast")]
pub(crate) struct Options {
    /// Leave out the scenarios on this runtime
    #[arg(long, value_enum, value_name = "RUNTIME")]
    without: Vec<Runtime>,
    /// Only what takes minutes, for after each edit: format, tidy, lints, units
    #[arg(long, conflicts_with = "thorough")]
    fast: bool,
    /// The same checks with the full numbers: more worlds, larger crowds, more crashes
    #[arg(long)]
    thorough: bool,
}

impl Options {
    fn on(&self, runtime: Runtime) -> bool {
        !self.fast && !self.without.contains(&runtime)
    }
}

/// Runs them all.
pub(crate) fn run(options: &Options) -> Result<()> {
    let (table, programs) = (Mutex::new(Table::default()), Programs::default());
    let mut jobs = steps::always(options.fast, options.thorough, &programs);
    if options.on(Runtime::Workers) {
        jobs.extend(steps::workers(&table, options.thorough, &programs));
    }
    if options.on(Runtime::Spin) {
        jobs.extend(steps::spin(&table, options.thorough, &programs));
    }
    if options.on(Runtime::Workers) && options.on(Runtime::Spin) {
        jobs.push(steps::parity(&programs));
    }
    // The tools last: what compiles begins at once, while they wait for their registries.
    jobs.extend(tools(options).into_iter().map(counted));
    let (start, at_once) = (Instant::now(), thread::available_parallelism().map_or(2, |cores| cores.get()) + WAITING);
    let done = jobs::run(&jobs, at_once, AfterFailure::GoOn);
    drop(jobs);
    let table = table.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !table.is_empty() {
        println!("\n{table}");
    }
    for runtime in [Runtime::Workers, Runtime::Spin].into_iter().filter(|runtime| !options.on(*runtime)) {
        println!("skipped: everything that needs {runtime:?}, because the options say so");
    }
    report::print(&done, start.elapsed())
}

/// What has to be installed first.
fn tools(options: &Options) -> Vec<Job<'static, ()>> {
    let mut tools = vec![Tool::Targets, Tool::Npm, Tool::Nextest];
    if !options.fast {
        tools.extend([Tool::Deny, Tool::Python, Tool::Browser]);
    }
    if options.on(Runtime::Spin) {
        tools.push(Tool::Servers);
    }
    build::missing(&tools)
}

/// The same job; it counts nothing. `cargo-deny`, which nothing waits for, is compiled when scenarios leave it the time.
fn counted<'a>(job: Job<'a, ()>) -> Job<'a, Found> {
    let needs = if job.name == Tool::Deny.name() { &["build, host"] } else { job.needs };
    Job::new(job.name, needs, move |log| (job.work)(log).map(|()| Found::default()))
}
