//! What serves the gateway, whichever runtime it is: built, started, watched and ended in the same way.

use std::process::{Command, ExitStatus};

use anyhow::{Result, bail};

use super::{Options, Platform, group::Group, prepare::What, spin::Spin, state::State, workers::Workers};
use crate::{build::Profile, process::this_program};

/// A running gateway with its billing worker.
pub(super) enum Runtime {
    /// On Miniflare.
    Workers(Box<Workers>),
    /// On Spin.
    Spin(Spin),
}

impl Runtime {
    /// Starts what was built, and waits until it serves.
    /// Payments come in by the service at `payments`.
    pub(super) async fn start(options: &Options, state: &State, payments: &str) -> Result<Self> {
        Ok(match options.runtime {
            Platform::Workers => Self::Workers(Workers::start(state, options, payments).await?.into()),
            Platform::Spin => Self::Spin(Spin::start(state, options, payments).await?),
        })
    }

    /// Where the gateway serves, scheme and authority: at least one.
    pub(super) fn gateways(&self) -> &[String] {
        match self {
            Self::Workers(workers) => std::slice::from_ref(&workers.gateway),
            Self::Spin(spin) => spin.gateways(),
        }
    }

    /// Waits until it ends by itself.
    pub(super) async fn ended(&mut self) -> Result<ExitStatus> {
        match self {
            Self::Workers(workers) => workers.ended().await,
            Self::Spin(spin) => spin.ended().await,
        }
    }

    /// Ends it, and does not come back before it has ended.
    pub(super) async fn stop(self) {
        match self {
            Self::Workers(workers) => workers.stop().await,
            Self::Spin(spin) => spin.stop().await,
        }
    }
}

/// Builds what is to run, and installs what that needs.
pub(super) async fn build(options: &Options) -> Result<()> {
    if options.no_build {
        return Ok(());
    }
    prepare(options.runtime.into(), options.profile()).await
}

/// Builds the command line while the gateway serves: the first call needs none.
pub(super) async fn build_command_line(options: &Options) -> Result<()> {
    if options.no_build {
        return Ok(());
    }
    prepare(What::CommandLine, Profile::Dev).await
}

async fn prepare(what: What, profile: Profile) -> Result<()> {
    let mut prepare = Command::new(this_program()?);
    prepare.args(["prepare", what.name(), "--profile", profile.name()]);
    let status = Group::start(prepare, std::io::stderr().into())?.ended().await?;
    if !status.success() {
        bail!("not everything could be built; what failed is above");
    }
    Ok(())
}
