//! What `dev` builds and installs before it starts anything: a process of its own, so that it can be ended half way with
//! every compiler that it started.
//!
//! Invariant: when it succeeds, the runtime and the command line are there, as of the sources of now.

use anyhow::Result;
use clap::Args;

use super::{Platform, spin};
use crate::{
    build::{self, Profile, Worker},
    jobs::{self, Job},
    process::{cargo, installed_spin},
};

/// What to prepare.
#[derive(Args)]
pub(crate) struct Options {
    /// For which runtime
    #[arg(long, value_enum)]
    runtime: Platform,
    /// How to build it
    #[arg(long, value_enum)]
    profile: Profile,
}

impl Options {
    /// As it is deployed.
    pub(crate) const fn released(runtime: Platform) -> Self {
        Self { runtime, profile: Profile::Release }
    }
}

/// Prepares it, side by side.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut jobs = match options.runtime {
        Platform::Workers => build::workers_of(&Worker::ALL, options.profile),
        Platform::Spin => build::components(&Worker::ALL, options.profile),
    };
    if options.runtime == Platform::Spin && installed_spin().is_none() {
        jobs.push(Job::new("host for Spin's components", &[], |log| {
            log.run(cargo().args(["build", "--package", spin::HOST]))
        }));
    }
    // As `cargo run -p farebox` builds it, which then has nothing left to do.
    jobs.push(Job::new("command line", &["Workers", "components"], |log| {
        log.run(cargo().args(["build", "--package", "farebox"]))
    }));
    jobs::all(&jobs)
}
