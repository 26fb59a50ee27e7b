//! Farebox beside what somebody would write or host themselves, with the same work: the same signature checked, calls and bytes counted.
//!
//! Each is charged with all of its processes: nginx with its Redis. The key-value namespaces of workerd are served by the rig, and charged to
//! nobody.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Command,
    rc::Rc,
};

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use tempfile::TempDir;

use crate::{
    farebox::{Caller, Farebox},
    kv::Namespace,
    rounds::Peer,
    runtime::{Parts, Runtime},
    side_by_side::{CALL, peer},
    table,
};

/// Calls that the callers of nginx have paid for: more than any run makes.
const PAID: u64 = 1_000_000_000;

/// Starts the peers, the bare pass-through first and Farebox last.
pub(crate) async fn start(workerd: &Path, peers: &Path, origin: SocketAddr) -> Result<Vec<Peer>> {
    let (farebox, _, runtime) = Farebox::on_workerd(workerd, peers, origin).await?;
    let caller = &farebox.caller;
    let at = [("ORIGIN", format!("http://{origin}"))];
    let bare = Parts { environment: &at, ..Parts::default() };
    let bare = Runtime::workerd(workerd, &peers.join("passthrough.capnp"), &bare)?;
    Ok(vec![
        peer("JavaScript pass-through", bare, caller),
        peer("Hono, WebCrypto, a key per call", hono(workerd, peers, origin, caller)?, caller),
        peer("nginx, Lua, Redis", nginx(peers, origin, caller, redis(caller, PAID)?)?, caller),
        peer("HAProxy, its own table", haproxy(peers, origin, caller)?, caller),
        peer("Farebox, signed and metered", runtime, caller),
    ])
}

/// Prints what each occupies after its turns.
pub(crate) fn print_memory(peers: &[Peer]) -> Result<()> {
    let row = |peer: &Peer| {
        let mib = peer.runtime.resident()? as f64 / f64::from(1 << 20);
        anyhow::Ok(vec![peer.name.to_owned(), format!("{mib:.0}")])
    };
    let rows = peers.iter().map(row).collect::<Result<Vec<_>>>()?;
    table::print("Resident memory after these turns, of all processes", &["", "MiB"], &rows);
    Ok(())
}

/// Has `wrk` call the bare pass-through, and prints what it gets beside what our own load got, `ours` calls a second.
pub(crate) fn check_load(bare: &Peer, ours: f64) -> Result<()> {
    let mut wrk = Command::new("wrk");
    wrk.args(["--threads", "1", "--duration", "5s", "--connections", &bare.load.connections.to_string()]);
    // It sends a `Host` of its own.
    let headers = CALL.headers.iter().filter(|(name, _)| *name != "host");
    wrk.args(headers.flat_map(|(name, value)| ["--header".to_owned(), format!("{name}: {value}")]));
    let said = wrk.arg(format!("http://{}{}", bare.runtime.address, CALL.target)).output().context("cannot run wrk")?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let rate = said.lines().find_map(|line| line.strip_prefix("Requests/sec:")?.trim().parse::<f64>().ok());
    let theirs = rate.with_context(|| format!("wrk gave no rate: {said}"))?;
    println!(
        "\nTo check the load: wrk gets {theirs:.0} calls a second of the {}, our own load {ours:.0} ({:.2} of it).",
        bare.name,
        ours / theirs
    );
    Ok(())
}

fn hono(workerd: &Path, peers: &Path, origin: SocketAddr, caller: &Rc<Caller>) -> Result<Runtime> {
    let usage = Namespace::start()?;
    let environment = [("ORIGIN", format!("http://{origin}")), ("SECRET", caller.secret().to_owned())];
    let parts = Parts { environment: &environment, externals: &[("usage", usage.address)], disk: None };
    Runtime::workerd(workerd, &peers.join("hono.capnp"), &parts)
}

/// A Redis in which `caller` has paid for so many calls.
pub(crate) struct Redis {
    runtime: Runtime,
    socket: PathBuf,
}

/// Starts one that keeps nothing on disk.
pub(crate) fn redis(caller: &Caller, paid: u64) -> Result<Redis> {
    let state = TempDir::new()?;
    let (address, socket) = (free_address()?, state.path().join("redis.sock"));
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--port", &address.port().to_string(), "--unixsocket"]).arg(&socket);
    command.args(["--save", "", "--appendonly", "no"]);
    let runtime = Runtime::server(command, state, address)?;
    let mut store = UnixStream::connect(&socket)?;
    write!(store, "SET calls:{} {paid}\r\n", caller.key())?;
    let mut answer = [0; 5];
    store.read_exact(&mut answer)?;
    ensure!(answer == *b"+OK\r\n", "Redis did not take the counter");
    Ok(Redis { runtime, socket })
}

impl Redis {
    /// Where it is asked.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }
}

fn nginx(peers: &Path, origin: SocketAddr, caller: &Caller, redis: Redis) -> Result<Runtime> {
    Ok(nginx_on(peers, origin, caller, &redis.socket)?.beside(redis.runtime))
}

/// Starts nginx with the counters of the Redis at `socket`.
pub(crate) fn nginx_on(peers: &Path, origin: SocketAddr, caller: &Caller, socket: &Path) -> Result<Runtime> {
    let (state, address) = (TempDir::new()?, free_address()?);
    let places = [
        ("@STATE@", state.path().display().to_string()),
        ("@PEERS@", peers.display().to_string()),
        ("@ORIGIN@", origin.to_string()),
        ("@PORT@", address.port().to_string()),
    ];
    let template = fs::read_to_string(peers.join("nginx.conf"))?;
    let configuration = places.iter().fold(template, |text, (place, value)| text.replace(place, value));
    let file = state.path().join("nginx.conf");
    fs::write(&file, configuration)?;
    let mut command = Command::new("nginx");
    command.arg("-c").arg(&file).args(["-e", "stderr"]).env("SECRET", caller.secret()).env("REDIS", socket);
    Runtime::server(command, state, address)
}

fn haproxy(peers: &Path, origin: SocketAddr, caller: &Caller) -> Result<Runtime> {
    let address = free_address()?;
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(peers.join("haproxy.cfg"));
    command.env("PORT", address.port().to_string()).env("ORIGIN", origin.to_string());
    command.env("SECRET", STANDARD.encode(caller.secret()));
    Runtime::server(command, TempDir::new()?, address)
}

/// An address that was free a moment ago: neither nginx nor Redis says which one it took.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
