//! The facts of a request that decide whether it may pass: everything but the body.
//!
//! A platform packs them into one string, so that they cross into WebAssembly in one go:
//!
//! ```text
//! METHOD \n absolute URL \n name: value \n name: value …
//! ```
//!
//! A space and a `+` after the method say that a body may follow. Neither a URL nor a header value can hold a line feed, so
//! nothing needs escaping. Names are in lower case, as HTTP/2 has them (RFC 9113, section 8.2.1) and as both platforms give
//! them.
//!
//! Invariant: [`Facts::check_size`] refuses a head that is too large or has too many fields. So other callers do not feel a step
//! that looks at each field for each of a few names.

use crate::rejection::Rejection;

/// The most header fields of a request. Spin's own server refuses more lines than this with the same status.
pub const MOST_FIELDS: usize = 100;

/// The most names in a request's `Connection`.
pub const MOST_CONNECTION_NAMES: usize = 64;

/// The most bytes of a request's path, query and header fields together.
pub const LARGEST_HEAD: usize = 64 << 10;

/// Header fields that concern one connection only (RFC 9110, section 7.6.1), or that the platform makes itself.
pub const HOP_BY_HOP: [&str; 11] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "host",
];

/// A request without its body, borrowed from the packed string.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// The method, as sent.
    pub method: &'a str,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// Host and, where it is not the scheme's own, port.
    pub authority: &'a str,
    /// The path as sent, starting with `/`.
    pub path: &'a str,
    /// The query as sent, without `?`; `None` when there is no `?`.
    pub query: Option<&'a str>,
    /// Whether a body may follow, as the platform knows: `false` when there is none, or when it does not go on. It is not
    /// derived from header fields, of which a platform may hide some.
    pub may_have_body: bool,
    /// Header fields in the order the platform gave them; several of one name are several pairs or one joined by `, `.
    pub headers: Vec<(&'a str, &'a str)>,
}

impl<'a> Facts<'a> {
    /// Reads the packed form. `None` when it does not start with a method and an absolute URL.
    pub fn unpack(packed: &'a str) -> Option<Self> {
        let mut lines = packed.split('\n');
        let method = lines.next().filter(|method| !method.is_empty())?;
        let (method, may_have_body) = match method.strip_suffix(" +") {
            Some(method) => (method, true),
            None => (method, false),
        };
        let (scheme, rest) = lines.next()?.split_once(':')?;
        let rest = rest.strip_prefix("//")?;
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let path = if path.is_empty() { "/" } else { path };
        // By one character each: looking for two is a search with a preparation of its own, for every line.
        let header =
            |line: &'a str| line.split_once(':').and_then(|(name, rest)| Some((name, rest.strip_prefix(' ')?)));
        let headers = lines.filter_map(header).collect();
        Some(Self { method, scheme, authority, path, query, may_have_body, headers })
    }

    /// Whether the head is one that the gateway takes.
    ///
    /// # Errors
    ///
    /// [`Rejection::HeadTooLarge`] when it has more than [`MOST_FIELDS`] fields, names more than [`MOST_CONNECTION_NAMES`] in
    /// `Connection`, or is longer than [`LARGEST_HEAD`].
    pub fn check_size(&self) -> Result<(), Rejection> {
        if self.headers.len() > MOST_FIELDS {
            return Err(Rejection::HeadTooLarge("it has more than 100 header fields"));
        }
        if self.header("connection").is_some_and(|names| names.split(',').nth(MOST_CONNECTION_NAMES).is_some()) {
            return Err(Rejection::HeadTooLarge("its Connection has more than 64 names"));
        }
        let fields: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        if fields + self.path.len() + self.query.map_or(0, str::len) > LARGEST_HEAD {
            return Err(Rejection::HeadTooLarge("path, query and header fields are longer than 64 KiB"));
        }
        Ok(())
    }

    /// The value of the first header field called `name`, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(have, _)| *have == name).map(|(_, value)| *value)
    }

    /// Whether the body is an HTML form (`application/x-www-form-urlencoded`), whose fields some schemes sign.
    pub fn is_form(&self) -> bool {
        self.header("content-type").is_some_and(|value| {
            let essence = value.split(';').next().unwrap_or_default().trim();
            essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        })
    }

    /// Whether the method is one whose body means nothing (RFC 9110, section 9.3.1) and is not forwarded.
    pub fn is_bodiless(&self) -> bool {
        matches!(self.method, "GET" | "HEAD")
    }

    /// The length of the body as announced.
    pub fn content_length(&self) -> Option<u64> {
        self.header("content-length")?.trim().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packed_form_gives_back_what_was_sent() {
        let facts = Facts::unpack("GET\nhttp://h:8787/a%20b?x=1&y=?\naccept: */*\nx-empty: \nx-two: a: b").unwrap();
        assert_eq!((facts.method, facts.scheme, facts.authority), ("GET", "http", "h:8787"));
        assert_eq!((facts.path, facts.query), ("/a%20b", Some("x=1&y=?")));
        assert_eq!(facts.headers, [("accept", "*/*"), ("x-empty", ""), ("x-two", "a: b")]);
    }

    #[test]
    fn whether_a_body_may_follow_is_said_beside_the_method() {
        let facts = Facts::unpack("DELETE +\nhttps://h/\ncontent-length: 0").unwrap();
        assert_eq!((facts.method, facts.may_have_body), ("DELETE", true));
        let facts = Facts::unpack("DELETE\nhttps://h/\ntransfer-encoding: chunked").unwrap();
        assert_eq!((facts.method, facts.may_have_body), ("DELETE", false));
    }

    #[test]
    fn a_head_has_so_many_fields_and_bytes_and_no_more() {
        let check = |packed: &str| Facts::unpack(packed).unwrap().check_size();
        let with = |fields: usize| format!("GET\nhttps://h/{}", "\na: b".repeat(fields));
        assert_eq!(check(&with(MOST_FIELDS)), Ok(()));
        assert!(matches!(check(&with(MOST_FIELDS + 1)), Err(Rejection::HeadTooLarge(_))));
        let connection = |names: usize| format!("GET\nhttps://h/\nconnection: {}", vec!["a"; names].join(","));
        assert_eq!(check(&connection(MOST_CONNECTION_NAMES)), Ok(()));
        assert!(matches!(check(&connection(MOST_CONNECTION_NAMES + 1)), Err(Rejection::HeadTooLarge(_))));
        for (path, field) in [(1, LARGEST_HEAD - 2), (LARGEST_HEAD - 1, 0)] {
            let sized =
                |more: usize| format!("GET\nhttps://h/{}\na: {}", "p".repeat(path - 1 + more), "v".repeat(field));
            assert_eq!(check(&sized(0)), Ok(()), "{path}");
            assert!(matches!(check(&sized(1)), Err(Rejection::HeadTooLarge(_))), "{path}");
        }
    }

    #[test]
    fn a_url_without_path_has_the_root() {
        assert_eq!(Facts::unpack("GET\nhttps://h").unwrap().path, "/");
        let facts = Facts::unpack("GET\nhttps://h?q").unwrap();
        assert_eq!((facts.path, facts.query), ("/", Some("q")));
        assert!(Facts::unpack("GET").is_none());
        assert!(Facts::unpack("").is_none());
    }
}
