//! Reading out of an answer how many units a call came to, while the answer passes.
//!
//! It reads a document of JSON, several in a row, or the events of a stream (HTML, section 9.2.6) whose data are such documents.
//! The last number at each pointer (RFC 6901) counts. Invariant: an answer is never held. It keeps one number, and the names on
//! the way to where the scan is: at most [`DEEPEST`], none longer than [`LONGEST_NAME`].

mod events;
mod scan;

use self::{events::Events, scan::Scan};

/// The field in which an upstream says how many units a call came to.
pub const FIELD: &str = "farebox-units";

/// The longest name on the way to a number, in bytes as it is spelled.
pub const LONGEST_NAME: usize = 256;

/// How deep a number may be.
pub const DEEPEST: usize = 64;

/// The most pointers of one reader: a bit for each.
pub const MOST_POINTERS: usize = 8;

/// How an answer holds its documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// As its whole body, one or several in a row.
    Documents,
    /// As the data of the events of a stream.
    Events,
}

impl Framing {
    /// The framing of an answer of this type.
    pub fn of(content_type: &str) -> Self {
        let media = content_type.split(';').next().unwrap_or_default().trim();
        if media.eq_ignore_ascii_case("text/event-stream") { Self::Events } else { Self::Documents }
    }
}

/// Reads one answer.
#[derive(Debug)]
pub struct Reader {
    scan: Scan,
    events: Option<Events>,
    weights: Vec<u64>,
}

impl Reader {
    /// A reader of the numbers at `pointers`, each of which counts as many times as stands beside it. Pointers beyond
    /// [`MOST_POINTERS`] are not read; a catalog has none.
    pub fn new(pointers: &[(String, u64)], framing: Framing) -> Self {
        let pointers = &pointers[..pointers.len().min(MOST_POINTERS)];
        let events = (framing == Framing::Events).then(Events::default);
        let scan = Scan::new(pointers.iter().map(|(pointer, _)| tokens(pointer)).collect());
        Self { scan, events, weights: pointers.iter().map(|(_, weight)| *weight).collect() }
    }

    /// Reads the next piece of the answer, cut anywhere.
    pub fn read(&mut self, piece: &[u8]) {
        match &mut self.events {
            Some(events) => events.read(piece, &mut self.scan),
            None => self.scan.read(piece),
        }
    }

    /// How many units the answer has said so far; `None` where it has not said any.
    pub fn units(&self) -> Option<u64> {
        let mut said = self.scan.found().iter().zip(&self.weights).filter_map(|(number, weight)| {
            let number = (*number)?;
            Some(number.saturating_mul(*weight))
        });
        let first = said.next()?;
        Some(said.fold(first, u64::saturating_add))
    }
}

/// What a header field says, where it is a whole number.
pub fn said(field: &str) -> Option<u64> {
    let digits = field.trim();
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// The names and places that a pointer leads through.
fn tokens(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect()
}

#[cfg(test)]
mod tests;
