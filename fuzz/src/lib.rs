//! How the fuzz targets make their inputs: what is right, changed in a few places.
//!
//! Random bytes never get past the first check of a reader. A document that is right but for a few bytes gets far. That holds
//! also where no coverage guides the fuzzer, as in the tests on stable Rust. Invariant: an input depends on what the fuzzer gives
//! and on nothing else, so each can be had again by its seed.

use std::ops::Bound;

use bolero::{Driver, TypeGenerator};

/// How many places are changed at most.
const CHANGES: usize = 8;

/// Some changes of a text or of bytes.
#[derive(Debug, Clone)]
pub struct Changes(Vec<Change>);

/// One change. Places are parts of the whole in 65,536ths, so that they fit whatever is changed.
#[derive(Debug, Clone, TypeGenerator)]
enum Change {
    /// Another byte in a place.
    Replace(u16, u8),
    /// One bit the other way.
    Flip(u16, u8),
    /// A byte more.
    Insert(u16, u8),
    /// Something that means something to one of the readers.
    InsertToken(u16, u8),
    /// What stands in a place once more in another.
    Copy(u16, u8, u16),
    /// Nothing in some bytes' place.
    Cut(u16, u8),
    /// No more behind a place.
    End(u16),
}

/// What readers look for.
const TOKENS: [&str; 24] = [
    "\n",
    "\r\n",
    ": ",
    "\"",
    "=",
    "&",
    ";",
    ",",
    "%00",
    "%2F",
    "%",
    "+",
    "-1",
    "0",
    "99999999999999999999999999",
    "1e309",
    "\u{fffd}",
    "é",
    "[",
    "{",
    "/..",
    "//",
    "$ref",
    "sha-256=:",
];

impl TypeGenerator for Changes {
    fn generate<D: Driver>(driver: &mut D) -> Option<Self> {
        let count = driver.gen_usize(Bound::Included(&0), Bound::Included(&CHANGES))?;
        (0..count).map(|_| Change::generate(driver)).collect::<Option<_>>().map(Self)
    }
}

impl Changes {
    /// The bytes of `whole` with the changes.
    pub fn of(&self, whole: &[u8]) -> Vec<u8> {
        self.0.iter().fold(whole.to_vec(), |bytes, change| change.of(bytes))
    }

    /// The same of a text. What is no text any more is made one.
    pub fn of_text(&self, whole: &str) -> String {
        String::from_utf8_lossy(&self.of(whole.as_bytes())).into_owned()
    }
}

impl Change {
    fn of(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        let place = |part: u16| bytes.len() * usize::from(part) / (usize::from(u16::MAX) + 1);
        match *self {
            Self::Replace(at, byte) => {
                let at = place(at);
                bytes.splice(at..(at + 1).min(bytes.len()), [byte]);
            }
            Self::Flip(at, bit) => {
                let at = place(at);
                bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (bit % 8));
            }
            Self::Insert(at, byte) => bytes.insert(place(at), byte),
            Self::InsertToken(at, token) => {
                let (at, token) = (place(at), TOKENS[usize::from(token) % TOKENS.len()]);
                bytes.splice(at..at, token.bytes());
            }
            Self::Copy(from, length, to) => {
                let (from, to) = (place(from), place(to));
                let piece = bytes[from..(from + usize::from(length)).min(bytes.len())].to_vec();
                bytes.splice(to..to, piece);
            }
            Self::Cut(at, length) => {
                let at = place(at);
                bytes.drain(at..(at + usize::from(length)).min(bytes.len()));
            }
            Self::End(at) => bytes.truncate(place(at)),
        }
        bytes
    }
}
