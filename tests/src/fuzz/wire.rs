//! A client that sends bytes as they are and reads whatever comes back.
//!
//! Invariant: what it says of an answer was in bytes that came on the request's connection. It waits for nothing without a limit.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

use super::draft::{Ends, Sample};

/// How long an answer may take that must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long an answer is waited for where the gateway may be waiting for more.
const MOMENT: Duration = Duration::from_millis(250);

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// The code of the problem document, else that of x-ca; else the beginning of the text, in brackets.
    pub(super) code: String,
}

/// What came of a sample.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) replies: Vec<Reply>,
    /// It was sent again, since the connection that it was sent on had been closed before.
    pub(super) is_resent: bool,
    /// Nothing came and nothing was closed for as long as there was patience.
    pub(super) is_silent: bool,
}

/// A client with the connection that it keeps.
pub(super) struct Client {
    host: String,
    kept: Option<Connection>,
}

struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    pub(super) fn new(host: &str) -> Self {
        Self { host: host.to_owned(), kept: None }
    }

    /// Sends a sample and reads its answers.
    pub(super) fn send(&mut self, sample: &Sample) -> io::Result<Outcome> {
        let mut outcome = Outcome::default();
        if let Some(mut kept) = self.kept.take_if(|_| sample.ends == Ends::Kept) {
            if self.exchange(&mut kept, sample, &mut outcome)? {
                self.kept = Some(kept);
            }
            if !outcome.replies.is_empty() || outcome.is_silent {
                return Ok(outcome);
            }
            outcome.is_resent = true;
        }
        let mut connection = Connection { stream: TcpStream::connect(&self.host)?, received: Vec::new() };
        connection.stream.set_nodelay(true)?;
        connection.stream.set_write_timeout(Some(PATIENCE))?;
        if self.exchange(&mut connection, sample, &mut outcome)? && sample.ends == Ends::Kept {
            self.kept = Some(connection);
        }
        Ok(outcome)
    }

    /// Sends a sample on `connection`; whether that can be used again.
    fn exchange(&self, connection: &mut Connection, sample: &Sample, outcome: &mut Outcome) -> io::Result<bool> {
        let patience = if sample.ends == Ends::Unsure { MOMENT } else { PATIENCE };
        connection.stream.set_read_timeout(Some(patience))?;
        // Who answers before it has read everything may close its side first.
        let sent = connection.stream.write_all(&sample.bytes);
        if sample.ends == Ends::BrokenOff {
            connection.stream.shutdown(Shutdown::Write).ok();
        }
        let is_head = sample.bytes.starts_with(b"HEAD ");
        let mut is_waiting = sample.ends == Ends::Unsure;
        while outcome.replies.len() < sample.answers {
            match connection.reply(is_head) {
                Ok(Some((reply, is_last))) => {
                    outcome.replies.push(reply);
                    if is_last {
                        return Ok(false);
                    }
                }
                Ok(None) => return Ok(false),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if !is_waiting {
                        outcome.is_silent = true;
                        return Ok(false);
                    }
                    is_waiting = false;
                    connection.stream.shutdown(Shutdown::Write).ok();
                    connection.stream.set_read_timeout(Some(PATIENCE))?;
                }
                Err(_) => return Ok(false),
            }
        }
        Ok(sent.is_ok() && connection.received.is_empty())
    }
}

impl Connection {
    /// Reads more; whether there was any.
    fn more(&mut self) -> io::Result<bool> {
        let mut part = [0; 8192];
        let length = self.stream.read(&mut part)?;
        self.received.extend_from_slice(&part[..length]);
        Ok(length > 0)
    }

    /// Reads an answer, and says whether the connection ends with it. `None` when it ended before.
    fn reply(&mut self, is_head: bool) -> io::Result<Option<(Reply, bool)>> {
        loop {
            let mut fields = [httparse::EMPTY_HEADER; 200];
            let mut head = httparse::Response::new(&mut fields);
            let parsed = head.parse(&self.received).map_err(io::Error::other)?;
            let httparse::Status::Complete(length) = parsed else {
                if !self.more()? {
                    return Ok(None);
                }
                continue;
            };
            let status = head.code.unwrap_or_default();
            let field = |name: &str| {
                let field = head.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
                field.map(|field| String::from_utf8_lossy(field.value).into_owned())
            };
            let xca = field("x-ca-error-code").unwrap_or_default();
            let is_chunked = field("transfer-encoding").is_some();
            let announced: Option<usize> = field("content-length").and_then(|value| value.parse().ok());
            let closes = field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
            self.received.drain(..length);
            if (100..200).contains(&status) && status != 101 {
                continue;
            }
            let has_none = is_head || matches!(status, 101 | 204 | 304);
            let body = match announced {
                _ if has_none => Vec::new(),
                _ if is_chunked => self.chunks()?,
                Some(length) => self.take(length)?,
                None => {
                    while self.more()? {}
                    std::mem::take(&mut self.received)
                }
            };
            let is_last = closes || status == 101 || (announced.is_none() && !is_chunked && !has_none);
            return Ok(Some((Reply { status, code: code(&body, &xca) }, is_last)));
        }
    }

    /// Reads `length` bytes, or what comes of them.
    fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.received.len() < length && self.more()? {}
        Ok(self.received.drain(..length.min(self.received.len())).collect())
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            match httparse::parse_chunk_size(&self.received).map_err(|_| io::Error::other("not a chunk"))? {
                httparse::Status::Partial if self.more()? => {}
                httparse::Status::Partial => return Ok(body),
                httparse::Status::Complete((start, size)) => {
                    self.take(start)?;
                    let size = usize::try_from(size).map_err(io::Error::other)?;
                    let chunk = self.take(size + 2)?;
                    body.extend_from_slice(&chunk[..size.min(chunk.len())]);
                    if size == 0 {
                        return Ok(body);
                    }
                }
            }
        }
    }
}

fn code(body: &[u8], xca: &str) -> String {
    let problem: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    match problem["code"].as_str() {
        Some(code) => code.to_owned(),
        None if !xca.is_empty() => xca.to_owned(),
        None => format!("[{}]", String::from_utf8_lossy(&body[..body.len().min(48)]).escape_default()),
    }
}
