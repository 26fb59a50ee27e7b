//! The admin API, as far as `dev` calls it.

use anyhow::{Context, Result, bail};
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request,
    body::Bytes,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

/// The admin API of one gateway.
pub(super) struct Admin {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
    token: String,
}

impl Admin {
    /// The API at `gateway` (scheme and authority), with its admin token.
    pub(super) fn new(gateway: &str, token: &str) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, base: format!("{gateway}/_farebox/admin/v1"), token: token.to_owned() }
    }

    /// Publishes a catalog, whatever customers hold of the one before: the accounts are for trying things out.
    pub(super) async fn publish(&self, toml: String) -> Result<()> {
        self.send(Method::PUT, "catalog?remove_held=true", None, "application/toml", toml).await.map(drop)
    }

    /// Reads something.
    pub(super) async fn get(&self, path: &str) -> Result<Value> {
        self.send(Method::GET, path, None, "application/json", String::new()).await
    }

    /// Posts JSON; `key` makes repeating it harmless.
    pub(super) async fn post(&self, path: &str, key: Option<&str>, content: &Value) -> Result<Value> {
        self.send(Method::POST, path, key, "application/json", content.to_string()).await
    }

    async fn send(&self, method: Method, path: &str, key: Option<&str>, kind: &str, body: String) -> Result<Value> {
        let call = format!("{method} {path}");
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}/{path}", self.base))
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            .header(CONTENT_TYPE, kind);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let response = self.client.request(request.body(Full::from(body))?).await.with_context(|| call.clone())?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            bail!("{call}: {status}: {}", String::from_utf8_lossy(&body));
        }
        serde_json::from_slice(&body).with_context(|| format!("{call} did not answer with JSON"))
    }
}
