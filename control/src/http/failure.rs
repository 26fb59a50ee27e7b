//! Why a request to the admin API was not carried out, and how that is said.
//!
//! Invariant: every failure has a stable code; what a port says about its fault goes to the log and not into the answer.

use std::fmt::{self, Display};

use farebox_core::{
    catalog::Problem,
    id::AccountId,
    ledger::Refusal,
    money::Currency,
    time::{Month, Timestamp},
};
use farebox_ports::Fault;
use schemars::JsonSchema;
use serde::Serialize;

use super::{BODY_LIMIT, RANDOM_BYTES, Response, request_id};
use crate::{oidc, schema::CatalogProblem};

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("Send `Authorization: Bearer` and the admin token of this deployment.")]
    Unauthorized,
    #[error("This needs the role {needs}, and your token has the role {has}.")]
    Forbidden { needs: &'static str, has: &'static str },
    #[error("The admin API has no such path. It is described at /_farebox/openapi.json.")]
    RouteUnknown,
    #[error("This path takes {}.", .0.join(", "))]
    MethodUnsupported(Vec<&'static str>),
    #[error("Sign in, or send a call credential: its plain key, as `Authorization: Bearer` or `X-API-Key`.")]
    SessionMissing,
    #[error("This is done by a person who is signed in. A call credential cannot.")]
    PersonNeeded,
    #[error("A page of another site cannot do this. Send `Origin` with the address of this one.")]
    OriginForeign,
    #[error("This needs the role {needs} in the account, and you have the role {has}.")]
    MembershipTooLow { needs: &'static str, has: &'static str },
    #[error("The code or link is wrong, was used, is too old, or was asked for in another browser. Ask for a new one.")]
    SignInRefused,
    #[error("Too many were asked for. Try again in {0} seconds.")]
    TooMany(i64),
    #[error("New accounts are made by the provider only. Ask them for one, or for an invitation.")]
    SignUpClosed,
    #[error("Mail cannot be sent here: the provider has not said how.")]
    MailUnset,
    #[error("Nobody signs in by an issuer here: the provider has not named one. Sign in by mail.")]
    OidcUnset,
    #[error("{0}")]
    Oidc(#[from] oidc::Refusal),
    #[error("An account always has an owner. Make somebody else one first.")]
    LastOwner,
    #[error("The account has no such member.")]
    MemberUnknown,
    #[error("The account has no such invitation.")]
    InvitationUnknown,
    #[error("An account has at most {0} members and invitations.")]
    MembersFull(usize),
    #[error("This link was opened before, or is too old. Ask for another where you got it.")]
    EntryOver,
    #[error("There is no recharge request with this reference.")]
    RechargeRequestUnknown,
    #[error("Nothing can be paid here by card: the provider has not said how. Ask for a recharge, which they confirm.")]
    PaymentsUnset,
    #[error("Live and test payments never meet in one account. Pay with an account of its own.")]
    PaymentsMixed,
    #[error("The payment service does not take amounts in {0}, or not as fine as this one.")]
    PaymentCurrency(Currency),
    #[error("The payment service does not take this: {0}")]
    PaymentRefused(String),
    #[error("The account has no order with this id.")]
    OrderUnknown,
    #[error("There is no invoice with this id.")]
    InvoiceUnknown,
    #[error("No invoices are made here: the catalog has no `[invoices]`.")]
    InvoicesUnset,
    #[error("{0} is not over yet.")]
    MonthRuns(Month),
    #[error("Nothing was bought from the balance in {0}.")]
    MonthEmpty(Month),
    #[error("This is not signed by the payment service, or was signed more than five minutes ago.")]
    EventUnsigned,
    #[error("This exists in development only.")]
    DevelopmentOnly,
    #[error("The request cannot be understood: {0}.")]
    Malformed(String),
    #[error("The body is larger than {BODY_LIMIT} bytes.")]
    BodyTooLarge,
    #[error(
        "Send `Idempotency-Key` with a name of your own for this request, up to 255 printable characters, and the \
        same one when you send it again."
    )]
    IdempotencyKeyMissing,
    #[error("Publish a catalog first.")]
    CatalogMissing,
    #[error("{}", listed(.0))]
    CatalogInvalid(Vec<Problem>),
    #[error(
        "There are books of accounts in {0}. The currency of a catalog is fixed once money has moved in an account, \
        something was sold to it or a limit agreed with it."
    )]
    CurrencyFixed(Currency),
    #[error(
        "Another operator has published the catalog that is there now. Look at it, and send its version with `If-Match`."
    )]
    VersionUnseen,
    #[error("This was changed meanwhile: it has the version {0} now. Look at it again, and send that with `If-Match`.")]
    VersionChanged(String),
    #[error(
        "Publishing this takes away what customers have paid for. {0}. Send it with `remove_held=true` if that is meant: \
        grants of these products can no more be used, and subscriptions end with their period."
    )]
    CatalogHeld(String),
    #[error(
        "`{0}` is this machine, or only this machine reaches it. Name it in the deployment's `LOCAL_HOSTS` (on Spin the variable \
        `local_hosts`) if calls are meant to go there."
    )]
    LocalHost(String),
    #[error("There is no account with this id.")]
    AccountUnknown,
    #[error("The account has no credential with this key.")]
    CredentialUnknown,
    #[error("This credential is revoked or has expired. Make a new one instead.")]
    CredentialEnded,
    #[error("This request was carried out more than a day ago. Its secrets are not shown again.")]
    SecretsShown,
    #[error(
        "This request was carried out before, and what it made was removed since. Send it with another idempotency key."
    )]
    MadeAndRemoved,
    #[error("There is no admin token with this id.")]
    TokenUnknown,
    #[error("There is no webhook with this id.")]
    WebhookUnknown,
    #[error("There are {0} webhooks already. Remove one first.")]
    WebhooksFull(usize),
    #[error("A statement is of a month, such as 2026-11.")]
    StatementUnknown,
    #[error("{account} was opened on {}; its first statement is {}.", day(.opened), Month::of(*.opened))]
    StatementEarly { account: AccountId, opened: Timestamp },
    #[error("{0} has not begun, so it has no statement yet.")]
    StatementLate(Month),
    #[error("The catalog has no product `{0}`. {1}")]
    ProductUnknown(String, Choice),
    #[error("The product has no package `{0}`. {1}")]
    PackageUnknown(String, Choice),
    #[error("The product has no plan `{0}`. {1}")]
    PlanUnknown(String, Choice),
    #[error("The catalog has no product with this id.")]
    NoSuchProduct,
    #[error("No secret is set under this name.")]
    UpstreamCredentialUnknown,
    #[error("The account has no subscription of this id.")]
    SubscriptionUnknown,
    #[error("The product is not sold to this account.")]
    ProductForbidden,
    #[error("The clock can be moved in development only.")]
    ClockFixed,
    #[error("Nothing was booked: {0}.")]
    Refused(Refusal),
    #[error("{0}")]
    Port(#[from] Fault),
    #[error("{0}")]
    Unwritable(String),
}

/// A problem document (RFC 9457), with our members `code`, `request_id` and `problems`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct Document<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    /// What happened and what to do next.
    detail: String,
    /// Stable.
    code: &'static str,
    request_id: &'a str,
    /// Everything that is wrong with a catalog.
    #[serde(skip_serializing_if = "<[Problem]>::is_empty")]
    #[schemars(with = "Vec<CatalogProblem>")]
    problems: &'a [Problem],
}

/// The answer to a request that did not come whole: `what` is wrong with it. `random` must be random.
pub fn malformed(what: &str, random: &[u8; RANDOM_BYTES]) -> Response {
    let request_id = request_id(random);
    let mut response = Failure::Malformed(what.to_owned()).response(&request_id);
    response.headers.push(("farebox-request-id", request_id));
    response.headers.push(("cache-control", "no-store".to_owned()));
    response
}

impl Failure {
    /// Status, code and title.
    const fn row(&self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Unauthorized => (401, "admin.unauthorized", "Not authorized"),
            Self::Forbidden { .. } => (403, "admin.forbidden", "Role does not allow it"),
            Self::RouteUnknown => (404, "route.unknown", "No such path"),
            Self::MethodUnsupported(_) => (405, "method.unsupported", "Method not supported here"),
            Self::SessionMissing => (401, "session.missing", "Not signed in"),
            Self::PersonNeeded => (403, "session.needed", "Not for call credentials"),
            Self::OriginForeign => (403, "origin.foreign", "From another site"),
            Self::MembershipTooLow { .. } => (403, "member.forbidden", "Role does not allow it"),
            Self::SignInRefused => (401, "sign_in.refused", "Not signed in"),
            Self::TooMany(_) => (429, "sign_in.too_many", "Too many"),
            Self::SignUpClosed => (403, "sign_up.closed", "No new accounts"),
            Self::MailUnset => (503, "mail.unset", "Mail is not set up"),
            Self::OidcUnset => (404, "oidc.unset", "No issuer"),
            Self::Oidc(oidc::Refusal::Declined) => (401, "oidc.declined", "Not signed in"),
            Self::Oidc(oidc::Refusal::Answer(_)) => (401, "oidc.refused", "Not signed in"),
            Self::Oidc(oidc::Refusal::Unproven) => (403, "oidc.unproven", "Address not proved"),
            Self::LastOwner => (409, "member.last_owner", "The last owner"),
            Self::MemberUnknown => (404, "member.unknown", "No such member"),
            Self::InvitationUnknown => (404, "invitation.unknown", "No such invitation"),
            Self::MembersFull(_) => (409, "member.too_many", "Too many members"),
            Self::EntryOver => (404, "portal_session.over", "Link is over"),
            Self::RechargeRequestUnknown => (404, "recharge_request.unknown", "No such recharge request"),
            Self::PaymentsUnset => (503, "payments.unset", "Payments are not set up"),
            Self::PaymentsMixed => (409, "payments.mixed", "Live and test payments never mix"),
            Self::PaymentCurrency(_) => (422, "amount.invalid", "Not an amount that can be paid"),
            Self::PaymentRefused(_) => (422, "payment.refused", "The payment service refuses"),
            Self::OrderUnknown => (404, "order.unknown", "No such order"),
            Self::InvoiceUnknown => (404, "invoice.unknown", "No such invoice"),
            Self::InvoicesUnset => (409, "invoices.unset", "Invoices are not set up"),
            Self::MonthRuns(_) => (409, "invoice.early", "The month is not over"),
            Self::MonthEmpty(_) => (409, "invoice.empty", "Nothing was bought"),
            Self::EventUnsigned => (400, "signature.invalid", "Not signed"),
            Self::DevelopmentOnly => (404, "development.only", "In development only"),
            Self::Malformed(_) => (400, "request.malformed", "Malformed request"),
            Self::BodyTooLarge => (413, "body.too_large", "Body too large"),
            Self::IdempotencyKeyMissing => (400, "idempotency_key.missing", "No idempotency key"),
            Self::CatalogMissing => (409, "catalog.missing", "No catalog"),
            Self::CatalogInvalid(_) => (422, "catalog.invalid", "The catalog is not valid"),
            Self::VersionUnseen => (428, "version.required", "No version"),
            Self::VersionChanged(_) | Self::Refused(Refusal::TermsChanged) => {
                (412, "version.changed", "Changed meanwhile")
            }
            Self::CatalogHeld(_) => (409, "catalog.held", "Customers hold what would be removed"),
            Self::LocalHost(_) => (422, "host.local", "A host that only this machine reaches"),
            Self::CurrencyFixed(_) => (409, "catalog.currency_fixed", "The currency cannot change"),
            Self::AccountUnknown => (404, "account.unknown", "No such account"),
            Self::CredentialUnknown => (404, "credential.unknown", "No such credential"),
            Self::CredentialEnded => (409, "credential.revoked", "Credential has ended"),
            Self::SecretsShown => (409, "idempotency_key.expired", "Secrets are not shown again"),
            Self::MadeAndRemoved => (409, "idempotency_key.expired", "Made before, and removed"),
            Self::TokenUnknown => (404, "admin_token.unknown", "No such admin token"),
            Self::WebhookUnknown => (404, "webhook.unknown", "No such webhook"),
            Self::WebhooksFull(_) => (409, "webhook.too_many", "Too many webhooks"),
            Self::StatementUnknown | Self::StatementEarly { .. } | Self::StatementLate(_) => {
                (404, "statement.unknown", "No such statement")
            }
            Self::ProductUnknown(..) => (422, "product.unknown", "No such product"),
            Self::PackageUnknown(..) => (422, "package.unknown", "No such package"),
            Self::PlanUnknown(..) => (422, "plan.unknown", "No such plan"),
            Self::NoSuchProduct => (404, "product.unknown", "No such product"),
            Self::UpstreamCredentialUnknown => (404, "upstream_credential.unknown", "No such secret"),
            Self::SubscriptionUnknown | Self::Refused(Refusal::NoSubscription) => {
                (404, "subscription.unknown", "No such subscription")
            }
            Self::Refused(Refusal::Calendar) => (422, "time_zone.unknown", "No such time zone"),
            Self::ProductForbidden => (422, "product.forbidden", "Product not sold to this account"),
            Self::ClockFixed => (403, "clock.fixed", "The clock cannot be moved"),
            Self::Refused(Refusal::KeyReused) => (422, "idempotency_key.reused", "Idempotency key used before"),
            Self::Refused(Refusal::Balance { .. }) => (402, "balance.insufficient", "The balance does not cover it"),
            Self::Refused(Refusal::Amount | Refusal::TooFine(_)) => {
                (422, "amount.invalid", "Not an amount that can be booked")
            }
            Self::Refused(Refusal::SoldOnce) => (409, "offer.once", "Sold once"),
            Self::Refused(Refusal::OtherBook(_)) => (409, "entries.conflict", "Not the entries that follow"),
            Self::Refused(Refusal::Currency(_)) => (422, "currency.mismatch", "Another currency"),
            Self::Refused(_) => (409, "account.refused", "The account does not allow it"),
            Self::Port(_) => (503, "service.unavailable", "Not available at the moment"),
            Self::Unwritable(_) => (500, "service.broken", "The gateway is at fault"),
        }
    }

    /// What only the operator may know.
    pub(crate) fn for_the_operator(&self) -> Option<String> {
        matches!(self, Self::Port(_) | Self::Unwritable(_)).then(|| self.to_string())
    }

    /// The stable code.
    pub(crate) const fn code(&self) -> &'static str {
        self.row().1
    }

    pub(crate) fn response(&self, request_id: &str) -> Response {
        let (status, code, title) = self.row();
        let detail = match self {
            Self::Port(_) => {
                "A part of the gateway did not answer. Send the request again, with the same idempotency key."
                    .to_owned()
            }
            Self::Unwritable(_) => "The gateway's log says more.".to_owned(),
            told => told.to_string(),
        };
        let problems = if let Self::CatalogInvalid(problems) = self { problems.as_slice() } else { &[] };
        let document = Document { r#type: "about:blank", title, status, detail, code, request_id, problems };
        let mut headers = vec![("content-type", "application/problem+json".to_owned())];
        match self {
            Self::TooMany(seconds) => headers.push(("retry-after", seconds.to_string())),
            Self::Unauthorized | Self::SessionMissing => headers.push(("www-authenticate", "Bearer".to_owned())),
            Self::MethodUnsupported(methods) => headers.push(("allow", methods.join(", "))),
            Self::Port(_) => headers.push(("retry-after", "1".to_owned())),
            _ => {}
        }
        Response { status, headers, body: serde_json::to_string(&document).unwrap_or_default() }
    }
}

/// An account that is not there is named as such: of a question, "nothing was booked" would be no answer.
impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotOpen => Self::AccountUnknown,
            refusal => Self::Refused(refusal),
        }
    }
}

/// How much of a choice is shown.
const SHOWN: usize = 20;

/// What there is to choose from, for who chose something else.
#[derive(Debug)]
pub(crate) struct Choice(Vec<String>);

impl<T: Display> FromIterator<T> for Choice {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self(items.into_iter().map(|item| item.to_string()).collect())
    }
}

impl Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        match self.0.len() {
            0 => f.write_str("There is none."),
            count if count > SHOWN => write!(f, "There is: {shown} and {} more.", count - SHOWN),
            _ => write!(f, "There is: {shown}."),
        }
    }
}

/// The day of a moment, in UTC.
fn day(moment: &Timestamp) -> String {
    moment.to_string().chars().take(10).collect()
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
