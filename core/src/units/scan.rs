//! A scan over documents of JSON (RFC 8259) for the numbers at some pointers.
//!
//! Invariant: it looks at each byte once and remembers only where it is. What is no JSON is not read until the scan begins anew.

use super::{DEEPEST, LONGEST_NAME};

/// The longest number that is read, in bytes: more digits are no count.
const LONGEST_NUMBER: usize = 32;

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// A value, or the end of an array that has none.
    Value,
    /// A name of an object, or its end.
    Name,
    /// A name, in its quotes.
    InName { escaped: bool },
    /// The colon after a name.
    Colon,
    /// A text, in its quotes.
    Text { escaped: bool },
    /// A number.
    Number,
    /// `true`, `false` or `null`.
    Word,
    /// What follows a value within an array or an object.
    After,
    /// What is no JSON.
    Broken,
}

/// An array or an object that the scan is in.
#[derive(Debug, Clone, Copy)]
struct Frame {
    is_array: bool,
    /// The place in an array.
    place: u64,
    /// A bit for each pointer that leads through it.
    through: u8,
}

/// The scan.
#[derive(Debug)]
pub(super) struct Scan {
    pointers: Vec<Vec<String>>,
    found: Vec<Option<u64>>,
    at: At,
    frames: Vec<Frame>,
    /// A bit for each pointer that leads to the value that comes, or through it.
    here: u8,
    /// The name or the number that is read.
    read: Vec<u8>,
}

impl Scan {
    /// A scan for the numbers at these pointers, eight at most.
    pub(super) fn new(pointers: Vec<Vec<String>>) -> Self {
        let found = vec![None; pointers.len()];
        let mut scan = Self { pointers, found, at: At::Value, frames: Vec::new(), here: 0, read: Vec::new() };
        scan.begin_anew();
        scan
    }

    /// The last number at each pointer.
    pub(super) fn found(&self) -> &[Option<u64>] {
        &self.found
    }

    /// Begins another document. What was found stays.
    pub(super) fn begin_anew(&mut self) {
        self.frames.clear();
        self.read.clear();
        (self.at, self.here) = (At::Value, u8::MAX);
    }

    pub(super) fn read(&mut self, piece: &[u8]) {
        let mut left = piece;
        while let Some(byte) = left.first().copied() {
            let passed = match self.at {
                At::Broken => return,
                At::Text { escaped: false } => {
                    // Most of an answer is text, and nothing in it counts.
                    match left.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
                        None => return,
                        Some(at) => {
                            self.at = if left[at] == b'"' { self.after() } else { At::Text { escaped: true } };
                            at + 1
                        }
                    }
                }
                At::Number if is_of_number(byte) => {
                    self.keep(byte, LONGEST_NUMBER);
                    1
                }
                At::Number => {
                    self.end_number();
                    0
                }
                At::Word if byte.is_ascii_lowercase() => 1,
                At::Word => {
                    self.at = self.after();
                    0
                }
                _ => {
                    self.at = self.step(byte);
                    1
                }
            };
            left = &left[passed..];
        }
    }

    /// What comes after one byte where the scan is not in the middle of a text, a number or a word.
    fn step(&mut self, byte: u8) -> At {
        let is_space = matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        match (self.at, byte) {
            (At::Text { .. }, _) => At::Text { escaped: false },
            (At::InName { escaped: false }, b'"') => {
                self.end_name();
                At::Colon
            }
            (At::InName { escaped }, _) => {
                self.keep(byte, LONGEST_NAME);
                At::InName { escaped: !escaped && byte == b'\\' }
            }
            (at, _) if is_space => at,
            (At::Value, b'{' | b'[') => self.open(byte == b'['),
            (At::Value, b'"') => At::Text { escaped: false },
            (At::Value, b'-' | b'0'..=b'9') => {
                self.read.clear();
                self.keep(byte, LONGEST_NUMBER);
                At::Number
            }
            (At::Value, b't' | b'f' | b'n') => At::Word,
            (At::Value | At::After, b']') => self.close(true),
            (At::Name | At::After, b'}') => self.close(false),
            (At::Name, b'"') => {
                self.read.clear();
                At::InName { escaped: false }
            }
            (At::Colon, b':') => At::Value,
            (At::After, b',') => self.next(),
            _ => At::Broken,
        }
    }

    /// Where the scan is once a value has ended: in what holds it, or before the next document.
    fn after(&mut self) -> At {
        if self.frames.is_empty() {
            self.here = u8::MAX;
            return At::Value;
        }
        At::After
    }

    fn open(&mut self, is_array: bool) -> At {
        if self.frames.len() == DEEPEST {
            return At::Broken;
        }
        self.frames.push(Frame { is_array, place: 0, through: self.here });
        if is_array {
            self.here = self.through("0");
            At::Value
        } else {
            At::Name
        }
    }

    fn close(&mut self, is_array: bool) -> At {
        match self.frames.pop() {
            Some(frame) if frame.is_array == is_array => self.after(),
            _ => At::Broken,
        }
    }

    fn next(&mut self) -> At {
        let Some(frame) = self.frames.last_mut() else { return At::Broken };
        if !frame.is_array {
            return At::Name;
        }
        frame.place += 1;
        let place = frame.place;
        self.here = if frame.through == 0 { 0 } else { self.through(&place.to_string()) };
        At::Value
    }

    /// The pointers that lead through the innermost array or object and on by `token`.
    fn through(&self, token: &str) -> u8 {
        let Some(frame) = self.frames.last() else { return 0 };
        let depth = self.frames.len() - 1;
        let leads = |pointer: &[String]| pointer.get(depth).is_some_and(|name| name == token);
        let bits = self.pointers.iter().enumerate().filter(|(_, pointer)| leads(pointer)).map(|(at, _)| 1 << at);
        frame.through & bits.fold(0, |all: u8, bit: u8| all | bit)
    }

    fn keep(&mut self, byte: u8, most: usize) {
        if self.read.len() <= most {
            self.read.push(byte);
        }
    }

    fn end_name(&mut self) {
        let leads_on = self.frames.last().is_some_and(|frame| frame.through != 0) && self.read.len() <= LONGEST_NAME;
        let quoted = || [b"\"", self.read.as_slice(), b"\""].concat();
        let name = leads_on.then(|| serde_json::from_slice::<String>(&quoted()).ok()).flatten();
        self.here = name.map_or(0, |name| self.through(&name));
    }

    fn end_number(&mut self) {
        let number = (self.read.len() <= LONGEST_NUMBER).then(|| whole(&self.read)).flatten();
        let depth = self.frames.len();
        for (at, pointer) in self.pointers.iter().enumerate() {
            if self.here & (1 << at) != 0 && pointer.len() == depth && number.is_some() {
                self.found[at] = number;
            }
        }
        self.at = self.after();
    }
}

const fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')
}

/// A number that is whole, and not below nothing; also where a program writes `12.0` for 12.
fn whole(number: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(number).ok()?;
    let (digits, fraction) = text.split_once('.').unwrap_or((text, ""));
    fraction.bytes().all(|digit| digit == b'0').then(|| digits.parse().ok()).flatten()
}
