//! Cold starts: a process with nothing in memory, and an account whose object is not at work.
//!
//! Every row is of new processes. Farebox's were given catalog and accounts by one that has ended, and find them in its stores.

use std::{
    net::SocketAddr,
    path::Path,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use http_body_util::{BodyExt, Empty};
use hyper::{
    body::Bytes,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::{
    farebox::{Caller, Farebox, Stores},
    runtime::{Parts, Runtime},
    side_by_side::CALL,
    spread::Spread,
    table,
};

/// Calls after the first one, of which the middle is what a warm call takes.
const WARM: usize = 50;

/// What the rounds of one peer took, in milliseconds.
#[derive(Debug, Default)]
struct Cold {
    /// From starting the process to the first answer.
    started: Vec<f64>,
    /// The first call, once the process listens.
    first: Vec<f64>,
    /// The first call of another account, once the process is warm.
    other: Vec<f64>,
    /// A call once it is warm.
    warm: Vec<f64>,
}

/// Starts a pass-through and Farebox anew in each of so many rounds, and prints how long their first calls take.
pub(crate) async fn measure(workerd: &Path, peers: &Path, origin: SocketAddr, rounds: usize, json: bool) -> Result<()> {
    let state = Rc::new(TempDir::new()?);
    let stores = Stores::start()?;
    let callers = {
        let runtime = stores.serve(workerd, peers, Rc::clone(&state))?;
        let farebox = Farebox::provision(&runtime, peers, origin).await?;
        [Rc::clone(&farebox.caller), farebox.another_caller().await?]
    };
    let environment = [("ORIGIN", format!("http://{origin}"))];
    let parts = Parts { environment: &environment, ..Parts::default() };
    let [mut bare, mut sold] = [Cold::default(), Cold::default()];
    for _ in 0..rounds {
        bare.add(&callers, || Runtime::workerd(workerd, &peers.join("passthrough.capnp"), &parts)).await?;
        sold.add(&callers, || stores.serve(workerd, peers, Rc::clone(&state))).await?;
    }
    let names = ["JavaScript pass-through", "Farebox, signed and metered"];
    let row = |(name, cold): (&str, &Cold)| {
        let columns = [&cold.started, &cold.first, &cold.other, &cold.warm];
        let cells = columns.map(|column| Spread::of(column.iter().copied()).text(1));
        [vec![name.to_owned()], cells.to_vec()].concat()
    };
    table::print(
        &format!("Cold starts on workerd, {rounds} rounds, milliseconds: median (middle half)"),
        &["", "process to first answer", "first call", "first call of another account", "warm call"],
        &names.into_iter().zip([&bare, &sold]).map(row).collect::<Vec<_>>(),
    );
    for (name, cold) in names.into_iter().zip([&bare, &sold]).filter(|_| json) {
        let median = |column: &[f64]| Spread::of(column.iter().copied()).median;
        println!(
            "{}",
            json!({
                "table": "cold", "peer": name, "started_ms": median(&cold.started), "first_ms": median(&cold.first),
                "other_account_ms": median(&cold.other), "warm_ms": median(&cold.warm),
            })
        );
    }
    Ok(())
}

impl Cold {
    /// Takes the times of one process.
    async fn add(&mut self, callers: &[Rc<Caller>; 2], start: impl FnOnce() -> Result<Runtime>) -> Result<()> {
        let began = Instant::now();
        let runtime = start()?;
        let mut connection = connect(runtime.address).await?;
        self.first.push(millis(call(&mut connection, &callers[0]).await?));
        self.started.push(millis(began.elapsed()));
        let mut warm = Vec::new();
        for _ in 0..WARM {
            warm.push(millis(call(&mut connection, &callers[0]).await?));
        }
        self.warm.push(Spread::of(warm).median);
        self.other.push(millis(call(&mut connection, &callers[1]).await?));
        Ok(())
    }
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Empty<Bytes>>> {
    let (sender, connection) = handshake(TokioIo::new(TcpStream::connect(address).await?)).await?;
    tokio::task::spawn_local(connection);
    Ok(sender)
}

/// How long a call takes, signed before.
async fn call(connection: &mut SendRequest<Empty<Bytes>>, caller: &Caller) -> Result<Duration> {
    let request = CALL.request(&caller.sign(&CALL), Empty::new());
    connection.ready().await?;
    let began = Instant::now();
    let answer = connection.send_request(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    ensure!(status == 200, "{status}: {}", String::from_utf8_lossy(&body));
    Ok(began.elapsed())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
