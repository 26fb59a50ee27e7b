//! The signature base (RFC 9421, section 2.5): one line per component, and one that says which they are.
//!
//! Invariant: text cannot move from one line to another, because neither a URL nor a header value holds a line feed. A component
//! without a value is an error, never an empty line.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sfv::{FieldType, List, ListEntry, Parser};
use url::form_urlencoded;

use super::{
    claim::{Signature, dictionary},
    component::{Component, Form},
};
use crate::{request::Facts, signature::as_sent};

/// How many bytes are looked through for one base: one field can have many members, and each is looked for anew.
const MOST_LOOKED_THROUGH: usize = 128 << 10;

/// How the value of `@query-param` is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// As the RFC has it (section 2.2.8).
    Form,
    /// By JavaScript's `encodeURIComponent`: npm's `http-message-signatures`.
    UriComponent,
}

const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');
const URI_COMPONENT: &AsciiSet = &FORM.remove(b'!').remove(b'~').remove(b'\'').remove(b'(').remove(b')');

/// The base of `signature` on the request of `facts`.
///
/// # Errors
///
/// What the signature covers and the request does not have, in words.
pub(super) fn base(signature: &Signature, facts: &Facts<'_>, encoding: Encoding) -> Result<String, String> {
    let mut text = String::with_capacity(512);
    let mut looked_through = 0;
    for component in &signature.components {
        looked_through += extent(component, facts);
        if looked_through > MOST_LOOKED_THROUGH {
            return Err("it covers parts of long fields too often".to_owned());
        }
        let value = value(component, facts, encoding);
        let value = value.map_err(|why| format!("it covers {}, and {why}", component.id))?;
        text.extend([&component.id, ": ", &*value, "\n"]);
    }
    text.extend(["\"@signature-params\": ", &signature.parameters]);
    Ok(text)
}

/// How many bytes of the request are looked through for a component that is a part of something, or something rewritten.
fn extent(component: &Component, facts: &Facts<'_>) -> usize {
    let named = |name: &str| facts.headers.iter().filter(|(have, _)| *have == name).map(|(_, value)| value.len()).sum();
    match &component.form {
        Form::Plain => 0,
        Form::Param(_) => facts.query.map_or(0, str::len),
        Form::Structured | Form::Wrapped | Form::Member(_) => named(&component.name),
    }
}

/// The host that was called, in lower case, and its port where it is not the scheme's own (section 2.2.3).
pub(super) fn authority(facts: &Facts<'_>) -> String {
    let authority = facts.authority.to_ascii_lowercase();
    let port = if facts.scheme == "http" { ":80" } else { ":443" };
    match authority.strip_suffix(port) {
        Some(host) => host.to_owned(),
        None => authority,
    }
}

fn value<'f>(component: &Component, facts: &Facts<'f>, encoding: Encoding) -> Result<Cow<'f, str>, &'static str> {
    let target = || match facts.query {
        Some(query) => [facts.path, "?", query].concat(),
        None => facts.path.to_owned(),
    };
    Ok(match (component.name.as_str(), &component.form) {
        ("@method", _) => facts.method.into(),
        ("@scheme", _) => facts.scheme.into(),
        ("@authority", _) => authority(facts).into(),
        ("@path", _) => facts.path.into(),
        ("@query", _) => ["?", facts.query.unwrap_or_default()].concat().into(),
        ("@request-target", _) => target().into(),
        ("@target-uri", _) => [facts.scheme, "://", &authority(facts), &target()].concat().into(),
        ("@query-param", Form::Param(name)) => param(name, facts.query.unwrap_or_default(), encoding)?.into(),
        (name, form) => field(name, form, facts)?,
    })
}

/// A parameter of the query, which must be there once (section 2.2.8).
fn param(name: &str, query: &str, encoding: Encoding) -> Result<String, &'static str> {
    let name = percent_decode_str(name).decode_utf8_lossy();
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(have, _)| *have == name);
    match (values.next(), values.next()) {
        (Some((_, value)), None) => {
            let set = if encoding == Encoding::Form { FORM } else { URI_COMPONENT };
            Ok(utf8_percent_encode(&value, set).to_string())
        }
        (None, _) => Err("the query has no such parameter"),
        (Some(_), Some(_)) => Err("the query has this parameter more than once"),
    }
}

/// A header field: its lines joined, each without the white space around it (section 2.1).
fn field<'f>(name: &str, form: &Form, facts: &Facts<'f>) -> Result<Cow<'f, str>, &'static str> {
    let mut lines =
        facts.headers.iter().filter(|(have, _)| *have == name).map(|(_, value)| as_sent(value.trim_ascii()));
    let first = lines.next().ok_or("no such field arrived")?;
    if *form == Form::Wrapped {
        let wrap = |line: Cow<'_, str>| ListEntry::from(line.as_bytes());
        let wrapped: List = std::iter::once(first).chain(lines).map(wrap).collect();
        return Ok(wrapped.serialize().unwrap_or_default().into());
    }
    let value = lines.fold(first, |joined, line| joined + ", " + line);
    match form {
        Form::Structured => structured(name, &value).map(Cow::Owned).ok_or("it is not a structured field"),
        Form::Member(key) => member(key, &value).map(Cow::Owned).ok_or("it has no such member"),
        Form::Plain | Form::Wrapped | Form::Param(_) => Ok(value),
    }
}

/// A structured field, serialized strictly (section 2.1.1). A value alone does not show whether it is a list or a dictionary. But
/// where it reads as both, both are written the same unless a name comes twice.
fn structured(name: &str, value: &str) -> Option<String> {
    let dictionary = || dictionary(&[value]).and_then(|dictionary| dictionary.serialize());
    let list = || Parser::new(value).parse::<List>().ok().and_then(|list| list.serialize());
    if is_dictionary(name) { dictionary() } else { list().or_else(dictionary) }
}

/// The registered fields that are dictionaries and may read as lists.
fn is_dictionary(name: &str) -> bool {
    matches!(name, "priority" | "want-content-digest" | "want-repr-digest" | "content-digest" | "repr-digest")
}

/// The value of one member of a dictionary (section 2.1.2).
fn member(key: &str, value: &str) -> Option<String> {
    let member = dictionary(&[value])?.swap_remove(key)?;
    List::from([member]).serialize()
}
