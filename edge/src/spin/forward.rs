//! An admitted call on its way to the upstream and back.

use std::{fmt::Display, rc::Rc};

use farebox_core::{
    rejection::{BODY_BROKEN, Rejection},
    request::HOP_BY_HOP,
    signature::BODY_WHERE_NONE_GOES,
    time::Millis,
    units,
};
use farebox_gateway::{Forward, Gateway, How, MOST_ANNOUNCED, Outcome, UnitsFrom};
use farebox_ports::log::tell;
use farebox_spin::{
    Platform,
    http::{Head, Incoming, body, contents, fields, no_trailers, success},
    wasip3::{
        http::{
            client,
            types::{ErrorCode, Method, Request, RequestOptions, Response, Scheme},
        },
        wit_bindgen::{FutureReader, StreamReader, StreamResult},
    },
};

use super::{
    counted::{Call, Way, counted},
    keep_up, rejected,
};

/// Bodies up to this announced length are counted by it where nobody limits their bytes. What the runtime has handed to the
/// connection in one piece counts as sent. Larger bodies, and those of unknown length, are counted as they go.
const COUNTED_BY_LENGTH: u64 = 16 * 1024;

/// The first piece of a body of unknown length.
const FIRST_PIECE: usize = 16 * 1024;

const LENGTH: &str = "content-length";

const NANOS_PER_MILLI: u64 = 1_000_000;

/// The body of a request.
pub(super) enum Body {
    /// As it arrives.
    Unread(Request),
    /// As it was read.
    Read(Vec<u8>),
}

/// A body as it is handed on.
type Outgoing = (Option<StreamReader<u8>>, FutureReader<farebox_spin::http::Ending>);

/// Carries a call to its upstream, and the upstream's answer back.
pub(super) async fn forward(gateway: &Rc<Gateway<Platform>>, head: &Head, body: Body, to: Forward) -> Response {
    let call = Call::new(gateway, to.call, to.room);
    if to.background {
        keep_up(gateway);
    }
    match carried(gateway, head, body, &to, &call).await {
        Ok(response) => response,
        Err(rejection) => {
            call.end();
            rejected(gateway.reject(&head.facts(), &rejection))
        }
    }
}

/// The upstream's answer, or what to say where there is none that can be handed on. Only the former can be charged.
async fn carried(
    gateway: &Rc<Gateway<Platform>>,
    head: &Head,
    body: Body,
    to: &Forward,
    call: &Rc<Call>,
) -> Result<Response, Rejection> {
    let (contents, ending) = ingress(head, body, call).await?;
    let sent = request(head, to, contents, ending);
    let answer = match sent {
        Ok(request) => client::send(request).await,
        Err(()) => Err(ErrorCode::HttpRequestUriInvalid),
    };
    match answer {
        Ok(upstream) => deliver(gateway, head, upstream, to, call),
        Err(_) if call.stopped.borrow().is_some() => Err(call.stopped.take().unwrap_or(Rejection::LedgerUnavailable)),
        // A caller who went away in the middle of its body has used what went through until then.
        Err(_) if call.is_abandoned.get() => {
            call.came_out(Outcome::Abandoned);
            Err(Rejection::RequestMalformed(BODY_BROKEN))
        }
        Err(error) => {
            // What the product's upstream is; not what the caller asked of it.
            let upstream: [(&str, &dyn Display); 1] = [("upstream", &&to.url.whole[..to.url.same])];
            // The provider's log has what the caller is not told: why.
            match error {
                ErrorCode::HttpRequestDenied => {
                    tell(gateway.ports(), "upstream.denied", &upstream, &"the manifest does not allow this host");
                }
                _ => tell(gateway.ports(), "upstream.unreachable", &upstream, &format_args!("{error:?}")),
            }
            Err(rejection(&error))
        }
    }
}

/// The request's body as it goes on. One on GET or HEAD does not: the other runtime cannot send it, and it would mean nothing
/// (RFC 9110, section 9.3.1). One in chunks shows only when it is read, as Spin hides `Transfer-Encoding`: dropped, it would be
/// missing and the call charged.
async fn ingress(head: &Head, body: Body, call: &Rc<Call>) -> Result<Outgoing, Rejection> {
    Ok(match body {
        Body::Unread(request) if is_bodiless(&head.method) => {
            if is_some(request).await {
                return Err(BODY_WHERE_NONE_GOES);
            }
            (None, no_trailers())
        }
        Body::Read(read) if is_bodiless(&head.method) => {
            if !read.is_empty() {
                return Err(BODY_WHERE_NONE_GOES);
            }
            (None, no_trailers())
        }
        Body::Read(read) => {
            call.ingress.set(read.len() as u64);
            (contents(read), no_trailers())
        }
        Body::Unread(request) => match length(head.header(LENGTH)) {
            Some(0) => (None, no_trailers()),
            Some(length) if length <= COUNTED_BY_LENGTH && call.room.is_none() => {
                call.ingress.set(length);
                let (contents, ending) = farebox_spin::http::body(request);
                (Some(contents), ending)
            }
            Some(_) => some(counted(farebox_spin::http::body(request), Vec::new(), call, Way::In)),
            None => unannounced(request, call).await?,
        },
    })
}

/// Whether a body has anything in it, or breaks off before it has.
async fn is_some(request: Request) -> bool {
    let (mut contents, ending) = body(request);
    let (status, first) = contents.read(Vec::with_capacity(1)).await;
    !first.is_empty() || status != StreamResult::Dropped || ending.await.is_err()
}

/// A body of unknown length. Only reading shows whether there is one. No body must not go on as an empty one: that would be sent
/// in chunks. One that breaks off before its first byte is not none.
async fn unannounced(request: Request, call: &Rc<Call>) -> Result<Outgoing, Rejection> {
    let (mut contents, ending) = body(request);
    let (status, first) = contents.read(Vec::with_capacity(FIRST_PIECE)).await;
    if status == StreamResult::Dropped && first.is_empty() {
        ending.await.map_err(|_| Rejection::RequestMalformed(BODY_BROKEN))?;
        return Ok((None, no_trailers()));
    }
    Ok(some(counted((contents, ending), first, call, Way::In)))
}

fn some((contents, ending): Incoming) -> Outgoing {
    (Some(contents), ending)
}

/// The request to the upstream.
fn request(
    head: &Head,
    to: &Forward,
    contents: Option<StreamReader<u8>>,
    ending: FutureReader<farebox_spin::http::Ending>,
) -> Result<Request, ()> {
    let bytes = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    let mut list: Vec<(String, Vec<u8>)> = Vec::with_capacity(head.fields.len() + to.set.len());
    let going = head.fields.iter().zip(&to.goes).filter(|(_, goes)| **goes);
    list.extend(going.map(|((name, value), _)| bytes(name, value)));
    list.extend(to.set.iter().map(|(name, value)| bytes(name, &value.whole)));
    // Said of itself, or the runtime would send no body as one in chunks.
    if contents.is_none() && !is_bodiless(&head.method) && !list.iter().any(|(name, _)| name == LENGTH) {
        list.push((LENGTH.to_owned(), b"0".to_vec()));
    }
    let (request, _sent) = Request::new(fields(&list), contents, ending, to.timeout.map(timeout));
    let (scheme, rest) = to.url.whole.split_once("://").ok_or(())?;
    let (authority, target) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    request.set_method(&head.method)?;
    request.set_scheme(Some(&if scheme == "http" { Scheme::Http } else { Scheme::Https }))?;
    request.set_authority(Some(authority))?;
    request.set_path_with_query(Some(target))?;
    Ok(request)
}

/// Ends the upstream's time for its head after `millis`.
fn timeout(millis: Millis) -> RequestOptions {
    let options = RequestOptions::new();
    let within = Some(millis.max(1).unsigned_abs().saturating_mul(NANOS_PER_MILLI));
    // A runtime that has no timeouts has its own.
    let _ = options.set_connect_timeout(within).and(options.set_first_byte_timeout(within));
    options
}

/// Hands the upstream's answer on. The call ends with it, or once both bodies have gone through.
///
/// # Errors
/// Its lengths differ, or its status is none of an answer: the runtime refuses to set some, and would leave 200.
fn deliver(
    gateway: &Gateway<Platform>,
    head: &Head,
    upstream: Response,
    to: &Forward,
    call: &Rc<Call>,
) -> Result<Response, Rejection> {
    let status = upstream.get_status_code();
    if !(200..=599).contains(&status) {
        return Err(Rejection::UpstreamMalformed);
    }
    let mut list = upstream.get_headers().copy_all();
    // No length is said of one without content, and what comes after one that was reset is none (RFC 9110, section 15.3).
    let announced = match status {
        204 => None,
        205 => Some(0),
        _ => announced(&list)?,
    };
    listen(gateway, &list, to.units, call);
    // The runtime lets nobody set these; trailers come through neither runtime, so none are announced.
    let is_of_units = |name: &str| to.units != UnitsFrom::Nowhere && name == units::FIELD;
    list.retain(|(name, _)| !HOP_BY_HOP.contains(&name.as_str()) && name != LENGTH && !is_of_units(name));
    change(&mut list, head, to, call);
    list.extend(announced.map(|length| (LENGTH.to_owned(), length.to_string().into_bytes())));
    let incoming = Response::consume_body(upstream, success());
    let has_none = matches!(head.method, Method::Head) || matches!(status, 204 | 304);
    let (contents, ending) = match announced {
        _ if status == 205 => (None, no_trailers()),
        _ if has_none => some(incoming),
        Some(length) if length <= COUNTED_BY_LENGTH && call.room.is_none() && !call.is_read.get() => {
            call.egress.set(length);
            some(incoming)
        }
        _ => some(counted(incoming, Vec::new(), call, Way::Out)),
    };
    let (response, _sent) = Response::new(fields(&list), contents, ending);
    response.set_status_code(status).map_err(|()| Rejection::UpstreamMalformed)?;
    call.came_out(Outcome::Answered(status));
    Ok(response)
}

/// Tells the gateway how many units the upstream reports for the call: from its field, or from the body as it goes through. One
/// that is coded all the same says nothing that could be read.
fn listen(gateway: &Gateway<Platform>, fields: &[(String, Vec<u8>)], from: UnitsFrom, call: &Call) {
    let field = |name: &str| {
        let value = fields.iter().find(|(have, _)| have == name).map(|(_, value)| value);
        value.and_then(|value| std::str::from_utf8(value).ok())
    };
    match from {
        UnitsFrom::Nowhere => {}
        UnitsFrom::Header => gateway.said_units(call.id, field(units::FIELD).unwrap_or_default()),
        UnitsFrom::Body if field("content-encoding").is_some() => {}
        UnitsFrom::Body => {
            gateway.begin_units(call.id, field("content-type").unwrap_or_default());
            call.is_read.set(true);
        }
    }
}

/// Has the answer's fields as the gateway and the catalog want them.
fn change(list: &mut Vec<(String, Vec<u8>)>, head: &Head, to: &Forward, call: &Call) {
    for shown in &to.respond {
        match shown.how {
            How::Set | How::Remove => list.retain(|(name, _)| *name != *shown.name),
            How::Add => {}
            How::Readdress => {
                for (_, value) in list.iter_mut().filter(|(name, _)| *name == *shown.name) {
                    let text = std::str::from_utf8(value).ok();
                    let readdressed = text.and_then(|text| call.readdressed(&head.facts(), &shown.name, text));
                    *value = readdressed.map_or_else(|| std::mem::take(value), String::into_bytes);
                }
            }
        }
        if matches!(shown.how, How::Set | How::Add) {
            list.push((shown.name.clone().into_owned(), shown.value.clone().into_bytes()));
        }
    }
}

/// The length that an upstream announces. Several equal ones are one (RFC 9110, section 8.6).
fn announced(fields: &[(String, Vec<u8>)]) -> Result<Option<u64>, Rejection> {
    let values =
        fields.iter().filter(|(name, _)| name == LENGTH).flat_map(|(_, value)| value.split(|byte| *byte == b','));
    let mut announced = None;
    for value in values {
        let length = length(std::str::from_utf8(value).ok()).filter(|length| *length <= MOST_ANNOUNCED);
        let length = length.ok_or(Rejection::UpstreamMalformed)?;
        if announced.replace(length).is_some_and(|before| before != length) {
            return Err(Rejection::UpstreamMalformed);
        }
    }
    Ok(announced)
}

/// What an upstream that did not answer is to the caller.
fn rejection(error: &ErrorCode) -> Rejection {
    match error {
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => Rejection::UpstreamTimeout,
        _ => Rejection::UpstreamUnreachable,
    }
}

fn is_bodiless(method: &Method) -> bool {
    matches!(method, Method::Get | Method::Head)
}

fn length(announced: Option<&str>) -> Option<u64> {
    announced?.trim().parse().ok()
}
