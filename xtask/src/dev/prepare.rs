//! What `dev` builds and installs: a process of its own, so that it can be ended half way with every compiler that it started.
//!
//! Invariant: when it succeeds, what was asked for is there, as of the sources of now.

use anyhow::Result;
use clap::{Args, ValueEnum};

use super::{Platform, spin};
use crate::{
    build::{self, Profile, Worker},
    jobs::{self, Job},
    process::{cargo, installed_spin},
};

/// What can be prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum What {
    /// The gateway and the billing worker on Miniflare
    Workers,
    /// The same on Spin
    Spin,
    /// The command line, as `cargo run -p farebox` builds it, which then has nothing left to do
    CommandLine,
}

impl What {
    /// Its name as an argument.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Workers => "workers",
            Self::Spin => "spin",
            Self::CommandLine => "command-line",
        }
    }
}

impl From<Platform> for What {
    fn from(platform: Platform) -> Self {
        match platform {
            Platform::Workers => Self::Workers,
            Platform::Spin => Self::Spin,
        }
    }
}

/// What to prepare.
#[derive(Args)]
pub(crate) struct Options {
    /// What is wanted
    #[arg(value_enum)]
    what: What,
    /// How to build what runs on a platform
    #[arg(long, value_enum, default_value_t)]
    profile: Profile,
}

impl Options {
    /// As it is deployed.
    pub(crate) fn released(runtime: Platform) -> Self {
        Self { what: runtime.into(), profile: Profile::Release }
    }
}

/// Prepares it, side by side.
pub(crate) fn run(options: &Options) -> Result<()> {
    jobs::all(&match options.what {
        What::Workers => build::workers_of(&Worker::ALL, options.profile),
        What::Spin => {
            let mut jobs = build::components(&Worker::ALL, options.profile);
            if installed_spin().is_none() {
                jobs.push(built("host for Spin's components", spin::HOST));
            }
            jobs
        }
        What::CommandLine => vec![built("command line", "farebox")],
    })
}

/// A job that builds a package for this machine.
fn built(name: &'static str, package: &'static str) -> Job<'static, ()> {
    Job::new(name, &[], move |log| log.run(cargo().args(["build", "--package", package])))
}
