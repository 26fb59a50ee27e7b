//! Who oversells: 100 calls are paid for, 2,000 come at once over four instances, and one of these is killed in the middle.
//!
//! The origin counts what reaches it, and takes its time to answer. So a gateway that counts a call only once it is answered lets
//! all of them through. Invariant: every contender gets the same calls, and none is told that it is being counted.

use std::{
    cell::Cell,
    net::SocketAddr,
    path::Path,
    process::Command,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use http_body_util::{BodyExt, Empty};
use hyper::{Response, body::Bytes, client::conn::http1::handshake};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tempfile::TempDir;
use tokio::{net::TcpStream, sync::Barrier, task::JoinSet};

use crate::{
    farebox::{Call, Caller, Farebox, Purse},
    hosted,
    kv::Namespace,
    runtime::{Parts, Runtime, Spin},
    serve::{self, Filler},
    table,
};

/// Calls that are paid for.
const PAID: u64 = 100;
/// What pays for just as many at Farebox.
const PURSE: Purse = Purse { per_1000_calls: "10.00", amount: "1.00" };
/// Calls that come at once, and the instances that they come to.
const CALLS: usize = 2_000;
const INSTANCES: usize = 4;
/// How long the origin takes for an answer.
const ANSWER_TAKES: Duration = Duration::from_millis(100);
/// After so many calls that reached the origin an instance is killed.
const KILLED_AFTER: u64 = PAID / 2;
/// How long it is waited for them where fewer come.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a call may take.
const CALL_WITHIN: Duration = Duration::from_secs(60);

const CALL: Call = Call { method: "GET", target: "/bench/things?page=2", headers: &[("host", "localhost")] };

/// What runs the contenders.
pub(crate) struct Programs<'a> {
    /// The workerd binary.
    pub(crate) workerd: &'a Path,
    /// Spin, or the host for its components.
    pub(crate) spin: Spin<'a>,
    /// The Node binary.
    pub(crate) node: &'a Path,
    /// Where Express Gateway is installed.
    pub(crate) express_gateway: &'a Path,
    /// The top of the checkout.
    pub(crate) root: &'a Path,
}

/// How a contender came out.
#[derive(Debug, Clone, Copy, Default)]
struct Score {
    reached: u64,
    passed: u64,
    refused: u64,
    failed: u64,
}

/// Lets all contenders have their turn, and prints the table.
pub(crate) async fn measure(programs: &Programs<'_>, json: bool) -> Result<()> {
    let peers = programs.root.join("benches/peers");
    let mut scores = Vec::new();
    let origin = Counting::start()?;
    let (instances, caller) = farebox(programs, &origin).await?;
    scores.push(("Farebox", fight(instances, &caller, &origin).await?));
    let caller = Rc::new(Caller::new("one".to_owned(), "the secret of the one caller of the others".to_owned()));
    let origin = Counting::start()?;
    scores.push(("hand-written, counter in KV", fight(by_hand(programs, &origin, &caller)?, &caller, &origin).await?));
    let origin = Counting::start()?;
    let redis = hosted::redis(&caller, PAID)?;
    let nginx = |_| hosted::nginx_on(&peers, origin.address, &caller, redis.socket());
    let instances = (0..INSTANCES).map(nginx).collect::<Result<Vec<_>>>()?;
    scores.push(("nginx, counter in Redis", fight(instances, &caller, &origin).await?));
    let origin = Counting::start()?;
    let gateway = express_gateway(programs, &origin)?;
    scores.push(("Express Gateway, its rate limit", fight(gateway, &caller, &origin).await?));
    print(&scores, json);
    Ok(())
}

fn print(scores: &[(&str, Score)], json: bool) {
    let row = |(name, score): &(&str, Score)| {
        let over = score.reached.saturating_sub(PAID);
        let numbers = [score.reached, over, score.passed, score.refused, score.failed];
        [vec![(*name).to_owned()], numbers.map(|number| number.to_string()).to_vec()].concat()
    };
    table::print(
        &format!("{PAID} calls paid for, {CALLS} at once over {INSTANCES} instances, one of them killed in the middle"),
        &["", "reached the upstream", "oversold", "answered 200", "refused", "cut off"],
        &scores.iter().map(row).collect::<Vec<_>>(),
    );
    for (name, score) in scores.iter().filter(|_| json) {
        println!(
            "{}",
            json!({"table": "duel", "peer": name, "paid": PAID, "reached": score.reached, "passed": score.passed})
        );
    }
}

/// An origin that counts what reaches it.
struct Counting {
    address: SocketAddr,
    reached: Arc<AtomicU64>,
}

impl Counting {
    fn start() -> Result<Self> {
        let reached = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&reached);
        let address = serve::start(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            async {
                tokio::time::sleep(ANSWER_TAKES).await;
                Response::new(Filler::of(1))
            }
        })?;
        Ok(Self { address, reached })
    }

    fn reached(&self) -> u64 {
        self.reached.load(Ordering::Relaxed)
    }
}

/// Sends all calls at once, those of each instance over connections that were opened before, and kills the first instance in the middle.
async fn fight(mut instances: Vec<Runtime>, caller: &Rc<Caller>, origin: &Counting) -> Result<Score> {
    let (start, score) = (Rc::new(Barrier::new(CALLS)), Rc::new(Cell::new(Score::default())));
    let mut calls = JoinSet::new();
    for at in 0..CALLS {
        let address = instances[at % instances.len()].address;
        let (start, score, caller) = (Rc::clone(&start), Rc::clone(&score), Rc::clone(caller));
        calls.spawn_local(async move {
            let connection = connect(address).await;
            start.wait().await;
            let status = match connection {
                Ok(connection) => {
                    tokio::time::timeout(CALL_WITHIN, call(connection, &caller)).await.ok().and_then(Result::ok)
                }
                Err(_) => None,
            };
            let mut now = score.get();
            match status {
                Some(200) => now.passed += 1,
                Some(_) => now.refused += 1,
                None => now.failed += 1,
            }
            score.set(now);
        });
    }
    let middle = async {
        while origin.reached() < KILLED_AFTER {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    // Whoever lets fewer through is not spared.
    let _ = tokio::time::timeout(PATIENCE, middle).await;
    drop(instances.remove(0));
    while let Some(done) = calls.join_next().await {
        done?;
    }
    let mut score = score.get();
    score.reached = origin.reached();
    Ok(score)
}

type Connection = hyper::client::conn::http1::SendRequest<Empty<Bytes>>;

async fn connect(address: SocketAddr) -> Result<Connection> {
    let (sender, connection) = handshake(TokioIo::new(TcpStream::connect(address).await?)).await?;
    tokio::task::spawn_local(connection);
    Ok(sender)
}

async fn call(mut connection: Connection, caller: &Caller) -> Result<u16> {
    let request = CALL.request(&caller.sign(&CALL), Empty::new());
    let answer = connection.send_request(request).await?;
    let status = answer.status().as_u16();
    answer.into_body().collect().await?;
    Ok(status)
}

/// Farebox on Spin: four processes that serve one state, and an account whose balance pays for the calls.
async fn farebox(programs: &Programs<'_>, origin: &Counting) -> Result<(Vec<Runtime>, Rc<Caller>)> {
    let state = Rc::new(TempDir::new()?);
    let start = || Farebox::process_on_spin(programs.spin, programs.root, origin.address, None, Rc::clone(&state));
    let first = start()?;
    let peers = programs.root.join("benches/peers");
    let farebox = Farebox::that_can_pay(&first, &peers, origin.address, PURSE).await?;
    let mut instances = vec![first];
    for _ in 1..INSTANCES {
        instances.push(start()?);
    }
    Ok((instances, farebox.caller))
}

/// The gateway by hand on workerd, with a counter in a namespace that is the same for all at once, which Cloudflare's is not.
fn by_hand(programs: &Programs<'_>, origin: &Counting, caller: &Caller) -> Result<Vec<Runtime>> {
    let (usage, credits) = (Namespace::start()?, Namespace::start()?);
    credits.put(caller.key(), PAID.to_string());
    let start = |_| {
        let environment = [("ORIGIN", format!("http://{}", origin.address)), ("SECRET", caller.secret().to_owned())];
        let externals = [("usage", usage.address), ("credits", credits.address)];
        let parts = Parts { environment: &environment, externals: &externals, disk: None };
        Runtime::workerd(programs.workerd, &programs.root.join("benches/peers/handwritten.capnp"), &parts)
    };
    (0..INSTANCES).map(start).collect()
}

/// Express Gateway, whose rate limit is what it has for a quota.
fn express_gateway(programs: &Programs<'_>, origin: &Counting) -> Result<Vec<Runtime>> {
    let start = |_| {
        let address = hosted::free_address()?;
        let mut command = Command::new(programs.node);
        command.arg(programs.root.join("benches/peers/express-gateway/run.cjs"));
        command.env("NODE_PATH", programs.express_gateway).env("ORIGIN", format!("http://{}", origin.address));
        command.env("PORT", address.port().to_string()).env("LOG_LEVEL", "error").env("NODE_NO_WARNINGS", "1");
        Runtime::server(command, TempDir::new()?, address)
    };
    (0..INSTANCES).map(start).collect()
}
