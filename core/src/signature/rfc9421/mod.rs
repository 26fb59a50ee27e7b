//! HTTP Message Signatures (RFC 9421) with `hmac-sha256`, as callers make them.
//!
//! [`Claim`] is what `Signature-Input` and `Signature` say, [`verify()`] checks one signature of it, [`sign()`] makes one.
//! Both build the signature base in `base`, so that what we sign is what we accept. Invariant: a component that cannot be
//! resolved to one text makes the signature unusable; nothing is ever left out of the base.

mod base;
mod claim;
mod component;
mod coverage;
mod digest;
mod sign;
#[cfg(test)]
mod tests;
mod verify;

pub(super) use claim::Fields;
pub use claim::{Claim, Signature};
pub use coverage::{DEMANDED, requirement};
pub use digest::content_digest;
pub use sign::{base_of, sign};
pub use verify::{Demands, verify};
