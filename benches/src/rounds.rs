//! Peers side by side: each has its turn in every round of one run, so that what else the machine does falls on all.
//!
//! Invariant: a ratio compares two turns of the same round, never two runs.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::{
    load::{Load, Saturated},
    runtime::Runtime,
    spread::{Spread, rank},
};

/// One way to hand a call on, running and connected to.
pub(crate) struct Peer {
    /// Its row in the tables.
    pub(crate) name: &'static str,
    /// What is measured.
    pub(crate) runtime: Runtime,
    /// How it is called.
    pub(crate) load: Load,
}

/// What a peer did in one round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    /// Processor time per call, in microseconds. Whatever the process does until its next turn is part of it.
    pub(crate) cost: f64,
    /// Calls a second.
    pub(crate) rate: f64,
}

/// One peer's latencies at a fixed rate.
#[derive(Debug, Clone, Default)]
pub(crate) struct Paced {
    /// Those of each round.
    pub(crate) rounds: Vec<Latency>,
    /// One call in a thousand took longer, in microseconds, in all rounds together: a round alone has too few calls to say.
    pub(crate) p999: f64,
}

/// One peer's latencies in one round, in microseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Latency {
    /// Half of the calls took less.
    pub(crate) p50: f64,
    /// One in a hundred took longer.
    pub(crate) p99: f64,
}

/// How long a peer's turn is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Length {
    /// How long it is called before it counts: what starts anew after a pause is not part of it.
    pub(crate) lead_in: Duration,
    /// How long it counts.
    pub(crate) counted: Duration,
}

/// Saturates each peer for its turn in each of `rounds` rounds; the result has one list per peer, one turn per round.
///
/// One more turn than asked for is made, since a turn's cost is known only at the next.
pub(crate) async fn saturate(peers: &[Peer], rounds: usize, length: Length) -> Result<Vec<Vec<Turn>>> {
    let mut turns: Vec<Vec<Turn>> = peers.iter().map(|_| Vec::with_capacity(rounds)).collect();
    let mut open = vec![None; peers.len()];
    for round in 0..=rounds {
        for turn in 0..peers.len() {
            let at = (round + turn) % peers.len();
            let peer = &peers[at];
            let mut used = peer.runtime.processor_time()?;
            if let Some((before, did)) = open[at] {
                turns[at].push(turn_of(used - before, did));
            }
            if !length.lead_in.is_zero() {
                peer.load.saturate(length.lead_in).await.context(peer.name)?;
                used = peer.runtime.processor_time()?;
            }
            let did = peer.load.saturate(length.counted).await.context(peer.name)?;
            open[at] = Some((used, did));
        }
        eprint!("\r{round}/{rounds} rounds");
    }
    eprintln!();
    Ok(turns)
}

fn turn_of(used: Duration, did: Saturated) -> Turn {
    let calls = did.calls as f64;
    Turn { cost: used.as_secs_f64() * 1e6 / calls, rate: calls / did.took.as_secs_f64() }
}

/// Loads each peer with `rate` calls a second for `time` in each round.
pub(crate) async fn pace(peers: &[Peer], rounds: usize, rate: f64, time: Duration) -> Result<Vec<Paced>> {
    let mut paced = vec![Paced::default(); peers.len()];
    let mut all = vec![Vec::new(); peers.len()];
    for round in 0..rounds {
        for turn in 0..peers.len() {
            let at = (round + turn) % peers.len();
            let peer = &peers[at];
            let latencies = peer.load.pace(rate, time).await.context(peer.name)?;
            let micros = sorted(latencies.iter().map(|latency| latency.as_secs_f64() * 1e6).collect());
            paced[at].rounds.push(Latency { p50: rank(&micros, 0.5), p99: rank(&micros, 0.99) });
            all[at].extend(micros);
        }
    }
    paced.iter_mut().zip(all).for_each(|(paced, all)| paced.p999 = rank(&sorted(all), 0.999));
    Ok(paced)
}

fn sorted(mut micros: Vec<f64>) -> Vec<f64> {
    micros.sort_by(f64::total_cmp);
    micros
}

/// How `of` compares with `to`, round by round.
pub(crate) fn ratio<T>(of: &[T], to: &[T], what: impl Fn(&T) -> f64) -> Spread {
    Spread::of(of.iter().zip(to).map(|(of, to)| what(of) / what(to)))
}
