//! The customer API on the platform in memory.

pub(crate) mod market;
mod members;
mod money;
mod notices;
mod oidc;
mod portal;
mod sign_in;
mod table;
