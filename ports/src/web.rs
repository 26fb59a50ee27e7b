//! The port of the outside: requests that the gateway itself makes.

use crate::Fault;

/// How a request of our own is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebMethod {
    /// Asks.
    Get,
    /// Does.
    Post,
}

/// A request of our own, and its answer is read.
#[derive(Debug, Clone, Copy)]
pub struct WebRequest<'a> {
    /// How.
    pub method: WebMethod,
    /// Where to: begins with `https://`, or `http://`.
    pub url: &'a str,
    /// Header fields, names in lower case.
    pub headers: &'a [(&'a str, String)],
    /// The body; empty where the method is GET.
    pub body: &'a str,
}

/// What the outside answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body, of at most [`ANSWER_LIMIT`] bytes.
    pub body: String,
}

/// The longest answer that is read, in bytes: a page of a hundred objects of a payment service has some 200 KiB.
pub const ANSWER_LIMIT: usize = 1 << 20;

/// Requests of our own to the outside: webhooks, and services that the provider has chosen.
pub trait Web {
    /// Posts `body` to `url` and answers with the status. Waits 15 s at most, and follows no redirect.
    async fn post(&self, url: &str, headers: &[(&str, String)], body: &str) -> Result<u16, Fault>;

    /// Sends a request and reads its answer. Waits 15 s at most, and follows no redirect.
    ///
    /// After a fault it is not known whether the request was carried out.
    async fn ask(&self, request: &WebRequest<'_>) -> Result<WebAnswer, Fault>;
}
