//! What one caller's request may cost all others: processor time, memory and look-ups have bounds, also before it is known who
//! sends it.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use farebox_core::credential::MasterKey;
use hyper::{HeaderMap, Method, header::HeaderValue};
use tokio::task::JoinSet;

use crate::{
    Farebox,
    account::Account,
    call::{Call, Caller, now},
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How much more processor time a request may take than a small one: the bound of the fuzz.
const DEARER: u64 = 20;

/// How many requests are timed together: the kernel counts in hundredths of a second.
const TIMED: u32 = 100;

/// A request within all bounds takes no more than so many times a small one's processor time, also where its signature is wrong.
pub async fn the_dearest_request_costs_little_more_than_a_small_one(farebox: &Farebox) -> Result<()> {
    let (_, caller) = Account::with_balance(farebox, "10.00").await?;
    let timed = async |make: &dyn Fn() -> Result<Call>, status: u16| -> Result<u64> {
        let before = farebox.processor_time()?;
        for _ in 0..TIMED {
            let answer = caller.send(make()?).await?;
            ensure!(answer.status == status, "{answer:?}");
        }
        Ok(farebox.processor_time()?.saturating_sub(before))
    };
    let small = || caller.call(Method::GET, "/costs/small", &[], b"");
    // The first ones also pay for what is made once.
    timed(&small, 200).await?;
    let cheap = timed(&small, 200).await?;
    let forged = || {
        let mut call = dear(&caller)?;
        call.headers.insert("x-ca-signature", HeaderValue::from_static("AAAA"));
        Ok(call)
    };
    for (name, cost) in
        [("a good one", timed(&|| dear(&caller), 200).await?), ("a forged one", timed(&forged, 400).await?)]
    {
        ensure!(cost <= DEARER * cheap.max(1), "{name}: {cost} ms where small ones take {cheap} ms");
    }
    Ok(())
}

/// A call with about as much of everything as is taken: fields, signed names, `Connection`'s names, parameters.
fn dear(caller: &Caller) -> Result<Call> {
    let fields: Vec<_> = (0..40).map(|at| (format!("x-ca-a{at}"), "1".to_owned())).collect();
    let others = (0..30).map(|at| (format!("y-{at}"), "1".to_owned()));
    let fields: Vec<_> = fields.into_iter().chain(others).collect();
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let target = format!("/costs/dear?{}", (0..1_500).map(|at| format!("p{at}=%20")).collect::<Vec<_>>().join("&"));
    let mut call = caller.call(Method::GET, &target, &fields, b"")?;
    call.headers.insert("connection", vec!["zz"; 64].join(",").try_into()?);
    Ok(call)
}

/// A head beyond the bounds is refused before anything is made of it, whoever sends it.
pub async fn a_head_that_is_too_large_is_refused(farebox: &Farebox) -> Result<()> {
    let (_, caller) = Account::with_balance(farebox, "1.00").await?;
    let code = format!("Authorization: APPCODE {}\r\n", caller.app_code);
    let many: String = (0..6_000).map(|at| format!("y{at:x}: 1\r\n")).collect();
    let names = format!("x-ca-signature-headers: {}\r\n", vec!["zz"; 9_000].join(","));
    let forged = format!("x-ca-key: {}\r\nx-ca-signature: AAAA\r\n{names}", caller.key);
    for (name, head) in [
        ("6,000 fields", format!("{code}{many}")),
        ("6,000 fields of nobody", many),
        ("9,000 signed names", forged),
        ("70,000 bytes", format!("{code}X-Long: {}\r\n", "x".repeat(70_000))),
    ] {
        let (status, answer) = exchange(farebox, &format!("GET /costs/head HTTP/1.1\r\n{head}"), b"")?;
        ensure!(status == 431, "{name}: {answer}");
    }
    ensure!(caller.get("/costs/after").await?.status == 200, "a call after them");
    Ok(())
}

/// How much the runtime may grow while forms come that nobody signed: they are read up to 1 MiB, one after the other.
const GROWTH: u64 = 32 << 20;

/// Forms of 8 MiB with a wrong signature leave the runtime as large as it was.
pub async fn an_unsigned_form_does_not_fill_the_memory(farebox: &Farebox) -> Result<()> {
    let (_, caller) = Account::with_balance(farebox, "1.00").await?;
    for _ in 0..20 {
        ensure!(caller.get("/costs/warm").await?.status == 200, "a call before");
    }
    let before = farebox.memory()?;
    let pairs = ["a=xxxxxxxxxxxxxx&", "=&", "a&", "%41=%20&"];
    for (at, pair) in pairs.into_iter().enumerate() {
        for (length, is_chunked, refused) in [(8 << 20, false, 413), (8 << 20, true, 413), (1 << 20, false, 400)] {
            let body = pair.repeat(length / pair.len());
            let fields = format!(
                "x-ca-key: {}\r\nx-ca-signature: AAAA\r\nContent-Type: application/x-www-form-urlencoded",
                caller.key
            );
            let (framing, body) = match is_chunked {
                true => ("Transfer-Encoding: chunked".to_owned(), format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())),
                false => (format!("Content-Length: {}", body.len()), body),
            };
            let head = format!("POST /costs/form{at} HTTP/1.1\r\n{fields}\r\n{framing}\r\n");
            let (status, answer) = exchange(farebox, &head, body.as_bytes())?;
            ensure!(status == refused, "{pair} {length} {is_chunked}: {answer}");
            let after = farebox.memory()?;
            ensure!(after < before + GROWTH, "{pair} {length}: memory grew by {} MiB", (after - before) >> 20);
        }
    }
    ensure!(caller.get("/costs/after").await?.status == 200, "a call after them");
    Ok(())
}

/// Callers with made-up keys at once, and how many keys and app codes each makes up: more than an instance that lasts would look up.
const STRANGERS: usize = 8;
const MADE_UP: usize = 100;

/// Keys and app codes that are made up are known for that by their tag: none waits for a store, and none is told to come again.
pub async fn made_up_keys_are_refused_without_a_look_up(farebox: &Farebox) -> Result<()> {
    let (_, caller) = Account::with_balance(farebox, "1.00").await?;
    let mut strangers = JoinSet::new();
    for at in 0..STRANGERS {
        let caller = caller.clone();
        strangers.spawn(async move {
            let other = MasterKey::from_base64(&format!("{}=", "E".repeat(43)))?;
            for random in at * MADE_UP..(at + 1) * MADE_UP {
                let key = other.tagged_key(&format!("{random:016x}"));
                let by_key = caller.posing_as(&key, "guessed").call(Method::GET, "/costs/call", &[], b"")?;
                let mut by_code = caller.call(Method::GET, "/costs/call", &[], b"")?;
                by_code.headers = HeaderMap::new();
                let code = format!("APPCODE {}", other.tagged_app_code(&format!("{random:026x}")));
                by_code.headers.insert("authorization", code.try_into()?);
                for call in [by_key, by_code] {
                    let answer = caller.send(call).await?;
                    ensure!(answer.code() == "credential.unknown", "{key}: {answer:?}");
                }
            }
            anyhow::Ok(())
        });
    }
    while let Some(stranger) = strangers.join_next().await {
        stranger??;
    }
    ensure!(caller.get("/costs/after").await?.status == 200, "a call after them");
    Ok(())
}

/// A nonce that is too long to be kept is refused by its length, with a good signature too.
pub async fn a_long_nonce_is_refused(farebox: &Farebox) -> Result<()> {
    let (_, caller) = Account::with_balance(farebox, "1.00").await?;
    for (length, status) in [(128, 200), (129, 400), (7_000, 400)] {
        // One of each length for each of the two, as an account's nonces are one set.
        for (target, filling) in [("/costs/nonce", "a"), ("/costs-strict/nonce", "b")] {
            let call = caller.call_once(now(), target, &filling.repeat(length))?;
            let answer = caller.send(call).await?;
            ensure!(answer.status == status, "{target}, {length} bytes: {answer:?}");
        }
    }
    Ok(())
}

/// Sends a request whose head is begun by `head`, on a connection of its own; the status, and the beginning of the answer.
fn exchange(farebox: &Farebox, head: &str, body: &[u8]) -> Result<(u16, String)> {
    let address = farebox.gateway().strip_prefix("http://").context("not http")?;
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // Who answers before it has read everything may close its side first.
    let _ = stream.write_all(format!("{head}Host: {address}\r\nConnection: close\r\n\r\n").as_bytes());
    let _ = stream.write_all(body);
    let mut received = Vec::new();
    match stream.read_to_end(&mut received) {
        Err(error) if error.kind() == ErrorKind::ConnectionReset && !received.is_empty() => {}
        result => drop(result.context("no answer")?),
    }
    let answer: String = String::from_utf8_lossy(&received).chars().take(1_000).collect();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.with_context(|| format!("no status: {answer}"))?, answer))
}
