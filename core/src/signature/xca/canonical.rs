//! The string to sign, and the other forms of it that clients make of the same request.
//!
//! It has two parts: the head (method, four fixed headers, the signed headers), which ends with a line feed, and the resource
//! (path and parameters). Invariant: no text can move from one line of the string to another. Header names are tokens, header
//! values hold no line feed, and the path starts with a slash. So two requests that differ in what is signed give two strings.
//! What the scheme itself cannot tell apart, such as `%41` and `A` in a parameter, stays so.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::{
    Claim,
    params::{self, Dialect, Params},
};
use crate::{rejection::Rejection, request::Facts, signature::as_sent};

/// The most names that `X-Ca-Signature-Headers` may list: each is looked for among the fields.
const MOST_LISTED: usize = 64;

/// How many bytes of other forms than the documented one are made of a request. A request whose string to sign is of up to
/// 16 KiB is looked at in all of them.
const MOST_OF_OTHERS: usize = 256 << 10;

/// Headers that stand in lines of their own or hold the signature.
const NEVER_LISTED: [&str; 6] =
    ["x-ca-signature", "x-ca-signature-headers", "accept", "content-md5", "content-type", "date"];

/// A request as far as its string to sign depends on it. `form` is empty unless the body is a form.
#[derive(Clone, Copy)]
pub(super) struct Canonical<'r, 'a> {
    pub(super) claim: &'r Claim<'a>,
    pub(super) facts: &'r Facts<'a>,
    pub(super) form: &'r [u8],
    /// Whether nothing may be left unsigned.
    pub(super) strict: bool,
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

/// Refuses a list that is too long, or that names a field twice: its value would stand in the string as often.
pub(super) fn check_list(list: &str) -> Result<(), Rejection> {
    if list.split(',').nth(MOST_LISTED).is_some() {
        return Err(Rejection::HeadTooLarge("X-Ca-Signature-Headers lists more than 64 names"));
    }
    let names: Vec<_> = signed_names(list).collect();
    let repeats = |(at, name): (usize, &&str)| names[..at].iter().any(|before| before.eq_ignore_ascii_case(name));
    if names.iter().enumerate().any(repeats) {
        return Err(Rejection::RequestMalformed("X-Ca-Signature-Headers lists a name twice"));
    }
    Ok(())
}

/// Whether `name` may name a header field (RFC 9110, section 5.6.2).
fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

impl Canonical<'_, '_> {
    /// The documented form.
    ///
    /// # Errors
    ///
    /// Why it would also be that of another request, in words, where nothing may be left unsigned.
    pub(super) fn documented(&self) -> Result<String, &'static str> {
        let mut text = String::with_capacity(512);
        self.write_head(&mut text, HeaderLines::Listed);
        text.push_str(self.facts.path);
        if self.facts.query.is_some() || !self.form.is_empty() {
            let params = Params::read(self.facts.query, self.form, false);
            if self.strict {
                params::check_text(self.facts.query, self.form)?;
                params.check_unique()?;
            }
            params.write(&mut text, Dialect::DOCUMENTED);
        }
        Ok(text)
    }

    /// The different heads that clients make of this request, the documented one first.
    pub(super) fn heads(&self) -> Vec<String> {
        let mut texts = Vec::new();
        for lines in [HeaderLines::Listed, HeaderLines::Sorted, HeaderLines::SortedLower] {
            let mut text = String::new();
            self.write_head(&mut text, lines);
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        texts
    }

    /// The different resources that clients make of this request, the more usual first, as many as [`MOST_OF_OTHERS`] allows.
    pub(super) fn resources(&self) -> Vec<String> {
        let decoded = Params::read(self.facts.query, self.form, false);
        let raw = Params::read(self.facts.query, self.form, true);
        let (mut texts, mut made) = (Vec::new(), 0);
        for path in [Some(Cow::Borrowed(self.facts.path)), decoded_path(self.facts.path).map(Cow::Owned)] {
            let Some(path) = path else { continue };
            for dialect in Dialect::ALL {
                let mut text = path.clone().into_owned();
                if dialect.raw_query { &raw } else { &decoded }.write(&mut text, dialect);
                made += text.len();
                if made > MOST_OF_OTHERS {
                    return texts;
                }
                if !texts.contains(&text) {
                    texts.push(text);
                }
            }
        }
        texts
    }

    fn write_head(&self, text: &mut String, lines: HeaderLines) {
        // As it goes on: a method's case is a part of it (RFC 9110, section 9.1).
        text.push_str(self.facts.method);
        let claim = self.claim;
        for value in [claim.accept, claim.content_md5, claim.signed_type(self.strict), claim.date] {
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

    /// Appends the line of a signed header. One that did not come counts as empty. Several of a name are joined as the platforms
    /// join them (RFC 9110, section 5.3).
    fn write_header(&self, text: &mut String, name: &str) {
        text.push_str(name);
        let named = self.facts.headers.iter().filter(|(have, _)| have.eq_ignore_ascii_case(name));
        let mut separator = ":";
        for (_, value) in named {
            text.push_str(separator);
            text.push_str(&as_sent(value));
            separator = ", ";
        }
        text.push_str(if separator == ":" { ":\n" } else { "\n" });
    }
}

/// The path percent-decoded, which some clients sign; `None` when that is no other text. Also when the text could be that of
/// another path: with a further slash, percent sign, question mark or control character.
fn decoded_path(path: &str) -> Option<String> {
    let decoded = percent_decode_str(path).decode_utf8().ok().filter(|decoded| decoded != path)?;
    let is_ambiguous = decoded.contains(|c: char| matches!(c, '%' | '?' | '#') || c.is_control())
        || decoded.matches('/').count() != path.matches('/').count();
    (!is_ambiguous).then(|| decoded.into_owned())
}
