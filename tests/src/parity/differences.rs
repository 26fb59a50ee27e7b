//! What two answers to the same request may differ in. ARCHITECTURE.md lists the same, with the reasons.

use std::sync::LazyLock;

use regex_lite::{Captures, Regex};

use super::wire::Answer;

/// Header fields that belong to the server in front of the gateway and to its connection, not to the answer.
const SERVERS_OWN: [&str; 4] = ["connection", "date", "keep-alive", "server"];

/// What is new in each answer, and what stands in its place.
static NEW: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        // Ids of requests: by the edge, and by the admin API.
        (r"\b[0-9a-hjkmnp-tv-z]{13}-[0-9a-f]+\b", "REQUEST"),
        (r"req_[0-9a-z]{16}", "REQUEST"),
        // When: of an entry, of a signature, and what is derived from either.
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
        (r"created=\d+", "created=TIME"),
        (r"farebox=:[A-Za-z0-9+/=]+:", "farebox=:SIGNATURE:"),
        (r#""(hash|prev)":"[^"]+""#, "\"$1\":\"HASH\""),
    ]
    .into_iter()
    .filter_map(|(pattern, place)| Some((Regex::new(pattern).ok()?, place)))
    .collect()
});

/// An answer as text, without what may differ.
pub(super) fn shown(answer: Answer) -> String {
    let Answer { status, headers, body } = answer;
    let kept = headers.iter().filter(|(name, _)| !SERVERS_OWN.contains(&name.as_str()));
    let fields: String = kept.map(|(name, value)| format!("{name}: {value}\n")).collect();
    let body = match String::from_utf8(body) {
        Ok(text) if text.len() > 20_000 => format!("{} … {} bytes", &text[..100], text.len()),
        Ok(text) => text,
        Err(bytes) => format!("{:?}", bytes.as_bytes()),
    };
    NEW.iter().fold(format!("{status}\n{fields}\n{body}"), |text, (pattern, place)| {
        pattern
            .replace_all(&text, |found: &Captures<'_>| {
                let mut whole = String::new();
                found.expand(place, &mut whole);
                whole
            })
            .into_owned()
    })
}
