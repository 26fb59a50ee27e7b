//! The payment service of `dev`: a server in this process that plays Stripe, and tells the gateway what happened as Stripe does.
//!
//! Invariants: it goes by the gateway's clock, which can be moved; an event that the gateway does not take is told again.

use std::{
    convert::Infallible,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    header::{AUTHORIZATION, CONTENT_TYPE, LOCATION},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use payment_service::{Asked, Sent, Service, signature};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

use super::api::Admin;

/// What the gateway sends it, and the secret that it signs events with. Neither is worth anything elsewhere.
pub(super) const KEY: &str = "sk_test_development";
pub(super) const SECRET: &str = "whsec_development";

/// After how long an event is told again.
const AGAIN: Duration = Duration::from_millis(500);

/// How often an event is told.
const TIMES: u32 = 120;

/// The running service. It runs until the runtime ends.
pub(super) struct Payments {
    api: String,
    gateway: watch::Sender<Option<String>>,
}

/// What all its connections share.
#[derive(Clone)]
struct Shared {
    service: Arc<Mutex<Service>>,
    gateway: watch::Receiver<Option<String>>,
    admin_token: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Payments {
    /// Starts it on a free port of this machine.
    pub(super) async fn start(admin_token: &str) -> Result<Self> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("the payment service cannot listen")?;
        let api = format!("http://{}", listener.local_addr()?);
        let (told, gateway) = watch::channel(None);
        let service = Arc::new(Mutex::new(Service::new(KEY, &api)));
        let client = Client::builder(TokioExecutor::new()).build_http();
        let shared = Shared { service, gateway, admin_token: admin_token.to_owned(), client };
        tokio::spawn(async move {
            loop {
                if let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, shared.clone()));
                }
            }
        });
        Ok(Self { api, gateway: told })
    }

    /// Where it is: scheme and authority.
    pub(super) fn api(&self) -> &str {
        &self.api
    }

    /// From now on it tells `gateway` what happens.
    pub(super) fn tell(&self, gateway: &str) {
        self.gateway.send_replace(Some(gateway.to_owned()));
    }
}

async fn serve(stream: TcpStream, shared: Shared) {
    let service = service_fn(move |request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(shared.answer(request).await) }
    });
    // An error here is a connection that the other side closed; that is theirs to notice.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let body = String::from_utf8_lossy(&body);
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        let asked = Asked {
            method: head.method.as_str(),
            target,
            authorization: header(AUTHORIZATION.as_str()),
            idempotency_key: header("idempotency-key"),
            body: &body,
        };
        let now = self.now().await;
        let (answer, events) = {
            let mut service = self.service();
            (service.answer(&asked, now), service.take_events())
        };
        for event in events {
            tokio::spawn(self.clone().tell(event));
        }
        let response = Response::builder().status(answer.status).header(CONTENT_TYPE, answer.content_type);
        let response = answer.location.into_iter().fold(response, |response, to| response.header(LOCATION, to));
        response.body(Full::from(answer.body)).unwrap_or_default()
    }

    fn service(&self) -> MutexGuard<'_, Service> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the gateway of an event until it takes it.
    async fn tell(self, event: Sent) {
        let Ok(gateway) = self.gateway.clone().wait_for(Option::is_some).await.map(|gateway| gateway.clone()) else {
            return;
        };
        let intake = format!("{}/_farebox/payments/stripe", gateway.unwrap_or_default());
        for _ in 0..TIMES {
            let signed = signature(SECRET, self.now().await, &event.body);
            let request = Request::post(&intake).header(CONTENT_TYPE, "application/json");
            let request = request.header("stripe-signature", signed).body(Full::from(event.body.clone()));
            let Ok(request) = request else { return };
            match self.client.request(request).await {
                Ok(answer) if answer.status().is_success() => return,
                _ => tokio::time::sleep(AGAIN).await,
            }
        }
        eprintln!("the gateway did not take the payment service's event {}, {}", event.id, event.kind);
    }

    /// The gateway's clock, in seconds since the epoch; this machine's until the gateway answers.
    async fn now(&self) -> i64 {
        let gateway = self.gateway.borrow().clone();
        if let Some(gateway) = gateway
            && let Ok(clock) = Admin::new(&gateway, &self.admin_token).get("clock").await
            && let Some(offset) = clock["advanced_ms"].as_i64()
        {
            return runtime_now() + offset / 1_000;
        }
        runtime_now()
    }
}

fn runtime_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().try_into().unwrap_or(i64::MAX))
}
