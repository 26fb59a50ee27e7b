//! Names and values of header fields that a catalog may set.
//!
//! Invariant: a name that is accepted here is no field of the connection (RFC 9110, section 7.6.1), and frames no body. Neither
//! Farebox nor a platform says something of its own by it.

use crate::request::HOP_BY_HOP;

/// The longest name, and the longest value.
const LONGEST_NAME: usize = 64;
const LONGEST_VALUE: usize = 1_024;

/// By which a message is framed, or a platform decides.
const FRAMING: [&str; 3] = ["content-length", "content-encoding", "expect"];

/// What the gateway says itself. From where a call came, the key `forwarded` of a product has it say.
const OURS: [&str; 5] = ["farebox", "signature", "signature-input", "content-digest", "forwarded"];

/// What begins the names of fields that are a platform's or the gateway's.
const RESERVED: [&str; 6] = ["farebox-", "x-ca-", "x-forwarded-", "cf-", "spin-", "proxy-"];

/// Whether a catalog may set a field of this name.
pub fn may_set(name: &str) -> bool {
    own(name).is_ok()
}

/// A name that a catalog may set, in lower case.
pub(super) fn own(text: &str) -> Result<String, String> {
    let name = text.to_ascii_lowercase();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(is_plain) {
        return Err(format!(
            "`{text}` is not a header field's name: write up to {LONGEST_NAME} letters, digits and - _ ., such as \"x-api-key\""
        ));
    }
    // As an upstream behind CGI's rules reads it (RFC 3875, section 4.1.18).
    let usual: &str = &name.replace(['_', '.'], "-");
    let is_taken = HOP_BY_HOP.contains(&usual)
        || FRAMING.contains(&usual)
        || OURS.contains(&usual)
        || RESERVED.iter().any(|begin| usual.starts_with(begin));
    if is_taken {
        return Err(format!("`{name}` is a field of the connection, of the platform or of the gateway: use another"));
    }
    Ok(name)
}

/// A value that a catalog may set (RFC 9110, section 5.5): printable, with no blank at either end.
pub(super) fn value(text: &str) -> Result<String, String> {
    let is_printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if (1..=LONGEST_VALUE).contains(&text.len()) && is_printable && text.trim() == text {
        return Ok(text.to_owned());
    }
    Err(format!("a field's value must be 1 to {LONGEST_VALUE} printable ASCII characters, with no blank at either end"))
}
