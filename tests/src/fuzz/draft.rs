//! A request before it becomes bytes, and what may come of it.
//!
//! Invariant: a sample knows of every request within its bytes whether that may reach the upstream. A marker in the target and in
//! a header field of its own tells.

use anyhow::{Context, Result};
use farebox_core::{
    credential::Secret,
    request::Facts,
    signature::{Signer, rfc9421, xca},
    time::Timestamp,
};

use crate::call::Caller;

/// The header field that carries the marker too.
pub(super) const MARK: &str = "x-mark";

/// Which request of which sample: the number of the sample, its attempt, and the place in the sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Marker {
    pub(super) sample: u64,
    pub(super) attempt: u32,
    pub(super) place: u8,
}

/// How often a request may reach the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum May {
    /// Once, and it must.
    Once,
    /// At most so often.
    AtMost(u8),
    /// Not at all: nobody signed it.
    Never,
}

/// What a signature ties down: a request that is forwarded has this and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tied {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) body: Vec<u8>,
}

impl Tied {
    /// Whether both are the same request. The digits of a percent form mean the same in either case (RFC 3986, section
    /// 6.2.2.1), and x-ca signs what a parameter decodes to.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.method == other.method
            && self.body == other.body
            && upper_forms(&self.target) == upper_forms(&other.target)
    }
}

/// `target` with the digits of its percent forms in upper case.
fn upper_forms(target: &str) -> String {
    let mut digits = 0;
    target
        .chars()
        .map(|c| {
            digits = if c == '%' { 2 } else { i32::max(digits - 1, -1) };
            if digits >= 0 { c.to_ascii_uppercase() } else { c }
        })
        .collect()
}

/// A request within a sample.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) marker: Marker,
    pub(super) may: May,
    pub(super) tied: Option<Tied>,
}

/// What becomes of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// The request is whole, and the next one may follow it.
    Kept,
    /// The request is as whole as it gets: the answers are waited for on a connection of its own.
    Alone,
    /// Nobody knows whether more bytes are waited for: after a moment the writing side is closed.
    Unsure,
    /// The request breaks off: the writing side is closed at once.
    BrokenOff,
}

/// Bytes to send.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    /// What kind of request it is; the report counts by it.
    pub(super) shape: &'static str,
    pub(super) bytes: Vec<u8>,
    pub(super) ends: Ends,
    /// How many answers there are if all goes well.
    pub(super) answers: usize,
    /// Whether it may be answered by success although nothing is forwarded: what the gateway tells everybody.
    pub(super) is_open: bool,
    pub(super) claims: Vec<Claim>,
}

/// A request that can still be changed.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) version: String,
    pub(super) fields: Vec<(String, String)>,
    /// Lines of the head as they are, each with its end.
    pub(super) lines: Vec<u8>,
    pub(super) body: Vec<u8>,
    pub(super) framing: Framing,
}

/// How the end of the body is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// By its length, where it has one or the method could have one.
    Length,
    /// In chunks of so many bytes.
    Chunks(usize),
    /// By what is in the lines, or not at all.
    Given,
}

/// How a caller proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    XCa,
    Rfc9421,
    AppCode,
}

impl Marker {
    pub(super) fn text(self) -> String {
        format!("{}x{}x{}", self.sample, self.attempt, self.place)
    }

    /// Reads what `text` made, at the beginning of `text`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != 'x').unwrap_or(text.len());
        let mut numbers = text[..end].split('x');
        let (sample, attempt, place) = (numbers.next()?, numbers.next()?, numbers.next()?);
        Some(Self { sample: sample.parse().ok()?, attempt: attempt.parse().ok()?, place: place.parse().ok()? })
    }

    /// The claim of a request with this marker that ties nothing down.
    pub(super) fn may(self, may: May) -> Claim {
        Claim { marker: self, may, tied: None }
    }
}

impl Draft {
    /// A request to `host` of `target`, with its marker in both places.
    pub(super) fn new(host: &str, method: &str, target: &str, marker: Marker) -> Self {
        let marker = marker.text();
        let sign = if target.contains('?') { '&' } else { '?' };
        Self {
            method: method.to_owned(),
            target: format!("{target}{sign}m={marker}"),
            version: "HTTP/1.1".to_owned(),
            fields: vec![("host".to_owned(), host.to_owned()), (MARK.to_owned(), marker)],
            lines: Vec::new(),
            body: Vec::new(),
            framing: Framing::Length,
        }
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Puts `value` in place of that of the field `name`.
    pub(super) fn set(&mut self, name: &str, value: String) {
        for field in self.fields.iter_mut().filter(|field| field.0 == name) {
            field.1.clone_from(&value);
        }
    }

    /// The value of the field `name`; empty when there is none.
    pub(super) fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|field| field.0 == name).map_or("", |field| &field.1)
    }

    /// Signs it as it is now.
    pub(super) fn sign(&mut self, caller: &Caller, scheme: Scheme, now: Timestamp, nonce: &str) -> Result<()> {
        if scheme == Scheme::AppCode {
            self.fields.push(("authorization".to_owned(), format!("APPCODE {}", caller.app_code)));
            return Ok(());
        }
        let mut packed = format!("{}\nhttp://{}{}", self.method, self.field("host"), self.target);
        for (name, value) in &self.fields {
            packed.push_str(&format!("\n{name}: {value}"));
        }
        let facts = Facts::unpack(&packed).context("not a request")?;
        let signer = Signer { key: &caller.key, secret: &Secret::new(&*caller.secret), now, nonce };
        let signed = match scheme {
            Scheme::XCa => xca::sign(&facts, &self.body, &signer),
            _ => rfc9421::sign(&facts, &self.body, &signer),
        };
        self.fields.extend(signed.headers);
        Ok(())
    }

    /// What is tied down by a signature made now.
    pub(super) fn tied(&self) -> Tied {
        Tied { method: self.method.clone(), target: self.target.clone(), body: self.body.clone() }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} {}\r\n", self.method, self.target, self.version).into_bytes();
        for (name, value) in &self.fields {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(&self.lines);
        let takes_one = matches!(self.method.as_str(), "POST" | "PUT" | "PATCH");
        match self.framing {
            Framing::Length if takes_one || !self.body.is_empty() => {
                bytes.extend_from_slice(format!("content-length: {}\r\n", self.body.len()).as_bytes());
            }
            Framing::Chunks(_) => bytes.extend_from_slice(b"transfer-encoding: chunked\r\n"),
            Framing::Length | Framing::Given => {}
        }
        bytes.extend_from_slice(b"\r\n");
        match self.framing {
            Framing::Chunks(size) => {
                for chunk in self.body.chunks(size.max(1)) {
                    bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    bytes.extend_from_slice(chunk);
                    bytes.extend_from_slice(b"\r\n");
                }
                bytes.extend_from_slice(b"0\r\n\r\n");
            }
            Framing::Length | Framing::Given => bytes.extend_from_slice(&self.body),
        }
        bytes
    }
}

impl Sample {
    /// One request on a connection that ends as `ends` says.
    pub(super) fn one(shape: &'static str, bytes: Vec<u8>, ends: Ends, claim: Claim) -> Self {
        Self { shape, bytes, ends, answers: 1, is_open: false, claims: vec![claim] }
    }

    /// Whether nothing in it was signed by anybody.
    pub(super) fn is_unsigned(&self) -> bool {
        self.claims.iter().all(|claim| claim.may == May::Never)
    }
}
