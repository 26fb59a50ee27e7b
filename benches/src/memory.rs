//! How much memory a body takes that is too large to be held.

use std::{cell::Cell, time::Duration};

use anyhow::{Result, ensure};
use http_body_util::BodyExt;
use hyper::{Request, client::conn::http1::handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::{
    farebox::{Call, Farebox},
    rounds::Peer,
    runtime::Runtime,
    serve::Filler,
    table,
};

const MIB: u64 = 1 << 20;
/// The body that is measured.
const LARGE: u64 = 1 << 30;
/// How often the runtime's memory is looked at.
const EVERY: Duration = Duration::from_millis(10);

const DOWN: Call = Call { method: "GET", target: "/bench/large?bytes=1073741824", headers: &[("host", "localhost")] };
const UP: Call = Call { method: "PUT", target: "/bench/large", headers: &[("host", "localhost")] };

/// Streams a large body in both directions through the pass-through `bare` and through `farebox`, and prints how far their memory
/// rose. `peer` names Farebox's row in the tables.
pub(crate) async fn measure(bare: &Peer, peer: &Peer, farebox: &Farebox) -> Result<()> {
    let mut rows = Vec::new();
    for (peer, signed) in [(bare, false), (peer, true)] {
        let sign = |call| if signed { farebox.caller.sign(call) } else { Vec::new() };
        // Once before it counts: what the runtime keeps for good after its first large body is not the body's.
        highest(&peer.runtime, UP.request(&sign(&UP), Filler::of(LARGE / 8))).await?;
        let idle = peer.runtime.resident()?;
        let down = highest(&peer.runtime, DOWN.request(&sign(&DOWN), Filler::of(0))).await?.saturating_sub(idle);
        let up = highest(&peer.runtime, UP.request(&sign(&UP), Filler::of(LARGE))).await?.saturating_sub(idle);
        let mib = |bytes: u64| format!("{:.1}", bytes as f64 / MIB as f64);
        rows.push(vec![peer.name.to_owned(), mib(down), mib(up)]);
    }
    table::print(
        "Resident memory above idle while 1 GiB streams through, in MiB",
        &["", "in the answer", "then in the request"],
        &rows,
    );
    Ok(())
}

/// Makes one call and says how much memory `runtime` occupied at most meanwhile, in bytes.
async fn highest(runtime: &Runtime, request: Request<Filler>) -> Result<u64> {
    let (mut sender, connection) = handshake(TokioIo::new(TcpStream::connect(runtime.address).await?)).await?;
    tokio::task::spawn_local(connection);
    let highest = Cell::new(0);
    let call = async {
        let mut answer = sender.send_request(request).await?;
        ensure!(answer.status() == 200, "answered {}", answer.status());
        while let Some(frame) = answer.frame().await {
            frame?;
        }
        Ok(())
    };
    tokio::select! {
        done = call => done?,
        failed = watch(runtime, &highest) => failed?,
    }
    Ok(highest.get())
}

/// Keeps the highest that `runtime` was seen at. Ends only when `runtime` is gone.
async fn watch(runtime: &Runtime, highest: &Cell<u64>) -> Result<()> {
    loop {
        highest.set(highest.get().max(runtime.resident()?));
        tokio::time::sleep(EVERY).await;
    }
}
