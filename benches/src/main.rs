//! The rig behind `cargo xtask bench`, which builds what is measured here and says where it is.
//!
//! Every figure that is compared comes with the one it is compared with, from the same run.

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use clap::Parser;

mod farebox;
mod kv;
mod load;
mod rounds;
mod serve;
mod side_by_side;
mod spread;
mod storage;
mod table;
mod workerd;

/// Measures Farebox side by side with what a user would pick instead.
#[derive(Debug, Parser)]
struct Options {
    /// The workerd binary.
    #[arg(long)]
    workerd: PathBuf,
    /// The folder of the peers' configurations.
    #[arg(long)]
    peers: PathBuf,
    /// Rounds in which each peer has a turn.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Length of a turn, in milliseconds.
    #[arg(long, default_value_t = 1000)]
    turn: u64,
}

fn main() -> Result<()> {
    let options = Options::parse();
    load::block_on(run(&options))
}

async fn run(options: &Options) -> Result<()> {
    let origin = serve::origin(side_by_side::ANSWER)?;
    let (peers, farebox) = side_by_side::start(&options.workerd, &options.peers, origin).await?;
    let turn = Duration::from_millis(options.turn);
    side_by_side::compare(&peers, options.rounds, turn).await?;
    match peers.last() {
        Some(peer) => storage::measure(&farebox, peer, 5 * turn).await,
        None => Ok(()),
    }
}
