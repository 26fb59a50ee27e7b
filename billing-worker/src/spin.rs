//! The billing worker on Spin: the pages and the admin API. Spin has no schedule, so that the settlement is asked for:
//! `POST /_farebox/admin/v1/settlements`.
#![allow(unsafe_code)] // what `export!` expands to

use std::{cell::OnceCell, rc::Rc};

use farebox_control::{
    self as control, LocalHosts, MailService, MailSettings, Oidc, OidcSettings, Settings, Stripe, StripeSettings,
    pages::{self, PageRequest},
};
use farebox_core::credential::MasterKey;
use farebox_ports::{Fault, Host, log::tell};
use farebox_spin::{
    Platform,
    http::{ADDRESS_FIELD, Head, body, internal_error, read_at_most, respond},
    random, variable,
    wasip3::{
        self,
        exports::http::handler::Guest,
        http::types::{ErrorCode, Request, Response},
    },
};

thread_local! {
    static BILLING: OnceCell<Rc<Billing>> = const { OnceCell::new() };
}

/// What the calls of an instance share.
struct Billing {
    platform: Platform,
    settings: Settings,
}

struct Entry;

wasip3::http::service::export!(Entry);

impl Guest for Entry {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        match billing().await {
            Ok(billing) => Ok(billing.answer(request).await),
            Err(fault) => {
                eprintln!("the billing worker failed: {fault}");
                Ok(internal_error())
            }
        }
    }
}

/// What this instance has, made by its first calls.
async fn billing() -> Result<Rc<Billing>, Fault> {
    if let Some(billing) = BILLING.with(|billing| billing.get().cloned()) {
        return Ok(billing);
    }
    let platform = Platform::new().await?;
    let master_key = variable::get("master_key").await?;
    let local_hosts = LocalHosts::named(&variable::get("local_hosts").await?);
    let mail = MailSettings {
        service: variable::get("mail_service").await?,
        from: variable::get("mail_from").await?,
        token: variable::get("mail_token").await?,
        url: variable::get("mail_url").await?,
        origin: variable::get("mail_origin").await?,
    };
    let oidc = OidcSettings {
        issuer: variable::get("oidc_issuer").await?,
        client_id: variable::get("oidc_client_id").await?,
        client_secret: variable::get("oidc_client_secret").await?,
    };
    let stripe = StripeSettings {
        key: variable::get("stripe_key").await?,
        webhook_secrets: variable::get("stripe_webhook_secrets").await?,
        api: variable::get("stripe_api").await?,
    };
    let settings = Settings {
        token: variable::get("admin_token").await?,
        master_key: MasterKey::from_base64(&master_key).map_err(|error| variable::wrong("master_key", &error))?,
        clock_moves: platform.has_movable_clock(),
        mail: MailService::of(mail).map_err(|wrong| variable::wrong("mail_service", &wrong))?,
        oidc: Oidc::of(oidc, platform.has_movable_clock()).map_err(|wrong| variable::wrong("oidc_issuer", &wrong))?,
        payments: Stripe::of(stripe, platform.has_movable_clock())
            .map_err(|wrong| variable::wrong("stripe_key", &wrong))?,
        local_hosts: if platform.has_movable_clock() { local_hosts.with_loopback() } else { local_hosts },
    };
    let made = || Rc::new(Billing { platform, settings });
    Ok(BILLING.with(|billing| Rc::clone(billing.get_or_init(made))))
}

impl Billing {
    async fn answer(&self, request: Request) -> Response {
        if let Err(fault) = self.platform.synchronize().await {
            tell(&self.platform, "clock.unread", &[], &fault);
        }
        let head = Head::new(&request);
        let facts = head.facts();
        let page = PageRequest {
            method: facts.method,
            path: facts.path,
            origin: &format!("{}://{}", facts.scheme, facts.authority),
            accept_encoding: facts.header("accept-encoding"),
            if_none_match: facts.header("if-none-match"),
            is_development: self.platform.has_movable_clock(),
        };
        if let Some(page) = pages::handle(&self.platform, &page).await {
            return respond(page.status, page.headers, page.body);
        }
        let asked = control::Request {
            method: facts.method,
            path: facts.path,
            query: facts.query.unwrap_or_default(),
            authorization: facts.header("authorization"),
            idempotency_key: facts.header("idempotency-key"),
            if_match: facts.header("if-match"),
            api_key: facts.header("x-api-key"),
            cookie: facts.header("cookie"),
            stripe_signature: facts.header("stripe-signature"),
            origin: facts.header("origin"),
            host: facts.authority,
            address: facts.header(ADDRESS_FIELD),
            length: facts.header("content-length").and_then(|length| length.parse().ok()),
            body: b"",
        };
        let read = async |limit| read_at_most(body(request), limit).await;
        let now = self.platform.now();
        answered(control::handle_head(&self.platform, &self.settings, asked, read, now, random()).await)
    }
}

fn answered(answer: control::Response) -> Response {
    respond(answer.status, answer.headers, answer.body)
}
