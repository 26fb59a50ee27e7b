//! What all APIs share: how a request comes in and goes out, tables of operations, problem documents, pages, preconditions and
//! idempotency.
//!
//! Boundary: nothing of what an operation does is here, and nothing of who its sender is; each API says both.

mod addresses;
pub(crate) mod base32;
mod call;
pub(crate) mod failure;
pub(crate) mod names;
pub(crate) mod openapi;
pub(crate) mod operation;
pub(crate) mod paging;
pub(crate) mod permission;
pub(crate) mod precondition;
pub(crate) mod retry;
pub(crate) mod table;

use farebox_core::credential::MasterKey;
use farebox_ports::{
    Directory, Documents, DueIndex, Host, KeyValue, Ledger, Mailer, PublicKeys, UsageJournal, Web, reports::Reports,
};

pub use addresses::LocalHosts;
pub use failure::malformed;

use crate::{mail::MailService, oidc::Oidc, payments::Stripe};

pub(crate) use self::call::{Answered, Call};

/// The longest body that is read, in bytes. Platforms need not read on beyond it.
pub const BODY_LIMIT: usize = 1 << 20;

/// Random bytes that one request can need: a request id, a key, a secret, an app code and a nonce.
pub const RANDOM_BYTES: usize = 80;

/// What a deployment sets for its control plane.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who presents it is the provider.
    pub token: String,
    /// Seals the credentials' secrets.
    pub master_key: MasterKey,
    /// Whether the clock can be moved. In development and tests only.
    pub clock_moves: bool,
    /// The hosts of this machine, or that only it reaches, which upstreams and webhooks may be at.
    pub local_hosts: LocalHosts,
    /// How mail goes out; `None` where it does not.
    pub mail: Option<MailService>,
    /// Who else says who a person is; `None` where nobody does.
    pub oidc: Option<Oidc>,
    /// How payments come in; `None` where an operator says that they did.
    pub payments: Option<Stripe>,
}

/// A request to `/_farebox/`, as far as it matters.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'a> {
    /// The method, as sent.
    pub method: &'a str,
    /// The whole path, as sent.
    pub path: &'a str,
    /// The query without `?`; empty for none.
    pub query: &'a str,
    /// The `Authorization` header.
    pub authorization: Option<&'a str>,
    /// The `Idempotency-Key` header.
    pub idempotency_key: Option<&'a str>,
    /// The `If-Match` header.
    pub if_match: Option<&'a str>,
    /// The `X-API-Key` header.
    pub api_key: Option<&'a str>,
    /// The `Cookie` header.
    pub cookie: Option<&'a str>,
    /// The `Stripe-Signature` header.
    pub stripe_signature: Option<&'a str>,
    /// The `Origin` header.
    pub origin: Option<&'a str>,
    /// The host and, where it is not the scheme's own, port that the request was sent to.
    pub host: &'a str,
    /// The address that it came from, where the platform says.
    pub address: Option<&'a str>,
    /// The length that the `Content-Length` header announces.
    pub length: Option<u64>,
    /// The body; empty where [`handle_head`](crate::handle_head) reads it.
    pub body: &'a [u8],
}

/// What to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Header fields, names in lower case, `content-type` among them where there is a body.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

/// All that the control plane needs.
pub trait Ports:
    KeyValue + Documents + Directory + UsageJournal + Ledger + DueIndex + Reports + Web + Mailer + PublicKeys + Host
{
}

impl<
    P: KeyValue + Documents + Directory + UsageJournal + Ledger + DueIndex + Reports + Web + Mailer + PublicKeys + Host,
> Ports for P
{
}

/// Names a request, for whom it failed and for the operator's log.
pub(crate) fn request_id(random: &[u8; RANDOM_BYTES]) -> String {
    format!("req_{}", base32::base32(&random[..10]))
}
