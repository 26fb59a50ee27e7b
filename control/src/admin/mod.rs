//! The admin API: how the provider publishes, sells, corrects and watches.
//!
//! Written once over ports; a platform only turns its request into an [`AdminRequest`] and an [`AdminResponse`] into its
//! response. Invariants: nothing but health and the descriptions is answered without the admin token, and nobody's body is read
//! who may not send one; what moves money carries an idempotency key; a fault is told to the operator's log and never to the caller.

mod accounts;
mod addresses;
mod audit;
mod base32;
mod catalog;
mod clock;
mod credentials;
mod currency;
mod failure;
mod holders;
mod imports;
mod money;
mod names;
mod openapi;
mod operation;
mod operations;
mod paging;
mod precondition;
mod reports;
mod repricings;
mod restoring;
mod retry;
mod settlements;
mod statements;
mod store;
mod subject;
mod subscriptions;
mod tokens;
mod upstream_credentials;
mod upstream_secrets;
mod watching;
mod webhooks;

use std::cell::OnceCell;

use farebox_core::{catalog::SCHEMA, credential::MasterKey, rejection::BODY_BROKEN, time::Timestamp};
use farebox_ports::{
    Documents, DueIndex, Host, KeyValue, Ledger, Unread, UsageJournal, Web, log::tell, reports::Reports,
};
use serde::{Serialize, de::DeserializeOwned};

pub use addresses::LocalHosts;
pub use failure::malformed;

use self::{
    failure::Failure,
    operation::{Key, Operation, Parameter, Place},
    operations::Name,
    paging::Items,
    tokens::Actor,
};

/// The longest body that is read, in bytes. Platforms need not read on beyond it.
pub const BODY_LIMIT: usize = 1 << 20;

/// Random bytes that one request can need: a request id, a key, a secret, an app code and a nonce.
pub const RANDOM_BYTES: usize = 80;

/// What a deployment sets for the admin API.
#[derive(Debug, Clone)]
pub struct AdminSettings {
    /// Who presents it is the provider.
    pub token: String,
    /// Seals the credentials' secrets.
    pub master_key: MasterKey,
    /// Whether the clock can be moved. In development and tests only.
    pub clock_moves: bool,
    /// The hosts of this machine, or that only it reaches, which upstreams and webhooks may be at.
    pub local_hosts: LocalHosts,
}

/// A request to `/_farebox/`, as far as it matters.
#[derive(Debug, Clone, Copy)]
pub struct AdminRequest<'a> {
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
    /// The length that the `Content-Length` header announces.
    pub length: Option<u64>,
    /// The body; empty where [`handle_head`] reads it.
    pub body: &'a [u8],
}

/// What to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminResponse {
    /// The HTTP status.
    pub status: u16,
    /// Header fields, names in lower case, `content-type` among them where there is a body.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

/// All that the admin API needs.
pub trait AdminPorts: KeyValue + Documents + UsageJournal + Ledger + DueIndex + Reports + Web + Host {}

impl<P: KeyValue + Documents + UsageJournal + Ledger + DueIndex + Reports + Web + Host> AdminPorts for P {}

/// Answers a request whose body is at hand. `random` must be random, and new for each request.
pub async fn handle<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    request: AdminRequest<'_>,
    now: Timestamp,
    random: [u8; RANDOM_BYTES],
) -> AdminResponse {
    let body = request.body;
    handle_head(ports, settings, request, async |_| Ok(body.to_vec()), now, random).await
}

/// Answers a request whose body is `read` once it is known that its sender may send it. What reads it is told how many bytes
/// at most.
pub async fn handle_head<P: AdminPorts>(
    ports: &P,
    settings: &AdminSettings,
    request: AdminRequest<'_>,
    read: impl AsyncFnOnce(usize) -> Result<Vec<u8>, Unread>,
    now: Timestamp,
    random: [u8; RANDOM_BYTES],
) -> AdminResponse {
    let request_id = request_id(&random);
    let mut call = Call { ports, settings, request, now, random, changes_as: OnceCell::new() };
    let admitted = call.admit().await;
    let body;
    let answer = match admitted {
        Err(failure) => Err(failure),
        Ok((operation, parts)) => match read(BODY_LIMIT).await {
            Ok(read) if read.len() <= BODY_LIMIT => {
                body = read;
                call.request.body = &body;
                call.carry_out(operation, parts).await
            }
            Ok(_) | Err(Unread::TooLong) => Err(Failure::BodyTooLarge),
            Err(Unread::Broken) => Err(Failure::Malformed(BODY_BROKEN.to_owned())),
        },
    };
    let code = answer.as_ref().err().map(Failure::code);
    let mut response = match answer {
        Ok(response) => response,
        Err(failure) => {
            if let Some(fault) = failure.for_the_operator() {
                let about: [(&str, &dyn std::fmt::Display); 3] =
                    [("request_id", &request_id), ("method", &request.method), ("path", &request.path)];
                tell(ports, "admin.failed", &about, &fault);
            }
            failure.response(&request_id)
        }
    };
    if let Some(actor) = call.changes_as.get() {
        call.record(actor, &request_id, response.status, code).await;
    }
    if request.method == "HEAD" {
        response.body.clear();
    }
    response.headers.push(("farebox-request-id", request_id));
    response.headers.push(("cache-control", "no-store".to_owned()));
    response
}

fn request_id(random: &[u8; RANDOM_BYTES]) -> String {
    format!("req_{}", base32::base32(&random[..10]))
}

/// One request on its way to its answer.
struct Call<'a, P> {
    ports: &'a P,
    settings: &'a AdminSettings,
    request: AdminRequest<'a>,
    now: Timestamp,
    random: [u8; RANDOM_BYTES],
    /// Who sends a request that can change something, once it is known.
    changes_as: OnceCell<Actor>,
}

/// What a handler comes to.
type Answered = Result<AdminResponse, Failure>;

impl<'a, P: AdminPorts> Call<'a, P> {
    /// What the request is for, if its sender may ask for that: all that can be said before the body is read.
    async fn admit(&self) -> Result<(&'static Operation, [&'a str; 2]), Failure> {
        if self.request.length.is_some_and(|length| length > BODY_LIMIT as u64) {
            return Err(Failure::BodyTooLarge);
        }
        let place = Place::of(self.request.path).ok_or(Failure::RouteUnknown)?;
        let operation = place.operation(self.request.method);
        let operation = operation.ok_or_else(|| Failure::MethodUnsupported(place.methods()))?;
        if let Some(needs) = operation.role {
            let actor = self.actor().await?;
            let has = actor.role;
            if operation.is_recorded {
                self.changes_as.get_or_init(|| actor);
            }
            if has < needs {
                return Err(Failure::Forbidden { needs: needs.as_str(), has: has.as_str() });
            }
        }
        self.check_query(operation)?;
        if operation.key == Key::Required {
            self.idempotency_key()?;
        }
        Ok((operation, place.parts))
    }

    /// Each operation has an arm of its own: a row that is added without one does not compile.
    async fn carry_out(&self, operation: &Operation, [id, part]: [&str; 2]) -> Answered {
        match operation.name {
            Name::Describe => AdminResponse::json(200, &openapi::document()),
            Name::DescribeCatalog => Ok(AdminResponse::text("application/schema+json", SCHEMA)),
            Name::Health => self.health().await,
            Name::PublishCatalog => self.publish_catalog().await,
            Name::ShowCatalog => self.show_catalog().await,
            Name::ShowUpstreamSecret => self.upstream_secret(id).await,
            Name::PutUpstreamCredential => self.put_upstream_credential(id).await,
            Name::ListUpstreamCredentials => self.list_upstream_credentials().await,
            Name::RemoveUpstreamCredential => self.remove_upstream_credential(id).await,
            Name::Reprice => self.reprice().await,
            Name::CreateAccount => self.create_account().await,
            Name::ListAccounts => self.list_accounts().await,
            Name::ShowAccount => self.show_account(id).await,
            Name::ChangeAccount => self.change_account(id).await,
            Name::SetTerms => self.set_terms(id).await,
            Name::ShowTerms => self.terms(id).await,
            Name::CreateCredential => self.create_credential(id).await,
            Name::ImportCredentials => self.import_credentials(id).await,
            Name::ListCredentials => self.list_credentials(id).await,
            Name::ChangeCredential => self.change_credential(id, part).await,
            Name::RevokeCredential => self.revoke_credential(id, part).await,
            Name::RotateCredential => self.rotate_credential(id, part).await,
            Name::Recharge => self.recharge(id).await,
            Name::Purchase => self.purchase(id).await,
            Name::Refund => self.refund(id).await,
            Name::Adjust => self.adjust(id).await,
            Name::ShowBalance => self.balance(id).await,
            Name::ListGrants => self.grants(id).await,
            Name::ListLeases => self.leases(id).await,
            Name::Subscribe => self.subscribe(id).await,
            Name::ListSubscriptions => self.subscriptions(id).await,
            Name::ChangePlan => self.change_plan(id, part).await,
            Name::CancelSubscription => self.cancel(id, part).await,
            Name::ListEntries => self.entries(id).await,
            Name::RestoreEntries => self.restore(id).await,
            Name::ShowUsage => self.usage(id).await,
            Name::ListUsageEvents => self.usage_events(id).await,
            Name::ListStatements => self.statements(id).await,
            Name::ShowStatement => self.statement(id, part).await,
            Name::Settle => self.run_settlement().await,
            Name::ListSettlements => self.list_settlements().await,
            Name::ListRefusedUsage => self.list_refused().await,
            Name::RegisterWebhook => self.register_webhook().await,
            Name::ListWebhooks => self.list_webhooks().await,
            Name::ShowWebhook => self.show_webhook(id).await,
            Name::RemoveWebhook => self.remove_webhook(id).await,
            Name::ListDeadLetters => self.dead_letters(id).await,
            Name::ResendMessages => self.resend(id).await,
            Name::IssueToken => self.issue_token().await,
            Name::ListTokens => self.list_tokens().await,
            Name::RevokeToken => self.revoke_token(id).await,
            Name::ListAudit => self.list_audit().await,
            Name::ShowMetrics => self.metrics().await,
            Name::ShowClock => self.show_clock().await,
            Name::MoveClock => self.move_clock().await,
        }
    }

    /// The body as a JSON object; an empty one stands for `{}`.
    fn body<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let body = if self.request.body.is_empty() { b"{}" } else { self.request.body };
        // Serde would take a list of an object's values, in order, for the object.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(Failure::Malformed("the body must be a JSON object".to_owned()));
        }
        serde_json::from_slice(body).map_err(|error| Failure::Malformed(format!("the body cannot be read: {error}")))
    }

    /// The value of a query parameter.
    fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.request.query.as_bytes());
        pairs.find(|(have, _)| have == name).map(|(_, value)| value.into_owned())
    }

    /// Refuses a query with a parameter that the operation does not take, or with one that comes twice: what is not read must
    /// not be taken for what was done.
    fn check_query(&self, operation: &Operation) -> Result<(), Failure> {
        if self.request.query.is_empty() {
            return Ok(());
        }
        let takes: Vec<&str> = operation.query().map(Parameter::name).collect();
        let mut given = Vec::new();
        for (name, _) in form_urlencoded::parse(self.request.query.as_bytes()) {
            if !takes.iter().any(|taken| *taken == name) {
                let takes = if takes.is_empty() { "none".to_owned() } else { format!("`{}`", takes.join("`, `")) };
                let wrong =
                    format!("this operation has no query parameter `{}`; it takes {takes}", name.escape_debug());
                return Err(Failure::Malformed(wrong));
            }
            if given.contains(&name) {
                return Err(Failure::Malformed(format!("the query parameter `{name}` comes twice")));
            }
            given.push(name);
        }
        Ok(())
    }

    /// A query parameter that is true or false; false when it is not there.
    fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.parameter(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Failure::Malformed(format!("`{name}` must be true or false"))),
        }
    }
}

impl AdminResponse {
    fn json(status: u16, body: &impl Serialize) -> Answered {
        let body = serde_json::to_string(body).map_err(|error| Failure::Unwritable(error.to_string()))?;
        Ok(Self { status, headers: vec![("content-type", "application/json".to_owned())], body })
    }

    fn text(content_type: &str, body: &str) -> Self {
        Self { status: 200, headers: vec![("content-type", content_type.to_owned())], body: body.to_owned() }
    }

    const fn empty() -> Self {
        Self { status: 204, headers: Vec::new(), body: String::new() }
    }
}
