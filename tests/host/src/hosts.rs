//! Where a component may send to: `allowed_outbound_hosts`, item by item `scheme://host[:port]`.
//!
//! `*` stands for any scheme, any host or any port; `*.name` for the hosts below a name; `a..b` for ports from a up to
//! below b; an address with a prefix length for a network; `self` for the application itself. Nothing listed, nothing
//! allowed.

use std::{net::IpAddr, ops::Range};

use anyhow::{Context, bail, ensure};
use ipnet::IpNet;
use url::{Host, Url};

/// All that a component may send to.
#[derive(Debug, Default)]
pub(crate) struct AllowedHosts(Vec<Item>);

#[derive(Debug)]
struct Item {
    scheme: Option<String>,
    host: HostRule,
    ports: Option<Range<u32>>,
}

#[derive(Debug, PartialEq)]
enum HostRule {
    Any,
    Itself,
    Below(String),
    Network(IpNet),
    Exactly(Host),
}

impl AllowedHosts {
    /// Reads the items; those that variables left empty are no items.
    ///
    /// # Errors
    /// The first item that cannot be read.
    pub(crate) fn parse(items: &[String]) -> anyhow::Result<Self> {
        let there = |item: &&String| !matches!(item.trim(), "" | "http://" | "https://");
        let parse = |item: &String| {
            Item::parse(item.trim()).with_context(|| format!("{item:?} is not an allowed outbound host"))
        };
        items.iter().filter(there).map(parse).collect::<anyhow::Result<_>>().map(Self)
    }

    /// Whether a request may go to `url`.
    pub(crate) fn allow(&self, url: &Url) -> bool {
        self.0.iter().any(|item| item.allows(url))
    }

    /// Whether a request may go to the application itself.
    pub(crate) fn allow_self(&self) -> bool {
        self.0.iter().any(|item| {
            item.scheme.as_deref().is_none_or(|scheme| matches!(scheme, "http" | "https"))
                && matches!(item.host, HostRule::Any | HostRule::Itself)
        })
    }
}

impl Item {
    fn parse(item: &str) -> anyhow::Result<Self> {
        let (scheme, rest) = item.split_once("://").context("it has no scheme (such as http:// or *://)")?;
        ensure!(
            scheme == "*" || !scheme.is_empty() && scheme.chars().all(char::is_alphabetic),
            "a scheme is made of letters"
        );
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if HostRule::parse(rest).is_err() => (host, port),
            _ => (rest, ""),
        };
        let ports = match port {
            "*" => None,
            "" => {
                let port =
                    default_port(scheme).with_context(|| format!("it needs a port: {scheme:?} has none of its own"))?;
                Some(u32::from(port)..u32::from(port) + 1)
            }
            _ => Some(parse_ports(port)?),
        };
        let scheme = (scheme != "*").then(|| scheme.to_owned());
        Ok(Self { scheme, host: HostRule::parse(host)?, ports })
    }

    fn allows(&self, url: &Url) -> bool {
        let port = url.port().or_else(|| default_port(url.scheme()));
        self.scheme.as_deref().is_none_or(|scheme| scheme == url.scheme())
            // Parsed again: of a scheme that is not the web's, a URL leaves an address as a name.
            && url.host_str().and_then(|host| Host::parse(host).ok()).is_some_and(|host| self.host.allows(&host))
            && self.ports.as_ref().is_none_or(|ports| port.is_some_and(|port| ports.contains(&port.into())))
    }
}

impl HostRule {
    fn parse(host: &str) -> anyhow::Result<Self> {
        if let Ok(network) = host.parse::<IpNet>() {
            return Ok(Self::Network(network));
        }
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(Self::Network(address.into()));
        }
        ensure!(!host.contains('/'), "it must not have a path");
        Ok(match host {
            "*" => Self::Any,
            "self" | "self.alt" => Self::Itself,
            _ => match host.strip_prefix("*.") {
                Some(domain) if !domain.contains('*') => Self::Below(format!(".{}", Host::parse(domain)?)),
                _ if host.contains('*') => bail!("* stands for a whole host, or at its beginning"),
                _ => Self::Exactly(Host::parse(host)?),
            },
        })
    }

    fn allows(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::Itself, _) => false,
            (Self::Below(suffix), Host::Domain(domain)) => domain.ends_with(suffix.as_str()),
            (Self::Network(network), Host::Ipv4(address)) => network.contains(&IpAddr::V4(*address)),
            (Self::Network(network), Host::Ipv6(address)) => network.contains(&IpAddr::V6(*address)),
            (Self::Exactly(exactly), host) => exactly == host,
            (Self::Below(_) | Self::Network(_), _) => false,
        }
    }
}

fn parse_ports(port: &str) -> anyhow::Result<Range<u32>> {
    let number = |text: &str| text.parse::<u16>().map(u32::from).with_context(|| format!("{text:?} is not a port"));
    match port.split_once("..") {
        Some((from, to)) => Ok(number(from)?..number(to)?),
        None => number(port).map(|port| port..port + 1),
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        "postgres" => Some(5432),
        "redis" => Some(6379),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::AllowedHosts;
    use crate::{manifest::Manifest, variables::Variables};

    fn hosts(items: &[&str]) -> anyhow::Result<AllowedHosts> {
        AllowedHosts::parse(&items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>())
    }

    #[track_caller]
    fn check(item: &str, allowed: &[&str], refused: &[&str]) {
        let hosts = hosts(&[item]).expect("the item can be read");
        for (urls, expected) in [(allowed, true), (refused, false)] {
            for url in urls {
                assert_eq!(hosts.allow(&url.parse().expect("a URL")), expected, "{url} by {item}");
            }
        }
    }

    #[test]
    fn scheme_host_and_port_must_all_fit() {
        check(
            "http://a.example",
            &["http://a.example/x", "http://a.example:80"],
            &["http://a.example:81", "https://a.example", "http://b.example"],
        );
        check("https://*", &["https://a.example"], &["http://a.example", "https://a.example:444"]);
        check("*://a.example:8000..8002", &["http://a.example:8001"], &["http://a.example:8002", "http://a.example"]);
        check("http://*.example:*", &["http://a.b.example:1"], &["http://example:1", "http://notexample:1"]);
        check("*://*:*", &["postgres://x", "http://127.0.0.1:1"], &[]);
    }

    #[test]
    fn addresses_stand_for_themselves_or_for_a_network() {
        check("http://127.0.0.1:80", &["http://127.0.0.1"], &["http://127.0.0.2", "http://localhost"]);
        check("http://10.0.0.0/8:*", &["http://10.1.2.3:9"], &["http://11.0.0.1:9"]);
        check(
            "postgres://127.0.0.1:5432",
            &["postgres://127.0.0.1", "postgres://127.0.0.1:5432"],
            &["postgres://127.0.0.2"],
        );
        check("http://[::1]:8080", &["http://[::1]:8080"], &["http://[::2]:8080"]);
    }

    #[test]
    fn the_application_itself_is_allowed_by_name_or_with_everything() {
        assert!(hosts(&["http://self"]).expect("read").allow_self());
        assert!(hosts(&["*://*:*"]).expect("read").allow_self());
        assert!(!hosts(&["http://a.example", "redis://self"]).expect("read").allow_self());
        check("http://self", &[], &["http://self/"]);
    }

    #[test]
    fn nothing_listed_allows_nothing_and_empty_items_are_no_items() {
        let hosts = hosts(&["", "http://", "https://"]).expect("no items");
        assert!(!hosts.allow(&"http://a.example".parse().expect("a URL")) && !hosts.allow_self());
    }

    #[test]
    fn our_manifest_opens_each_upstream_that_a_variable_names_and_no_other() {
        let manifest = Manifest::parse(include_str!("../../../spin.toml")).expect("our own");
        let edge = &manifest.component["edge"];
        let with = |given: &[(&str, &str)]| {
            let required = [("master_key", "k"), ("admin_token", "t")];
            let given = required.iter().chain(given).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let variables = Variables::resolve(&manifest.variables, &given.collect::<Vec<_>>(), |_| None).expect("all");
            let items: Vec<_> =
                edge.allowed_outbound_hosts.iter().map(|item| variables.fill(item).expect("filled")).collect();
            AllowedHosts::parse(&items).expect("hosts")
        };
        let hosts = with(&[
            ("upstreams", "https://a.example"),
            ("upstreams2", "https://*.b.example"),
            ("upstreams8", "http://c:1"),
        ]);
        let allows = |url: &str| hosts.allow(&url.parse().expect("a URL"));
        for url in ["https://a.example", "https://x.b.example/y", "http://c:1/"] {
            assert!(allows(url), "{url}");
        }
        for url in ["http://a.example", "https://b.example", "https://d.example", "http://c:2/"] {
            assert!(!allows(url), "{url}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for item in [
            "a.example",
            "*",
            "http://a.example/path",
            "http://a*b",
            "redis2://a",
            "ftp://a",
            "http://a:x",
            "http://a:1..x",
        ] {
            assert!(hosts(&[item]).is_err(), "{item}");
        }
    }
}
