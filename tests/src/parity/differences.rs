//! What two answers to the same request may differ in. ARCHITECTURE.md lists the same, with the reasons.

use std::{collections::BTreeMap, sync::LazyLock};

use regex_lite::{Captures, Regex};

use super::wire::Answer;

/// Requests that only one of the runtimes hands to the gateway, or hands over with something missing.
pub(super) const APART: [&str; 7] = [
    "method BREW",
    "method get",
    "a method of nobody",
    "hop by hop",
    "no chunk",
    "two hosts",
    "a host with a colon too many",
];

/// Header fields that belong to the server in front of the gateway and to its connection, not to the answer.
const SERVERS_OWN: [&str; 5] = ["connection", "date", "keep-alive", "proxy-authenticate", "server"];

/// What is new in each answer, or a matter of its runtime, and what stands in its place.
static NEW: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        // Ids of requests: by the edge, and by the admin API.
        (r"\b[0-9a-hjkmnp-tv-z]{13}-[0-9a-f]+\b", "REQUEST"),
        (r"req_[0-9a-z]{16}", "REQUEST"),
        // When: of an entry, of a signature, and what is derived from either.
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
        (r"(created|expires)=\d+", "$1=TIME"),
        (r"farebox=:[A-Za-z0-9+/=]+:", "farebox=:SIGNATURE:"),
        (r#""(hash|prev)":"[^"]+""#, "\"$1\":\"HASH\""),
        // What is left, as far as the instance that answers knows.
        (r#"(ratelimit[a-z-]*: "[^"]+");[rq]=\d+"#, "$1;LEFT"),
        // Where a page ends, in the words of the store.
        (r#""cursor":"[^"]+""#, "\"cursor\":\"CURSOR\""),
    ]
    .into_iter()
    .map(|(pattern, place)| (Regex::new(pattern).expect("the patterns are ours"), place))
    .collect()
});

/// An answer as text, without what may differ.
pub(super) fn shown(answer: Answer, is_head: bool) -> String {
    let Answer { status, headers, body } = answer;
    if status == 400 && !headers.iter().any(|(name, _)| name == "farebox-request-id" || name == "x-ca-request-id") {
        return "400, by the server in front".to_owned();
    }
    // Several fields of one name mean the same as one with all values (RFC 9110, section 5.3), but for this one.
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers.into_iter().filter(|(name, _)| !SERVERS_OWN.contains(&name.as_str())) {
        let value = match name.as_str() {
            // Of a text that is compared below, where some of it may differ in length.
            "content-length" if is_head || value == body.len().to_string() => "RIGHT".to_owned(),
            _ => value,
        };
        let separator = if name == "set-cookie" { "\nset-cookie: " } else { ", " };
        fields.entry(name).and_modify(|all| *all = format!("{all}{separator}{value}")).or_insert(value);
    }
    let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    let body = match String::from_utf8(body) {
        Ok(text) if text.len() > 20_000 => format!("{} … {} bytes", &text[..100], text.len()),
        Ok(text) => text,
        Err(bytes) => format!("{:?}", bytes.as_bytes()),
    };
    NEW.iter().fold(format!("{status}\n{fields}\n{body}"), |text, (pattern, place)| {
        let in_place = |found: &Captures<'_>| {
            let mut whole = String::new();
            found.expand(place, &mut whole);
            whole
        };
        pattern.replace_all(&text, in_place).into_owned()
    })
}
