//! The facts of a request that decide whether it may pass: everything but the body.
//!
//! A platform packs them into one string, so that they cross into WebAssembly in one go:
//!
//! ```text
//! METHOD \n absolute URL \n name: value \n name: value …
//! ```
//!
//! Neither a URL nor a header value can hold a line feed, so nothing needs escaping. Names are in lower case, as HTTP/2
//! has them (RFC 9113, section 8.2.1) and as both platforms give them.

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
    /// Header fields in the order the platform gave them; several of one name are several pairs or one joined by `, `.
    pub headers: Vec<(&'a str, &'a str)>,
}

impl<'a> Facts<'a> {
    /// Reads the packed form. `None` when it does not start with a method and an absolute URL.
    pub fn unpack(packed: &'a str) -> Option<Self> {
        let mut lines = packed.split('\n');
        let method = lines.next().filter(|method| !method.is_empty())?;
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
        Some(Self { method, scheme, authority, path, query, headers })
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
    fn a_url_without_path_has_the_root() {
        assert_eq!(Facts::unpack("GET\nhttps://h").unwrap().path, "/");
        let facts = Facts::unpack("GET\nhttps://h?q").unwrap();
        assert_eq!((facts.path, facts.query), ("/", Some("q")));
        assert!(Facts::unpack("GET").is_none());
        assert!(Facts::unpack("").is_none());
    }
}
