//! Path patterns, and the one form of a path by which patterns and requests are compared.
//!
//! Two spellings of a path that RFC 3986 (section 6.2.2) calls equivalent are one: `%e6` and `%E6`, `%7E` and `~`, and a
//! character that may not stand in a path and its encoding. A reserved character and its encoding are two, so `%2F` is never a
//! slash. Invariant: a pattern that was read takes at least one path that reaches a router. No runtime changes such a path or
//! keeps it for itself.

use std::{borrow::Cow, cmp::Reverse};

/// As many segments as a pattern has at most. It bounds how deep a look-up goes.
const MOST_SEGMENTS: usize = 100;

/// What a segment of a pattern takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// Its own text, and nothing else.
    Text(String),
    /// More than one text.
    Open(Parameter),
}

/// A parameter, and the text around it within its segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parameter {
    before: String,
    after: String,
    /// Whether it takes all that follows, slashes too, and also nothing.
    pub(super) is_rest: bool,
}

impl Parameter {
    /// By this, the more specific of two parameters comes first: more text before it, then `{name}` before `{*name}`, then
    /// more text after it. Two that take the same text differ in one of these.
    pub(super) fn order(&self) -> impl Ord + '_ {
        (Reverse(self.before.len()), self.is_rest, Reverse(self.after.len()), &self.before, &self.after)
    }

    /// Whether it takes `path`: one segment, or for `{*name}` all that is left of the path.
    pub(super) fn takes(&self, path: &str) -> bool {
        // Most have no text around them, and comparing no bytes costs more than not comparing.
        let fits_before = self.before.is_empty() || path.starts_with(&self.before);
        if self.is_rest {
            return fits_before;
        }
        let fits_after = || {
            let is_there = path.ends_with(&self.after);
            is_there && !splits_a_triplet(path.as_bytes(), path.len() - self.after.len())
        };
        path.len() > self.before.len() + self.after.len() && fits_before && (self.after.is_empty() || fits_after())
    }
}

/// Whether `at` is within a percent-encoded byte, which no text of a pattern may begin in: `{x}F` does not take `%2F`.
fn splits_a_triplet(path: &[u8], at: usize) -> bool {
    path[at.saturating_sub(2)..at].contains(&b'%')
}

/// The segments of a pattern.
///
/// # Errors
/// Why it cannot be read, or can take no path.
pub(super) fn read(pattern: &str) -> Result<Vec<Segment>, &'static str> {
    let Some(inner) = pattern.strip_prefix('/') else { return Err("a path must begin with a slash") };
    if pattern.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '\\')) {
        return Err(
            "no path has spaces, control characters or any of ? # \\ in it: write them percent-encoded, and leave \
            out the query",
        );
    }
    let texts: Vec<&str> = inner.split('/').collect();
    if texts.len() > MOST_SEGMENTS {
        return Err("a path can have 100 segments at most");
    }
    let segments: Result<Vec<_>, _> = texts.iter().map(|text| segment(text)).collect();
    let segments = segments?;
    if segments.iter().rev().skip(1).any(|segment| matches!(segment, Segment::Open(open) if open.is_rest)) {
        return Err(REST_NOT_LAST);
    }
    if matches!(segments.first(), Some(Segment::Text(text)) if text == OWN) {
        return Err("everything under /_farebox/ belongs to the gateway");
    }
    Ok(segments)
}

/// The first segment of the gateway's own paths.
const OWN: &str = "_farebox";

/// Whether a path, in its one form and without its first slash, is of the gateway's own.
pub(super) fn is_own(inner: &str) -> bool {
    inner.strip_prefix(OWN).is_some_and(|left| left.is_empty() || left.starts_with('/'))
}

const REST_NOT_LAST: &str = "a parameter like {*rest} must be the end of the path";

const NOT_A_PARAMETER: &str = "a parameter must look like {name} or {*name}; write {{ and }} for plain braces";

fn segment(text: &str) -> Result<Segment, &'static str> {
    let (mut before, mut current, mut is_rest) = (None, String::new(), false);
    let mut left = text;
    while let Some(at) = left.find(['{', '}']) {
        let (plain, from) = left.split_at(at);
        current.push_str(plain);
        if from.starts_with("{{") || from.starts_with("}}") {
            current.push_str(&from[..1]);
            left = &from[2..];
            continue;
        }
        let (name, after) = from.strip_prefix('{').and_then(|inner| inner.split_once('}')).ok_or(NOT_A_PARAMETER)?;
        let star = name.strip_prefix('*');
        // Other routers write greedy parameters so, and regular expressions.
        if star.unwrap_or(name).is_empty() || star.unwrap_or(name).contains(['{', '*', '+', ':']) {
            return Err(NOT_A_PARAMETER);
        }
        if before.is_some() {
            return Err("a segment between slashes can hold only one parameter");
        }
        (before, is_rest, left) = (Some(std::mem::take(&mut current)), star.is_some(), after);
    }
    current.push_str(left);
    let Some(before) = before else {
        let text = literal(&current)?;
        if matches!(text.as_str(), "." | "..") {
            return Err("clients resolve . and .. before they send a path: this one would never match");
        }
        return Ok(Segment::Text(text));
    };
    if is_rest && !current.is_empty() {
        return Err(REST_NOT_LAST);
    }
    Ok(Segment::Open(Parameter { before: literal(&before)?, after: literal(&current)?, is_rest }))
}

/// A text of a pattern in the form by which it is compared.
fn literal(text: &str) -> Result<String, &'static str> {
    let bytes = text.as_bytes();
    let is_broken = |(at, byte): (usize, &u8)| *byte == b'%' && encoded(&bytes[at..]).is_none();
    if bytes.iter().enumerate().any(is_broken) {
        return Err("a % must be followed by two hexadecimal digits: write %25 for a percent sign");
    }
    Ok(canonical(text).into_owned())
}

/// A path in the form by which it is compared (RFC 3986, sections 3.3 and 6.2.2). Unreserved characters stay as they are, and
/// every other byte that may not stand in a path is percent-encoded with capitals. What stands so already is not copied.
pub(super) fn canonical(path: &str) -> Cow<'_, str> {
    let Some(first) = path.bytes().position(|byte| !STANDS[usize::from(byte)]) else { return Cow::Borrowed(path) };
    let mut out = String::with_capacity(path.len() + 8);
    out.push_str(&path[..first]);
    let bytes = path.as_bytes();
    let mut at = first;
    while at < bytes.len() {
        let decoded = encoded(&bytes[at..]);
        let byte = decoded.unwrap_or(bytes[at]);
        at += if decoded.is_some() { 3 } else { 1 };
        // A reserved character that is encoded means something else than itself.
        let stays = if decoded.is_some() { is_unreserved(byte) } else { STANDS[usize::from(byte)] };
        if stays {
            out.push(char::from(byte));
        } else {
            out.extend(['%', hex(byte >> 4), hex(byte & 15)]);
        }
    }
    Cow::Owned(out)
}

/// The byte that a text begins with percent-encoded; `None` when it begins otherwise.
fn encoded(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = text else { return None };
    let (high, low) = (char::from(*high).to_digit(16)?, char::from(*low).to_digit(16)?);
    u8::try_from(high * 16 + low).ok()
}

fn hex(digit: u8) -> char {
    char::from(b"0123456789ABCDEF"[usize::from(digit)])
}

const fn is_unreserved(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~')
}

/// Per byte, whether it stands in a path as itself. A table, because every call's path is looked through.
const STANDS: [bool; 256] = {
    let (mut stands, mut byte) = ([false; 256], 0_u8);
    while byte < 128 {
        let is_other = matches!(byte, b'/' | b':' | b'@' | b'!' | b'$' | b'&'..=b',' | b';' | b'=');
        stands[byte as usize] = is_other || is_unreserved(byte);
        byte += 1;
    }
    stands
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equivalent_spellings_have_one_form() {
        for (spelled, form) in [
            ("/a/b.c-d_e~f", "/a/b.c-d_e~f"),
            ("/%61%7e%7E%2d", "/a~~-"),
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("/caf\u{e9}", "/caf%C3%A9"),
            ("/a^b|{c}[d]\"<`>", "/a%5Eb%7C%7Bc%7D%5Bd%5D%22%3C%60%3E"),
            ("/a%2fb%2F", "/a%2Fb%2F"),
            ("/:%3a;%3B=%3D'", "/:%3A;%3B=%3D'"),
            ("/100%", "/100%25"),
            ("/%%32F%g1%", "/%252F%25g1%25"),
        ] {
            assert_eq!(canonical(spelled), form);
            assert!(matches!(canonical(form), Cow::Borrowed(_)) || form.contains('%'), "{form} is copied");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_form_is_its_own_form(path in "(%[0-9a-fA-F]{0,2}|\\PC){0,12}") {
            let form = canonical(&path).into_owned();
            proptest::prop_assert_eq!(canonical(&form), form.clone());
            let is_plain = form.is_ascii() && !form.contains(['^', '{', '}', ' ']);
            proptest::prop_assert!(is_plain, "{}", form);
        }
    }

    #[test]
    fn patterns_that_cannot_be_read_are_refused() {
        for (pattern, reason) in [
            ("", "begin with a slash"),
            ("a", "begin with a slash"),
            ("/{}", "{name}"),
            ("/{a", "{name}"),
            ("/a}", "{name}"),
            ("/{a{b}}", "{name}"),
            ("/{*}", "{name}"),
            ("/{proxy+}", "{name}"),
            ("/{+name}", "{name}"),
            ("/{name:.*}", "{name}"),
            ("/{a}{b}", "only one parameter"),
            ("/{*rest}/a", "the end of the path"),
            ("/{*rest}a", "the end of the path"),
            ("/%zz", "hexadecimal"),
            ("/a%{x}41", "hexadecimal"),
        ] {
            let said = read(pattern).expect_err(pattern);
            assert!(said.contains(reason), "{pattern}: {said}");
        }
        assert!(read(&"/a".repeat(MOST_SEGMENTS)).is_ok());
        assert!(read(&"/a".repeat(MOST_SEGMENTS + 1)).is_err());
    }

    #[test]
    fn patterns_that_can_take_no_path_are_refused() {
        for pattern in [
            "/a?b",
            "/a#b",
            "/a b",
            "/a\tb",
            "/a\n",
            "/a\u{a0}b",
            "/a\\b",
            "/a/../b",
            "/./a",
            "/a/..",
            "/%2e%2E/a",
            "/a/.%2e",
            "/%2e",
            "/_farebox",
            "/_farebox/admin",
            "/%5Ffarebox/{id}",
            "/_fareb%6Fx/{*rest}",
        ] {
            assert!(read(pattern).is_err(), "{pattern}");
        }
        for pattern in [
            "/",
            "//",
            "/a//b",
            "/a/",
            "/_fareboxes",
            "/a/_farebox",
            "/...",
            "/.a",
            "/{x}.",
            "/a%20b",
            "/a%2F..",
            "/{user-id}",
        ] {
            assert!(read(pattern).is_ok(), "{pattern}");
        }
    }
}
