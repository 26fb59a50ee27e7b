//! The billing worker on Workers: the cron trigger settles, `fetch` is the pages and the admin API.

use farebox_cloudflare::{Platform, random};
use farebox_control::{
    self as control, LocalHosts, MailService, MailSettings, Oidc, OidcSettings, Settings, Stripe, StripeSettings,
    pages::{self, PageRequest, PageResponse},
};
use farebox_core::credential::MasterKey;
use farebox_ports::{Host, Unread, log::tell};
use futures_util::StreamExt;
use worker::{
    Context, EncodeBody, Env, Headers, Request, Response, ResponseBuilder, Result, ScheduleContext, ScheduledEvent,
    event,
};

#[event(fetch)]
async fn fetch(mut request: Request, env: Env, _context: Context) -> Result<Response> {
    let platform = platform(&env).await?;
    if let Some(page) = page(&platform, &request).await? {
        return Ok(page);
    }
    let settings = Settings {
        token: env.secret("ADMIN_TOKEN")?.to_string(),
        master_key: master_key(&env)?,
        clock_moves: platform.has_movable_clock(),
        local_hosts: local_hosts(&env, &platform),
        mail: mail(&env)?,
        oidc: oidc(&env, &platform)?,
        payments: payments(&env, &platform)?,
    };
    let method = request.method().to_string();
    let Ok(url) = request.url() else { return answered(control::malformed("its Host is none", &random())) };
    let header = |name: &str| request.headers().get(name).ok().flatten();
    let (authorization, idempotency_key, if_match) =
        (header("authorization"), header("idempotency-key"), header("if-match"));
    let (api_key, cookie, origin) = (header("x-api-key"), header("cookie"), header("origin"));
    let stripe_signature = header("stripe-signature");
    let address = header("cf-connecting-ip");
    let length = header("content-length").and_then(|length| length.parse().ok());
    let asked = control::Request {
        method: &method,
        path: url.path(),
        query: url.query().unwrap_or_default(),
        authorization: authorization.as_deref(),
        idempotency_key: idempotency_key.as_deref(),
        if_match: if_match.as_deref(),
        api_key: api_key.as_deref(),
        cookie: cookie.as_deref(),
        stripe_signature: stripe_signature.as_deref(),
        origin: origin.as_deref(),
        host: url.authority(),
        address: address.as_deref(),
        length,
        body: b"",
    };
    let read = async |limit| read_at_most(&mut request, limit).await;
    answered(control::handle_head(&platform, &settings, asked, read, platform.now(), random()).await)
}

/// The page that is asked for; `None` where none is.
async fn page(platform: &Platform, request: &Request) -> Result<Option<Response>> {
    let Ok(url) = request.url() else { return Ok(None) };
    let method = request.method().to_string();
    let header = |name: &str| request.headers().get(name).ok().flatten();
    let (accept_encoding, if_none_match) = (header("accept-encoding"), header("if-none-match"));
    let asked = PageRequest {
        method: &method,
        path: url.path(),
        origin: &url.origin().ascii_serialization(),
        accept_encoding: accept_encoding.as_deref(),
        if_none_match: if_none_match.as_deref(),
        is_development: platform.has_movable_clock(),
    };
    pages::handle(platform, &asked).await.map(shown).transpose()
}

fn shown(page: PageResponse) -> Result<Response> {
    let mut response = ResponseBuilder::new().with_status(page.status).with_encode_body(EncodeBody::Manual);
    for (name, value) in &page.headers {
        response = response.with_header(name, value)?;
    }
    Ok(if page.body.is_empty() { response.empty() } else { response.fixed(page.body) })
}

fn answered(answer: control::Response) -> Result<Response> {
    let headers = Headers::new();
    for (name, value) in &answer.headers {
        // Of cookies there may be several.
        headers.append(name, value)?;
    }
    let response = if matches!(answer.status, 204 | 303) { Response::empty()? } else { Response::ok(answer.body)? };
    Ok(response.with_status(answer.status).with_headers(headers))
}

/// The whole body, of at most `limit` bytes.
async fn read_at_most(request: &mut Request, limit: usize) -> std::result::Result<Vec<u8>, Unread> {
    // A request without a body has no stream.
    let Ok(mut stream) = request.stream() else { return Ok(Vec::new()) };
    let mut read = Vec::new();
    while let Some(piece) = stream.next().await {
        read.extend(piece.map_err(|_| Unread::Broken)?);
        if read.len() > limit {
            return Err(Unread::TooLong);
        }
    }
    Ok(read)
}

#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    let platform = match platform(&env).await {
        Ok(platform) => platform,
        Err(error) => return worker::console_error!("the settlement did not run: {error}"),
    };
    let master_key = match master_key(&env) {
        Ok(master_key) => master_key,
        Err(error) => return worker::console_error!("the settlement did not run: {error}"),
    };
    if let Err(fault) =
        farebox_billing::run(&platform, &master_key, platform.now(), farebox_billing::Trigger::Clock).await
    {
        tell(&platform, "settlement.stopped", &[], &fault);
    }
}

/// The local hosts that the deployment allows; in development, this machine.
fn local_hosts(env: &Env, platform: &Platform) -> LocalHosts {
    let named = LocalHosts::named(&env.var("LOCAL_HOSTS").map(|var| var.to_string()).unwrap_or_default());
    if platform.has_movable_clock() { named.with_loopback() } else { named }
}

/// How mail goes out, as the deployment says.
fn mail(env: &Env) -> Result<Option<MailService>> {
    let set = |name: &str| env.var(name).map(|var| var.to_string()).unwrap_or_default();
    let token = env.secret("MAIL_TOKEN").map(|secret| secret.to_string()).unwrap_or_default();
    let (service, from) = (set("MAIL_SERVICE"), set("MAIL_FROM"));
    let (url, origin) = (set("MAIL_URL"), set("MAIL_ORIGIN"));
    MailService::of(MailSettings { service, from, token, url, origin }).map_err(worker::Error::RustError)
}

/// Who else says who a person is, as the deployment says.
fn oidc(env: &Env, platform: &Platform) -> Result<Option<Oidc>> {
    let set = |name: &str| env.var(name).map(|var| var.to_string()).unwrap_or_default();
    let (issuer, client_id) = (set("OIDC_ISSUER"), set("OIDC_CLIENT_ID"));
    let client_secret = env.secret("OIDC_CLIENT_SECRET").map(|secret| secret.to_string()).unwrap_or_default();
    Oidc::of(OidcSettings { issuer, client_id, client_secret }, platform.has_movable_clock())
        .map_err(worker::Error::RustError)
}

/// How payments come in, as the deployment says.
fn payments(env: &Env, platform: &Platform) -> Result<Option<Stripe>> {
    let secret = |name: &str| env.secret(name).map(|secret| secret.to_string()).unwrap_or_default();
    let (key, webhook_secrets) = (secret("STRIPE_KEY"), secret("STRIPE_WEBHOOK_SECRETS"));
    let api = env.var("STRIPE_API").map(|var| var.to_string()).unwrap_or_default();
    Stripe::of(StripeSettings { key, webhook_secrets, api }, platform.has_movable_clock())
        .map_err(worker::Error::RustError)
}

fn master_key(env: &Env) -> Result<MasterKey> {
    let text = env.secret("MASTER_KEY")?.to_string();
    MasterKey::from_base64(&text).map_err(|error| worker::Error::RustError(error.to_string()))
}

/// The ports of this invocation, with the clock as it is set.
async fn platform(env: &Env) -> Result<Platform> {
    let platform = Platform::new(env)?;
    if let Err(fault) = platform.synchronize().await {
        tell(&platform, "clock.unread", &[], &fault);
    }
    Ok(platform)
}
