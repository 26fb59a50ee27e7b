//! The tables of Farebox beside the pass-throughs.

use std::{net::SocketAddr, path::Path, time::Duration};

use anyhow::Result;

use crate::{
    farebox::{Call, Farebox},
    load::{Load, MakeRequest},
    rounds::{Latency, Peer, Turn, pace, ratio, saturate},
    spread::Spread,
    table,
    workerd::{Parts, Workerd},
};

/// Bytes of an answer.
pub(crate) const ANSWER: usize = 1024;
/// Connections to each peer.
const CONNECTIONS: usize = 32;
/// Rounds before it counts: the runtime compiles what is hot.
const WARM_UP: usize = 2;

/// What every peer is asked.
pub(crate) const CALL: Call = Call {
    target: "/bench/things?page=2&sort=name",
    headers: &[
        ("host", "localhost"),
        ("accept", "application/json"),
        ("accept-encoding", "gzip"),
        ("content-type", "application/json; charset=utf-8"),
        ("user-agent", "farebox-bench"),
    ],
};

/// All peers, the one that the others are compared with first, Farebox last.
pub(crate) async fn start(workerd: &Path, peers: &Path, origin: SocketAddr) -> Result<(Vec<Peer>, Farebox)> {
    let environment = [("ORIGIN", format!("http://{origin}"))];
    let parts = Parts { environment: &environment, ..Parts::default() };
    let mut all = Vec::new();
    for (name, config) in
        [("JavaScript pass-through", "passthrough.capnp"), ("worker crate's pass-through", "passthrough-worker.capnp")]
    {
        let process = Workerd::start(workerd, &peers.join(config), &parts)?;
        all.push(peer(name, process, CALL.plain()));
    }
    let (farebox, process, request) = Farebox::start(workerd, peers, origin, &CALL).await?;
    all.push(peer("Farebox, signed and metered", process, request));
    Ok((all, farebox))
}

fn peer(name: &'static str, process: Workerd, request: MakeRequest) -> Peer {
    let load = Load { peer: process.address, connections: CONNECTIONS, request, answer_bytes: ANSWER };
    Peer { name, process, load }
}

/// Measures `peers` against the first of them and prints both tables.
pub(crate) async fn compare(peers: &[Peer], rounds: usize, turn: Duration) -> Result<()> {
    saturate(peers, WARM_UP, turn).await?;
    let turns = saturate(peers, rounds, turn).await?;
    let conditions = format!("{rounds} rounds of {} ms each: median (least to greatest)", turn.as_millis());
    table::print(
        &format!("{ANSWER}-byte answers over {CONNECTIONS} connections, {conditions}. More of bare is better."),
        &["saturated", "processor time a call, µs", "calls a processor second, of bare", "calls a second", "of bare"],
        &rows(peers, &turns, saturated),
    );
    let third = Spread::of(turns[0].iter().map(|turn| turn.rate)).median / 3.0;
    let latencies = pace(peers, rounds, third, turn).await?;
    table::print(
        &format!(
            "{third:.0} calls a second, a third of what the first peer can do, {conditions}. Less of bare is better."
        ),
        &["paced", "p50, µs", "p50 of bare", "p99, µs", "p99 of bare"],
        &rows(peers, &latencies, paced),
    );
    Ok(())
}

fn rows<T>(peers: &[Peer], measured: &[Vec<T>], cells: impl Fn(&[T], &[T]) -> Vec<String>) -> Vec<Vec<String>> {
    let row = |(peer, mine): (&Peer, &Vec<T>)| [vec![peer.name.to_owned()], cells(mine, &measured[0])].concat();
    peers.iter().zip(measured).map(row).collect()
}

fn saturated(mine: &[Turn], bare: &[Turn]) -> Vec<String> {
    vec![
        Spread::of(mine.iter().map(|turn| turn.cost)).text(0),
        ratio(mine, bare, |turn| 1.0 / turn.cost).text(2),
        Spread::of(mine.iter().map(|turn| turn.rate)).text(0),
        ratio(mine, bare, |turn| turn.rate).text(2),
    ]
}

fn paced(mine: &[Latency], bare: &[Latency]) -> Vec<String> {
    vec![
        Spread::of(mine.iter().map(|latency| latency.p50)).text(0),
        ratio(mine, bare, |latency| latency.p50).text(2),
        Spread::of(mine.iter().map(|latency| latency.p99)).text(0),
        ratio(mine, bare, |latency| latency.p99).text(2),
    ]
}
