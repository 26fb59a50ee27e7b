//! Replacing a document that somebody else may have replaced meanwhile.
//!
//! Invariant: whoever says with `If-Match` (RFC 9110, section 13.1.1) what is to be replaced replaces nothing else.

use farebox_core::signature::hmac_sha256;

use super::{Call, Ports, base32::base32, failure::Failure};
use crate::store::written;

/// What stands for no document at all.
pub(crate) const NOTHING: &str = "none";

/// Names the content of a document that has no version of its own.
pub(crate) fn version_of(document: &impl serde::Serialize) -> Result<String, Failure> {
    Ok(base32(&hmac_sha256(b"version", written(document)?.as_bytes())[..10]))
}

/// The entity tag of a version.
pub(crate) fn entity_tag(version: &str) -> String {
    format!("\"{version}\"")
}

impl<P: Ports> Call<'_, P> {
    /// Whether `If-Match` names this version, or any. Without the field it is not known what the sender has seen.
    pub(crate) fn matches(&self, version: &str) -> Option<bool> {
        let tags = self.request.if_match?;
        let is_it = |tag: &str| tag == entity_tag(version) || (tag == "*" && version != NOTHING);
        Some(tags.split(',').map(str::trim).any(is_it))
    }

    /// Refuses to replace another version than the one that `If-Match` names.
    pub(crate) fn check_version(&self, version: &str) -> Result<(), Failure> {
        if self.matches(version) == Some(false) { Err(Failure::VersionChanged(version.to_owned())) } else { Ok(()) }
    }
}
