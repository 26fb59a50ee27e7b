//! Which address an operation has, from the servers that a document lists.
//!
//! Invariant: an address that is full has nothing left in it that the document leaves open.

use url::Url;

use super::{names::visible, node::Node};

/// Where an operation is, as far as the document says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Address {
    /// Scheme, host and path, without a slash at the end.
    Full(String),
    /// Only a path, under whatever host the API has.
    Relative(String),
    /// No address, and why.
    Missing(String),
}

/// What was taken from a list of servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) address: Address,
    /// What the provider should know of it.
    pub(super) notes: Vec<String>,
}

/// Takes one of a list of servers: the first by https, or else by http, or else the first that is relative. `None` when
/// it lists none. `base` is where the document came from.
pub(super) fn choose(servers: &Node, base: Option<&Url>) -> Option<Choice> {
    let one = std::slice::from_ref(servers);
    let listed = if matches!(servers, Node::Map(_)) { one } else { servers.items() };
    let mut notes = Vec::new();
    let read: Vec<(String, Address)> = listed.iter().map(|server| read(server, base, &mut notes)).collect();
    let full = |scheme: &str| {
        read.iter().position(|(_, address)| matches!(address, Address::Full(full) if full.starts_with(scheme)))
    };
    let relative = || read.iter().position(|(_, address)| matches!(address, Address::Relative(_)));
    let taken = full("https:").or_else(|| full("http:")).or_else(relative).unwrap_or(0);
    let (_, address) = read.get(taken)?;
    let others: Vec<&str> =
        read.iter().filter(|(_, other)| other != address).map(|(stated, _)| stated.as_str()).collect();
    if !others.is_empty() && !matches!(address, Address::Missing(_)) {
        notes.push(format!("of the servers {} is taken, not {}", read[taken].0, others.join(", not ")));
    }
    Some(Choice { address: address.clone(), notes })
}

/// A server as it is shown, and its address.
fn read(server: &Node, base: Option<&Url>, notes: &mut Vec<String>) -> (String, Address) {
    let url = server.get("url").unwrap_or(server);
    let Some(stated) = url.text().map(str::trim) else {
        return ("one without an address".to_owned(), Address::Missing("a server has no address".to_owned()));
    };
    let has_password = stated.split(['/', '?']).take(3).any(|piece| piece.contains('@'));
    let shown = if has_password { "one with a password in it".to_owned() } else { visible(stated) };
    let address = filled(stated, server.get("variables"), notes).and_then(|filled| locate(&filled, base, notes));
    let address = address.unwrap_or_else(|why| Address::Missing(format!("{shown}: {why}")));
    (shown, address)
}

/// The address with its variables filled in.
fn filled(stated: &str, variables: Option<&Node>, notes: &mut Vec<String>) -> Result<String, String> {
    let (mut out, mut rest, mut has_empty) = (String::new(), stated, false);
    while let Some((before, (name, after))) =
        rest.split_once('{').and_then(|(before, from)| Some((before, from.split_once('}')?)))
    {
        let variable = variables.and_then(|variables| variables.get(name));
        let value = value(name, variable, notes)?;
        has_empty |= value.is_empty();
        out.push_str(before);
        out.push_str(&value);
        rest = after;
    }
    out.push_str(rest);
    let path = out.split_once("://").map_or(out.as_str(), |(_, path)| path);
    if has_empty && path.contains("//") {
        return Err("without a value for its variable it is no address".to_owned());
    }
    Ok(out)
}

/// What stands for a variable where nobody says otherwise.
fn value(name: &str, variable: Option<&Node>, notes: &mut Vec<String>) -> Result<String, String> {
    let variable = variable.ok_or_else(|| format!("nobody declares {{{name}}}"))?;
    let choices = variable.get("enum").map(Node::items).unwrap_or_default();
    let choices: Vec<&str> = choices.iter().filter_map(Node::text).collect();
    let default = variable.get("default");
    match (default.and_then(Node::text), choices.as_slice()) {
        (Some(value), choices) => {
            if !choices.is_empty() && !choices.contains(&value) {
                return Err(format!("the default of {{{name}}}, {value}, is none of its values"));
            }
            if matches!(default, Some(Node::Plain(_))) && value.contains('.') {
                notes.push(format!("the default of {{{name}}} is a number without quotes, and is read as {value}"));
            }
            Ok(value.trim().to_owned())
        }
        (None, [only]) => Ok((*only).to_owned()),
        (None, _) => Err(format!("{{{name}}} has no default")),
    }
}

/// The address of a server whose variables are filled in.
fn locate(filled: &str, base: Option<&Url>, notes: &mut Vec<String>) -> Result<Address, String> {
    if filled.is_empty() {
        return Err("it is empty".to_owned());
    }
    let has_scheme = Url::parse(filled).is_ok();
    if has_scheme {
        return full(filled).map(Address::Full);
    }
    if filled.starts_with("//") {
        let scheme = base.map_or("https", Url::scheme);
        if base.is_none() {
            notes.push(format!("{} names no scheme: https is taken", visible(filled)));
        }
        return full(&format!("{scheme}:{filled}")).map(Address::Full);
    }
    let first = filled.split('/').next().unwrap_or_default();
    if !matches!(first, "" | "." | "..") && (first.contains(['.', ':'])) {
        return Err("it names no scheme".to_owned());
    }
    match base {
        Some(base) => join(base, filled).map(Address::Full),
        // Whether it can stand in an address, whichever.
        None => join(&Url::parse("https://origin.example").map_err(|error| error.to_string())?, filled)
            .map(|_| Address::Relative(filled.to_owned())),
    }
}

/// A relative address as it is from `base` (RFC 3986, section 5.2).
pub(super) fn join(base: &Url, relative: &str) -> Result<String, String> {
    open(relative)?;
    let joined = base.join(relative).map_err(|error| error.to_string())?;
    full(joined.as_str())
}

/// The address as a catalog has it.
///
/// # Errors
///
/// Why a catalog cannot have it.
pub(super) fn full(text: &str) -> Result<String, String> {
    open(text)?;
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("it is of {}, and not of http or https", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a user or a password".to_owned());
    }
    let host = url.host_str().unwrap_or_default();
    if host.split('.').rev().skip(1).any(str::is_empty) || host.is_empty() {
        return Err("its host has an empty part".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it has a query or a fragment, which no upstream has".to_owned());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Refuses what still has a mark in it for somebody to fill in.
fn open(text: &str) -> Result<(), String> {
    let lower = text.to_ascii_lowercase();
    let is_open = ["{", "}", "<", ">", "%7b", "%7d", "%3c", "%3e"].iter().any(|mark| lower.contains(mark));
    if is_open { Err("something in it is still to be filled in".to_owned()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(servers: &str, base: Option<&str>) -> (Address, Vec<String>) {
        let base = base.map(|base| Url::parse(base).expect("an address"));
        let choice = choose(&Node::parse(servers).expect("a tree"), base.as_ref()).expect("a server");
        (choice.address, choice.notes)
    }

    fn full(servers: &str) -> String {
        match chosen(servers, None).0 {
            Address::Full(full) => full,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn https_goes_before_http_and_a_full_address_before_a_relative_one() {
        let servers =
            "[{url: /v1}, {url: 'http://a.example'}, {url: 'https://b.example/'}, {url: 'https://c.example'}]";
        let (address, notes) = chosen(servers, None);
        assert_eq!(address, Address::Full("https://b.example".into()));
        let note = "of the servers https://b.example/ is taken, not /v1, not http://a.example, not https://c.example";
        assert_eq!(notes, [note]);
        assert_eq!(full("[{url: 'wss://a.example'}, {url: /v1}, {url: 'http://a.example'}]"), "http://a.example");
        assert_eq!(chosen("[{url: 'wss://a.example'}, {url: /v1}]", None).0, Address::Relative("/v1".into()));
        assert_eq!(full("{url: 'https://a.example'}"), "https://a.example");
        assert_eq!(full("['https://a.example']"), "https://a.example");
        assert_eq!(choose(&Node::Null, None), None);
        assert_eq!(choose(&Node::parse("[]").expect("a tree"), None), None);
    }

    #[test]
    fn variables_are_filled_in_only_with_what_the_document_says() {
        let with = |url: &str, variables: &str| full(&format!("[{{url: '{url}', variables: {variables}}}]"));
        assert_eq!(with("https://{r}.a.example", "{r: {default: eu}}"), "https://eu.a.example");
        assert_eq!(with("https://a.example:{p}/v", "{p: {default: 8443}}"), "https://a.example:8443/v");
        assert_eq!(with("https://a.example/{v}", "{v: {default: 3.0}}"), "https://a.example/3.0");
        assert_eq!(with("https://a.example/{v}", "{v: {default: ''}}"), "https://a.example");
        assert_eq!(with("https://a.example/{v}", "{v: {enum: [v2]}}"), "https://a.example/v2");
        for (url, variables) in [
            ("https://{t}.a.example", "{}"),
            ("https://{t}.a.example", "~"),
            ("https://{t}.a.example", "{t: ~}"),
            ("https://{t}.a.example", "{t: {default: ~}}"),
            ("https://{t}.a.example", "{t: {default: ''}}"),
            ("https://{t}.a.example", "{t: {default: '{u}'}, u: {default: x}}"),
            ("https://{t}.a.example", "{t: {default: [a]}}"),
            ("https://{t}.a.example", "{t: {enum: [a, b]}}"),
            ("https://{t}.a.example", "{t: {default: c, enum: [a, b]}}"),
            ("https://a.example/{t}/v1", "{t: {default: ''}}"),
            ("https://a.example/{t", "{t: {default: x}}"),
            ("https://a.example/%7Bt%7D", "{}"),
            ("https://${HOST}/v1", "{}"),
            ("https://<tenant>.a.example/v1", "{}"),
            ("https://a.example/<stage>", "{}"),
        ] {
            assert!(with(url, variables).starts_with("Missing"), "{url} {variables}: {}", with(url, variables));
        }
    }

    #[test]
    fn what_no_upstream_can_be_is_no_address_and_no_password_is_shown() {
        let no =
            ["https://a.example?x=1", "https://a.example#x", "ftp://a.example", "a.example/v1", "localhost:80", ""];
        for url in no.into_iter().chain(["https://a b.example", "https://", "mailto:a@b.example"]) {
            assert!(full(&format!("[{{url: '{url}'}}]")).starts_with("Missing"), "{url}");
        }
        let shown = full("[{url: 'https://u:hush@a.example'}]");
        assert!(shown.starts_with("Missing") && !shown.contains("hush"), "{shown}");
    }

    #[test]
    fn a_relative_server_hangs_on_where_the_document_came_from() {
        for (url, base, expected) in [
            ("/v1", "https://a.example/docs/openapi.json", "https://a.example/v1"),
            ("v1", "https://a.example/docs/openapi.json", "https://a.example/docs/v1"),
            ("../v1/", "https://a.example/docs/x/openapi.json", "https://a.example/docs/v1"),
            ("./", "https://a.example/docs/openapi.json?x=1", "https://a.example/docs"),
            ("//b.example/v1", "http://127.0.0.1:9/openapi.json", "http://b.example/v1"),
            ("https://c.example", "https://a.example/openapi.json", "https://c.example"),
        ] {
            let (address, _) = chosen(&format!("[{{url: '{url}'}}]"), Some(base));
            assert_eq!(address, Address::Full(expected.into()), "{url}");
        }
        let (address, notes) = chosen("[{url: //b.example/v1}]", None);
        assert_eq!((address, notes.len()), (Address::Full("https://b.example/v1".into()), 1));
    }
}
