//! Signed calls, and what can be done to them on their way.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

use anyhow::{Context, Result};
use farebox_core::{
    credential::Secret,
    request::Facts,
    signature::{Signer, xca::sign},
    time::Timestamp,
};
use hyper::{HeaderMap, Method, Request, header::HeaderName};

use crate::http::{Answer, Body, Http, bytes};

/// What an upstream was told of who called: a member of the dictionary in the field `farebox` (RFC 9651, section 3.2).
pub(crate) fn told<'a>(farebox: &'a str, member: &str) -> Option<&'a str> {
    let mut members = farebox.split(", ").filter_map(|one| one.split_once('='));
    members.find(|(name, _)| *name == member)?.1.strip_prefix('"')?.strip_suffix('"')
}

/// Somebody with a key and a secret.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) key: String,
    pub(crate) secret: String,
    pub(crate) app_code: String,
    gateway: String,
    http: Http,
}

/// A request that is signed but not sent: each part can still be changed.
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Caller {
    pub(crate) fn new(gateway: &str, key: &str, secret: &str, app_code: &str) -> Self {
        let [key, secret, app_code, gateway] = [key, secret, app_code, gateway].map(str::to_owned);
        Self { key, secret, app_code, gateway, http: Http::new() }
    }

    /// The same, presenting another key and signing with another secret.
    pub(crate) fn posing_as(&self, key: &str, secret: &str) -> Self {
        Self { key: key.to_owned(), secret: secret.to_owned(), ..self.clone() }
    }

    /// The same, calling at another gateway.
    pub(crate) fn at(&self, gateway: &str) -> Self {
        Self { gateway: gateway.to_owned(), ..self.clone() }
    }

    /// A call by `method` of `target`, signed now, with `headers` beside those of the signature.
    pub(crate) fn call(&self, method: Method, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Call> {
        self.call_at(now(), method, target, headers, body)
    }

    /// A call by GET with this nonce, signed then: the same however often it is made.
    pub(crate) fn call_once(&self, at: Timestamp, target: &str, nonce: &str) -> Result<Call> {
        self.signed(at, nonce, Method::GET, target, &[], b"")
    }

    /// The same, signed at another time.
    pub(crate) fn call_at(
        &self,
        now: Timestamp,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Call> {
        self.signed(now, &nonce(), method, target, headers, body)
    }

    fn signed(
        &self,
        now: Timestamp,
        nonce: &str,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Call> {
        let mut packed = format!("{method}\n{}{target}", self.gateway);
        for (name, value) in headers {
            packed.push_str(&format!("\n{name}: {value}"));
        }
        let facts = Facts::unpack(&packed).context("not a request")?;
        let signer = Signer { key: &self.key, secret: &Secret::new(&*self.secret), now, nonce };
        let signed = sign(&facts, body, &signer).headers;
        let given = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let headers = given.chain(signed).map(|(name, value)| Ok((HeaderName::try_from(name)?, value.try_into()?)));
        Ok(Call { method, target: target.to_owned(), headers: headers.collect::<Result<_>>()?, body: body.to_vec() })
    }

    /// Sends a call and reads the answer.
    pub(crate) async fn send(&self, call: Call) -> Result<Answer> {
        let body = bytes(call.body.clone());
        self.http.send(self.request(call, body)?).await
    }

    /// Gets `target`.
    pub(crate) async fn get(&self, target: &str) -> Result<Answer> {
        self.send(self.call(Method::GET, target, &[], b"")?).await
    }

    /// Gets `target`, signed at another time than now.
    pub(crate) async fn get_at(&self, time: Timestamp, target: &str) -> Result<Answer> {
        self.send(self.call_at(time, Method::GET, target, &[], b"")?).await
    }

    /// `call` as a request with `body` in place of its own.
    pub(crate) fn request(&self, call: Call, body: Body) -> Result<Request<Body>> {
        let mut request =
            Request::builder().method(call.method).uri(format!("{}{}", self.gateway, call.target)).body(body)?;
        *request.headers_mut() = call.headers;
        Ok(request)
    }

    /// The client, for answers that are not read to their end.
    pub(crate) fn http(&self) -> &Http {
        &self.http
    }
}

/// The time on this machine.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Never the same in one process; credentials are never shared between two.
fn nonce() -> String {
    static NONCES: AtomicU64 = AtomicU64::new(0);
    format!("n{}", NONCES.fetch_add(1, Ordering::Relaxed))
}
