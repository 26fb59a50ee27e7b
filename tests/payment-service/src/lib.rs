//! A payment service for development and tests. It speaks the parts of Stripe's protocol that Farebox uses
//! (<https://docs.stripe.com/api>): form-encoded requests, `Idempotency-Key`, events and their signatures. It has Checkout
//! Sessions with a hosted page, payment intents, off-session charges, refunds, disputes and balance transactions.
//!
//! It is a value: whoever hosts it brings requests and the time, and delivers the events. Invariants: no money moves here; an object
//! says what Stripe's does, and what is not played here is refused, never answered by a guess.

mod events;
mod form;
mod money;
mod page;
mod sessions;

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub use events::{Sent, signature};
pub use sessions::Paying;

/// A request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    /// The method.
    pub method: &'a str,
    /// The path and, behind `?`, the query.
    pub target: &'a str,
    /// The `Authorization` header: `Bearer` and the key, or `Basic` as the official libraries never send it.
    pub authorization: Option<&'a str>,
    /// The `Idempotency-Key` header.
    pub idempotency_key: Option<&'a str>,
    /// The body, form-encoded.
    pub body: &'a str,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The media type of the body.
    pub content_type: &'static str,
    /// Where a 303 leads.
    pub location: Option<String>,
    /// The body.
    pub body: String,
}

/// The service, with all that it holds.
#[derive(Debug)]
pub struct Service {
    /// What `Authorization` must carry: `sk_test_…` or `sk_live_…`.
    key: String,
    /// Where the hosted pages are: scheme and authority.
    origin: String,
    objects: BTreeMap<String, Value>,
    /// The ids of objects of each kind, in the order in which they were made.
    made: Vec<String>,
    /// What was answered under an idempotency key, and to which request.
    answered: BTreeMap<String, (String, Answer)>,
    outbox: Vec<Sent>,
    now: i64,
}

/// Why a request is not carried out: the status, and the error's type and message.
pub(crate) struct Wrong(u16, &'static str, String);

impl Wrong {
    pub(crate) fn request(message: impl Into<String>) -> Self {
        Self(400, "invalid_request_error", message.into())
    }

    pub(crate) fn missing(id: &str) -> Self {
        Self(404, "invalid_request_error", format!("No such object: '{id}'"))
    }

    pub(crate) fn card(message: &str) -> Self {
        Self(402, "card_error", message.to_owned())
    }

    fn answer(self) -> Answer {
        let Self(status, kind, message) = self;
        let code = if status == 404 { "resource_missing" } else { kind };
        Answer::json(status, &json!({ "error": { "type": kind, "code": code, "message": message } }))
    }
}

impl Answer {
    fn json(status: u16, value: &Value) -> Self {
        Self { status, content_type: "application/json", location: None, body: value.to_string() }
    }

    pub(crate) fn page(body: String) -> Self {
        Self { status: 200, content_type: "text/html; charset=utf-8", location: None, body }
    }

    pub(crate) fn leads_to(location: &str) -> Self {
        Self { status: 303, content_type: "text/plain", location: Some(location.to_owned()), body: String::new() }
    }
}

impl Service {
    /// A service with nothing in it, for who sends `key`. Its pages are at `origin`.
    pub fn new(key: &str, origin: &str) -> Self {
        Self {
            key: key.to_owned(),
            origin: origin.to_owned(),
            objects: BTreeMap::new(),
            made: Vec::new(),
            answered: BTreeMap::new(),
            outbox: Vec::new(),
            now: 0,
        }
    }

    /// Makes an object say what it never would: for tests of who believes it.
    pub fn forge(&mut self, id: &str, changes: Value) {
        self.set(id, changes);
    }

    /// Answers a request at `now`, in seconds since the epoch.
    pub fn answer(&mut self, asked: &Asked<'_>, now: i64) -> Answer {
        self.now = now;
        let (path, query) = asked.target.split_once('?').unwrap_or((asked.target, ""));
        if let Some(session) = path.strip_prefix("/pay/") {
            return self.hosted(asked.method, session, asked.body).unwrap_or_else(Wrong::answer);
        }
        let key = asked.authorization.and_then(|value| value.strip_prefix("Bearer "));
        if key != Some(&self.key) {
            return Wrong(401, "invalid_request_error", "Invalid API Key provided".to_owned()).answer();
        }
        let given = format!("{} {} {}", asked.method, asked.target, asked.body);
        if let Some(named) = asked.idempotency_key.filter(|_| asked.method == "POST") {
            match self.answered.get(named) {
                Some((before, answer)) if *before == given => return answer.clone(),
                Some(_) => {
                    let message = "Keys for idempotent requests can only be used with the same parameters";
                    return Wrong(400, "idempotency_error", message.to_owned()).answer();
                }
                None => {}
            }
        }
        let parameters = form::read(if asked.method == "POST" { asked.body } else { query });
        let answer = match self.route(asked.method, path, &parameters) {
            Ok(value) => Answer::json(200, &value),
            Err(wrong) => wrong.answer(),
        };
        if let Some(named) = asked.idempotency_key.filter(|_| asked.method == "POST") {
            self.answered.insert(named.to_owned(), (given, answer.clone()));
        }
        answer
    }

    fn route(&mut self, method: &str, path: &str, given: &Value) -> Result<Value, Wrong> {
        let segments: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
        match (method, segments.as_slice()) {
            ("POST", ["checkout", "sessions"]) => self.make_session(given),
            ("GET", ["checkout", "sessions", id]) => self.session(id, given),
            ("POST", ["checkout", "sessions", id, "expire"]) => self.expire_session(id),
            ("POST", ["customers"]) => Ok(self.make_customer(given)),
            ("POST", ["payment_intents"]) => self.make_intent(given),
            ("GET", ["payment_intents", id]) => self.intent(id, given),
            ("POST", ["refunds"]) => self.make_refund(given),
            ("GET", ["balance_transactions" | "events" | "disputes"]) => Ok(self.list(path, given)),
            ("GET", ["customers" | "refunds" | "charges" | "disputes" | "events" | "balance_transactions", id]) => {
                self.object(id).cloned()
            }
            _ => Err(Wrong(404, "invalid_request_error", format!("Unrecognized request URL ({method}: {path})"))),
        }
    }

    /// Whether money would move by this key.
    pub(crate) fn is_live(&self) -> bool {
        self.key.starts_with("sk_live_") || self.key.starts_with("rk_live_")
    }

    pub(crate) fn object(&self, id: &str) -> Result<&Value, Wrong> {
        self.objects.get(id).ok_or_else(|| Wrong::missing(id))
    }

    /// Keeps an object under a new id that begins with `mark`.
    pub(crate) fn make(&mut self, mark: &str, kind: &str, mut object: Value) -> String {
        let id = format!("{mark}_{:06}", self.made.len() + 1);
        object["id"] = json!(id);
        object["object"] = json!(kind);
        object["livemode"] = json!(self.is_live());
        object["created"] = json!(self.now);
        self.made.push(id.clone());
        self.objects.insert(id.clone(), object);
        id
    }

    /// Changes members of an object.
    pub(crate) fn set(&mut self, id: &str, changes: Value) {
        if let (Some(Value::Object(object)), Value::Object(changes)) = (self.objects.get_mut(id), changes) {
            object.extend(changes);
        }
    }

    fn make_customer(&mut self, given: &Value) -> Value {
        let customer = json!({ "email": given["email"], "name": given["name"], "metadata": metadata(given) });
        let id = self.make("cus", "customer", customer);
        self.objects[&id].clone()
    }

    /// A page of objects, the latest first.
    fn list(&self, path: &str, given: &Value) -> Value {
        let kind = path.trim_start_matches("/v1/").trim_end_matches('s');
        let at = |name: &str| given["created"][name].as_str().and_then(|text| text.parse::<i64>().ok());
        let (from, before, until) =
            (at("gte").unwrap_or(i64::MIN), at("lt").unwrap_or(i64::MAX), at("lte").unwrap_or(i64::MAX));
        let limit = given["limit"].as_str().and_then(|text| text.parse().ok()).unwrap_or(10_usize).clamp(1, 100);
        let all = self.made.iter().rev().map(|id| &self.objects[id]).filter(|object| object["object"] == kind);
        let within = all.filter(|object| {
            let created = object["created"].as_i64().unwrap_or_default();
            created >= from && created < before && created <= until
        });
        let after = given["starting_after"].as_str();
        let rest: Vec<&Value> = match after {
            Some(after) => within.skip_while(|object| object["id"] != after).skip(1).collect(),
            None => within.collect(),
        };
        let more = rest.len() > limit;
        let mut page: Vec<Value> = rest.into_iter().take(limit).cloned().collect();
        for object in page.iter_mut().filter(|_| form::expands(given, "data.source")) {
            let source = object["source"].as_str().and_then(|source| self.objects.get(source)).cloned();
            object["source"] = source.unwrap_or_default();
        }
        json!({ "object": "list", "url": path, "has_more": more, "data": page })
    }
}

/// The `metadata` of a request, as an object keeps it.
pub(crate) fn metadata(given: &Value) -> Value {
    if given["metadata"].is_object() { given["metadata"].clone() } else { json!({}) }
}
