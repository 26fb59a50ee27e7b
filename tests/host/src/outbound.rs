//! Requests that components send, only to the hosts that they are allowed. The whole application has one pool of connections, and
//! Spin's errors and patience hold.
//!
//! HTTP only: tests and the demo ask nothing outside of their machine, so there is no TLS here.

use std::{
    error::Error as _,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, Uri, header::HOST, uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioIo},
};
use tokio::{
    net::{TcpStream, lookup_host},
    time::{Sleep, sleep, timeout},
};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::instance::Component;

/// How long anything may take for which the component names no limit.
const PATIENCE: Duration = Duration::from_secs(600);

/// The authority by which a component asks its own application.
const ITSELF: &str = "self.alt";

/// The application's connections to others.
pub(crate) type Client = legacy::Client<Connector, WasiBody>;

/// A client without connections.
pub(crate) fn client() -> Client {
    legacy::Client::builder(TokioExecutor::new()).build(Connector)
}

/// What wasmtime asks for each request of one instance.
pub(crate) struct Hooks(pub(crate) Arc<Component>);

/// How a request went, or is going.
type Sending<T> = Box<dyn Future<Output = Result<T, Error>> + Send>;

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _guest_is_done: Sending<()>,
    ) -> Sending<(Response<WasiBody>, Sending<()>)> {
        let (component, options) = (self.0.clone(), options.unwrap_or_default());
        Box::new(async move {
            let response = send(&component, request, options).await?;
            Ok((response, Box::new(async { Ok(()) }) as Sending<()>))
        })
    }
}

async fn send(
    component: &Component,
    mut request: Request<WasiBody>,
    options: RequestOptions,
) -> Result<Response<WasiBody>, Error> {
    *request.uri_mut() = destination(component, request.uri())?;
    // The client writes it from the URI.
    request.headers_mut().remove(HOST);
    let sending = CONNECT_WITHIN.scope(options.connect_timeout.unwrap_or(PATIENCE), component.client.request(request));
    let response = timeout(options.first_byte_timeout.unwrap_or(PATIENCE), sending)
        .await
        .map_err(|_| Error::ConnectionReadTimeout)?
        .map_err(|error| explain(&error))?;
    let patience = options.between_bytes_timeout.unwrap_or(PATIENCE);
    Ok(response.map(|body| PatientBody { body: Some(body), patience, waiting: None }.boxed_unsync()))
}

/// Where a request really goes, if it may go there.
fn destination(component: &Component, uri: &Uri) -> Result<Uri, Error> {
    let authority = uri.authority().map_or("", |authority| authority.host());
    if authority.is_empty() || authority == ITSELF {
        if !component.hosts.allow_self() {
            return Err(component.denied("self"));
        }
        let address = component.address.get().ok_or(Error::HttpRequestUriInvalid)?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let itself = Uri::builder().scheme(uri::Scheme::HTTP).authority(address.to_string()).path_and_query(path);
        return itself.build().map_err(|_| Error::HttpRequestUriInvalid);
    }
    let url = uri.to_string();
    if !url.parse().is_ok_and(|url| component.hosts.allow(&url)) {
        return Err(component.denied(&url));
    }
    if uri.scheme() != Some(&uri::Scheme::HTTP) {
        eprintln!("{}: this host has no TLS, so it cannot ask {url}", component.id);
        return Err(Error::TlsProtocolError);
    }
    Ok(uri.clone())
}

fn explain(error: &legacy::Error) -> Error {
    match error.source().and_then(|source| source.downcast_ref::<ConnectError>()) {
        Some(ConnectError::NoAddress) => {
            Error::DnsError { rcode: Some("address not available".into()), info_code: Some(0) }
        }
        Some(ConnectError::Late) => Error::ConnectionTimeout,
        Some(ConnectError::Refused) => Error::ConnectionRefused,
        None => Error::HttpProtocolError,
    }
}

tokio::task_local! {
    /// How long the request that is sent by this task may wait for a connection: the client has no other way to tell
    /// its connector.
    static CONNECT_WITHIN: Duration;
}

/// Makes connections; like Spin it leaves Nagle's algorithm on.
#[derive(Clone, Copy)]
pub(crate) struct Connector;

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum ConnectError {
    NoAddress,
    Late,
    Refused,
}

impl std::fmt::Display for ConnectError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::NoAddress => "address not available",
            Self::Late => "connection timeout",
            Self::Refused => "connection refused",
        })
    }
}

impl std::error::Error for ConnectError {}

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let within = CONNECT_WITHIN.try_get().unwrap_or(PATIENCE);
        Box::pin(async move {
            let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
            let addresses = lookup_host((host, uri.port_u16().unwrap_or(80)))
                .await
                .map_err(|_| ConnectError::NoAddress)?
                .collect::<Vec<_>>();
            let connecting = timeout(within, TcpStream::connect(&*addresses));
            let stream = connecting.await.map_err(|_| ConnectError::Late)?.map_err(|_| ConnectError::Refused)?;
            Ok(TokioIo::new(stream))
        })
    }
}

/// A body that fails when the next piece does not come in time.
struct PatientBody {
    /// Dropped, and its connection with it, when it was waited for in vain.
    body: Option<Incoming>,
    patience: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Body for PatientBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        if let Poll::Ready(frame) = Pin::new(body).poll_frame(context) {
            this.waiting = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(|_| Error::HttpProtocolError)));
        }
        let waiting = this.waiting.get_or_insert_with(|| Box::pin(sleep(this.patience)));
        ready!(waiting.as_mut().poll(context));
        this.body = None;
        Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}
