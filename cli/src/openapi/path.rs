//! From a path of a document to the patterns that a route can have for it, from the narrowest to the widest.
//!
//! Invariant: every pattern takes every path that the document's template stands for; where it takes more, that is said.

use std::fmt::Write;

/// Words that stand behind the colon of a parameter for one segment, in the routers of many frameworks.
const SEGMENT_TYPES: [&str; 24] = [
    "str", "string", "int", "integer", "int32", "int64", "long", "short", "number", "num", "float", "double",
    "decimal", "bool", "boolean", "uuid", "guid", "ulid", "slug", "alpha", "alnum", "date", "datetime", "hex",
];

/// A path of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    /// The patterns to try, each at least as wide as the one before it; never empty.
    pub(super) patterns: Vec<String>,
    /// Why already the first pattern takes more than the template, or reads it otherwise; empty where it does not.
    pub(super) wider: Vec<&'static str>,
    /// Whether already the first pattern takes a segment whole that holds more than one parameter.
    pub(super) is_whole: bool,
    /// Paths that the template stands for, as a caller would send them.
    pub(super) samples: Vec<String>,
}

#[derive(Debug)]
enum Part {
    Fixed(String),
    Parameter(Parameter),
}

#[derive(Debug)]
struct Parameter {
    name: String,
    /// Whether it may stand for more than one segment.
    greedy: bool,
}

/// The pieces of a path while it is read.
#[derive(Default)]
struct Reading {
    segments: Vec<Vec<Part>>,
    wider: Vec<&'static str>,
}

impl Template {
    /// Reads a path. `reserved` are the parameters that the document lets hold slashes.
    pub(super) fn read(stated: &str, reserved: &[String]) -> Self {
        let mut reading = Reading { segments: vec![Vec::new()], wider: Vec::new() };
        let mut rest = stated.strip_prefix('/').unwrap_or(stated);
        while let Some(c) = rest.chars().next() {
            let after = &rest[c.len_utf8()..];
            rest = match c {
                '?' | '#' => {
                    reading.remark(if c == '?' { QUERY } else { "a fragment is never sent" });
                    ""
                }
                '/' => {
                    reading.segments.push(Vec::new());
                    after
                }
                '{' => match closing(after) {
                    Some((inside, after)) => {
                        reading.parameter(inside, reserved);
                        after
                    }
                    None => reading.fixed(c, after),
                },
                _ => reading.fixed(c, after),
            };
        }
        reading.finish()
    }
}

const QUERY: &str = "a route takes every query";

impl Reading {
    fn remark(&mut self, why: &'static str) {
        if !self.wider.contains(&why) {
            self.wider.push(why);
        }
    }

    fn push(&mut self, part: Part) {
        if let Some(segment) = self.segments.last_mut() {
            segment.push(part);
        }
    }

    /// Takes a character as clients send it, and gives back what comes after it.
    fn fixed<'a>(&mut self, c: char, after: &'a str) -> &'a str {
        if matches!(c, '{' | '}') {
            self.remark("a brace without its other one is taken as text");
        }
        let escaped = after.get(..2).filter(|hex| c == '%' && hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let (text, after) = match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if is_unreserved(byte) => (char::from(byte).to_string(), &after[2..]),
            Some(byte) => (format!("%{byte:02X}"), &after[2..]),
            None => (sent(c), after),
        };
        match self.segments.last_mut().and_then(|segment| segment.last_mut()) {
            Some(Part::Fixed(fixed)) => fixed.push_str(&text),
            _ => self.push(Part::Fixed(text)),
        }
        after
    }

    /// Takes what stands between two braces.
    fn parameter(&mut self, inside: &str, reserved: &[String]) {
        let bare = if inside.starts_with('{') { inside.trim_matches(['{', '}']) } else { inside };
        if bare.len() != inside.len() {
            self.remark("braces within braces are one parameter");
        }
        if bare.starts_with(['?', '&']) {
            return self.remark(QUERY);
        }
        if bare.starts_with('#') {
            return self.remark("a fragment is never sent");
        }
        let (name, constraint) = match bare.find([':', '=']) {
            Some(at) => (&bare[..at], Some(&bare[at + 1..])),
            None => (bare, None),
        };
        let stem = name.trim_start_matches(['+', '*', '/', ';', '.']).trim_end_matches("...");
        let stem = stem.trim_end_matches(['+', '*', '?']);
        let marked = name.starts_with(['+', '*', '/']) || name.ends_with(['+', '*']) || name.ends_with("...");
        let greedy = marked || constraint.is_some_and(may_hold_slash) || reserved.iter().any(|name| name == bare);
        if name.ends_with('?') || name.starts_with('/') {
            self.remark("the parameter may be left out, and such calls have no route");
        } else if constraint.is_some_and(|constraint| !matches!(constraint, "path" | ".*" | "**")) {
            self.remark("a route holds a parameter to no form");
        } else if !stem.chars().all(|c| c.is_alphanumeric() || " _-.$@~[]".contains(c)) {
            self.remark("a route has plain names for its parameters");
        }
        let name: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let name = if name.is_empty() { "param".to_owned() } else { name };
        self.push(Part::Parameter(Parameter { name, greedy }));
    }

    fn finish(mut self) -> Template {
        let greedy_at = self.segments.iter().position(|segment| segment.iter().any(is_greedy));
        let is_exact = greedy_at.is_none_or(|at| at + 1 == self.segments.len() && self.segments[at].len() == 1);
        if !is_exact {
            self.remark("a parameter of several segments can only be the whole end of a route");
        }
        let mut patterns = Vec::new();
        let mut offer = |pattern: String| {
            if !patterns.contains(&pattern) {
                patterns.push(pattern);
            }
        };
        let segments = greedy_at.map_or(&self.segments[..], |at| &self.segments[..at]);
        let written = |write: fn(&[Part]) -> String, segments: &[Vec<Part>]| {
            segments.iter().map(|segment| format!("/{}", write(segment))).collect::<String>()
        };
        let end = if greedy_at.is_some() { "/{*rest}" } else { "" };
        let is_whole = segments.iter().any(|segment| parameters(segment) > 1);
        offer(written(as_stated, segments) + end);
        offer(written(as_whole, segments) + end);
        for at in (0..segments.len()).rev().filter(|at| parameters(&segments[*at]) > 0) {
            offer(written(as_whole, &segments[..at]) + "/{*rest}");
        }
        let samples = match greedy_at {
            Some(_) => vec![self.sample("0fbx"), self.sample("0fbx/0fby")],
            None => vec![self.sample("")],
        };
        Template { patterns, wider: self.wider, is_whole, samples }
    }

    /// A path that it stands for, with `greedy` in place of a parameter of several segments.
    fn sample(&self, greedy: &str) -> String {
        let mut path = String::new();
        for segment in &self.segments {
            path.push('/');
            for part in segment {
                match part {
                    Part::Fixed(text) => path.push_str(text),
                    Part::Parameter(parameter) if parameter.greedy => path.push_str(greedy),
                    Part::Parameter(_) => {
                        let _ = write!(path, "0fbx{}", path.len());
                    }
                }
            }
        }
        path
    }
}

/// A pattern with what its parameters are called left out: those that read the same take the same paths.
pub(super) fn anonymous(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut pieces = pattern.split('{');
    out.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (name, after) = piece.split_once('}').unwrap_or((piece, ""));
        out.push_str(if name.starts_with('*') { "{*}" } else { "{}" });
        out.push_str(after);
    }
    out
}

/// What stands before the brace that closes, and what comes after it.
fn closing(text: &str) -> Option<(&str, &str)> {
    let mut open = 1;
    for (at, byte) in text.bytes().enumerate() {
        open += match byte {
            b'{' => 1,
            b'}' => -1,
            _ => 0,
        };
        if open == 0 {
            return Some((&text[..at], &text[at + 1..]));
        }
    }
    // One that is never closed within itself ends with the first one that closes.
    text.split_once('}').filter(|(inside, _)| !inside.contains('{'))
}

/// Whether a parameter that is held to this form may have a slash in it. What is not known may.
fn may_hold_slash(constraint: &str) -> bool {
    let lower = constraint.to_ascii_lowercase();
    if SEGMENT_TYPES.contains(&lower.as_str()) {
        return false;
    }
    if constraint.contains("**") || constraint == "*" {
        return true;
    }
    if lower.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return true;
    }
    // A regular expression: what takes no slash by itself is put aside, and nothing that may take one must be left.
    let mut left = constraint.to_owned();
    for segment in ["[^/]", "[^/.]", "[^\\/]", "\\d", "\\w", "\\.", "\\-"] {
        left = left.replace(segment, "0");
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-[]()+*?|,{}$~@%!:=".contains(c);
    !left.trim_start_matches('^').chars().all(is_plain)
}

fn is_greedy(part: &Part) -> bool {
    matches!(part, Part::Parameter(parameter) if parameter.greedy)
}

fn parameters(segment: &[Part]) -> usize {
    segment.iter().filter(|part| matches!(part, Part::Parameter(_))).count()
}

/// A segment as it is; from its first parameter to its last one is one parameter: `v{x}-{y}.json` is `v{x}.json`.
fn as_stated(segment: &[Part]) -> String {
    let is_open = |part: &Part| matches!(part, Part::Parameter(_));
    let (first, last) = (segment.iter().position(is_open), segment.iter().rposition(is_open));
    let part = |(at, part): (usize, &Part)| match part {
        Part::Parameter(parameter) if Some(at) == first => format!("{{{}}}", parameter.name),
        Part::Fixed(text) if first.is_none_or(|first| at < first) || last.is_some_and(|last| at > last) => text.clone(),
        _ => String::new(),
    };
    segment.iter().enumerate().map(part).collect()
}

/// A segment that holds a parameter beside something else taken whole: `{name}.json` is `{name}`.
fn as_whole(segment: &[Part]) -> String {
    let first = segment.iter().find_map(|part| match part {
        Part::Parameter(parameter) => Some(format!("{{{}}}", parameter.name)),
        Part::Fixed(_) => None,
    });
    first.unwrap_or_else(|| as_stated(segment))
}

/// A character of a path as a client sends it (RFC 3986, section 3.3).
fn sent(c: char) -> String {
    let mut buffer = [0; 4];
    let bytes = c.encode_utf8(&mut buffer).bytes();
    let is_kept = |byte: u8| is_unreserved(byte) || b"!$&'()*+,;=:@".contains(&byte);
    let one = |byte: u8| if is_kept(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    bytes.map(one).collect()
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}
