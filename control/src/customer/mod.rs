//! The customer API: how a customer signs in, sees, buys and looks after keys and members.
//!
//! Invariants: only its members change anything of an account, and only they and its call credentials see it. A member does no
//! more than the role allows. A page of another site changes nothing.

pub(crate) mod directory;
mod mailbox;
mod me;
mod members;
mod notices;
mod offers;
mod oidc;
mod operations;
mod portal_sessions;
mod recharge_requests;
mod records;
mod sender;
mod sessions;
mod sign_in;
mod sign_up;
mod storefront;

use self::{
    operations::{Name, TABLE},
    sender::{Sender, SignedIn},
};
use crate::{
    admin::accounts::account_id,
    http::{
        Answered, Call, Ports, Response,
        failure::Failure,
        operation::{Key, Method, Operation},
        permission::{Membership, Permission},
    },
};

pub(crate) use mailbox::keep_in_mailbox;
pub(crate) use portal_sessions::{Opened as PortalSession, Wanted as PortalSessionWanted};
pub(crate) use recharge_requests::RechargeRequest;

/// Where the customer API begins.
pub(crate) const ROOT: &str = TABLE.root;

/// An operation whose sender may ask for it, and the texts that its path names.
pub(crate) struct Admitted {
    operation: &'static Operation<Name>,
    parts: [String; 2],
    /// Who sends it, and what they may do with the account that the path names; `None` where anybody may ask.
    sender: Option<(Sender, Membership)>,
}

/// What the request is for, if its sender may ask for that.
pub(crate) async fn admit<P: Ports>(call: &mut Call<'_, P>) -> Result<Admitted, Failure> {
    call.key_scope = "customer/";
    let place = TABLE.place(call.request.path).ok_or(Failure::RouteUnknown)?;
    let operation = place.operation(call.request.method);
    let operation = operation.ok_or_else(|| Failure::MethodUnsupported(place.methods()))?;
    let mut parts = place.parts.map(str::to_owned);
    let sender = if operation.permission == Permission::Anyone {
        if operation.method != Method::Get && operation.name != Name::Quote {
            call.check_origin()?;
        }
        None
    } else {
        Some(call.authenticate(operation, &mut parts[0]).await?)
    };
    call.check_query(operation)?;
    if operation.key == Key::Required {
        call.idempotency_key()?;
    }
    Ok(Admitted { operation, parts, sender })
}

impl Admitted {
    /// Carries it out, and prolongs the session that it came by.
    pub(crate) async fn carry_out<P: Ports>(&self, call: &Call<'_, P>) -> Answered {
        let mut response = self.answer(call).await?;
        if let Some((Sender::Person(signed_in), _)) = &self.sender
            && self.operation.name != Name::SignOut
        {
            response.headers.extend(call.prolong(signed_in).await?);
        }
        Ok(response)
    }

    /// Each operation has an arm of its own: a row that is added without one does not compile.
    async fn answer<P: Ports>(&self, call: &Call<'_, P>) -> Answered {
        let [id, part] = self.parts.each_ref().map(String::as_str);
        let account = || account_id(id);
        let role = self.sender.as_ref().map_or(Membership::Viewer, |(_, role)| *role);
        match self.operation.name {
            Name::Describe => Response::json(200, &operations::document()),
            Name::ShowStorefront => call.storefront().await,
            Name::ShowProduct => call.show_product(id).await,
            Name::ShowProductDocument => call.show_product_document(id).await,
            Name::Quote => call.quote(id).await,
            Name::AskSignIn => call.ask_sign_in().await,
            Name::FinishSignIn => call.finish_sign_in().await,
            Name::AskIssuer => call.ask_issuer().await,
            Name::ComeBack => call.come_back().await,
            Name::EnterPortal => call.enter(id).await,
            Name::ShowMailbox => call.mailbox().await,
            Name::ShowMe => call.me(self.sender()?).await,
            Name::ChangeMe => call.change_me(self.signed_in()?).await,
            Name::SignOut => call.sign_out(self.signed_in()?).await,
            Name::ShowAccount => call.show_own_account(id, role).await,
            Name::ChangeAccount => call.change_own_account(id, role).await,
            Name::ShowBalance => call.balance(id).await,
            Name::ListGrants => call.grants(id).await,
            Name::ListSubscriptions => call.subscriptions(id).await,
            Name::ListEntries => call.entries(id).await,
            Name::ShowUsage => call.usage(id).await,
            Name::ShowUsageSeries => call.usage_series(id).await,
            Name::ListNotices => call.notices(id).await,
            Name::ListStatements => call.statements(id).await,
            Name::ShowStatement => call.statement(id, part).await,
            Name::ListCredentials => call.list_credentials(id).await,
            Name::ListLimits => call.limits(id).await,
            Name::CreateCredential => call.create_credential(id).await,
            Name::ChangeCredential => call.change_credential(id, part).await,
            Name::RevokeCredential => call.revoke_credential(id, part).await,
            Name::RotateCredential => call.rotate_credential(id, part).await,
            Name::ListOffers => call.offers(&account()?).await,
            Name::Purchase => call.purchase(account()?.as_str()).await,
            Name::Subscribe => call.subscribe(id).await,
            Name::CancelSubscription => call.cancel(id, part).await,
            Name::ListRechargeRequests => call.recharge_requests_of(&account()?).await,
            Name::RequestRecharge => call.request_recharge(&account()?).await,
            Name::CheckOut => call.check_out(&account()?).await,
            Name::ShowOrder => call.show_order(&account()?, part).await,
            Name::ListOrders => call.orders_of(&account()?).await,
            Name::ListInvoices => call.invoices_of(&account()?).await,
            Name::MakeInvoice => call.invoice_month(&account()?).await,
            Name::ShowInvoice => call.show_invoice(Some(&account()?), part).await,
            Name::PrintInvoice => call.print_invoice(Some(&account()?), part).await,
            Name::ListMembers => call.list_members(&account()?).await,
            Name::ChangeMember => call.change_member(&account()?, role, part).await,
            Name::RemoveMember => call.remove_member(&account()?, role, self.signed_in()?, part).await,
            Name::ListInvitations => call.list_invitations(&account()?).await,
            Name::Invite => call.invite(&account()?, role, self.signed_in()?).await,
            Name::TakeInvitationBack => call.take_invitation_back(&account()?, role, part).await,
        }
    }

    /// Who sends it.
    fn sender(&self) -> Result<&Sender, Failure> {
        self.sender.as_ref().map(|(sender, _)| sender).ok_or(Failure::SessionMissing)
    }

    /// The person who sends it.
    fn signed_in(&self) -> Result<&SignedIn, Failure> {
        match &self.sender {
            Some((Sender::Person(signed_in), _)) => Ok(signed_in),
            _ => Err(Failure::PersonNeeded),
        }
    }
}
