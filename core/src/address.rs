//! Ranges of network addresses that a credential may be used from.
//!
//! Invariant: an IPv4 address is the same caller in each spelling, also as an IPv4-mapped IPv6 address (RFC 4291, section
//! 2.5.5.2). A range is kept without the bits below its prefix, so two spellings of it are equal.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A text that is neither an address nor a range of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a range of addresses: write it as 192.0.2.0/24, 2001:db8::/32 or one address")]
pub struct InvalidRange(pub String);

/// A range of addresses in CIDR notation (RFC 4632, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressRange(IpNet);

impl AddressRange {
    /// Whether `address` is in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

/// The address in `text`, as platforms write it: alone or with a port. `None` when there is none.
pub fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    text.parse().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))
}

/// Whether `host`, as a URL has it, is this machine or one that only this machine reaches. That is loopback (RFC 1122, RFC 4291),
/// the unspecified address, or link-local (RFC 3927, RFC 4291), where clouds tell a machine its secrets. A name that somebody
/// lets lead there is not seen to.
pub fn is_local(host: &str) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&name);
    match bare.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V4(address)) => {
            address.is_loopback() || address.is_link_local() || address.octets()[0] == 0 || address.is_broadcast()
        }
        Ok(IpAddr::V6(address)) => address.is_loopback() || address.is_unicast_link_local() || address.is_unspecified(),
        Err(_) => name == "localhost" || name.ends_with(".localhost"),
    }
}

impl FromStr for AddressRange {
    type Err = InvalidRange;

    fn from_str(text: &str) -> Result<Self, InvalidRange> {
        let range = match text.parse::<IpNet>() {
            Ok(range) => Ok(range.trunc()),
            Err(_) => text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical())),
        };
        range.map(Self).map_err(|_| InvalidRange(text.to_owned()))
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for AddressRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AddressRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_this_machine_reaches_is_local() {
        let local = "localhost LOCALHOST. a.localhost 127.0.0.1 127.9.9.9 0.0.0.0 0.1.2.3 169.254.169.254 [::1] ::1 [::] \
                     [fe80::1] [febf::1] [::ffff:127.0.0.1] [::ffff:169.254.1.1] 255.255.255.255";
        for host in local.split_whitespace() {
            assert!(is_local(host), "{host}");
        }
        for host in
            ["acme.example", "localhost.example", "10.0.0.1", "192.168.1.1", "8.8.8.8", "[2001:db8::1]", "[fec0::1]"]
        {
            assert!(!is_local(host), "{host}");
        }
    }

    #[test]
    fn a_range_holds_its_addresses_however_they_are_written() {
        let holds = |range: &str, from: &str| range.parse::<AddressRange>().unwrap().contains(address(from).unwrap());
        for inside in ["192.0.2.1", "192.0.2.255", "::ffff:192.0.2.7", "192.0.2.1:4711", "[::ffff:192.0.2.7]:4711"] {
            assert!(holds("192.0.2.0/24", inside), "{inside}");
        }
        for outside in ["192.0.3.1", "2001:db8::1", "::1", "[::1]:80"] {
            assert!(!holds("192.0.2.0/24", outside), "{outside}");
        }
        assert!(holds("2001:db8::/32", "2001:db8:1::2") && !holds("2001:db8::/32", "2001:db9::"));
        assert!(holds("0.0.0.0/0", "203.0.113.9") && !holds("0.0.0.0/0", "2001:db8::1"));
        assert!(holds("203.0.113.9", "203.0.113.9") && !holds("203.0.113.9", "203.0.113.8"));
        assert_eq!("192.0.2.77/24".parse::<AddressRange>().unwrap().to_string(), "192.0.2.0/24");
        for wrong in ["", "192.0.2.0/33", "192.0.2/24", "example.com", "192.0.2.1-9", "10.0.0.0/8 "] {
            assert_eq!(wrong.parse::<AddressRange>(), Err(InvalidRange(wrong.into())));
        }
        assert_eq!((address("nowhere"), address("")), (None, None));
    }
}
