//! The edge function on Workers: what `handler.js` calls.
//!
//! JavaScript holds the streams and forwards with the platform's own means; it decides nothing. A call on the plain way makes two
//! crossings: [`admit_written`] reads the request's facts where JavaScript has written them, and [`finish`] books what went
//! through. Each leaves a message where JavaScript reads it (`wire.rs`). What is unusual crosses by the general way of
//! wasm-bindgen, and is answered by the same messages: a body, a long head, something that must be fetched.
#![allow(unsafe_code)] // what `#[wasm_bindgen]` expands to

mod wire;

use std::{
    cell::{Cell, OnceCell, RefCell},
    rc::Rc,
};

use farebox_cloudflare::{Platform, Task, random};
use farebox_core::{
    credential::MasterKey,
    meter::Meter,
    rejection::Rejection,
    request::Facts,
    signature::Body,
    time::{Millis, SECOND, Timestamp},
};
use farebox_gateway::{CallKey, Flow, Flowed, Gateway, Outcome, Settings, Step};
use farebox_ports::Host;
use wasm_bindgen::prelude::*;
use worker::Env;

use self::wire::{Code, Message};

/// How long usage may wait in memory where the deployment does not say.
const FLUSH_SECONDS: i64 = 20;

/// How often an instance that is called writes its counters where the deployment does not say.
const METRICS_SECONDS: i64 = 60;

/// How long an upstream may take to begin its answer before its caller is taken for gone, where its product has no `timeout`.
/// Cloudflare's own front waits as long for one (its error 524).
const ANSWERS_WITHIN: Millis = 120 * SECOND;

/// How many bytes of a request's facts are read where JavaScript writes them. A longer head comes by the general way.
const FACTS_BYTES: usize = 16 << 10;

thread_local! {
    static GATEWAY: OnceCell<Rc<Gateway<Platform>>> = const { OnceCell::new() };
    static MESSAGE: RefCell<Message> = RefCell::new(Message::new());
    // Cells, because JavaScript writes there.
    static FACTS: [Cell<u8>; FACTS_BYTES] = const { [const { Cell::new(0) }; FACTS_BYTES] };
}

fn gateway() -> Rc<Gateway<Platform>> {
    GATEWAY.with(|gateway| gateway.get().cloned()).expect("handler.js calls start first")
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
        answers_within: Some(ANSWERS_WITHIN),
    };
    let platform = Platform::of_edge(&env).map_err(|error| JsError::new(&error.to_string()))?;
    let (now, seed) = (platform.now(), [u64::from_le_bytes(random()), u64::from_le_bytes(random())]);
    GATEWAY.with(|gateway| gateway.set(Rc::new(Gateway::new(platform, settings, seed, now)))).ok();
    Ok(())
}

/// Where JavaScript finds the numbers of a message and writes the facts of a request, and how many bytes of these.
#[wasm_bindgen]
pub fn addresses() -> Vec<u32> {
    let numbers = MESSAGE.with_borrow(|message| message.address().addr());
    let facts = FACTS.with(|facts| facts.as_ptr().addr());
    // A module's memory has 32 bits.
    [numbers, facts, FACTS_BYTES].map(|address| address as u32).to_vec()
}

/// Decides from memory on the request whose facts were written, `length` bytes of them. `clock` is the runtime's time.
#[wasm_bindgen]
pub fn admit_written(length: usize, clock: f64) {
    let facts: Vec<u8> = FACTS.with(|facts| facts.iter().take(length).map(Cell::get).collect());
    // What JavaScript encodes is UTF-8.
    decided_from_memory(&String::from_utf8(facts).unwrap_or_default(), Body::Unread, clock);
}

/// Decides from memory on any request.
#[wasm_bindgen]
pub fn admit(facts: &str, body: Option<Box<[u8]>>, clock: f64) {
    decided_from_memory(facts, read(&body), clock);
}

/// Decides on a request, fetching what is not in memory.
#[wasm_bindgen]
pub fn decide(facts: String, body: Option<Box<[u8]>>) -> Task {
    let gateway = gateway();
    Task::new(async move {
        let step = match Facts::unpack(&facts) {
            Some(facts) => gateway.decide(&facts, read(&body)).await,
            None => malformed(&gateway),
        };
        say(|message| message.step(&step));
    })
}

/// Ends an admitted call, which came out as [`Outcome::from_number`] reads it. Says whether [`background`] has something to do.
#[wasm_bindgen]
pub fn finish(call: u32, generation: u32, outcome: u16, ingress_bytes: f64, egress_bytes: f64, clock: f64) -> bool {
    let (gateway, call) = (gateway(), CallKey::from_numbers([call, generation]));
    // Counted by JavaScript, whole numbers far below 2^53.
    gateway.finish(call, Outcome::from_number(outcome), ingress_bytes as u64, egress_bytes as u64, at(&gateway, clock))
}

/// Notes that the upstream has begun its answer, and that [`finish`] comes for sure, however long the bodies take.
#[wasm_bindgen]
pub fn answered(call: u32, generation: u32) {
    gateway().answered(CallKey::from_numbers([call, generation]));
}

/// Notes what the upstream of an admitted call says in its field of units.
#[wasm_bindgen]
pub fn said_units(call: u32, generation: u32, field: &str) {
    gateway().said_units(CallKey::from_numbers([call, generation]), field);
}

/// Begins to read an answer of this type for the units that its call came to.
#[wasm_bindgen]
pub fn begin_units(call: u32, generation: u32, content_type: &str) {
    gateway().begin_units(CallKey::from_numbers([call, generation]), content_type);
}

/// Reads the next piece of it.
#[wasm_bindgen]
pub fn read_units(call: u32, generation: u32, piece: &[u8]) {
    gateway().read_units(CallKey::from_numbers([call, generation]), piece);
}

/// Notes that its caller has left, and that it was not waited for its end.
#[wasm_bindgen]
pub fn left_units(call: u32, generation: u32) {
    gateway().left_units(CallKey::from_numbers([call, generation]));
}

/// The answer of our own to a call that was admitted, which it ends uncharged.
///
/// # Errors
/// `code` is the number of none.
#[wasm_bindgen]
pub fn reject_admitted(facts: &str, code: u32, call: u32, generation: u32) -> Result<(), JsError> {
    let gateway = gateway();
    gateway.finish(CallKey::from_numbers([call, generation]), Outcome::Unanswered, 0, 0, gateway.ports().now());
    reject(facts, code, 0.0)
}

/// The answer of our own to a request. `limit` is how many bytes its body may have.
///
/// # Errors
/// `code` is the number of none.
#[wasm_bindgen]
pub fn reject(facts: &str, code: u32, limit: f64) -> Result<(), JsError> {
    let gateway = gateway();
    let code = Code::numbered(code).ok_or_else(|| JsError::new(&format!("there is no code {code}")))?;
    let step = match Facts::unpack(facts) {
        Some(facts) => Step::Reject(gateway.reject(&facts, &code.rejection(limit as u64))),
        None => malformed(&gateway),
    };
    say(|message| message.step(&step));
    Ok(())
}

/// The value of a field of an answer in which the upstream's own addresses are the gateway's; nothing where it stays as it is.
#[wasm_bindgen]
pub fn readdressed(facts: &str, call: u32, generation: u32, name: &str, value: &str) -> Option<String> {
    gateway().readdressed(CallKey::from_numbers([call, generation]), &Facts::unpack(facts)?, name, value)
}

/// Books what went through of a call in flight, and says what may go on its way in (`is_out`: out), from memory.
#[wasm_bindgen]
pub fn flow(call: u32, generation: u32, ingress_bytes: f64, egress_bytes: f64, outcome: u16, is_out: bool) {
    let (gateway, call) = (gateway(), CallKey::from_numbers([call, generation]));
    let flowed = flowed(ingress_bytes, egress_bytes, outcome);
    let flow = gateway.flow(call, flowed, way(is_out), gateway.ports().now());
    say_flow(&gateway, &flow);
}

/// The same, fetching what is not in memory.
#[wasm_bindgen]
pub fn fund(call: u32, generation: u32, ingress_bytes: f64, egress_bytes: f64, outcome: u16, is_out: bool) -> Task {
    let (gateway, call) = (gateway(), CallKey::from_numbers([call, generation]));
    Task::new(async move {
        let flowed = flowed(ingress_bytes, egress_bytes, outcome);
        let flow = gateway.fund(call, flowed, way(is_out)).await;
        say_flow(&gateway, &flow);
    })
}

/// Does the work behind the calls: batches, leases, configuration. To be kept alive with `waitUntil`.
#[wasm_bindgen]
pub fn background() -> Task {
    Task::new(gateway().background())
}

/// Notices whether the clock was moved, where it may be.
#[wasm_bindgen]
pub fn synchronize() -> Task {
    let gateway = gateway();
    Task::new(async move { gateway.ports().notice_clock().await })
}

/// Whether the clock of this deployment may be moved: then every call calls [`synchronize`] first.
#[wasm_bindgen]
pub fn has_movable_clock() -> bool {
    gateway().ports().has_movable_clock()
}

fn decided_from_memory(facts: &str, body: Body<'_>, clock: f64) {
    let gateway = gateway();
    let step = match Facts::unpack(facts) {
        Some(facts) => gateway.admit(&facts, body, at(&gateway, clock)),
        None => malformed(&gateway),
    };
    say(|message| message.step(&step));
}

fn say(write: impl FnOnce(&mut Message)) {
    MESSAGE.with_borrow_mut(write);
}

fn say_flow(gateway: &Gateway<Platform>, flow: &Flow) {
    let background = gateway.is_behind(gateway.ports().now());
    say(|message| message.flow(flow, background));
}

/// The time, where the runtime's own is `clock`: whole milliseconds, far below 2^53.
fn at(gateway: &Gateway<Platform>, clock: f64) -> Timestamp {
    gateway.ports().at(clock as Millis)
}

fn flowed(ingress_bytes: f64, egress_bytes: f64, outcome: u16) -> Flowed {
    let outcome = Outcome::from_number(outcome);
    // Counted by JavaScript, whole numbers far below 2^53.
    Flowed { ingress_bytes: ingress_bytes as u64, egress_bytes: egress_bytes as u64, outcome }
}

const fn way(is_out: bool) -> Meter {
    if is_out { Meter::EgressBytes } else { Meter::IngressBytes }
}

fn read(body: &Option<Box<[u8]>>) -> Body<'_> {
    body.as_deref().map_or(Body::Unread, Body::Read)
}

fn malformed(gateway: &Gateway<Platform>) -> Step {
    let nothing = Facts {
        method: "",
        scheme: "",
        authority: "",
        path: "",
        query: None,
        may_have_body: false,
        headers: Vec::new(),
    };
    Step::Reject(gateway.reject(&nothing, &Rejection::RequestMalformed("no method or URL")))
}
