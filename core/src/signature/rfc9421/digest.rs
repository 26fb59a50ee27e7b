//! `Content-Digest` (RFC 9530): whether a body is the one that was signed.

use base64::{Engine, engine::general_purpose::STANDARD};
use sfv::ListEntry;
use sha2::{Digest, Sha256};

use super::claim::dictionary;

/// The algorithms that are taken (RFC 9530, section 7.2: those in use and not broken).
pub(super) const ALGORITHMS: [&str; 2] = ["sha-256", "sha-512"];

/// What a `Content-Digest` says of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checked {
    /// It is the body's, by each algorithm that we know and at least one.
    Matches,
    /// It is that of another body, or cannot be read.
    Differs,
    /// By no algorithm that we know.
    Unknown,
}

/// The value of `Content-Digest` for `body`.
pub fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(body)))
}

/// Holds `body` against the value of its `Content-Digest`.
pub(super) fn check(value: &str, body: &[u8]) -> Checked {
    let Some(digests) = dictionary(&[value]) else { return Checked::Differs };
    let mut checked = Checked::Unknown;
    for algorithm in ALGORITHMS {
        let Some(digest) = digests.get(algorithm) else { continue };
        let ListEntry::Item(digest) = digest else { return Checked::Differs };
        let own =
            if algorithm == "sha-256" { Sha256::digest(body).to_vec() } else { hmac_sha512::Hash::hash(body).to_vec() };
        if digest.bare_item.as_byte_sequence() != Some(&own) {
            return Checked::Differs;
        }
        checked = Checked::Matches;
    }
    checked
}
