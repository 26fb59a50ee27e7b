//! The admin API, as another program calls it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use farebox_core::time::Timestamp;
use hyper::{
    Method, Request,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::{Answer, Http, bytes};

/// The admin API of one gateway.
pub(crate) struct Admin {
    http: Http,
    base: String,
    token: String,
}

/// What a settlement run says it did.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Settlement {
    pub(crate) batches: u64,
    pub(crate) applied: u64,
    pub(crate) known: u64,
    pub(crate) refused: u64,
    pub(crate) left: u64,
    pub(crate) operations: u64,
}

/// How long it may take until what a gateway counted is settled: a flush and some runs.
pub(crate) const SETTLING: Duration = Duration::from_secs(30);

impl Admin {
    pub(crate) fn new(gateway: &str, token: &str) -> Self {
        Self { http: Http::new(), base: format!("{gateway}/_farebox/admin/v1"), token: token.to_owned() }
    }

    /// Gets JSON.
    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        succeeded(&format!("GET {path}"), &self.send(Method::GET, path, "").await?)
    }

    /// Gets the items of all pages of a list.
    pub(crate) async fn list(&self, path: &str) -> Result<Vec<Value>> {
        let (mut items, mut page) = (Vec::new(), path.to_owned());
        loop {
            let answer = self.get(&page).await?;
            items.extend(answer["items"].as_array().with_context(|| format!("{path} without items"))?.iter().cloned());
            match answer["cursor"].as_str() {
                Some(cursor) => page = format!("{path}?cursor={cursor}"),
                None => return Ok(items),
            }
        }
    }

    /// Posts JSON. Each post has an idempotency key of its own.
    pub(crate) async fn post(&self, path: &str, content: &Value) -> Result<Value> {
        succeeded(&format!("POST {path}"), &self.send(Method::POST, path, &content.to_string()).await?)
    }

    /// Patches JSON.
    pub(crate) async fn patch(&self, path: &str, content: &Value) -> Result<Value> {
        succeeded(&format!("PATCH {path}"), &self.send(Method::PATCH, path, &content.to_string()).await?)
    }

    /// Deletes; there is nothing to read.
    pub(crate) async fn delete(&self, path: &str) -> Result<()> {
        let answer = self.send(Method::DELETE, path, "").await?;
        if !answer.status.is_success() {
            bail!("DELETE {path}: {answer:?}");
        }
        Ok(())
    }

    /// The gateway's time, which may have been moved.
    pub(crate) async fn now(&self) -> Result<Timestamp> {
        let clock = self.get("clock").await?;
        clock["now"].as_str().and_then(|now| now.parse().ok()).with_context(|| format!("no time: {clock}"))
    }

    /// Runs a settlement.
    pub(crate) async fn settle(&self) -> Result<Settlement> {
        let report = self.post("settlements", &json!({})).await?;
        serde_json::from_value(report.clone()).with_context(|| format!("not a settlement: {report}"))
    }

    async fn send(&self, method: Method, path: &str, body: &str) -> Result<Answer> {
        static KEYS: AtomicU64 = AtomicU64::new(0);
        self.send_as(&format!("test-{}", KEYS.fetch_add(1, Ordering::Relaxed)), method, path, body).await
    }

    /// Sends under an idempotency key, none when it is empty, and gives back any answer.
    pub(crate) async fn send_as(&self, key: &str, method: Method, path: &str, body: &str) -> Result<Answer> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}/{path}", self.base))
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            .header(CONTENT_TYPE, "application/json")
            .body(bytes(body.to_owned()))?;
        if !key.is_empty() {
            request.headers_mut().insert("idempotency-key", key.try_into()?);
        }
        self.http.send(request).await
    }
}

fn succeeded(call: &str, answer: &Answer) -> Result<Value> {
    if !answer.status.is_success() {
        bail!("{call}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
    }
    answer.json()
}
