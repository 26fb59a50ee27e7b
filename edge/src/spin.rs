//! The edge function on Spin: reads a request's head, forwards what the gateway lets through, counts the bytes.
//!
//! It does what `handler.js` and `workers.rs` do together. A body that is counted by its announced length does not come through
//! here. The runtime gets back what it gave. Invariant: an admitted call is ended exactly once, with the bytes that really went
//! through, also when the caller or the upstream goes away.
#![allow(unsafe_code)] // what `export!` expands to

mod counted;
mod forward;

use std::{cell::OnceCell, rc::Rc};

use farebox_core::{
    credential::MasterKey,
    rejection::{BODY_BROKEN, Rejection},
    request::Facts,
    signature::Body,
    time::{Millis, SECOND},
};
use farebox_gateway::{Gateway, Lifetime, Need, Reject, Settings, Step};
use farebox_ports::{Fault, Host};
use farebox_spin::{
    Platform,
    http::{ADDRESS_FIELD, Head, Unread, body, internal_error, read_at_most, respond},
    random, variable,
    wasip3::{
        self,
        exports::http::handler::Guest,
        http::types::{ErrorCode, Request, Response},
        spawn,
    },
};

use self::forward::forward;

thread_local! {
    static GATEWAY: OnceCell<Rc<Gateway<Platform>>> = const { OnceCell::new() };
}

struct Edge;

wasip3::http::service::export!(Edge);

impl Guest for Edge {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        match gateway().await {
            Ok(gateway) => Ok(answer(gateway, request).await),
            Err(fault) => {
                eprintln!("the gateway failed: {fault}");
                Ok(internal_error())
            }
        }
    }
}

/// The gateway of this instance, made by its first calls.
async fn gateway() -> Result<Rc<Gateway<Platform>>, Fault> {
    if let Some(gateway) = GATEWAY.with(|gateway| gateway.get().cloned()) {
        return Ok(gateway);
    }
    let platform = Platform::new().await?;
    let master_key = variable::get("master_key").await?;
    let lifetime = Lifetime {
        calls: variable::number("instance_calls").await?,
        idle: Millis::from(variable::number::<u32>("idle_seconds").await?) * SECOND,
    };
    let settings = Settings {
        master_key: MasterKey::from_base64(&master_key).map_err(|error| variable::wrong("master_key", &error))?,
        flush_every: variable::number::<i64>("flush_seconds").await? * SECOND,
        address_header: ADDRESS_FIELD,
        metrics_every: variable::number::<i64>("metrics_seconds").await? * SECOND,
        lifetime: Some(lifetime),
        answers_within: None,
    };
    let (now, seed) = (platform.now(), [u64::from_le_bytes(random()), u64::from_le_bytes(random())]);
    // Several first calls can get here together; all go on with the gateway of one.
    let made = || Rc::new(Gateway::new(platform, settings, seed, now));
    Ok(GATEWAY.with(|gateway| Rc::clone(gateway.get_or_init(made))))
}

/// Decides on a request, and does what was decided.
async fn answer(gateway: Rc<Gateway<Platform>>, request: Request) -> Response {
    gateway.ports().notice_clock().await;
    let head = Head::new(&request);
    let facts = head.facts();
    let step = gateway.admit(&facts, Body::Unread, gateway.ports().now());
    match decided(&gateway, &facts, Body::Unread, step).await {
        Step::Forward(to) => forward(&gateway, &head, forward::Body::Unread(request), to).await,
        Step::Reject(reject) => rejected(reject),
        Step::Need(Need::Body(limit)) => with_body(&gateway, &head, &facts, request, limit).await,
        Step::Need(need) => asked_again(&gateway, &need),
    }
}

/// Decides on a request whose body must be read before.
async fn with_body(
    gateway: &Rc<Gateway<Platform>>,
    head: &Head,
    facts: &Facts<'_>,
    request: Request,
    limit: u64,
) -> Response {
    let read = match read_at_most(body(request), usize::try_from(limit).unwrap_or(usize::MAX)).await {
        Ok(read) => read,
        Err(Unread::TooLong) => return rejected(gateway.reject(facts, &Rejection::BodyTooLarge { limit })),
        Err(Unread::Broken) => return rejected(gateway.reject(facts, &Rejection::RequestMalformed(BODY_BROKEN))),
    };
    let step = gateway.admit(facts, Body::Read(&read), gateway.ports().now());
    match decided(gateway, facts, Body::Read(&read), step).await {
        Step::Forward(to) => forward(gateway, head, forward::Body::Read(read), to).await,
        Step::Reject(reject) => rejected(reject),
        Step::Need(need) => asked_again(gateway, &need),
    }
}

/// The answer to a need that was met, which would be a fault of ours.
fn asked_again(gateway: &Gateway<Platform>, need: &Need) -> Response {
    gateway.ports().log(&format!("the gateway asked again for {need:?}"));
    internal_error()
}

/// What becomes of a request once everything was fetched that can be: a forward, a rejection, or a need of its body.
async fn decided(gateway: &Rc<Gateway<Platform>>, facts: &Facts<'_>, body: Body<'_>, step: Step) -> Step {
    match step {
        Step::Need(Need::Body(_)) | Step::Forward(_) | Step::Reject(_) => step,
        Step::Need(_) => gateway.decide(facts, body).await,
    }
}

fn rejected(reject: Reject) -> Response {
    respond(reject.status, reject.fields, reject.body.as_str())
}

/// Does the work behind the calls: batches, leases, configuration. It outlives the call.
fn keep_up(gateway: &Rc<Gateway<Platform>>) {
    spawn(Rc::clone(gateway).background());
}
