//! The edge function on Workers: what `entry.js` calls.
//!
//! A crossing between JavaScript and WebAssembly costs more than the work behind it, so a call makes one: the facts of
//! the request go in as one string, the decision comes out as one. JavaScript holds the streams and forwards with the
//! platform's own means; it decides nothing. The packed form of a decision is lines:
//!
//! ```text
//! forward  F, call, timeout (0: none), background, how many bytes may go in and out at first (nothing where they are not
//!          limited), URL, which fields of the caller go along (`1` or `0` each),
//!          n names, m names (either with commas between), n values, then m values
//! reject   R, status, count n, n × (name, value), body
//! need     B, limit: read the body, of at most `limit` bytes, and ask again with it
//!          N: ask `decide`, which may wait
//! ```
//!
//! where the n fields go to the upstream and the m fields to the caller. No value holds a line feed. The names of a forward
//! stand by themselves, since they are the same from call to call: JavaScript takes them apart once.
#![allow(unsafe_code)] // what `#[wasm_bindgen]` expands to

use std::{cell::OnceCell, fmt::Write, rc::Rc};

use farebox_cloudflare::{Platform, Task, random};
use farebox_core::{
    credential::MasterKey, meter::Meter, rejection::Rejection, request::Facts, signature::Body, time::SECOND,
};
use farebox_gateway::{
    BODY_BROKEN, Flow, Flowed, Forward, Gateway, MOST_ANNOUNCED, Need, Reject, Settings, Step, ports::Host,
};
use wasm_bindgen::prelude::*;
use worker::Env;

/// How long usage may wait in memory where the deployment does not say.
const FLUSH_SECONDS: i64 = 20;

/// How often an instance that is called writes its counters where the deployment does not say.
const METRICS_SECONDS: i64 = 60;

thread_local! {
    static GATEWAY: OnceCell<Rc<Gateway<Platform>>> = const { OnceCell::new() };
}

fn gateway() -> Rc<Gateway<Platform>> {
    GATEWAY.with(|gateway| gateway.get().cloned()).expect("entry.js calls start first")
}

/// Makes the gateway of this instance. Called once, in the first request, since only a request has randomness.
///
/// # Errors
/// A text for the operator when the deployment lacks a binding or its master key.
#[wasm_bindgen]
pub fn start(env: Env) -> Result<(), JsError> {
    let master_key = env.secret("MASTER_KEY").map_err(|_| JsError::new("the secret MASTER_KEY is not set"))?;
    let seconds =
        |name: &str, unset: i64| env.var(name).ok().and_then(|var| var.to_string().parse().ok()).unwrap_or(unset);
    let settings = Settings {
        master_key: MasterKey::from_base64(&master_key.to_string())?,
        flush_every: seconds("FLUSH_SECONDS", FLUSH_SECONDS) * SECOND,
        address_header: "cf-connecting-ip",
        metrics_every: seconds("METRICS_SECONDS", METRICS_SECONDS) * SECOND,
        lifetime: None,
    };
    let platform = Platform::of_edge(&env).map_err(|error| JsError::new(&error.to_string()))?;
    let (now, seed) = (platform.now(), [u64::from_le_bytes(random()), u64::from_le_bytes(random())]);
    GATEWAY.with(|gateway| gateway.set(Rc::new(Gateway::new(platform, settings, seed, now)))).ok();
    Ok(())
}

/// Decides on a request from memory.
#[wasm_bindgen]
pub fn admit(facts: &str, body: Option<Box<[u8]>>) -> String {
    let gateway = gateway();
    let Some(facts) = Facts::unpack(facts) else { return malformed(&gateway) };
    pack(gateway.admit(&facts, read(&body), gateway.ports().now()))
}

/// Decides on a request, fetching what is not in memory.
#[wasm_bindgen]
pub fn decide(facts: String, body: Option<Box<[u8]>>) -> Task {
    let gateway = gateway();
    Task::new(async move {
        let Some(facts) = Facts::unpack(&facts) else { return malformed(&gateway) };
        pack(gateway.decide(&facts, read(&body)).await)
    })
}

/// Ends an admitted call. Says whether [`background`] has something to do.
#[wasm_bindgen]
pub fn finish(call: u32, answered: bool, ingress_bytes: f64, egress_bytes: f64) -> bool {
    let gateway = gateway();
    // Counted by JavaScript, whole numbers far below 2^53.
    gateway.finish(call as usize, answered, ingress_bytes as u64, egress_bytes as u64, gateway.ports().now())
}

/// The answer when the upstream did not give one that can be handed on, or the body is larger than the need for it says, which
/// `code` then is. Also ends the call.
#[wasm_bindgen]
pub fn reject(facts: &str, code: &str, call: Option<u32>) -> String {
    let gateway = gateway();
    if let Some(call) = call {
        gateway.finish(call as usize, false, 0, 0, gateway.ports().now());
    }
    let limit = code.strip_prefix("B\n").and_then(|limit| limit.parse().ok());
    let rejection = match (code, limit) {
        (_, Some(limit)) => Rejection::BodyTooLarge { limit },
        ("upstream.timeout", _) => Rejection::UpstreamTimeout,
        ("upstream.malformed", _) => Rejection::UpstreamMalformed,
        ("request.malformed", _) => Rejection::RequestMalformed(BODY_BROKEN),
        ("credential.revoked", _) => Rejection::CredentialRevoked,
        ("account.suspended", _) => Rejection::AccountSuspended,
        ("quota.exhausted", _) => Rejection::QuotaExhausted,
        ("quota.expired", _) => Rejection::QuotaExpired,
        ("balance.exhausted", _) => Rejection::BalanceExhausted,
        ("temporarily.unavailable", _) => Rejection::LedgerUnavailable,
        _ => Rejection::UpstreamUnreachable,
    };
    match Facts::unpack(facts) {
        Some(facts) => pack_reject(gateway.reject(&facts, &rejection)),
        None => malformed(&gateway),
    }
}

/// Books what went through of a call in flight. Says what may go on its way in (`is_out`: out) from memory:
///
/// ```text
/// G, how many bytes more, background
/// N: ask `fund`, which may wait
/// E, code: it ends
/// ```
#[wasm_bindgen]
pub fn flow(call: u32, ingress_bytes: f64, egress_bytes: f64, answered: bool, is_out: bool) -> String {
    let gateway = gateway();
    let flowed = flowed(ingress_bytes, egress_bytes, answered);
    let flow = gateway.flow(call as usize, flowed, way(is_out), gateway.ports().now());
    pack_flow(&gateway, flow)
}

/// The same, fetching what is not in memory.
#[wasm_bindgen]
pub fn fund(call: u32, ingress_bytes: f64, egress_bytes: f64, answered: bool, is_out: bool) -> Task {
    let gateway = gateway();
    Task::new(async move {
        let flowed = flowed(ingress_bytes, egress_bytes, answered);
        let flow = gateway.fund(call as usize, flowed, way(is_out)).await;
        pack_flow(&gateway, flow)
    })
}

fn flowed(ingress_bytes: f64, egress_bytes: f64, is_answered: bool) -> Flowed {
    // Counted by JavaScript, whole numbers far below 2^53.
    Flowed { ingress_bytes: ingress_bytes as u64, egress_bytes: egress_bytes as u64, is_answered }
}

const fn way(is_out: bool) -> Meter {
    if is_out { Meter::EgressBytes } else { Meter::IngressBytes }
}

fn pack_flow(gateway: &Gateway<Platform>, flow: Flow) -> String {
    match flow {
        Flow::Go(room) => {
            let background = u8::from(gateway.is_behind(gateway.ports().now()));
            format!("G\n{}\n{background}", room.min(MOST_ANNOUNCED))
        }
        Flow::Need(_) => "N".to_owned(),
        Flow::End(rejection) => format!("E\n{}", rejection.code()),
    }
}

/// Does the work behind the calls: batches, leases, configuration. To be kept alive with `waitUntil`.
#[wasm_bindgen]
pub fn background() -> Task {
    let gateway = gateway();
    Task::new(async move {
        gateway.background().await;
        String::new()
    })
}

/// Notices whether the clock was moved, where it may be.
#[wasm_bindgen]
pub fn synchronize() -> Task {
    let gateway = gateway();
    Task::new(async move {
        gateway.ports().notice_clock().await;
        String::new()
    })
}

/// Whether the clock of this deployment may be moved: then every call calls [`synchronize`] first.
#[wasm_bindgen]
pub fn has_movable_clock() -> bool {
    gateway().ports().has_movable_clock()
}

fn read(body: &Option<Box<[u8]>>) -> Body<'_> {
    body.as_deref().map_or(Body::Unread, Body::Read)
}

fn malformed(gateway: &Gateway<Platform>) -> String {
    let nothing = Facts {
        method: "",
        scheme: "",
        authority: "",
        path: "",
        query: None,
        may_have_body: false,
        headers: Vec::new(),
    };
    pack_reject(gateway.reject(&nothing, &Rejection::RequestMalformed("no method or URL")))
}

fn pack(step: Step) -> String {
    match step {
        Step::Forward(forward) => pack_forward(forward),
        Step::Reject(reject) => pack_reject(reject),
        Step::Need(Need::Body(limit)) => format!("B\n{limit}"),
        Step::Need(_) => "N".to_owned(),
    }
}

fn pack_forward(forward: Forward) -> String {
    let Forward { call, url, goes, set, respond, timeout, background, room } = forward;
    let mut packed = String::with_capacity(2_048);
    let (timeout, background) = (timeout.unwrap_or(0), u8::from(background));
    let _ = write!(packed, "F\n{call}\n{timeout}\n{background}\n");
    if let Some(room) = room {
        let _ = write!(packed, "{},{}", room.ingress_bytes, room.egress_bytes);
    }
    packed.push('\n');
    packed.push_str(&url);
    packed.push('\n');
    packed.extend(goes.iter().map(|goes| if *goes { '1' } else { '0' }));
    for fields in [&set, &respond] {
        for (at, (name, _)) in fields.iter().enumerate() {
            packed.push(if at == 0 { '\n' } else { ',' });
            packed.push_str(name);
        }
    }
    for (_, value) in set.iter().chain(&respond) {
        packed.push('\n');
        packed.push_str(value);
    }
    packed
}

fn pack_reject(reject: Reject) -> String {
    let mut packed = format!("R\n{}\n{}", reject.status, reject.fields.len());
    for (name, value) in &reject.fields {
        packed.extend(["\n", name, "\n", value]);
    }
    packed.push('\n');
    packed.push_str(&reject.body);
    packed
}
