//! The string to sign, and the other forms of it that clients make of the same request.
//!
//! It has two parts: the head (method, four fixed headers, the signed headers), which ends with a line feed, and the
//! resource (path and parameters). Invariant: two requests that differ in what is signed never give the same string by
//! moving text from one line to another: header names are tokens, header values hold no line feed, the path starts with
//! a slash. What the scheme itself cannot tell apart, such as `%41` and `A` in a parameter, stays so.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::{
    Claim,
    params::{Dialect, Params},
};
use crate::{request::Facts, signature::as_sent};

/// Headers that stand in lines of their own or hold the signature.
const NEVER_LISTED: [&str; 6] =
    ["x-ca-signature", "x-ca-signature-headers", "accept", "content-md5", "content-type", "date"];

/// A request as far as its string to sign depends on it. `form` is empty unless the body is a form.
#[derive(Clone, Copy)]
pub(super) struct Canonical<'r, 'a> {
    pub(super) claim: &'r Claim<'a>,
    pub(super) facts: &'r Facts<'a>,
    pub(super) form: &'r [u8],
}

/// How the lines of the signed headers stand.
#[derive(Clone, Copy)]
enum HeaderLines {
    /// Names and order as listed: what most clients do.
    Listed,
    /// Sorted by name: Java, whose list may be in another order than its lines.
    Sorted,
    /// Sorted, names in lower case: Higress, however they are listed.
    SortedLower,
}

/// The names of the signed headers, as the caller wrote them in its list.
pub(super) fn signed_names(list: &str) -> impl Iterator<Item = &str> {
    let is_listed = |name: &&str| is_token(name) && !NEVER_LISTED.iter().any(|never| never.eq_ignore_ascii_case(name));
    list.split(',').map(str::trim_ascii).filter(is_listed)
}

/// Whether `name` may name a header field (RFC 9110, section 5.6.2).
fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

impl Canonical<'_, '_> {
    /// The documented form.
    pub(super) fn documented(&self) -> String {
        let mut text = String::with_capacity(512);
        self.write_head(&mut text, HeaderLines::Listed);
        text.push_str(self.facts.path);
        if self.facts.query.is_some() || !self.form.is_empty() {
            Params::read(self.facts.query, self.form, false).write(&mut text, Dialect::DOCUMENTED);
        }
        text
    }

    /// The different heads that clients make of this request, the documented one first.
    pub(super) fn heads(&self) -> Vec<String> {
        distinct([HeaderLines::Listed, HeaderLines::Sorted, HeaderLines::SortedLower].map(|lines| {
            let mut text = String::new();
            self.write_head(&mut text, lines);
            text
        }))
    }

    /// The different resources that clients make of this request, the documented one first.
    pub(super) fn resources(&self) -> Vec<String> {
        let decoded = Params::read(self.facts.query, self.form, false);
        let raw = Params::read(self.facts.query, self.form, true);
        let paths = [Some(Cow::Borrowed(self.facts.path)), decoded_path(self.facts.path).map(Cow::Owned)];
        let dialects = [Dialect::DOCUMENTED].into_iter().chain(Dialect::OTHERS);
        distinct(paths.into_iter().flatten().flat_map(|path| {
            let (decoded, raw) = (&decoded, &raw);
            dialects.clone().map(move |dialect| {
                let mut text = path.clone().into_owned();
                if dialect.raw_query { raw } else { decoded }.write(&mut text, dialect);
                text
            })
        }))
    }

    fn write_head(&self, text: &mut String, lines: HeaderLines) {
        text.extend(self.facts.method.chars().map(|c| c.to_ascii_uppercase()));
        let claim = self.claim;
        for value in [claim.accept, claim.content_md5, claim.signed_type(), claim.date] {
            text.push('\n');
            text.push_str(&as_sent(value));
        }
        text.push('\n');
        let names = signed_names(claim.signed_headers);
        match lines {
            HeaderLines::Listed => names.for_each(|name| self.write_header(text, name)),
            HeaderLines::Sorted => {
                let mut names: Vec<_> = names.collect();
                names.sort_unstable();
                names.iter().for_each(|name| self.write_header(text, name));
            }
            HeaderLines::SortedLower => {
                let mut names: Vec<_> = names.map(str::to_ascii_lowercase).collect();
                names.sort_unstable();
                names.iter().for_each(|name| self.write_header(text, name));
            }
        }
    }

    /// Appends the line of a signed header; one that did not come counts as empty.
    fn write_header(&self, text: &mut String, name: &str) {
        let found = self.facts.headers.iter().find(|(have, _)| have.eq_ignore_ascii_case(name));
        text.push_str(name);
        text.push(':');
        text.push_str(&as_sent(found.map_or("", |(_, value)| value)));
        text.push('\n');
    }
}

/// The path percent-decoded, which some clients sign; `None` when that is no other text, or when the text could also be
/// that of another path: with a further slash, percent sign, question mark or control character.
fn decoded_path(path: &str) -> Option<String> {
    let decoded = percent_decode_str(path).decode_utf8().ok().filter(|decoded| decoded != path)?;
    let is_ambiguous = decoded.contains(|c: char| matches!(c, '%' | '?' | '#') || c.is_control())
        || decoded.matches('/').count() != path.matches('/').count();
    (!is_ambiguous).then(|| decoded.into_owned())
}

/// Without those that came before.
fn distinct(texts: impl IntoIterator<Item = String>) -> Vec<String> {
    texts.into_iter().fold(Vec::new(), |mut seen, text| {
        if !seen.contains(&text) {
            seen.push(text);
        }
        seen
    })
}
