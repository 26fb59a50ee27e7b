//! An origin that answers with bytes as they stand here, so that it can say what a server library would not let it.
//!
//! The last segment of the path says what is wanted. `echo` shows the request as it came: what a gateway sends its upstream is
//! part of how it behaves. Invariant: each connection carries one request.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::json;

/// The field in which Cloudflare says whose Worker sends a request.
const CLOUDFLARES_OWN: &str = "cf-worker";

/// Starts it on a free port; it runs until the process ends. Gives its address.
pub(super) fn start() -> Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("the origin cannot listen")?;
    let address = format!("http://{}", listener.local_addr()?);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // An error is a connection that the other side closed; that is theirs to notice.
            thread::spawn(move || drop(serve(stream)));
        }
    });
    Ok(address)
}

/// A request as it came in.
struct Received {
    /// Method and target.
    line: String,
    /// Names in lower case, and values, by name: the order of names means nothing.
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

fn serve(stream: TcpStream) -> Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let received = read(&mut reader)?;
    let mut stream = stream;
    let target = received.line.split(' ').nth(1).unwrap_or_default();
    let wanted = target.split('?').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    let is_head = received.line.starts_with("HEAD ");
    if wanted == "late" {
        thread::sleep(Duration::from_secs(3));
    }
    let answer = match wanted {
        "hang-up" => return Ok(()),
        known => canned(known).unwrap_or_else(|| echo(&received, is_head)),
    };
    stream.write_all(&answer)?;
    stream.flush()?;
    Ok(())
}

fn read(reader: &mut impl BufRead) -> Result<Received> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut headers = Vec::new();
    loop {
        let mut field = Vec::new();
        reader.read_until(b'\n', &mut field)?;
        // What is no UTF-8 is shown byte for character, so that a byte which was lost on the way is missed.
        let field = String::from_utf8(field)
            .unwrap_or_else(|field| field.as_bytes().iter().map(|byte| char::from(*byte)).collect());
        let field = field.trim_end();
        let Some((name, value)) = field.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    headers.sort_by(|one, other| one.0.cmp(&other.0));
    let header = |name| headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str());
    let mut body = Vec::new();
    if let Some(length) = header("content-length").and_then(|length| length.parse().ok()) {
        reader.take(length).read_to_end(&mut body)?;
    } else if header("transfer-encoding").is_some() {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size)?;
            let size = u64::from_str_radix(size.trim(), 16).context("a chunk without a size")?;
            reader.by_ref().take(size).read_to_end(&mut body)?;
            reader.read_line(&mut String::new())?;
            if size == 0 {
                break;
            }
        }
    }
    Ok(Received { line: line.trim_end().to_owned(), headers, body })
}

fn echo(received: &Received, is_head: bool) -> Vec<u8> {
    let body = String::from_utf8_lossy(&received.body);
    // A long body is told from another by its length and its ends.
    let body =
        if body.len() > 2_000 { format!("{} … {} bytes", &body[..100], body.len()) } else { body.into_owned() };
    // Several fields of one name mean the same as one with all values (RFC 9110, section 5.3).
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, value) in received.headers.iter().filter(|(name, _)| name != CLOUDFLARES_OWN) {
        match headers.last_mut().filter(|(last, _)| last == name) {
            Some((_, values)) => *values = format!("{values}, {value}"),
            None => headers.push((name.clone(), value.clone())),
        }
    }
    let content = json!({ "line": received.line, "headers": headers, "body": body });
    let content = format!("{content:#}");
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", content.len());
    if is_head { head.into_bytes() } else { (head + &content).into_bytes() }
}

/// An answer that is what it is, whatever was sent.
fn canned(wanted: &str) -> Option<Vec<u8>> {
    let long = "v".repeat(6_000);
    let whole = |text: &str| format!("HTTP/1.1 {}", text.replace('\n', "\r\n"));
    let answer = match wanted {
        "204" => whole("204 No Content\nX-Upstream: yes\n\n"),
        "205" => whole("205 Reset Content\nContent-Length: 0\n\n"),
        "206" => whole("206 Partial Content\nContent-Range: bytes 0-3/10\nContent-Length: 4\n\nabcd"),
        "304" => whole("304 Not Modified\nETag: \"v1\"\n\n"),
        "301" => whole("301 Moved Permanently\nLocation: https://elsewhere.example/x?y=1\nContent-Length: 0\n\n"),
        "302" => whole("302 Found\nLocation: /open/echo\nContent-Length: 5\n\nthere"),
        "307" => whole("307 Temporary Redirect\nLocation: ../echo\nContent-Length: 0\n\n"),
        "400" => whole("400 Bad Request\nContent-Type: text/plain\nContent-Length: 3\n\nbad"),
        "401" => whole("401 Unauthorized\nWWW-Authenticate: Basic realm=\"origin\"\nContent-Length: 0\n\n"),
        "404" => whole("404 Not Found\nContent-Type: text/html\nContent-Length: 12\n\n<p>nope</p>\n"),
        "418" => whole("418 I'm a teapot\nContent-Length: 6\n\nteapot"),
        "429" => whole("429 Too Many Requests\nRetry-After: 7\nContent-Length: 0\n\n"),
        "500" => whole("500 Internal Server Error\nContent-Length: 4\n\noops"),
        "503" => whole("503 Service Unavailable\nRetry-After: 1\nContent-Length: 0\n\n"),
        "599" => whole("599 Own\nContent-Length: 0\n\n"),
        "empty" => whole("200 OK\nContent-Length: 0\n\n"),
        "untyped" => whole("200 OK\nContent-Length: 7\n\nno type"),
        "chunked" => whole("200 OK\nTransfer-Encoding: chunked\nContent-Type: text/plain\n\n4\nabcd\n3\nefg\n0\n\n"),
        "until-close" => whole("200 OK\nContent-Type: text/plain\nConnection: close\n\nto the end"),
        "cookies" => whole("200 OK\nSet-Cookie: a=1; Path=/\nSet-Cookie: b=2, c=3\nContent-Length: 2\n\nok"),
        "twice" => whole("200 OK\nX-Twice: one\nX-Twice: two\nVary: a\nVary: b\nContent-Length: 2\n\nok"),
        "long" => whole(&format!("200 OK\nX-Long: {long}\nContent-Length: 2\n\nok")),
        "hop-by-hop" => whole(
            "200 OK\nConnection: keep-alive, X-Hop\nKeep-Alive: timeout=5\nX-Hop: 1\nProxy-Authenticate: Basic\nUpgrade: \
             h2c\nTrailer: X-Later\nContent-Length: 2\n\nok",
        ),
        "as-if-ours" => whole(
            "200 OK\nFarebox-Request-Id: theirs\nRateLimit: \"theirs\";r=1\nX-Ca-Request-Id: theirs\nServer: \
             origin/1\nVia: 1.1 origin\nDate: Tue, 24 Nov 2026 00:00:00 GMT\nContent-Length: 2\n\nok",
        ),
        "cached" => whole(
            "200 OK\nCache-Control: max-age=60\nETag: W/\"x\"\nAge: 3\nLast-Modified: Tue, 24 Nov 2026 00:00:00 \
             GMT\nContent-Length: 2\n\nok",
        ),
        "gzip" => return Some(packed("gzip")),
        "brotli" => return Some(packed("br")),
        "latin" => return Some(b"HTTP/1.1 200 OK\r\nX-Latin: caf\xe9\r\nContent-Length: 2\r\n\r\nok".to_vec()),
        "utf-8" => return Some("HTTP/1.1 200 OK\r\nX-Word: 東京\r\nContent-Length: 2\r\n\r\nok".into()),
        "late" => whole("200 OK\nContent-Length: 4\n\nlate"),
        "large" => whole("200 OK\nContent-Length: 100000\n\n") + &"L".repeat(100_000),
        "large-chunked" => {
            whole("200 OK\nTransfer-Encoding: chunked\n\n186a0\n") + &"C".repeat(100_000) + "\r\n0\r\n\r\n"
        }
        "101" => whole("101 Switching Protocols\nConnection: upgrade\nUpgrade: x\n\n"),
        "600" => whole("600 Odd\nContent-Length: 3\n\nodd"),
        "999" => whole("999 Request denied\nContent-Length: 2\n\nno"),
        "same-lengths" => whole("200 OK\nContent-Length: 5\nContent-Length: 5\n\nhello"),
        "listed-lengths" => whole("200 OK\nContent-Length: 5, 5\n\nhello"),
        "no-length-of-any-body" => whole("200 OK\nContent-Length: 9007199254740992\n\nhello"),
        "204-with-a-body" => whole("204 No Content\nContent-Length: 5\n\nhello"),
        "205-with-a-body" => whole("205 Reset Content\nContent-Length: 5\n\nhello"),
        "short-of-its-length" => whole("200 OK\nContent-Length: 10000\n\n0123456789"),
        "nonsense" => "this is not HTTP\r\n\r\n".to_owned(),
        _ => return None,
    };
    Some(answer.into_bytes())
}

/// Bytes that claim a coding: a gateway hands them on and does not look inside. The gzip ones are real.
fn packed(coding: &str) -> Vec<u8> {
    const GZIP: [u8; 25] =
        [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 7, 0, 0x86, 0xa6, 0x10, 0x36, 5, 0, 0, 0];
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n", GZIP.len());
    [head.as_bytes(), &GZIP].concat()
}
