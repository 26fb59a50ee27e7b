//! A plain HTTP client: it sends what it is given, byte for byte, and adds nothing but what HTTP needs.

use std::{convert::Infallible, time::Duration};

use anyhow::{Context, Result};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{
    HeaderMap, Request, Response, StatusCode,
    body::{Bytes, Incoming},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

/// A body to send.
pub(crate) type Body = BoxBody<Bytes, Infallible>;

/// How long a connection is kept for the next request. workerd closes one after five seconds, and a request on its way is then lost.
const KEPT_FOR: Duration = Duration::from_secs(1);

/// A client with connections that it keeps.
#[derive(Clone)]
pub(crate) struct Http(Client<HttpConnector, Body>);

/// An answer that was read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Http {
    pub(crate) fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).pool_idle_timeout(KEPT_FOR).build_http())
    }

    /// Sends `request` and reads the head of the answer.
    pub(crate) async fn open(&self, request: Request<Body>) -> Result<Response<Incoming>> {
        let what = format!("{} {}", request.method(), request.uri());
        self.0.request(request).await.with_context(|| what)
    }

    /// Sends `request` and reads the answer.
    pub(crate) async fn send(&self, request: Request<Body>) -> Result<Answer> {
        let (head, body) = self.open(request).await?.into_parts();
        let body = body.collect().await.context("the answer broke off")?.to_bytes();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    /// Gets `url`.
    pub(crate) async fn get(&self, url: &str) -> Result<Answer> {
        self.send(Request::get(url).body(bytes(""))?).await
    }
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("{}, not JSON: {}", self.status, String::from_utf8_lossy(&self.body)))
    }

    /// The `code` of a problem document (RFC 9457); empty when it is none.
    pub(crate) fn code(&self) -> String {
        let problem: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        problem["code"].as_str().unwrap_or_default().to_owned()
    }

    /// A header, empty when it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A body that is in memory.
pub(crate) fn bytes(content: impl Into<Bytes>) -> Body {
    Full::new(content.into()).boxed()
}
