//! The rig behind `cargo xtask bench`, which builds what is measured here and says where it is.
//!
//! Every figure that is compared comes with the one it is compared with, from the same run.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::Result;
use clap::{Parser, ValueEnum};

use self::rounds::Length;

mod chart;
mod cold;
mod decisions;
mod duel;
mod farebox;
mod hosted;
mod kv;
mod load;
mod memory;
mod on_spin;
mod rounds;
mod runtime;
mod serve;
mod side_by_side;
mod spread;
mod storage;
mod table;

/// Measures Farebox side by side with what a user would pick instead.
#[derive(Debug, Parser)]
struct Options {
    /// The workerd binary.
    #[arg(long)]
    workerd: PathBuf,
    /// The Node binary.
    #[arg(long)]
    node: PathBuf,
    /// The top of the checkout, where everything is built.
    #[arg(long)]
    root: PathBuf,
    /// Spin, or the host for Spin components.
    #[arg(long)]
    spin: PathBuf,
    /// Where Express Gateway is installed.
    #[arg(long)]
    express_gateway: PathBuf,
    /// `xtask`, whose `guard` ends Spin.
    #[arg(long)]
    guard: PathBuf,
    /// What to measure; everything, unless it is said.
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Rounds in which each peer has a turn.
    #[arg(long, default_value_t = 60)]
    rounds: usize,
    /// Length of a turn, in milliseconds.
    #[arg(long, default_value_t = 250)]
    turn: u64,
    /// Print each row once more as a line of JSON.
    #[arg(long)]
    json: bool,
    /// Draw the tables of peers into this directory.
    #[arg(long)]
    pictures: Option<PathBuf>,
}

/// A part of what can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The decisions, without any platform.
    Core,
    /// On Workers' own runtime.
    Workers,
    /// Beside what somebody would host themselves.
    Hosted,
    /// From nothing to the first answer.
    Cold,
    /// Who oversells.
    Duel,
    /// On Spin, or the host for its components.
    Spin,
}

/// For how long calls are made whose storage operations are counted: what happens once in some seconds is among them.
const STORAGE: Duration = Duration::from_secs(5);

fn main() -> Result<()> {
    let options = Options::parse();
    load::block_on(run(&options))
}

async fn run(options: &Options) -> Result<()> {
    let measured = |part| options.only.is_none_or(|only| only == part);
    if measured(Part::Core) {
        decisions::commands()?;
        decisions::settling()?;
    }
    let origin = serve::origin(side_by_side::ANSWER)?;
    let turn = Duration::from_millis(options.turn);
    if measured(Part::Workers) {
        on_workers(options, origin, turn).await?;
    }
    if measured(Part::Cold) {
        let Options { workerd, root, json, .. } = options;
        cold::measure(workerd, &root.join("benches/peers"), origin, options.rounds, *json).await?;
    }
    if measured(Part::Hosted) {
        beside_hosted(options, origin, turn).await?;
    }
    if measured(Part::Duel) {
        let Options { workerd, node, root, spin, guard, express_gateway, .. } = options;
        let spin = runtime::Spin { program: spin, guard };
        duel::measure(&duel::Programs { workerd, spin, node, express_gateway, root }, options.json).await?;
    }
    if measured(Part::Spin) {
        let spin = runtime::Spin { program: &options.spin, guard: &options.guard };
        on_spin::measure(spin, &options.root, origin, options.rounds, turn, options.json).await?;
    }
    Ok(())
}

async fn beside_hosted(options: &Options, origin: SocketAddr, turn: Duration) -> Result<()> {
    let length = Length { lead_in: Duration::ZERO, counted: turn };
    let peers = hosted::start(&options.workerd, &options.root.join("benches/peers"), origin).await?;
    let turns = side_by_side::warm_turns(&peers, options.rounds, length).await?;
    let most = side_by_side::print_saturated("Beside what one would host oneself", &peers, &turns, turn);
    if let Some(pictures) = &options.pictures {
        let title = "Calls in a processor second, of a pass-through that decides nothing";
        side_by_side::draw(&pictures.join("hosted.svg"), title, &peers, &turns)?;
    }
    hosted::print_memory(&peers)?;
    if let [bare, ..] = peers.as_slice() {
        hosted::check_load(bare, most)?;
    }
    let latencies = side_by_side::compare_latency(&peers, most, options.rounds, turn).await?;
    if options.json {
        side_by_side::print_json("hosted", &peers, &turns, &latencies);
    }
    Ok(())
}

/// How often the peers on workerd are started anew. One process differs from the next by more than what is compared here:
/// by where its code and data come to lie.
const STARTS: usize = 12;

async fn on_workers(options: &Options, origin: SocketAddr, turn: Duration) -> Result<()> {
    let length = Length { lead_in: Duration::ZERO, counted: turn };
    let configurations = options.root.join("benches/peers");
    let start = || side_by_side::on_workerd(&options.workerd, &configurations, origin);
    let (mut peers, mut farebox, mut stores) = start().await?;
    if let [bare, .., peer] = peers.as_slice() {
        memory::measure(bare, peer, &farebox).await?;
    }
    let mut turns = vec![Vec::new(); peers.len()];
    for _ in 0..STARTS {
        drop(peers);
        (peers, farebox, stores) = start().await?;
        let more = side_by_side::warm_turns(&peers, options.rounds.div_ceil(STARTS), length).await?;
        turns.iter_mut().zip(more).for_each(|(turns, more)| turns.extend(more));
    }
    let place = format!("On workerd, started {STARTS} times");
    let most = side_by_side::print_saturated(&place, &peers, &turns, turn);
    if let Some(pictures) = &options.pictures {
        let title = "On Workers: calls in a processor second, of a pass-through in JavaScript";
        side_by_side::draw(&pictures.join("workers.svg"), title, &peers, &turns)?;
    }
    if let [_, idiomatic, exchange, sold] = turns.as_slice() {
        let [of_idiomatic, of_exchange] =
            [idiomatic, exchange].map(|peer| rounds::ratio(sold, peer, |turn| 1.0 / turn.cost).text(2));
        println!(
            "\nFarebox does {of_idiomatic} of the calls of the worker crate's pass-through in a processor second, and \
             {of_exchange} of those of a Worker that exchanges the same fields and decides nothing."
        );
    }
    if let [.., peer] = peers.as_slice() {
        let latencies = side_by_side::compare_latency(&peers, most, options.rounds, turn).await?;
        if options.json {
            side_by_side::print_json("workers", &peers, &turns, &latencies);
        }
        storage::measure(&farebox, &stores, peer, STORAGE).await?;
    }
    drop(peers);
    let (peers, _farebox) = side_by_side::on_miniflare(&options.node, &options.root, origin).await?;
    side_by_side::compare_throughput(&peers, options.rounds, length).await
}
