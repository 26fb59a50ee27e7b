//! The harness: a provider with the API over a platform in memory.
//!
//! Every answer is held against the API's own description: its status must be one that the operation names.

use std::{
    cell::Cell,
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use farebox_control::{LocalHosts, RANDOM_BYTES, Request, Response, Settings, handle};
use farebox_core::credential::MasterKey;
use farebox_memory::Memory;
use farebox_ports::Host;
use serde_json::{Value, json};

/// A request on its way to its answer.
type Answering<'a> = Pin<Box<dyn Future<Output = Response> + 'a>>;

pub(crate) const CATALOG: &str = r#"
[provider]
name = "Acme"
currency = "USD"

[[products]]
id = "echo"
upstream = "https://origin.example"
auth = ["x-ca"]
routes = [{ path = "/echo/{*rest}" }]
rate = { per_1000_calls = "2.00" }

  [[products.packages]]
  id = "echo-100"
  price = "0.15"
  calls = 100
  valid = "30d"

[[products]]
id = "secret"
upstream = "https://origin.example"
auth = ["x-ca"]
accounts = ["acc_nobody"]
routes = [{ path = "/secret" }]

  [[products.packages]]
  id = "secret-1"
  price = "0.01"
  calls = 1

[[products]]
id = "planned"
upstream = "https://origin.example"
auth = ["x-ca"]
routes = [{ path = "/planned" }]

  [[products.subscriptions]]
  id = "small"
  price = "10.00"
  every = "1 month"
  calls = 1_000

  [[products.subscriptions]]
  id = "large"
  price = "30.00"
  every = "1 month"
  calls = 10_000
"#;

/// A provider at its shell: the API over a platform in memory.
pub(crate) struct Shop {
    pub(crate) memory: Memory,
    pub(crate) settings: Settings,
    description: Value,
    requests: Cell<u32>,
}

/// An answer, read.
#[derive(Debug, PartialEq)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// Everything in memory is ready at once.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the platform in memory never waits"),
    }
}

pub(crate) fn master_key() -> MasterKey {
    MasterKey::from_base64("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=").expect("32 bytes")
}

impl Shop {
    /// With nothing published.
    pub(crate) fn empty() -> Self {
        let local_hosts = LocalHosts::default().with_loopback();
        let settings = Settings {
            token: "right-token".into(),
            master_key: master_key(),
            clock_moves: false,
            local_hosts,
            mail: None,
            oidc: None,
            payments: None,
        };
        let memory = Memory::new("2026-11-01T00:00:00Z".parse().expect("a time"));
        let mut shop = Self { memory, settings, description: json!({}), requests: Cell::new(0) };
        let answer = shop.send(Request { path: "/_farebox/openapi.json", ..shop.request("GET", "", b"") });
        shop.description = answer.body;
        shop
    }

    /// With the catalog published.
    pub(crate) fn open() -> Self {
        let shop = Self::empty();
        assert_eq!(shop.put_catalog("", CATALOG).status, 200);
        shop
    }

    pub(crate) fn request<'a>(&self, method: &'a str, path: &'a str, body: &'a [u8]) -> Request<'a> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        Request {
            method,
            path,
            query,
            authorization: Some("Bearer right-token"),
            idempotency_key: None,
            body,
            ..Request::default()
        }
    }

    /// What the API says of itself.
    pub(crate) const fn description(&self) -> &Value {
        &self.description
    }

    /// The answer as it comes.
    pub(crate) fn answer(&self, request: Request<'_>) -> Response {
        ready(self.asking(request))
    }

    /// The answer once it comes.
    pub(crate) fn asking<'a>(&'a self, request: Request<'a>) -> impl Future<Output = Response> + 'a {
        // Distinct for each request is all that these bytes have to be here.
        self.requests.set(self.requests.get() + 1);
        let mut random = [0; RANDOM_BYTES];
        random.chunks_mut(4).for_each(|part| part.copy_from_slice(&self.requests.get().to_be_bytes()));
        handle(&self.memory, &self.settings, request, self.memory.now(), random)
    }

    /// Lets the requests go on in an order that `seed` makes: each is at work until it asks a store, then another may be.
    pub(crate) fn at_once(&self, seed: u64, requests: Vec<Request<'_>>) -> Vec<Response> {
        self.memory.take_turns(true);
        let mut context = Context::from_waker(Waker::noop());
        let mut waiting: Vec<(usize, Answering<'_>)> = Vec::new();
        let count = requests.len();
        for (at, request) in requests.into_iter().enumerate() {
            waiting.push((at, Box::pin(self.asking(request))));
        }
        let mut answers: Vec<Option<Response>> = vec![None; count];
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        while !waiting.is_empty() {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let next = (random >> 32) as usize % waiting.len();
            let (at, future) = &mut waiting[next];
            if let Poll::Ready(answer) = future.as_mut().poll(&mut context) {
                answers[*at] = Some(answer);
                drop(waiting.swap_remove(next));
            }
        }
        self.memory.take_turns(false);
        answers.into_iter().flatten().collect()
    }

    pub(crate) fn send(&self, request: Request<'_>) -> Got {
        let answer = self.answer(request);
        let body = if answer.body.is_empty() { Value::Null } else { serde_json::from_str(&answer.body).expect("JSON") };
        let content_type =
            answer.headers.iter().find(|(name, _)| *name == "content-type").map(|(_, value)| value.as_str());
        match answer.status {
            204 => assert_eq!((content_type, &body), (None, &Value::Null)),
            _ if request.method == "HEAD" => assert_eq!(body, Value::Null),
            200..300 => assert_eq!(content_type, Some("application/json")),
            status => {
                assert_eq!(content_type, Some("application/problem+json"));
                assert_eq!(body["status"], status);
                assert!(body["code"].is_string() && body["detail"].is_string() && body["title"].is_string());
            }
        }
        Got { status: answer.status, body }
    }

    /// Sends a request below the API's root, and holds the status against the description.
    pub(crate) fn call(&self, method: &str, path: &str, key: Option<&str>, body: &Value) -> Got {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let path = format!("/_farebox/admin/v1/{path}");
        let got = self.send(Request { idempotency_key: key, ..self.request(method, &path, &body) });
        if !matches!(got.body["code"].as_str(), Some("route.unknown" | "method.unsupported")) {
            assert!(self.is_described(method, &path, got.status), "{method} {path}: {} is not described", got.status);
        }
        got
    }

    pub(crate) fn is_described(&self, method: &str, path: &str, status: u16) -> bool {
        let path = path.trim_start_matches("/_farebox/admin/v1").split('?').next().unwrap_or_default();
        let fits = |pattern: &str| {
            let (have, want): (Vec<_>, Vec<_>) = (path.split('/').collect(), pattern.split('/').collect());
            have.len() == want.len() && have.iter().zip(&want).all(|(have, want)| want.starts_with('{') || have == want)
        };
        let paths = self.description["paths"].as_object().expect("paths");
        let found = paths.iter().find(|(pattern, _)| fits(pattern)).map(|(_, operations)| operations);
        found.is_some_and(|operations| operations[method.to_lowercase()]["responses"].get(status.to_string()).is_some())
    }

    /// The text of a good answer, as it comes.
    pub(crate) fn text(&self, path: &str) -> String {
        let request = self.request("GET", path, b"");
        let answer = ready(handle(&self.memory, &self.settings, request, self.memory.now(), [0; RANDOM_BYTES]));
        assert_eq!(answer.status, 200);
        answer.body
    }

    /// A call with another token than the deployment's.
    pub(crate) fn call_as(&self, token: &str, method: &str, path: &str, body: &Value) -> Got {
        self.call_once_as(token, method, path, None, body)
    }

    /// The same, under an idempotency key.
    pub(crate) fn call_once_as(&self, token: &str, method: &str, path: &str, key: Option<&str>, body: &Value) -> Got {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let (path, authorization) = (format!("/_farebox/admin/v1/{path}"), format!("Bearer {token}"));
        let request = Request { idempotency_key: key, ..self.request(method, &path, &body) };
        let got = self.send(Request { authorization: Some(&authorization), ..request });
        assert!(self.is_described(method, &path, got.status), "{method} {path}: {} is not described", got.status);
        got
    }

    pub(crate) fn get(&self, path: &str) -> Got {
        self.call("GET", path, None, &Value::Null)
    }

    pub(crate) fn put_catalog(&self, query: &str, source: &str) -> Got {
        let path = format!("/_farebox/admin/v1/catalog{query}");
        let got = self.send(self.request("PUT", &path, source.as_bytes()));
        assert!(self.is_described("PUT", &path, got.status));
        got
    }

    pub(crate) fn account(&self, name: &str) -> String {
        let got = self.call("POST", "accounts", None, &json!({ "name": name }));
        assert_eq!((got.status, &got.body["name"], &got.body["status"]), (201, &json!(name), &json!("active")));
        got.body["id"].as_str().expect("an id").to_owned()
    }

    pub(crate) fn recharge(&self, account: &str, key: &str, amount: &str) -> Got {
        let body = json!({ "amount": amount, "currency": "USD" });
        self.call("POST", &format!("accounts/{account}/recharges"), Some(key), &body)
    }

    pub(crate) fn buy(&self, account: &str, key: &str, product: &str, package: &str) -> Got {
        let body = json!({ "product": product, "package": package });
        self.call("POST", &format!("accounts/{account}/purchases"), Some(key), &body)
    }
}

pub(crate) fn code(got: &Got) -> (u16, &str) {
    (got.status, got.body["code"].as_str().unwrap_or_default())
}
