//! The tables of Farebox beside the pass-throughs.

use std::{net::SocketAddr, path::Path, rc::Rc, time::Duration};

use anyhow::Result;
use http_body_util::Empty;
use serde_json::json;

use crate::{
    chart,
    farebox::{Call, Caller, Farebox, Stores},
    load::Load,
    rounds::{Length, Paced, Peer, Turn, pace, ratio, saturate},
    runtime::{Parts, Runtime},
    spread::Spread,
    table,
};

/// Bytes of an answer.
pub(crate) const ANSWER: u64 = 1024;
/// Connections to each peer.
const CONNECTIONS: usize = 32;
/// Rounds before it counts, and how long each lasts: for two seconds the runtime compiles what is hot.
const WARM_UP: usize = 8;
const WARM_UP_TURN: Duration = Duration::from_millis(250);

/// What every peer is asked.
pub(crate) const CALL: Call = Call {
    method: "GET",
    target: "/bench/things?page=2&sort=name",
    headers: &[
        ("host", "localhost"),
        ("accept", "application/json"),
        ("accept-encoding", "gzip"),
        ("content-type", "application/json; charset=utf-8"),
        ("user-agent", "farebox-bench"),
    ],
};

/// The peers on workerd, the one that the others are compared with first, Farebox last. All get the same signed requests:
/// headers cost each of them.
pub(crate) async fn on_workerd(
    workerd: &Path,
    peers: &Path,
    origin: SocketAddr,
) -> Result<(Vec<Peer>, Farebox, Stores)> {
    let (farebox, stores, runtime) = Farebox::on_workerd(workerd, peers, origin).await?;
    let sold = peer("Farebox, signed and metered", runtime, &farebox.caller);
    let environment = [("ORIGIN", format!("http://{origin}"))];
    let parts = Parts { environment: &environment, ..Parts::default() };
    let start = |name, config| {
        let runtime = Runtime::workerd(workerd, &peers.join(config), &parts)?;
        anyhow::Ok(peer(name, runtime, &farebox.caller))
    };
    let bare = start("JavaScript pass-through", "passthrough.capnp")?;
    let idiomatic = start("worker crate's pass-through", "passthrough-worker.capnp")?;
    let exchange = start("same fields by hand, no decision", "exchange.capnp")?;
    Ok((vec![bare, idiomatic, exchange, sold], farebox, stores))
}

/// The peers on Miniflare: what one would write by hand, and Farebox.
pub(crate) async fn on_miniflare(node: &Path, root: &Path, origin: SocketAddr) -> Result<(Vec<Peer>, Farebox)> {
    let secret = "the secret of the one caller of a hand-written gateway";
    let order = json!({"bindings": {"ORIGIN": format!("http://{origin}"), "SECRET": secret}});
    let runtime = Runtime::node(node, &root.join("benches/peers/handwritten.mjs"), order)?;
    let caller = Rc::new(Caller::new("one".to_owned(), secret.to_owned()));
    let handwritten = peer("hand-written", runtime, &caller);
    let (farebox, runtime) = Farebox::on_miniflare(node, root, origin).await?;
    let peer = peer("Farebox", runtime, &farebox.caller);
    Ok((vec![handwritten, peer], farebox))
}

/// A peer that is called with the calls that `caller` signs.
pub(crate) fn peer(name: &'static str, runtime: Runtime, caller: &Rc<Caller>) -> Peer {
    let (address, caller) = (runtime.address, Rc::clone(caller));
    let request = Rc::new(move || CALL.request(&caller.sign(&CALL), Empty::new()));
    let load = Load { peer: address, connections: CONNECTIONS, request, answer_bytes: ANSWER };
    Peer { name, runtime, load }
}

/// Measures the throughput of `peers` on Miniflare against the first of them and prints it.
pub(crate) async fn compare_throughput(peers: &[Peer], rounds: usize, length: Length) -> Result<()> {
    let turns = warm_turns(peers, rounds, length).await?;
    table::print(
        &format!("On Miniflare, {}", conditions(rounds, length.counted)),
        &["saturated", "calls a second", "of the first"],
        &rows(peers, &turns, |mine, first| {
            vec![Spread::of(mine.iter().map(|turn| turn.rate)).text(0), ratio(mine, first, |turn| turn.rate).text(2)]
        }),
    );
    Ok(())
}

fn conditions(rounds: usize, turn: Duration) -> String {
    format!("{rounds} rounds of {} ms each: median (middle half)", turn.as_millis())
}

/// Measures the latency of `peers` against the first of them, where that one can do `most` calls a second, and prints it.
pub(crate) async fn compare_latency(peers: &[Peer], most: f64, rounds: usize, turn: Duration) -> Result<Vec<Paced>> {
    let conditions = conditions(rounds, turn);
    let third = most / 3.0;
    let latencies = pace(peers, rounds, third, turn).await?;
    let row = |(peer, mine): (&Peer, &Paced)| [vec![peer.name.to_owned()], paced(mine, &latencies[0])].concat();
    table::print(
        &format!(
            "{third:.0} calls a second, a third of what the first peer can do, {conditions}. Less of bare is better."
        ),
        &["paced", "p50, µs", "p50 of bare", "p99, µs", "p99 of bare", "p99.9 of all, µs"],
        &peers.iter().zip(&latencies).map(row).collect::<Vec<_>>(),
    );
    Ok(latencies)
}

/// Draws how many calls each peer does in a processor second, of the first peer's.
pub(crate) fn draw(file: &Path, title: &str, peers: &[Peer], turns: &[Vec<Turn>]) -> Result<()> {
    let of_bare = |turns_of: &Vec<Turn>| ratio(turns_of, &turns[0], |turn| 1.0 / turn.cost);
    let rows: Vec<_> = peers.iter().zip(turns).map(|(peer, turns_of)| (peer.name, of_bare(turns_of))).collect();
    chart::write(file, title, &rows)
}

/// Prints each peer once more as a line of JSON, for programs: medians of its ratios to the first peer.
pub(crate) fn print_json(table: &str, peers: &[Peer], turns: &[Vec<Turn>], latencies: &[Paced]) {
    for ((peer, turns_of), latencies_of) in peers.iter().zip(turns).zip(latencies) {
        let line = json!({
            "table": table,
            "peer": peer.name,
            "cpu_of_bare": ratio(turns_of, &turns[0], |turn| 1.0 / turn.cost).median,
            "throughput_of_bare": ratio(turns_of, &turns[0], |turn| turn.rate).median,
            "p50_of_bare": ratio(&latencies_of.rounds, &latencies[0].rounds, |latency| latency.p50).median,
        });
        println!("{line}");
    }
}

/// What `peers` did in `rounds` rounds, once they were warm.
pub(crate) async fn warm_turns(peers: &[Peer], rounds: usize, length: Length) -> Result<Vec<Vec<Turn>>> {
    saturate(peers, WARM_UP, Length { lead_in: Duration::ZERO, counted: WARM_UP_TURN }).await?;
    saturate(peers, rounds, length).await
}

/// Prints what `peers` did in their turns, against the first of them. Returns how many calls a second that one can do.
pub(crate) fn print_saturated(place: &str, peers: &[Peer], turns: &[Vec<Turn>], turn: Duration) -> f64 {
    let conditions = conditions(turns[0].len(), turn);
    table::print(
        &format!(
            "{place}, {ANSWER}-byte answers over {CONNECTIONS} connections, {conditions}. More of bare is better."
        ),
        &["saturated", "processor time a call, µs", "calls a processor second, of bare", "calls a second", "of bare"],
        &rows(peers, turns, saturated),
    );
    Spread::of(turns[0].iter().map(|turn| turn.rate)).median
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

fn paced(mine: &Paced, bare: &Paced) -> Vec<String> {
    vec![
        Spread::of(mine.rounds.iter().map(|latency| latency.p50)).text(0),
        ratio(&mine.rounds, &bare.rounds, |latency| latency.p50).text(2),
        Spread::of(mine.rounds.iter().map(|latency| latency.p99)).text(0),
        ratio(&mine.rounds, &bare.rounds, |latency| latency.p99).text(2),
        format!("{:.0}", mine.p999),
    ]
}
