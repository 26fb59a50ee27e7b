//! HTTP as bytes: a request goes out as it was written, and the answer comes back as it came in.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context, Result, bail};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer as a client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Names in lower case, and values, in the order of names; several of one name in the order they came.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// Sends `request` to `gateway` (scheme and authority), which must ask for the connection to be closed after the answer.
pub(super) fn exchange(gateway: &str, request: &[u8]) -> Result<Answer> {
    let address = gateway.strip_prefix("http://").context("not http")?;
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // Who answers before it has read everything may close its side first.
    let sent = stream.write_all(request);
    let mut received = Vec::new();
    match stream.read_to_end(&mut received) {
        Err(error) if error.kind() == ErrorKind::ConnectionReset && !received.is_empty() => {}
        result => drop(result.context("no answer")?),
    }
    if received.is_empty() {
        sent?;
        bail!("the connection was closed without an answer");
    }
    parse(&received, request.starts_with(b"HEAD "))
}

fn parse(received: &[u8], is_head: bool) -> Result<Answer> {
    let mut fields = [httparse::EMPTY_HEADER; 100];
    let mut head = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(length) = head.parse(received)? else { bail!("half a head") };
    let status = head.code.context("no status")?;
    let field = |field: &httparse::Header<'_>| {
        (field.name.to_ascii_lowercase(), field.value.iter().map(|byte| char::from(*byte)).collect::<String>())
    };
    let mut headers: Vec<_> = head.headers.iter().map(field).collect();
    headers.sort_by(|one, other| one.0.cmp(&other.0));
    let rest = &received[length..];
    if status == 100 {
        return parse(rest, is_head);
    }
    let is = |name: &str, value: &str| headers.iter().any(|(have, is)| have == name && is.eq_ignore_ascii_case(value));
    let body = match is("transfer-encoding", "chunked") && !is_head {
        true => unchunked(rest)?,
        false => rest.to_vec(),
    };
    Ok(Answer { status, headers, body })
}

fn unchunked(mut rest: &[u8]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let httparse::Status::Complete((start, size)) =
            httparse::parse_chunk_size(rest).map_err(|_| anyhow::anyhow!("not a chunk"))?
        else {
            bail!("the answer broke off after {} bytes", body.len());
        };
        let size = usize::try_from(size)?;
        if size == 0 {
            return Ok(body);
        }
        body.extend_from_slice(rest.get(start..start + size).context("the answer broke off")?);
        rest = rest.get(start + size + 2..).context("the answer broke off")?;
    }
}
