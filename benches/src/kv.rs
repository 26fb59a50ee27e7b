//! A key-value namespace of Workers, kept in memory, that counts what is asked of it.
//!
//! It speaks what workerd's `kvNamespace` binding speaks, which no document describes; Miniflare's
//! `workers/kv/namespace.worker` was read for it. Expiration is accepted and not acted upon: no run lasts that long.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    ops::Bound,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, StatusCode, body::Bytes, body::Incoming};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::serve::start;

type Body = Full<Bytes>;

const METADATA: &str = "cf-kv-metadata";
/// Keys on one page of a list, when nothing less is asked for.
const PAGE: usize = 1000;

/// A namespace that is being served.
#[derive(Clone)]
pub(crate) struct Namespace {
    /// Where.
    pub(crate) address: SocketAddr,
    store: Arc<Mutex<Store>>,
}

/// How often a namespace was asked for what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Operations {
    /// Values read; each key of a bulk read counts.
    pub(crate) reads: u64,
    /// Values written.
    pub(crate) writes: u64,
    /// Keys deleted.
    pub(crate) deletes: u64,
    /// Pages listed.
    pub(crate) lists: u64,
}

#[derive(Default)]
struct Store {
    entries: BTreeMap<String, Entry>,
    operations: Operations,
}

#[derive(Clone)]
struct Entry {
    value: Bytes,
    metadata: Option<String>,
}

impl Namespace {
    /// Serves an empty namespace.
    pub(crate) fn start() -> Result<Self> {
        let store = Arc::new(Mutex::new(Store::default()));
        let served = Arc::clone(&store);
        let address = start(move |request| answer(Arc::clone(&served), request))?;
        Ok(Self { address, store })
    }

    /// Puts a value in, which counts as nothing that was asked.
    pub(crate) fn put(&self, key: &str, value: String) {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.entries.insert(key.to_owned(), Entry { value: value.into(), metadata: None });
    }

    /// What was asked of it so far.
    pub(crate) fn operations(&self) -> Operations {
        self.store.lock().unwrap_or_else(PoisonError::into_inner).operations
    }
}

impl Operations {
    /// What was done since `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            reads: self.reads - earlier.reads,
            writes: self.writes - earlier.writes,
            deletes: self.deletes - earlier.deletes,
            lists: self.lists - earlier.lists,
        }
    }
}

async fn answer(store: Arc<Mutex<Store>>, request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await.map(|body| body.to_bytes()) else { return status(StatusCode::BAD_REQUEST) };
    let query: BTreeMap<String, String> =
        form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let path = head.uri.path().trim_start_matches('/');
    let key = percent_decode_str(path).decode_utf8_lossy().into_owned();
    let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
    match head.method {
        Method::GET if key.is_empty() => store.list(&query),
        Method::GET => store.get(&key),
        Method::POST if path == "bulk/get" => store.get_many(&body),
        Method::PUT => {
            let metadata = head.headers.get(METADATA).and_then(|value| value.to_str().ok()).map(str::to_owned);
            store.operations.writes += 1;
            store.entries.insert(key, Entry { value: body, metadata });
            status(StatusCode::OK)
        }
        Method::DELETE => {
            store.operations.deletes += 1;
            store.entries.remove(&key);
            status(StatusCode::OK)
        }
        _ => status(StatusCode::METHOD_NOT_ALLOWED),
    }
}

impl Store {
    fn get(&mut self, key: &str) -> Response<Body> {
        self.operations.reads += 1;
        let Some(entry) = self.entries.get(key) else { return status(StatusCode::NOT_FOUND) };
        let mut answer = Response::new(Full::new(entry.value.clone()));
        if let Some(metadata) = entry.metadata.as_deref().and_then(|text| text.parse().ok()) {
            answer.headers_mut().insert(METADATA, metadata);
        }
        answer
    }

    /// Values as text; the gateway's stores ask for nothing else.
    fn get_many(&mut self, body: &[u8]) -> Response<Body> {
        let wanted: Value = serde_json::from_slice(body).unwrap_or_default();
        let keys = wanted["keys"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let mut found = serde_json::Map::new();
        for key in keys {
            self.operations.reads += 1;
            let value = self.entries.get(key).map(|entry| String::from_utf8_lossy(&entry.value));
            found.insert(key.to_owned(), json!(value));
        }
        json_answer(&Value::Object(found))
    }

    fn list(&mut self, query: &BTreeMap<String, String>) -> Response<Body> {
        self.operations.lists += 1;
        let prefix = query.get("prefix").map(String::as_str).unwrap_or_default();
        let from = match query.get("cursor") {
            Some(cursor) => Bound::Excluded(cursor.as_str()),
            None => Bound::Included(prefix),
        };
        let limit = query.get("key_count_limit").and_then(|limit| limit.parse().ok()).unwrap_or(PAGE);
        let mut rest = self.entries.range::<str, _>((from, Bound::Unbounded));
        let page: Vec<_> = rest.by_ref().take_while(|(key, _)| key.starts_with(prefix)).take(limit).collect();
        let keys: Vec<Value> =
            page.iter().map(|(key, entry)| json!({"name": key, "metadata": entry.metadata})).collect();
        let last = page.last().map(|(key, _)| key.as_str());
        let more = page.len() == limit;
        let cursor = if more { last } else { None };
        json_answer(&json!({"keys": keys, "list_complete": !more, "cursor": cursor, "cacheStatus": null}))
    }
}

fn json_answer(value: &Value) -> Response<Body> {
    Response::new(Full::new(value.to_string().into()))
}

fn status(status: StatusCode) -> Response<Body> {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}
