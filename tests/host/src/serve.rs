//! Serves an application: takes connections, finds the component, tells it what Spin tells it, and sends what it answers.
//!
//! A call whose component fails gets 500 without a word; what happened goes to the error output. Nothing is set on the
//! connections: like Spin it leaves Nagle's algorithm on.

use std::{fmt::Write as _, net::SocketAddr, sync::Arc};

use anyhow::{Context, anyhow};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri,
    header::{CONNECTION, HOST},
    uri::{Authority, Scheme},
};
use http_body_util::{BodyExt, Empty, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::net::{TcpListener, TcpStream};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::{
    app::App,
    routes::{Match, WELL_KNOWN},
};

/// Serves `app` for ever.
///
/// # Errors
/// The listener fails.
pub(crate) async fn serve(app: Arc<App>, listener: TcpListener) -> anyhow::Result<()> {
    loop {
        let (stream, client) = listener.accept().await?;
        tokio::spawn(connection(app.clone(), stream, client));
    }
}

async fn connection(app: Arc<App>, stream: TcpStream, client: SocketAddr) {
    let service = service_fn(move |request| {
        let app = app.clone();
        async move { answer(&app, request, client).await }
    });
    // What goes wrong with a connection is its client's affair.
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

/// Answers a call. An error closes the connection without an answer, as Spin's does.
async fn answer(app: &App, mut request: Request<Incoming>, client: SocketAddr) -> anyhow::Result<Response<WasiBody>> {
    request.headers_mut().remove(CONNECTION);
    let path = request.uri().path().to_owned();
    if let Some(known) = path.strip_prefix(WELL_KNOWN) {
        return Ok(if known == "health" { plain("OK") } else { empty(StatusCode::NOT_FOUND) });
    }
    let Some(found) = app.router.find(&path) else { return Ok(empty(StatusCode::NOT_FOUND)) };
    *request.uri_mut() = full_uri(request.uri().clone(), request.headers())?;
    let handled = async {
        let fields = spin_fields(&request, &found, client)?;
        request.headers_mut().extend(fields);
        let handler = app.handlers.get(&found.route.component).context("the route's component is there")?;
        Ok(handler.handle((), request.map(|body| body.map_err(Error::Hyper).boxed_unsync())).await?)
    };
    Ok(handled.await.unwrap_or_else(|error: anyhow::Error| {
        eprintln!("{}: error processing request: {error:#}", found.route.component);
        empty(StatusCode::INTERNAL_SERVER_ERROR)
    }))
}

fn plain(text: &'static str) -> Response<WasiBody> {
    Response::new(Full::new(Bytes::from_static(text.as_bytes())).map_err(|never| match never {}).boxed_unsync())
}

fn empty(status: StatusCode) -> Response<WasiBody> {
    let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response
}

/// The URI with the authority that the caller asked for.
///
/// # Errors
/// None, or two that differ.
fn full_uri(uri: Uri, headers: &HeaderMap) -> anyhow::Result<Uri> {
    let mut parts = uri.into_parts();
    let host = headers.get(HOST).map(|host| host.to_str()?.parse::<Authority>().map_err(anyhow::Error::from));
    parts.authority = Some(match (host.transpose()?, parts.authority) {
        (None, None) => return Err(anyhow!("no 'Host' header present in request")),
        (Some(host), Some(named)) if host != named => {
            return Err(anyhow!("authority in 'Host' header does not match authority in URI"));
        }
        (Some(authority), _) | (None, Some(authority)) => authority,
    });
    parts.scheme = Some(Scheme::HTTP);
    Ok(Uri::from_parts(parts)?)
}

/// What Spin tells a component about the call. These come after the caller's fields of the same names, so the last
/// one is Spin's.
///
/// # Errors
/// A field of the caller is not in UTF-8.
fn spin_fields(
    request: &Request<Incoming>,
    found: &Match<'_>,
    client: SocketAddr,
) -> anyhow::Result<Vec<(HeaderName, HeaderValue)>> {
    for value in request.headers().values() {
        std::str::from_utf8(value.as_bytes())?;
    }
    let uri = request.uri();
    let host = request.headers().get(HOST).map_or(Ok("localhost"), HeaderValue::to_str)?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let route = found.route;
    let mut fields = vec![
        ("spin-path-info".to_owned(), found.path_info.clone()),
        ("spin-full-url".to_owned(), format!("http://{host}{path}")),
        ("spin-matched-route".to_owned(), route.based.clone()),
        ("spin-base-path".to_owned(), "/".to_owned()),
        ("spin-raw-component-route".to_owned(), route.raw.clone()),
        ("spin-component-route".to_owned(), route.prefix(&route.raw).to_owned()),
        ("spin-client-addr".to_owned(), client.to_string()),
    ];
    let named = found.named.iter();
    fields
        .extend(named.map(|(name, value)| (format!("spin-path-match-{name}").replace('_', "-"), (*value).to_owned())));
    let field =
        |(name, value): (String, String)| Some((name.parse().ok()?, HeaderValue::from_bytes(value.as_bytes()).ok()?));
    Ok(fields.into_iter().filter_map(field).collect())
}

/// What `spin up` prints when it serves.
pub(crate) fn announcement(app: &App, address: SocketAddr) -> String {
    let base = format!("http://{address}");
    let mut text = format!("\nServing {base}\nAvailable Routes:\n");
    for route in app.router.iter() {
        let prefix = route.prefix(&route.based);
        let (path, wildcard) = (if prefix.is_empty() { "/" } else { prefix }, prefix.len() < route.based.len());
        let wildcard = if wildcard { " (wildcard)" } else { "" };
        let _ = writeln!(text, "  {}: {base}{path}{wildcard}", route.component);
    }
    text
}
