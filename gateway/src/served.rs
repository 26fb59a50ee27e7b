//! Whether a request is one that a gateway can serve, whoever sends it.
//!
//! Invariant: what is refused here has taken nothing and asked nobody.

use farebox_core::{rejection::Rejection, request::Facts, signature::BODY_WHERE_NONE_GOES};

/// The largest length that a body can announce, in bytes: what every runtime counts without loss. More is a mistake.
pub const MOST_ANNOUNCED: u64 = (1 << 53) - 1;

/// What a request may be sent by, as `Allow` has it. `TRACE` would show the upstream's caller what we add (RFC 9110, section
/// 9.3.8), and `CONNECT` asks for a tunnel.
const METHODS: &str = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT";

/// Whether a request is one that a gateway can serve, whoever sends it. A host that is more than a name and a port would become a
/// part of the path in the runtime's URL. So would two hosts.
pub(crate) fn served(facts: &Facts<'_>) -> Result<(), Rejection> {
    if matches!(facts.method, "TRACE" | "CONNECT") {
        return Err(Rejection::MethodUnsupported { allow: METHODS.to_owned() });
    }
    if facts.header("host").is_some_and(|host| !is_host(host)) {
        return Err(Rejection::RequestMalformed("its Host is not one name with at most a port"));
    }
    if facts.is_bodiless() && facts.header("transfer-encoding").is_some() {
        return Err(BODY_WHERE_NONE_GOES);
    }
    match facts.content_length() {
        Some(length) if length > MOST_ANNOUNCED => {
            Err(Rejection::RequestMalformed("no body is as long as its Content-Length says"))
        }
        Some(1..) if facts.is_bodiless() => Err(BODY_WHERE_NONE_GOES),
        _ => Ok(()),
    }
}

/// Whether `host` is a name or an address, with at most a port (RFC 9110, section 7.2). A comma may stand in a name, but is
/// what joins two of them here.
fn is_host(host: &str) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=".contains(&byte);
    let is_of_address = |byte: u8| byte.is_ascii_alphanumeric() || b".:%".contains(&byte);
    let (is_sound, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => (!address.is_empty() && address.bytes().all(is_of_address), port),
        None => {
            let (name, port) = host.split_at(host.find(':').unwrap_or(host.len()));
            (!name.is_empty() && name.bytes().all(is_of_name), port)
        }
    };
    is_sound
        && (port.is_empty()
            || port.strip_prefix(':').is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit())))
}
