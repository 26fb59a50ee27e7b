//! The admin API: how the provider publishes, sells, corrects and watches.
//!
//! Invariants: nothing but health and the descriptions is answered without the admin token. What moves money carries an
//! idempotency key. The audit log says who changes something.

pub(crate) mod accounts;
mod audit;
mod catalog;
mod clock;
mod credential_limits;
pub(crate) mod credentials;
mod currency;
mod description;
mod exports;
mod holders;
mod imports;
pub(crate) mod money;
mod operations;
mod references;
pub(crate) mod reports;
mod repricings;
mod restore;
pub(crate) mod rotations;
mod series;
mod settlements;
pub(crate) mod statements;
pub(crate) mod subscriptions;
mod tokens;
mod upstream_credentials;
mod upstream_secrets;
mod webhooks;

use farebox_core::catalog::SCHEMA;

pub(crate) use tokens::is_same;

use self::{
    accounts::account_id,
    operations::{Name, TABLE},
};
use crate::http::{
    Answered, Call, Ports, Response,
    failure::Failure,
    operation::{Key, Operation},
    permission::Permission,
};

/// An operation whose sender may ask for it, and the texts that its path names.
pub(crate) struct Admitted<'a> {
    operation: &'static Operation<Name>,
    parts: [&'a str; 2],
}

/// What the request is for, if its token may ask for that.
pub(crate) async fn admit<'a, P: Ports>(call: &Call<'a, P>) -> Result<Admitted<'a>, Failure> {
    let place = TABLE.place(call.request.path).ok_or(Failure::RouteUnknown)?;
    let is_intake = place.operation("POST").is_some_and(|row| row.permission == Permission::PaymentService);
    if is_intake && call.settings.payments.is_none() {
        return Err(Failure::RouteUnknown);
    }
    let operation = place.operation(call.request.method);
    let operation = operation.ok_or_else(|| Failure::MethodUnsupported(place.methods()))?;
    if let Permission::Token(needs) = operation.permission {
        let actor = call.actor().await?;
        let has = actor.role;
        call.sender.get_or_init(|| actor.token.clone());
        if operation.is_recorded {
            call.recorded_as.get_or_init(|| actor);
            call.hides_body.set(operation.is_body_secret || operation.body.is_none());
        }
        if has < needs {
            return Err(Failure::Forbidden { needs: needs.as_str(), has: has.as_str() });
        }
    }
    call.check_query(operation)?;
    if operation.key == Key::Required {
        call.idempotency_key()?;
    }
    Ok(Admitted { operation, parts: place.parts })
}

impl Admitted<'_> {
    /// Each operation has an arm of its own: a row that is added without one does not compile.
    pub(crate) async fn carry_out<P: Ports>(&self, call: &Call<'_, P>) -> Answered {
        let [id, part] = self.parts;
        match self.operation.name {
            Name::Describe => Response::json(200, &description::document()),
            Name::DescribeCatalog => Ok(Response::text("application/schema+json", SCHEMA)),
            Name::Health => call.health().await,
            Name::PublishCatalog => call.publish_catalog().await,
            Name::ShowCatalog => call.show_catalog().await,
            Name::ShowUpstreamSecret => call.upstream_secret(id).await,
            Name::PutProductDocument => call.put_product_document(id).await,
            Name::ShowProductDocument => call.published_product_document(id).await,
            Name::PutUpstreamCredential => call.put_upstream_credential(id).await,
            Name::ListUpstreamCredentials => call.list_upstream_credentials().await,
            Name::RemoveUpstreamCredential => call.remove_upstream_credential(id).await,
            Name::Reprice => call.reprice().await,
            Name::CreateAccount => call.create_account().await,
            Name::ListAccounts => call.list_accounts().await,
            Name::ShowAccount => call.show_account(id).await,
            Name::ChangeAccount => call.change_account(id).await,
            Name::SetTerms => call.set_terms(id).await,
            Name::ShowTerms => call.terms(id).await,
            Name::CreateCredential => call.create_credential(id).await,
            Name::ImportCredentials => call.import_credentials(id).await,
            Name::ListCredentials => call.list_credentials(id).await,
            Name::ListLimits => call.limits(id).await,
            Name::ChangeCredential => call.change_credential(id, part).await,
            Name::RevokeCredential => call.revoke_credential(id, part).await,
            Name::RotateCredential => call.rotate_credential(id, part).await,
            Name::Recharge => call.recharge(id).await,
            Name::Purchase => call.purchase(id).await,
            Name::Refund => call.refund(id).await,
            Name::Adjust => call.adjust(id).await,
            Name::ShowBalance => call.balance(id).await,
            Name::ListGrants => call.grants(id).await,
            Name::ListLeases => call.leases(id).await,
            Name::Subscribe => call.subscribe(id).await,
            Name::ListSubscriptions => call.subscriptions(id).await,
            Name::ChangePlan => call.change_plan(id, part).await,
            Name::CancelSubscription => call.cancel(id, part).await,
            Name::ListEntries => call.entries(id).await,
            Name::RestoreEntries => call.restore(id).await,
            Name::ShowUsage => call.usage(id).await,
            Name::ShowUsageSeries => call.usage_series(id).await,
            Name::ListUsageEvents => call.usage_events(id).await,
            Name::ListStatements => call.statements(id).await,
            Name::ShowStatement => call.statement(id, part).await,
            Name::Settle => call.run_settlement().await,
            Name::ListSettlements => call.list_settlements().await,
            Name::ListRefusedUsage => call.list_refused().await,
            Name::RegisterWebhook => call.register_webhook().await,
            Name::ListWebhooks => call.list_webhooks().await,
            Name::ShowWebhook => call.show_webhook(id).await,
            Name::RemoveWebhook => call.remove_webhook(id).await,
            Name::ListDeadLetters => call.dead_letters(id).await,
            Name::ResendMessages => call.resend(id).await,
            Name::IssueToken => call.issue_token().await,
            Name::ListTokens => call.list_tokens().await,
            Name::RevokeToken => call.revoke_token(id).await,
            Name::MakePortalSession => call.make_portal_session(id).await,
            Name::ListRechargeRequests => call.list_recharge_requests().await,
            Name::ConfirmRecharge => call.confirm_recharge(id).await,
            Name::ListInvoices => call.list_invoices().await,
            Name::MakeInvoice => call.invoice_month(&account_id(id)?).await,
            Name::ShowInvoice => call.show_invoice(None, id).await,
            Name::PrintInvoice => call.print_invoice(None, id).await,
            Name::TakeStripeEvent => call.take_stripe_event().await,
            Name::ListAudit => call.list_audit().await,
            Name::ShowMetrics => call.metrics().await,
            Name::ShowClock => call.show_clock().await,
            Name::MoveClock => call.move_clock().await,
        }
    }
}
