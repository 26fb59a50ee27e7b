//! The port of public keys: those of an issuer of tokens, and whether a signature is by the owner of one.

use farebox_core::signature::jwt::PublicKey;

use crate::Fault;

/// Keys and signatures of others, checked by the platform's own engine where it has one.
pub trait PublicKeys {
    /// Reads the JWK set at `url`. Waits 15 s at most, follows no redirect, and takes no status but 200.
    async fn jwk_set(&self, url: &str) -> Result<String, Fault>;

    /// Whether `signature` over `message` is by the owner of `key`. A fault says that nobody knows.
    async fn verifies(&self, key: &PublicKey, message: &str, signature: &[u8]) -> Result<bool, Fault>;
}
