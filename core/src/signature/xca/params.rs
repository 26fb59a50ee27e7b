//! The parameters in the string to sign: query and form together, sorted, each name once.
//!
//! The clients disagree on which value of a name counts and on how an empty one looks. Each disagreement that a public client has
//! is a [`Dialect`]. Invariant: the dialects are a fixed list, and the parameters are counted before they are taken apart. So a
//! request costs work and memory by its length, however it is made.

use std::{borrow::Cow, cmp::Ordering};

use percent_encoding::percent_decode;
use url::form_urlencoded;

use crate::rejection::Rejection;

/// The most parameters of query and form together.
const MOST_PARAMS: usize = 2_048;

/// Parameters sorted by name; of one name those of the form first, each part in the order sent.
pub(super) struct Params<'a>(Vec<Param<'a>>);

struct Param<'a> {
    name: Cow<'a, str>,
    value: Cow<'a, str>,
    in_form: bool,
}

/// How a client writes parameters into its string to sign.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    /// Whether the query is signed as it stands in the URL instead of decoded.
    pub(super) raw_query: bool,
    /// Where the value of a name that stands in query and form is taken from.
    wins: Wins,
    /// What a name that comes several times counts as.
    repeated: Repeated,
    /// Which values leave no more than the name, without `=`.
    bare: Bare,
}

#[derive(Debug, Clone, Copy)]
enum Wins {
    Form,
    Query,
}

#[derive(Debug, Clone, Copy)]
enum Repeated {
    First,
    Joined,
}

#[derive(Debug, Clone, Copy)]
enum Bare {
    Never,
    Empty,
    Blank,
    Falsy,
}

impl Dialect {
    /// What the documents say and most clients do.
    pub(super) const DOCUMENTED: Self =
        Self { raw_query: false, wins: Wins::Form, repeated: Repeated::First, bare: Bare::Empty };

    /// All that are in use, the more usual first.
    pub(super) const ALL: [Self; 8] = [
        Self::DOCUMENTED,
        // Node turns the values of a repeated name into one text, joined by commas.
        Self { repeated: Repeated::Joined, ..Self::DOCUMENTED },
        // .NET writes the `=` of an empty value.
        Self { bare: Bare::Never, ..Self::DOCUMENTED },
        // Higress does too, and lets the query win.
        Self { bare: Bare::Never, wins: Wins::Query, ..Self::DOCUMENTED },
        // Alibaba's own older servers let the query win.
        Self { wins: Wins::Query, ..Self::DOCUMENTED },
        // Java takes a value of white space for an empty one.
        Self { bare: Bare::Blank, ..Self::DOCUMENTED },
        // Older Java and Python clients do not decode the query.
        Self { raw_query: true, bare: Bare::Blank, ..Self::DOCUMENTED },
        // Older Node clients take 0 and false for empty.
        Self { repeated: Repeated::Joined, bare: Bare::Falsy, ..Self::DOCUMENTED },
    ];
}

/// Refuses a request with too many parameters, by counting what separates them.
pub(super) fn check_number(query: Option<&str>, form: &[u8]) -> Result<(), Rejection> {
    let separators = |encoded: &[u8]| encoded.iter().filter(|byte| **byte == b'&').count();
    if separators(query.unwrap_or_default().as_bytes()) + separators(form) >= MOST_PARAMS {
        return Err(Rejection::RequestMalformed("query and form have more than 2,048 parameters"));
    }
    Ok(())
}

/// Whether query and form are text: of bytes that are not UTF-8 many decode to the same U+FFFD.
///
/// # Errors
///
/// That they are not, in words.
pub(super) fn check_text(query: Option<&str>, form: &[u8]) -> Result<(), &'static str> {
    let is_text = |encoded: &[u8]| percent_decode(encoded).decode_utf8().is_ok();
    if is_text(query.unwrap_or_default().as_bytes()) && is_text(form) {
        return Ok(());
    }
    Err("a parameter is not in UTF-8, and this product takes only what is signed whole")
}

impl<'a> Params<'a> {
    /// Reads the query and the body of a form. Both are decoded as the URL standard says: `+` is a space, and bytes that are not
    /// UTF-8 become U+FFFD. A query that is to stay raw is not.
    pub(super) fn read(query: Option<&'a str>, form: &'a [u8], raw_query: bool) -> Self {
        let form = form_urlencoded::parse(form).map(|(name, value)| Param { name, value, in_form: true });
        let mut params: Vec<_> = form.collect();
        let query = query.unwrap_or_default();
        if raw_query {
            params.extend(query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Param { name: name.into(), value: value.into(), in_form: false }
            }));
        } else {
            let query = form_urlencoded::parse(query.as_bytes());
            params.extend(query.map(|(name, value)| Param { name, value, in_form: false }));
        }
        params.sort_by(|a, b| utf16_order(&a.name, &b.name));
        Self(params)
    }

    /// Whether no other parameters are written the same. Each name must come once, as all but its first value are left out.
    /// Neither name nor value may hold what separates them. The text then reads back in one way.
    ///
    /// # Errors
    ///
    /// Why others are, in words.
    pub(super) fn check_unique(&self) -> Result<(), &'static str> {
        if self.0.windows(2).any(|two| two[0].name == two[1].name) {
            return Err("a parameter comes twice, and only its first value is signed: this product takes a name once");
        }
        let is_plain = |param: &Param<'_>| {
            !param.name.contains(|c: char| matches!(c, '&' | '=' | '#' | ';') || c.is_control())
                && !param.value.contains('&')
        };
        if !self.0.iter().all(is_plain) {
            return Err(
                "a parameter's name has one of & = # ; in it or its value has &, so the signature would hold for other \
                parameters too: send it in a body with a digest, or sign by RFC 9421",
            );
        }
        Ok(())
    }

    /// Appends `?k1=v1&k2=v2`, or nothing when there are no parameters.
    pub(super) fn write(&self, text: &mut String, dialect: Dialect) {
        let mut separator = '?';
        for same_name in self.0.chunk_by(|a, b| a.name == b.name) {
            text.push(separator);
            separator = '&';
            text.push_str(&same_name[0].name);
            dialect.write_value(text, same_name);
        }
    }
}

/// The order of UTF-16 units, by which Java, Node and .NET compare. That of UTF-8's bytes is another only where one text goes
/// on beyond U+FFFF, which UTF-16 writes in units below U+E000.
fn utf16_order(a: &str, b: &str) -> Ordering {
    let rank = |byte: u8| match byte {
        0xEE | 0xEF => (true, byte),
        _ => (false, byte),
    };
    match a.bytes().zip(b.bytes()).find(|(a, b)| a != b) {
        Some((a, b)) => rank(a).cmp(&rank(b)),
        None => a.len().cmp(&b.len()),
    }
}

impl Dialect {
    fn write_value(self, text: &mut String, same_name: &[Param<'_>]) {
        let (form, query) = same_name.split_at(same_name.partition_point(|param| param.in_form));
        let values = match self.wins {
            Wins::Form if form.is_empty() => query,
            Wins::Query if !query.is_empty() => query,
            Wins::Form | Wins::Query => form,
        };
        let name_ends = text.len();
        let mut separator = '=';
        for param in values {
            text.push(separator);
            text.push_str(&param.value);
            separator = ',';
            if matches!(self.repeated, Repeated::First) {
                break;
            }
        }
        let value = &text[name_ends + 1..];
        let is_bare = match self.bare {
            Bare::Never => false,
            Bare::Empty => value.is_empty(),
            Bare::Blank => value.trim().is_empty(),
            Bare::Falsy => matches!(value, "" | "0" | "false"),
        };
        if is_bare {
            text.truncate(name_ends);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The parameters of a query, and how they are written; `None` when others are written the same.
    fn unique(pairs: &[(String, String)]) -> Option<(Vec<(String, String)>, String)> {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let params = Params::read(Some(&query), &[], false);
        params.check_unique().ok()?;
        let mut text = String::new();
        params.write(&mut text, Dialect::DOCUMENTED);
        let mut pairs = pairs.to_vec();
        pairs.sort();
        Some((pairs, text))
    }

    proptest! {
        #[test]
        fn parameters_that_are_unique_are_written_as_no_others_are(
            a in prop::collection::vec(("[ab&=]{0,2}", "[ab&=?]{0,3}"), 0..3),
            b in prop::collection::vec(("[ab&=]{0,2}", "[ab&=?]{0,3}"), 0..3),
        ) {
            if let (Some(a), Some(b)) = (unique(&a), unique(&b)) {
                prop_assert_eq!(a.0 == b.0, a.1 == b.1, "{} {}", a.1, b.1);
            }
        }

        #[test]
        fn names_stand_in_the_order_of_utf16(a in "[a\u{7ff}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}]{0,3}", b in "[a\u{7ff}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}]{0,3}") {
            prop_assert_eq!(utf16_order(&a, &b), a.encode_utf16().cmp(b.encode_utf16()));
        }
    }
}
