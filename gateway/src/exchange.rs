//! What a product's catalog has changed of a call: where it goes, which fields go with it, and which come back.
//!
//! Invariant: the platform says from where a call came, never the caller. A path of the product that loses its prefix is still
//! one of the product's upstream.

use std::net::IpAddr;

use farebox_core::{
    address::address,
    catalog::{Exchange, FieldChanges, Forwarded},
    readdress::Addresses,
    request::Facts,
};

use crate::{
    admit::product_of,
    forward::{How, Name, Shown, Text, usual},
    instance::{CallKey, Gateway},
};

/// The path at the upstream: without as many segments as the prefix has. Which these are the router has seen to, however they are
/// spelled. Where nothing is left of it the upstream's own path says where it goes, or the slash that every path begins with.
pub(crate) fn path<'p>(exchange: &Exchange, upstream: &str, path: &'p str) -> &'p str {
    let mut rest = path;
    for _ in exchange.strip_prefix.matches('/') {
        rest = rest.get(1..).and_then(|rest| rest.find('/').map(|at| &rest[at..])).unwrap_or_default();
    }
    let has_path = upstream.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
    if rest.is_empty() && !has_path { "/" } else { rest }
}

/// The fields that the request gets in place of the caller's.
pub(crate) fn request_fields(
    exchange: &Exchange,
    facts: &Facts<'_>,
    address_header: &str,
    fields: &mut Vec<(Name, Text)>,
) {
    let FieldChanges { set, add, .. } = &exchange.request_headers;
    // The same for each call, so a shell may keep it.
    fields.extend(
        set.iter().map(|(name, value)| (name.clone().into(), Text { whole: value.clone(), same: value.len() })),
    );
    for (name, value) in add {
        let mut whole = String::new();
        for (_, sent) in facts.headers.iter().filter(|(sent, _)| usual(sent) == usual(name)) {
            whole.extend([sent, ", "]);
        }
        whole.push_str(value);
        fields.push((name.clone().into(), Text { whole, same: 0 }));
    }
    if let Some(forwarded) = exchange.forwarded {
        let from = facts.header(address_header).and_then(address).map(|from| from.to_canonical());
        fields.extend(origin(forwarded, from, facts).map(|(name, whole)| (name.into(), Text { whole, same: 0 })));
    }
}

/// From where a call came, by which scheme and for which host.
fn origin(
    forwarded: Forwarded,
    from: Option<IpAddr>,
    facts: &Facts<'_>,
) -> impl Iterator<Item = (&'static str, String)> {
    let (proto, host) = (facts.scheme, facts.authority);
    let fields = match forwarded {
        Forwarded::Forwarded => {
            // RFC 7239, section 6: an address of version 6 in brackets and quotes, and a word where there is none.
            let from = match from {
                Some(IpAddr::V4(from)) => from.to_string(),
                Some(IpAddr::V6(from)) => format!("\"[{from}]\""),
                None => "unknown".to_owned(),
            };
            [Some(("forwarded", format!("for={from};host=\"{host}\";proto={proto}"))), None, None]
        }
        Forwarded::XForwarded => [
            from.map(|from| ("x-forwarded-for", from.to_string())),
            Some(("x-forwarded-proto", proto.to_owned())),
            Some(("x-forwarded-host", host.to_owned())),
        ],
    };
    fields.into_iter().flatten()
}

/// Whether the caller's field of this name stays here. `name` is as an upstream reads it.
pub(crate) fn is_removed(exchange: Option<&Exchange>, name: &str) -> bool {
    exchange.is_some_and(|exchange| exchange.request_headers.remove.iter().any(|removed| usual(removed) == name))
}

/// What the answer gets, before what the gateway says itself.
pub(crate) fn response_fields(exchange: &Exchange) -> Vec<Shown> {
    let FieldChanges { set, add, remove } = &exchange.response_headers;
    let shown = |(name, value): &(String, String), how| Shown { name: name.clone().into(), value: value.clone(), how };
    let readdressed = ["location", "set-cookie"].into_iter().filter(|_| exchange.rewrite_addresses);
    let readdressed = readdressed.map(|name| Shown { name: name.into(), value: String::new(), how: How::Readdress });
    let removed = remove.iter().map(|name| Shown { name: name.clone().into(), value: String::new(), how: How::Remove });
    let set = set.iter().map(|field| shown(field, How::Set));
    let added = add.iter().map(|field| shown(field, How::Add));
    readdressed.chain(removed).chain(set).chain(added).collect()
}

impl<P> Gateway<P> {
    /// The value of a field of the upstream's answer in which its own addresses are the gateway's; `None` where it stays as it is.
    pub fn readdressed(&self, call: CallKey, facts: &Facts<'_>, name: &str, value: &str) -> Option<String> {
        let state = self.state();
        let product = product_of(state.calls.get(call.0)?);
        let gateway = [facts.scheme, "://", facts.authority].concat();
        let prefix = product.exchange.as_ref().map(|exchange| exchange.strip_prefix.as_str()).unwrap_or_default();
        let addresses = Addresses { upstream: &product.upstream, gateway: &gateway, prefix };
        if name == "set-cookie" { addresses.cookie(value) } else { addresses.location(value) }
    }
}
