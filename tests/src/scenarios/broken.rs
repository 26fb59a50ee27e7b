//! Upstreams that answer what nobody may, callers who leave, bodies that break off. Every call ends once, is charged for what
//! came, and breaks off on one side where it did on the other.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use farebox_core::meter::Usage;
use hyper::Method;

use crate::{Farebox, account::Account, call::Caller, eventually};

/// How long a connection may stay silent.
const PATIENCE: Duration = Duration::from_secs(30);

const CATALOG: &str = r#"
[provider]
name = "Broken"
currency = "USD"

[[products]]
id = "odd"
upstream = "ORIGIN"
auth = ["x-ca", "appcode"]
routes = [{ path = "/odd/{*rest}" }]
rate = { per_1000_calls = "2.00", per_gib_egress = "1.00" }
packages = [{ id = "five", price = "0.05", calls = 5 }]

[[products]]
id = "bytes"
upstream = "ORIGIN"
auth = ["x-ca", "appcode"]
routes = [{ path = "/bytes/{*rest}" }]
packages = [{ id = "mib", price = "0.01", egress_bytes = "1 MiB" }]

[[products]]
id = "tokens"
upstream = "ORIGIN"
auth = ["x-ca", "appcode"]
routes = [{ path = "/tokens/{*rest}", units = "/usage/total", max_units = 100 }]
rate = { per_unit = "0.001" }
"#;

/// A gateway of its own that sells an origin of its own.
pub(super) struct World {
    pub(super) farebox: Farebox,
    pub(super) origin: Origin,
}

impl World {
    pub(super) async fn make(farebox: &Farebox, name: &str) -> Result<Self> {
        let (farebox, origin) = (farebox.another(name)?, Origin::start()?);
        let catalog = CATALOG.replace("ORIGIN", &origin.address);
        let answer = farebox.admin().send_as("", Method::PUT, "catalog", &catalog).await?;
        ensure!(answer.status == 200, "{answer:?}");
        let (_, caller) = Account::with_balance(&farebox, "1.00").await?;
        // The instances have read the catalog of before.
        let sold = async || Ok((caller.get("/odd/fine").await?.status == 200).then_some(()));
        eventually("the catalog to be in use", PATIENCE, sold).await?;
        Ok(Self { farebox, origin })
    }
}

/// An answer that no gateway can hand on ends the call, which is not charged.
pub async fn an_answer_that_cannot_be_handed_on_is_not_charged(farebox: &Farebox) -> Result<()> {
    let world = World::make(farebox, "unusable").await?;
    let (account, caller) = Account::with_balance(&world.farebox, "0.05").await?;
    account.buy("odd", "five").await?;
    for _ in 0..3 {
        for wanted in ["101", "999", "endless"] {
            let answer = caller.get(&format!("/odd/{wanted}")).await?;
            ensure!(
                (answer.status.as_u16(), answer.code().as_str()) == (502, "upstream.malformed"),
                "{wanted}: {answer:?}"
            );
        }
    }
    let twice = caller.get("/odd/twice").await?;
    ensure!((twice.status.as_u16(), &*twice.body) == (200, b"hello"), "equal lengths are one: {twice:?}");
    for call in 2..=5 {
        let answer = caller.get("/odd/fine").await?;
        ensure!(answer.status == 200, "call {call} of five: {answer:?}");
    }
    let sixth = caller.get("/odd/fine").await?;
    ensure!(sixth.code() == "quota.exhausted", "a sixth of five: {sixth:?}");
    account.settled("odd", 5).await.map(drop)
}

/// An answer that ends short of its length is charged by what came, and ends short at the caller too.
pub async fn an_answer_that_breaks_off_is_charged_what_came(farebox: &Farebox) -> Result<()> {
    let world = World::make(farebox, "short").await?;
    let (account, caller) = Account::with_balance(&world.farebox, "1.00").await?;
    for wanted in ["short", "cut"] {
        let broken = caller.get(&format!("/odd/{wanted}")).await;
        ensure!(broken.is_err(), "{wanted} came as if it were whole: {broken:?}");
    }
    let usage = account.settled_to("odd", Usage { calls: 2, egress_bytes: 20, ..Usage::NONE }).await?;
    ensure!(usage.egress_bytes == 20, "metered {usage:?} where 10 bytes came twice");
    Ok(())
}

/// An upload that breaks off is none that the upstream could take for whole.
pub async fn an_upload_that_breaks_off_reaches_the_upstream_broken_off(farebox: &Farebox) -> Result<()> {
    let world = World::make(farebox, "upload").await?;
    let (_, caller) = Account::with_balance(&world.farebox, "1.00").await?;
    let large = format!("186a0\r\n{}\r\n", "z".repeat(100_000));
    let cases = [
        ("Transfer-Encoding: chunked", "5\r\nabc"),
        ("Transfer-Encoding: chunked", "3\r\nabc\r\n"),
        ("Transfer-Encoding: chunked", "3\r\nabc\r\nZZ\r\n"),
        ("Transfer-Encoding: chunked", &large),
        ("Content-Length: 10", "abc"),
        ("Content-Length: 100000", &"z".repeat(3_000)),
    ];
    for (at, (field, body)) in cases.iter().enumerate() {
        for is_half_open in [true, false] {
            let target = format!("/odd/sink?case={at}{is_half_open}");
            let mut stream = connect(&world.farebox, &caller, "POST", &target, field)?;
            stream.write_all(body.as_bytes())?;
            // One that is no HTTP in its first packet need not reach anybody.
            if body.contains("ZZ") {
                continue;
            }
            let begun = async || Ok(world.origin.has_begun(&target).then_some(()));
            eventually("the upload to reach the upstream", PATIENCE, begun).await?;
            stream.shutdown(if is_half_open { Shutdown::Write } else { Shutdown::Both })?;
            if is_half_open {
                // Whoever still reads may get an answer, and then an end.
                stream.read_to_end(&mut Vec::new()).ok();
            }
        }
    }
    // A whole one after them: what was broken has arrived by then, if it ever does.
    let call = caller.call(Method::POST, "/odd/sink?case=whole", &[], b"whole")?;
    ensure!(caller.send(call).await?.status == 200, "a whole upload did not pass");
    let uploads = world.origin.uploads();
    ensure!(uploads.iter().any(|(target, is_whole)| target.ends_with("whole") && *is_whole), "{uploads:?}");
    let whole: Vec<_> = uploads.iter().filter(|(target, is_whole)| *is_whole && !target.ends_with("whole")).collect();
    ensure!(whole.is_empty(), "taken for whole: {whole:?}");
    Ok(())
}

/// The upstream of a stream in which nothing happens is let go when the caller is gone, and the call is booked.
pub async fn a_caller_who_leaves_a_silent_stream_is_noticed(farebox: &Farebox) -> Result<()> {
    let world = World::make(farebox, "silent").await?;
    let (account, caller) = Account::with_balance(&world.farebox, "1.00").await?;
    let stream = connect(&world.farebox, &caller, "GET", "/odd/silent", "Accept: text/event-stream")?;
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    while line.trim() != "data: 1" {
        line.clear();
        ensure!(lines.read_line(&mut line)? > 0, "the stream ended before its first event");
    }
    drop(lines);
    let noticed = async || Ok((world.origin.left() > 0).then_some(()));
    eventually("the upstream to be let go", PATIENCE, noticed).await?;
    let usage = account.settled_to("odd", Usage { calls: 1, egress_bytes: 9, ..Usage::NONE }).await?;
    ensure!(usage.egress_bytes == 9, "metered {usage:?}");
    Ok(())
}

/// Two hundred downloads of ten megabytes at once, of a package of one: what comes through is what was bought.
pub async fn a_crowd_of_downloads_gets_the_bytes_it_paid_for(farebox: &Farebox) -> Result<()> {
    let world = World::make(farebox, "downloads").await?;
    let (account, caller) = Account::with_balance(&world.farebox, "0.01").await?;
    account.buy("bytes", "mib").await?;
    let downloads: Vec<_> = (0..200)
        .map(|_| {
            let opened = connect(&world.farebox, &caller, "GET", "/bytes/download", "Accept: */*");
            thread::spawn(move || -> Result<(u64, bool)> {
                let mut received = Vec::new();
                let mut stream = opened?;
                // It breaks off, which some runtimes do by a reset.
                let _ = stream.read_to_end(&mut received);
                let head = received.windows(4).position(|end| end == b"\r\n\r\n").context("no head")? + 4;
                let passed = received.starts_with(b"HTTP/1.1 200");
                Ok(((received.len() - head) as u64, passed))
            })
        })
        .collect();
    let (mut sent, mut passed) = (0, 0);
    for download in downloads {
        let (bytes, is_passed) = download.join().map_err(|_| anyhow::anyhow!("a download panicked"))??;
        sent += if is_passed { bytes } else { 0 };
        passed += u64::from(is_passed);
    }
    ensure!(passed > 0, "nobody got anything");
    ensure!(sent <= 1 << 20, "{sent} bytes came through a package of 1 MiB");
    let usage = account.settled_to("bytes", Usage { calls: passed, egress_bytes: sent, ..Usage::NONE }).await?;
    ensure!((sent..=1 << 20).contains(&usage.egress_bytes), "{sent} bytes came, {usage:?} is booked");
    Ok(())
}

/// Begins a request on a connection of its own, with whose body a test does as it likes.
pub(super) fn connect(
    farebox: &Farebox,
    caller: &Caller,
    method: &str,
    target: &str,
    field: &str,
) -> Result<TcpStream> {
    let address = farebox.gateway().strip_prefix("http://").context("not http")?;
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let code = &caller.app_code;
    let head = format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{field}\r\n");
    stream.write_all(format!("{head}Authorization: APPCODE {code}\r\n\r\n").as_bytes())?;
    Ok(stream)
}

/// What an origin has seen.
#[derive(Default)]
struct Seen {
    /// The target of each upload that began.
    begun: Vec<String>,
    /// The target of each that ended, and whether it was whole.
    uploads: Vec<(String, bool)>,
    /// How many silent streams were left.
    left: usize,
    /// Whether streams that wait for it may end.
    may_end: bool,
}

/// An origin that answers what its path says, byte for byte. It runs until the process ends.
pub(super) struct Origin {
    address: String,
    seen: Arc<Mutex<Seen>>,
}

impl Origin {
    fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("the origin cannot listen")?;
        let address = format!("http://{}", listener.local_addr()?);
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let shared = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&shared);
                // An error is a connection that the other side closed; that is what is tested.
                thread::spawn(move || drop(serve(stream, &seen)));
            }
        });
        Ok(Self { address, seen })
    }

    fn uploads(&self) -> Vec<(String, bool)> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).uploads.clone()
    }

    fn has_begun(&self, target: &str) -> bool {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).begun.iter().any(|begun| begun == target)
    }

    /// Lets the streams end that wait for it.
    pub(super) fn end_streams(&self) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).may_end = true;
    }

    fn left(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).left
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Seen>) -> Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let seen = || seen.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let (mut length, mut is_chunked) = (0, false);
        loop {
            let mut field = String::new();
            reader.read_line(&mut field)?;
            let field = field.trim().to_ascii_lowercase();
            match field.split_once(':') {
                Some(("content-length", value)) => length = value.trim().parse()?,
                Some(("transfer-encoding", _)) => is_chunked = true,
                Some(_) => {}
                None => break,
            }
        }
        let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
        seen().begun.push(target.clone());
        let is_whole = if is_chunked { chunks(&mut reader) } else { take(&mut reader, length) };
        if target.contains("sink") {
            seen().uploads.push((target.clone(), is_whole));
        }
        if !is_whole {
            return Ok(());
        }
        let wanted = target.split('?').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
        let (answer, goes_on) = match wanted {
            "101" => ("101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", false),
            "999" => ("999 Request denied\r\nContent-Length: 2\r\n\r\nno", true),
            "endless" => ("200 OK\r\nContent-Length: 9007199254740992\r\n\r\nhello", false),
            "twice" => ("200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", true),
            "short" => ("200 OK\r\nContent-Length: 10000\r\n\r\n0123456789", false),
            "cut" => ("200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n", false),
            "said" => (
                "200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n\
                 1d\r\ndata: {\"usage\":{\"total\":7}}\n\n\r\n1d\r\ndata: {\"usage\":",
                false,
            ),
            "nothing" => ("200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false),
            "silent" | "late" => (
                "200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n",
                false,
            ),
            _ => ("200 OK\r\nContent-Length: 2\r\n\r\nok", true),
        };
        stream.write_all(b"HTTP/1.1 ")?;
        match wanted {
            "download" => {
                stream.write_all(b"200 OK\r\nContent-Length: 10000000\r\n\r\n")?;
                stream.write_all(&vec![b'x'; 10_000_000])?;
            }
            _ => stream.write_all(answer.as_bytes())?,
        }
        if wanted == "late" {
            while !seen().may_end {
                thread::park_timeout(Duration::from_millis(10));
            }
            stream.write_all(b"1e\r\ndata: {\"usage\":{\"total\":11}}\n\n\r\n0\r\n\r\n")?;
        }
        if wanted == "silent" {
            // Nothing more is sent to us, so this ends when the connection does.
            let ended = reader.read(&mut [0]);
            seen().left += usize::from(matches!(ended, Ok(0) | Err(_)));
        }
        if !goes_on {
            return Ok(());
        }
    }
}

/// Reads so many bytes; whether they all came.
fn take(reader: &mut impl Read, length: u64) -> bool {
    reader.take(length).read_to_end(&mut Vec::new()).is_ok_and(|read| read as u64 == length)
}

/// Reads a body in chunks; whether it came to its end.
fn chunks(reader: &mut impl BufRead) -> bool {
    loop {
        let mut size = String::new();
        let Ok(size) = reader.read_line(&mut size).map(|_| u64::from_str_radix(size.trim(), 16)) else { return false };
        let Ok(size) = size else { return false };
        if !take(reader, size + 2) {
            return false;
        }
        if size == 0 {
            return true;
        }
    }
}
