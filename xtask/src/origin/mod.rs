//! The demo origin: a real HTTP server that says what it received, and that can be slow, big, broken or hungry on request.
//!
//! The second segment of the path says what is wanted, so that any product's prefix may stand in front of it:
//!
//! | path | answer |
//! | --- | --- |
//! | `/{p}/download/{bytes}` | that many bytes, streamed |
//! | `/{p}/drip/{chunks}/{millis}` | that many chunks of 1 KiB, with a pause before each |
//! | `/{p}/sink` | reads the body, however large, and answers how long it was |
//! | `/{p}/slow/{millis}` | an echo, late |
//! | `/{p}/status/{code}` | an echo with that status |
//! | `/{p}/moved/{there}` | a redirect to `/{p}/{there}` of its own address, with cookies of its own |
//! | `/{p}/units/{n}` | says in `Farebox-Units`, and at `/usage/total` of its body, that it comes to so many units |
//! | `/{p}/v1/chat/completions`, `/{p}/v1/messages`, `/{p}/v1/models` | a model that says what reached it (`models.rs`) |
//! | anything else | an echo: method, path, query, headers and body as JSON |
//! | `/_origin/seen/{p}` | not counted: what came in under `/{p}/` so far, `{"calls", "ingress_bytes"}` |
//! | `PUT /_origin/kept/{name}` | not counted: keeps the body, which `GET` answers, such as the keys of an issuer |
//!
//! Invariant: a call is counted when its head has arrived, before anything is answered, and bytes as they arrive.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, SET_COOKIE},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::net::{TcpListener, TcpStream};

use self::body::Filler;

mod body;
mod models;

/// More than this is not echoed: the echo is for people and for assertions, `sink` is for volume.
const ECHO_LIMIT: usize = 4 * 1024 * 1024;

type Body = BoxBody<Bytes, Infallible>;

/// What came in under one prefix.
#[derive(Debug, Default, Clone, Copy, Serialize)]
struct Seen {
    calls: u64,
    ingress_bytes: u64,
}

/// What came in under each prefix, and what it was told to keep.
#[derive(Debug, Default)]
struct Kept {
    seen: BTreeMap<String, Seen>,
    documents: BTreeMap<String, Bytes>,
}

type Book = Arc<Mutex<Kept>>;

/// Starts the origin on a free port of this machine. It runs until the runtime ends.
pub(crate) async fn start() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("the demo origin cannot listen")?;
    let address = listener.local_addr()?;
    let book = Book::default();
    tokio::spawn(async move {
        // An error of accept is about that one connection, or about too many of them; either passes.
        loop {
            if let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, book.clone()));
            }
        }
    });
    Ok(address)
}

async fn serve(stream: TcpStream, book: Book) {
    // Without it, an answer in two pieces waits for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(request, book.clone()));
    // It has no timer: a connection that the gateway keeps is never closed while the next call is on its way. An error here is a
    // connection that the other side closed; that is theirs to notice.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, book: Book) -> Result<Response<Body>, hyper::Error> {
    let path = request.uri().path().to_owned();
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let prefix = segments[0].to_owned();
    if prefix == "_origin" {
        let name = segments.get(2).copied().unwrap_or_default();
        return match segments.get(1).copied() {
            Some("kept") => kept(request, &book, name).await,
            _ => Ok(seen(&book, name)),
        };
    }
    record(&book, &prefix, |seen| seen.calls += 1);
    let number = |at: usize| segments.get(at).and_then(|text| text.parse::<u64>().ok());
    match (segments.get(1).copied(), number(2), number(3)) {
        (Some("download"), Some(bytes), _) => {
            drain(request.into_body(), &book, &prefix).await?;
            Ok(Response::new(Filler::bytes(bytes).boxed()))
        }
        (Some("drip"), Some(chunks), Some(millis)) => {
            drain(request.into_body(), &book, &prefix).await?;
            Ok(Response::new(Filler::drip(chunks, Duration::from_millis(millis)).boxed()))
        }
        (Some("sink"), ..) => {
            let received = drain(request.into_body(), &book, &prefix).await?;
            Ok(json_response(StatusCode::OK, &json!({ "received": received })))
        }
        (Some("slow"), Some(millis), _) => {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            echo(request, StatusCode::OK, &book, &prefix).await
        }
        (Some("moved"), ..) => Ok(moved(&request, &prefix, segments.get(2).copied().unwrap_or_default())),
        (Some("units"), Some(units), _) => {
            drain(request.into_body(), &book, &prefix).await?;
            let mut response = json_response(StatusCode::OK, &json!({ "usage": { "total": units } }));
            response.headers_mut().insert("farebox-units", units.into());
            Ok(response)
        }
        (Some("status"), Some(code), _) => {
            let code = u16::try_from(code).ok().and_then(|code| StatusCode::from_u16(code).ok());
            echo(request, code.unwrap_or(StatusCode::BAD_REQUEST), &book, &prefix).await
        }
        _ => echo(request, StatusCode::OK, &book, &prefix).await,
    }
}

async fn echo(
    request: Request<Incoming>,
    status: StatusCode,
    book: &Book,
    prefix: &str,
) -> Result<Response<Body>, hyper::Error> {
    let (head, mut body) = request.into_parts();
    let mut received = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            record(book, prefix, |seen| seen.ingress_bytes += data.len() as u64);
            if received.len() + data.len() > ECHO_LIMIT {
                let problem = json!({ "error": "too much to echo; use /sink" });
                return Ok(json_response(StatusCode::PAYLOAD_TOO_LARGE, &problem));
            }
            received.extend_from_slice(&data);
        }
    }
    if let Some(answer) = models::answer(&head, &received) {
        return Ok(answer);
    }
    let mut content = json!({
        "method": head.method.as_str(),
        "path": head.uri.path(),
        "query": head.uri.query(),
        "headers": headers(&head.headers),
    });
    match String::from_utf8(received) {
        Ok(text) => content["body"] = text.into(),
        Err(bytes) => content["body_base64"] = STANDARD.encode(bytes.as_bytes()).into(),
    }
    Ok(json_response(status, &content))
}

/// Says where else something is, in full and by the address it was called at, and sets cookies of that address.
fn moved(request: &Request<Incoming>, prefix: &str, there: &str) -> Response<Body> {
    let authority = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let mut response = json_response(StatusCode::FOUND, &Value::Null);
    let cookies = [format!("a=1; Domain={host}; Path=/{prefix}/x"), "b=2; Path=/".to_owned()];
    let fields = cookies.map(|cookie| (SET_COOKIE, cookie)).into_iter();
    let fields = fields.chain([(LOCATION, format!("http://{authority}/{prefix}/{there}"))]);
    for (name, value) in fields.chain([(HeaderName::from_static("x-powered-by"), "origin".to_owned())]) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// By name; several of one name are joined as HTTP allows (RFC 9110 section 5.3).
fn headers(headers: &HeaderMap) -> Value {
    let mut all = Map::new();
    for name in headers.keys() {
        let values: Vec<_> =
            headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        all.insert(name.to_string(), values.join(", ").into());
    }
    Value::Object(all)
}

/// Reads the body to its end and returns its length.
async fn drain(mut body: Incoming, book: &Book, prefix: &str) -> Result<u64, hyper::Error> {
    let mut received = 0;
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            received += data.len() as u64;
            record(book, prefix, |seen| seen.ingress_bytes += data.len() as u64);
        }
    }
    Ok(received)
}

fn record(book: &Book, prefix: &str, change: impl FnOnce(&mut Seen)) {
    change(locked(book).seen.entry(prefix.to_owned()).or_default());
}

fn seen(book: &Book, prefix: &str) -> Response<Body> {
    let seen = locked(book).seen.get(prefix).copied().unwrap_or_default();
    json_response(StatusCode::OK, &json!(seen))
}

/// Keeps a document where one is put, and answers it.
async fn kept(request: Request<Incoming>, book: &Book, name: &str) -> Result<Response<Body>, hyper::Error> {
    if request.method() == Method::PUT {
        let document = request.into_body().collect().await?.to_bytes();
        locked(book).documents.insert(name.to_owned(), document);
    }
    let document = locked(book).documents.get(name).cloned().unwrap_or_default();
    Ok(Response::new(Full::new(document).boxed()))
}

fn locked(book: &Book) -> MutexGuard<'_, Kept> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

fn json_response(status: StatusCode, content: &Value) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from(content.to_string())).boxed());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
