//! The upstream of the fuzz: it answers every request by 200 and writes down which one it was.
//!
//! Invariant: it reads requests strictly, so what a gateway forwards in a form that servers read in two ways is noted as a fault.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use anyhow::{Context, Result, ensure};

use super::draft::{MARK, Marker, Tied};
use crate::call::told;

/// A request that arrived.
#[derive(Debug, Clone)]
pub(super) struct Forward {
    /// What arrived; of a body that broke off, what came of it.
    pub(super) what: Tied,
    /// The values of all fields that any server could take for the one that names the account.
    pub(super) accounts: Vec<String>,
    /// Whether the body came to its end.
    pub(super) is_whole: bool,
}

/// What has arrived since it was last asked for.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) forwards: HashMap<Marker, Vec<Forward>>,
    /// Those with no marker, or with two that differ.
    pub(super) unmarked: Vec<Forward>,
    /// Requests that are not what a strict server takes, in words.
    pub(super) ambiguous: Vec<String>,
}

#[derive(Default)]
struct Book {
    seen: Seen,
    /// The first lines of those that are under way, by their numbers.
    open: HashMap<u64, String>,
    /// How many there were.
    count: u64,
}

/// The upstream. It runs until the process ends.
pub(super) struct Origin {
    pub(super) address: String,
    book: Arc<Mutex<Book>>,
}

impl Origin {
    pub(super) fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("the origin cannot listen")?;
        let address = format!("http://{}", listener.local_addr()?);
        let book: Arc<Mutex<Book>> = Arc::default();
        let shared = Arc::clone(&book);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let book = Arc::clone(&shared);
                // An error is a connection that the gateway closed.
                thread::spawn(move || drop(serve(&stream, &book)));
            }
        });
        Ok(Self { address, book })
    }

    /// Whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        lock(&self.book).open.is_empty()
    }

    /// The first lines of the requests that are under way. They are not waited for again.
    pub(super) fn forget_open(&self) -> Vec<String> {
        lock(&self.book).open.drain().map(|(_, line)| line).collect()
    }

    /// Takes what has arrived.
    pub(super) fn take(&self) -> Seen {
        std::mem::take(&mut lock(&self.book).seen)
    }
}

fn lock(book: &Mutex<Book>) -> std::sync::MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes a request that has begun; its number.
fn begun(book: &Mutex<Book>, line: &str) -> u64 {
    let mut book = lock(book);
    book.count += 1;
    let number = book.count;
    book.open.insert(number, line.trim_end().to_owned());
    number
}

fn serve(mut stream: &TcpStream, book: &Mutex<Book>) -> Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let number = begun(book, &text(&line));
        let taken = take(&mut reader, &text(&line));
        let mut book = lock(book);
        book.open.remove(&number);
        let (marker, forward) = match taken {
            Ok(taken) => taken,
            Err(error) => {
                book.seen.ambiguous.push(format!("{}: {error:#}", text(&line).trim_end()));
                return Ok(());
            }
        };
        let (is_head, is_whole) = (forward.what.method == "HEAD", forward.is_whole);
        match marker {
            Some(marker) => book.seen.forwards.entry(marker).or_default().push(forward),
            None => book.seen.unmarked.push(forward),
        }
        drop(book);
        if !is_whole {
            return Ok(());
        }
        let body = if is_head { "" } else { "ok" };
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{body}")?;
    }
}

/// Reads the rest of the request that begins with `line`.
fn take(reader: &mut impl BufRead, line: &str) -> Result<(Option<Marker>, Forward)> {
    let mut words = line.trim_end().split(' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let (method, target) = (method.unwrap_or_default().to_owned(), target.unwrap_or_default().to_owned());
    ensure!(version == Some("HTTP/1.1") && words.next().is_none(), "not a request line");
    let (mut lengths, mut codings, mut marks, mut accounts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    loop {
        let mut field = Vec::new();
        ensure!(reader.read_until(b'\n', &mut field)? > 0, "the head broke off");
        let field = text(&field);
        let field = field.strip_suffix("\r\n").context("a line that does not end in CR LF")?;
        if field.is_empty() {
            break;
        }
        let (name, value) = field.split_once(':').context("a line without a colon")?;
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        ensure!(!name.is_empty() && name.bytes().all(is_token), "a field is called {name:?}");
        ensure!(!value.contains(['\r', '\0']), "a control character in {field:?}");
        let (name, value) = (name.to_ascii_lowercase(), value.trim().to_owned());
        match name.as_str() {
            "content-length" => lengths.push(value),
            "transfer-encoding" => codings.push(value),
            MARK => marks.extend(Marker::read(&value)),
            // Programs behind a server get names with `-`, `_` and `.` all as `_`.
            name if name.replace(['_', '.'], "-").starts_with("farebox") => {
                accounts.push(told(&value, "account").map_or_else(|| format!("{name}: {value}"), str::to_owned));
            }
            _ => {}
        }
    }
    ensure!(lengths.len() + codings.len() < 2, "lengths {lengths:?} and codings {codings:?}");
    let mut body = Vec::new();
    let is_whole = match (lengths.first(), codings.first()) {
        (Some(length), _) => read(reader, length.parse().context("a length that is no number")?, &mut body),
        (None, Some(coding)) => {
            ensure!(coding.eq_ignore_ascii_case("chunked"), "coded as {coding:?}");
            chunks(reader, &mut body)
        }
        (None, None) => true,
    };
    marks.extend(marked(&target));
    let marker = marks.first().copied().filter(|first| marks.iter().all(|other| other == first));
    Ok((marker, Forward { what: Tied { method, target, body }, accounts, is_whole }))
}

/// The markers in a target.
pub(super) fn marked(target: &str) -> impl Iterator<Item = Marker> {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    query.split('&').filter_map(|pair| Marker::read(pair.strip_prefix("m=")?))
}

/// Reads so many bytes; whether they all came.
fn read(reader: &mut impl Read, length: u64, body: &mut Vec<u8>) -> bool {
    reader.take(length).read_to_end(body).is_ok_and(|read| read as u64 == length)
}

/// Reads a body in chunks; whether it came to its end.
fn chunks(reader: &mut impl BufRead, body: &mut Vec<u8>) -> bool {
    loop {
        let mut size = String::new();
        if reader.read_line(&mut size).is_err() {
            return false;
        }
        let Ok(size) = u64::from_str_radix(size.trim(), 16) else { return false };
        let mut end = Vec::new();
        if !read(reader, size, body) || !read(reader, 2, &mut end) {
            return false;
        }
        if size == 0 {
            return true;
        }
    }
}

/// Bytes as text, one character each.
fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}
