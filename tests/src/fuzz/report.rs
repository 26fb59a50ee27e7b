//! What came of the requests, in numbers, and each fault with the bytes that made it.
//!
//! Invariant: every fault is counted; of each kind some are shown, as text from which the bytes can be made again.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::wire::Reply;
use crate::Runtime;

/// Faults that are there today, and are to be mended: they are counted, shown, and fail nothing.
const KNOWN: [(Runtime, &str, &str); 2] = [
    // workerd itself answers: its HTTP server knows no `connect` that a Worker could take.
    (Runtime::Workers, "answered above 499 without a fault of the upstream", "the method CONNECT"),
    // Spin's host hands over each chunk by itself, and no component can ask for more at once.
    (Runtime::Spin, "too much processor time", "chunks of one byte"),
];

/// How many faults of one kind are shown for a shape.
const SHOWN: u64 = 2;

/// How many bytes of a request are shown.
const SHOWN_BYTES: usize = 1_500;

/// One answer of so many may be that it cannot be decided now.
const UNDECIDED: u64 = 100;

/// The numbers.
#[derive(Debug)]
pub(super) struct Report {
    runtime: Runtime,
    /// How many requests reached the upstream.
    pub(super) forwarded: u64,
    /// How many answers were that it could not be decided now.
    pub(super) undecided: u64,
    sent: u64,
    resent: u64,
    unanswered: u64,
    replies: BTreeMap<Reply, u64>,
    shapes: BTreeMap<&'static str, BTreeMap<u16, u64>>,
    faults: BTreeMap<(String, String), u64>,
    shown: Vec<String>,
    dear: BTreeSet<&'static str>,
}

impl Report {
    /// One of nothing yet, on `runtime`.
    pub(super) const fn new(runtime: Runtime) -> Self {
        Self {
            runtime,
            forwarded: 0,
            undecided: 0,
            sent: 0,
            resent: 0,
            unanswered: 0,
            replies: BTreeMap::new(),
            shapes: BTreeMap::new(),
            faults: BTreeMap::new(),
            shown: Vec::new(),
            dear: BTreeSet::new(),
        }
    }

    fn is_known(&self, what: &str, shape: &str) -> bool {
        KNOWN.contains(&(self.runtime, what, shape))
    }

    /// Counts the answers to one sample.
    pub(super) fn count(&mut self, shape: &'static str, replies: &[Reply], is_resent: bool) {
        self.sent += 1;
        self.resent += u64::from(is_resent);
        self.unanswered += u64::from(replies.is_empty());
        let statuses = self.shapes.entry(shape).or_default();
        if replies.is_empty() {
            *statuses.entry(0).or_default() += 1;
        }
        for reply in replies {
            *statuses.entry(reply.status).or_default() += 1;
            *self.replies.entry(reply.clone()).or_default() += 1;
        }
    }

    /// Notes a fault, with the bytes that made it where they are known.
    pub(super) fn fault(&mut self, what: &str, shape: &str, said: &str, bytes: &[u8]) {
        let count = self.faults.entry((what.to_owned(), shape.to_owned())).or_default();
        *count += 1;
        if *count <= SHOWN {
            let cut = if bytes.len() > SHOWN_BYTES { format!("… ({} bytes)", bytes.len()) } else { String::new() };
            let bytes = bytes[..bytes.len().min(SHOWN_BYTES)].escape_ascii();
            let said: String = said.chars().take(SHOWN_BYTES).collect();
            self.shown.push(format!("{what} ({shape}): {said}\n    {bytes}{cut}"));
            println!("fuzz: {}", self.shown.last().map_or("", String::as_str));
        }
    }

    /// Notes a shape that costs too much.
    pub(super) fn dear(&mut self, shape: &'static str, said: &str, bytes: &[u8]) {
        self.dear.insert(shape);
        self.fault("too much processor time", shape, said, bytes);
    }

    /// Whether this shape is known to cost too much.
    pub(super) fn has_dear(&self, shape: &str) -> bool {
        self.dear.contains(shape)
    }

    /// Judges what may happen, but not often.
    pub(super) fn bound(&mut self) {
        if self.undecided * UNDECIDED > self.sent {
            self.fault("too often not decided", "all", &format!("{} of {}", self.undecided, self.sent), &[]);
        }
        if self.resent * UNDECIDED > self.sent {
            self.fault(
                "too often closed between two requests",
                "all",
                &format!("{} of {}", self.resent, self.sent),
                &[],
            );
        }
    }

    /// Whether there is no fault but those that are known.
    pub(super) fn is_clean(&self) -> bool {
        self.faults.keys().all(|(what, shape)| self.is_known(what, shape))
    }

    /// In a few words.
    pub(super) fn progress(&self) -> String {
        let faults: u64 = self.faults.values().sum();
        format!("{} sent, {} forwarded, {faults} faults", self.sent, self.forwarded)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, {} without an answer, {} sent again", self.progress(), self.unanswered, self.resent)?;
        writeln!(f, "answers:")?;
        for (reply, count) in &self.replies {
            writeln!(f, "  {count:>8}  {} {}", reply.status, reply.code)?;
        }
        writeln!(f, "by shape, and 0 where none came:")?;
        for (shape, statuses) in &self.shapes {
            let statuses: Vec<_> = statuses.iter().map(|(status, count)| format!("{status}: {count}")).collect();
            writeln!(f, "  {shape:<40} {}", statuses.join(", "))?;
        }
        for ((what, shape), count) in &self.faults {
            let word = if self.is_known(what, shape) { "KNOWN FAULT" } else { "FAULT" };
            writeln!(f, "{word} {what} ({shape}): {count} times")?;
        }
        for shown in &self.shown {
            writeln!(f, "  {shown}")?;
        }
        Ok(())
    }
}
