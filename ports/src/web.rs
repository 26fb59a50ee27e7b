//! The port of the outside: requests that the gateway itself makes.

use crate::Fault;

/// Requests of our own to the outside: webhooks.
pub trait Web {
    /// Posts `body` to `url` and answers with the status. Waits 15 s at most, and follows no redirect.
    async fn post(&self, url: &str, headers: &[(&str, String)], body: &str) -> Result<u16, Fault>;
}
