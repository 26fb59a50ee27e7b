//! Addresses of the upstream's own in its answers, as they are on the gateway.
//!
//! Invariant: an address that is the upstream's, and below what its product sells, comes out as one that leads through the gateway.
//! Every other stays as it is: what it means is not for us to guess.

/// Where the upstream is, and where the gateway sells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses<'a> {
    /// Scheme, authority and path of the upstream, without a slash at the end.
    pub upstream: &'a str,
    /// Scheme and authority of the gateway, as the caller called it.
    pub gateway: &'a str,
    /// What stands before the upstream's paths on the gateway; empty for nothing.
    pub prefix: &'a str,
}

impl Addresses<'_> {
    /// A `Location` (RFC 9110, section 10.2.2) on the gateway; `None` where it stays as it is.
    pub fn location(&self, location: &str) -> Option<String> {
        let (scheme, authority, base) = self.upstream_parts();
        let rest = match location.split_once("//") {
            Some((before, rest)) if before.is_empty() || is_scheme(before, scheme) => {
                let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                let (host, rest) = rest.split_at(end);
                if !host.eq_ignore_ascii_case(authority) {
                    return None;
                }
                rest
            }
            _ if location.starts_with('/') => {
                return below(location, base).map(|rest| rooted(self.prefix, rest));
            }
            // Relative to the request's own path, or elsewhere.
            _ => return None,
        };
        below(rest, base).map(|rest| [self.gateway, &rooted(self.prefix, rest)].concat())
    }

    /// A `Set-Cookie` (RFC 6265, section 4.1) of the upstream's host and path, as one of the gateway's; `None` where it stays as it is.
    /// A browser would refuse one of another host, and keep one of another path from the gateway's calls.
    pub fn cookie(&self, cookie: &str) -> Option<String> {
        let (_, authority, base) = self.upstream_parts();
        let host = authority.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        let host = host.map_or(authority, |(host, _)| host);
        let (mut text, mut is_changed) = (String::with_capacity(cookie.len()), false);
        for (at, part) in cookie.split(';').enumerate() {
            let (name, value) =
                part.split_once('=').map_or((part.trim(), ""), |(name, value)| (name.trim(), value.trim()));
            let path = at > 0 && name.eq_ignore_ascii_case("path");
            if at > 0 && name.eq_ignore_ascii_case("domain") && is_within(host, value.trim_start_matches('.')) {
                is_changed = true;
                continue;
            }
            if at > 0 {
                text.push(';');
            }
            match (path && !(base.is_empty() && self.prefix.is_empty())).then(|| self.path(value, base)).flatten() {
                Some(path) => {
                    is_changed = true;
                    text.extend([" Path=", &path]);
                }
                None => text.push_str(part),
            }
        }
        is_changed.then_some(text)
    }

    /// A cookie's path on the gateway. One that takes in all that is sold is that of all that is sold.
    fn path(&self, path: &str, base: &str) -> Option<String> {
        match below(path, base) {
            Some(rest) => Some(rooted(self.prefix, rest)),
            None => below(base, path.trim_end_matches('/')).map(|_| rooted(self.prefix, "")),
        }
    }

    /// Scheme, authority and path of the upstream.
    fn upstream_parts(&self) -> (&str, &str, &str) {
        let (scheme, rest) = self.upstream.split_once("://").unwrap_or(("", self.upstream));
        let (authority, base) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        (scheme, authority, base)
    }
}

fn is_scheme(before: &str, scheme: &str) -> bool {
    before.strip_suffix(':').is_some_and(|given| given.eq_ignore_ascii_case(scheme))
}

/// What of `path` is below `base`: the rest, which is empty or begins with a slash, a query or a fragment.
fn below<'p>(path: &'p str, base: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(base)?;
    (rest.is_empty() || rest.starts_with(['/', '?', '#'])).then_some(rest)
}

/// `rest` behind `prefix`, with a slash at its beginning.
fn rooted(prefix: &str, rest: &str) -> String {
    let slash = if prefix.is_empty() && !rest.starts_with('/') { "/" } else { "" };
    [prefix, slash, rest].concat()
}

/// Whether `host` is `domain` or below it.
fn is_within(host: &str, domain: &str) -> bool {
    let at = host.len().checked_sub(domain.len());
    at.is_some_and(|at| {
        host.is_char_boundary(at)
            && host[at..].eq_ignore_ascii_case(domain)
            && (at == 0 || host[..at].ends_with('.'))
            && !domain.is_empty()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOLD: Addresses<'_> = Addresses {
        upstream: "https://api.weather.example:8443/v1",
        gateway: "https://gw.example",
        prefix: "/weather",
    };
    const WHOLE: Addresses<'_> = Addresses { upstream: "http://o.example", gateway: "http://gw:1", prefix: "" };

    #[test]
    fn a_location_of_the_upstreams_leads_through_the_gateway() {
        for (location, expected) in [
            ("https://api.weather.example:8443/v1/jobs/7?a=1#f", "https://gw.example/weather/jobs/7?a=1#f"),
            ("HTTPS://API.weather.example:8443/v1", "https://gw.example/weather"),
            ("//api.weather.example:8443/v1?x", "https://gw.example/weather?x"),
            ("/v1/jobs", "/weather/jobs"),
            ("/v1", "/weather"),
        ] {
            assert_eq!(SOLD.location(location).as_deref(), Some(expected), "{location}");
        }
        for (location, expected) in
            [("http://o.example", "http://gw:1/"), ("http://o.example/a", "http://gw:1/a"), ("/a", "/a")]
        {
            assert_eq!(WHOLE.location(location).as_deref(), Some(expected), "{location}");
        }
        for location in [
            "https://api.weather.example:8443/v2/x",
            "https://api.weather.example:8443/v10",
            "https://api.weather.example/v1/x",
            "http://api.weather.example:8443/v1/x",
            "https://elsewhere.example/v1",
            "https://api.weather.example:8443@evil.example/v1",
            "/v2",
            "jobs/7",
            "?page=2",
            "",
        ] {
            assert_eq!(SOLD.location(location), None, "{location}");
        }
    }

    #[test]
    fn a_cookie_of_the_upstreams_is_one_of_the_gateways() {
        for (cookie, expected) in [
            ("a=1; Domain=api.weather.example; Path=/v1/x; Secure", "a=1; Path=/weather/x; Secure"),
            ("a=1; domain=.weather.example", "a=1"),
            ("a=1;path=/v1", "a=1; Path=/weather"),
            ("a=1; Path=/; HttpOnly", "a=1; Path=/weather; HttpOnly"),
        ] {
            assert_eq!(SOLD.cookie(cookie).as_deref(), Some(expected), "{cookie}");
        }
        for cookie in
            ["a=1", "a=1; Domain=evil.example", "a=1; Domain=ather.example", "a=1; Path=/v2", "domain=weather.example"]
        {
            assert_eq!(SOLD.cookie(cookie), None, "{cookie}");
        }
        assert_eq!(WHOLE.cookie("a=1; Path=/; Domain=o.example").as_deref(), Some("a=1; Path=/"));
        assert_eq!(WHOLE.cookie("a=1; Path=/"), None);
    }
}
