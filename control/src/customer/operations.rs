//! The operations of the customer API: one table, of which everything else is made.
//!
//! A row says method, path, who may ask, idempotency key, what the operation takes, gives and fails with. The router, the check of
//! the sender and the API's description read it, and [`Admitted::carry_out`](super::Admitted) has an arm for each name.

use farebox_ports::reports::{BalanceReport, GrantRow, LimitRow, SubscriptionRow, UsageRow, UsageSeries};
use serde::Serialize;
use serde_json::{Value, json};

use super::{mailbox, me, members, notices, oidc, recharge_requests, sessions, sign_in, storefront};
use crate::{
    admin::{credentials, money, rotations, statements, subscriptions},
    http::{
        openapi::{self, About},
        operation::{Operation, Parameter, delete, get, patch, post},
        paging::Items,
        permission::{Membership, Permission},
        table::Table,
    },
    payments,
    schema::{LedgerEntry, OpenApiDocument, SealedStatement},
};

/// What an operation is called: as `operationId` too, so a name that was served stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Name {
    Describe,
    ShowStorefront,
    ShowProduct,
    ShowProductDocument,
    Quote,
    AskSignIn,
    FinishSignIn,
    AskIssuer,
    ComeBack,
    EnterPortal,
    ShowMailbox,
    ShowMe,
    ChangeMe,
    SignOut,
    ShowAccount,
    ChangeAccount,
    ShowBalance,
    ListGrants,
    ListSubscriptions,
    ListEntries,
    ShowUsage,
    ShowUsageSeries,
    ListNotices,
    ListStatements,
    ShowStatement,
    ListCredentials,
    CreateCredential,
    ListLimits,
    ChangeCredential,
    RevokeCredential,
    RotateCredential,
    ListOffers,
    Purchase,
    Subscribe,
    CancelSubscription,
    ListRechargeRequests,
    RequestRecharge,
    CheckOut,
    ShowOrder,
    ListOrders,
    ListInvoices,
    MakeInvoice,
    ShowInvoice,
    PrintInvoice,
    ListMembers,
    ChangeMember,
    RemoveMember,
    ListInvitations,
    Invite,
    TakeInvitationBack,
}

/// What an operation is about: its tag in the description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Subject {
    Storefront,
    Persons,
    Accounts,
    Credentials,
    Money,
    Members,
}

/// The table.
pub(super) static TABLE: Table<Subject, Name> = Table { root: "/_farebox/v1/", rows: &OPERATIONS };

const SEE: Permission = Permission::MemberOrCredential;
const DEVELOP: Permission = Permission::Member(Membership::Developer);
const MANAGE: Permission = Permission::Member(Membership::Manager);

/// What any member may ask for, and a call credential.
const fn see(name: Name, path: &'static str, summary: &'static str) -> Operation<Name> {
    get(name, path, summary).by(SEE)
}

static OPERATIONS: [(Subject, &[Operation<Name>]); 6] = [
    (
        Subject::Storefront,
        &[
            get(Name::Describe, "openapi.json", "This description").open(),
            get(Name::ShowStorefront, "storefront", "The provider, and what is for sale")
                .open()
                .gives::<storefront::Shown>(200)
                .fails(&[409]),
            get(Name::ShowProduct, "products/{id}", "A product, and what it costs")
                .open()
                .gives::<storefront::ProductPage>(200)
                .fails(&[404, 409]),
            get(Name::ShowProductDocument, "products/{id}/openapi", "A product's OpenAPI document")
                .open()
                .gives::<OpenApiDocument>(200)
                .fails(&[404, 409]),
            post(Name::Quote, "products/{id}/quote", "What a month of use would cost")
                .open()
                .takes::<storefront::MonthOfUse>()
                .gives::<storefront::Quote>(200)
                .fails(&[404, 409, 413]),
        ],
    ),
    (
        Subject::Persons,
        &[
            post(Name::AskSignIn, "sign-ins", "Ask for a letter with a link and a code")
                .open()
                .takes::<sign_in::Wanted>()
                .gives::<sign_in::Asked>(202)
                .fails(&[403, 409, 413, 429]),
            post(Name::FinishSignIn, "sign-ins/finish", "Sign in by the code, or by the link's token")
                .open()
                .takes::<sign_in::Proof>()
                .gives::<sign_in::Finished>(200)
                .fails(&[401, 403, 409, 413]),
            post(Name::AskIssuer, "oidc/sign-ins", "Ask for the way to the provider's issuer")
                .open()
                .takes::<oidc::Wanted>()
                .gives::<oidc::Asked>(200)
                .fails(&[403, 404, 409, 413, 429]),
            get(Name::ComeBack, "oidc/callback", "The way back from the issuer, which leads to the portal")
                .open()
                .with(Parameter::State)
                .with(Parameter::Code)
                .with(Parameter::Error)
                .with(Parameter::Iss)
                .and_what_others_add()
                .leads_on(),
            get(Name::EnterPortal, "portal-sessions/{token}", "Open a link that the provider made: once")
                .open()
                .leads_on()
                .fails(&[404]),
            get(Name::ShowMailbox, "dev/mailbox", "The last letters, in development only")
                .open()
                .gives::<Items<mailbox::Sent>>(200)
                .fails(&[404]),
            get(Name::ShowMe, "me", "Who sends this, and their accounts")
                .by(Permission::PersonOrCredential)
                .gives::<me::Me>(200),
            patch(Name::ChangeMe, "me", "Change the name or the language")
                .by(Permission::Person)
                .takes::<me::Change>()
                .gives::<me::PersonRow>(200)
                .fails(&[413]),
            post(Name::SignOut, "sign-out", "End this session, or all of the person's")
                .by(Permission::Person)
                .takes::<sessions::SignOut>()
                .gives_nothing()
                .fails(&[413]),
        ],
    ),
    (
        Subject::Accounts,
        &[
            see(Name::ShowAccount, "accounts/{id}", "An account").gives::<me::AccountRow>(200),
            patch(Name::ChangeAccount, "accounts/{id}", "Rename an account, or change who stands on its invoices")
                .by(MANAGE)
                .takes::<me::AccountChange>()
                .gives::<me::AccountRow>(200)
                .fails(&[413]),
            see(Name::ListEntries, "accounts/{id}/entries", "The book")
                .with(Parameter::From)
                .paged()
                .gives::<Items<LedgerEntry>>(200),
            see(Name::ShowUsage, "accounts/{id}/usage", "What was used, by product")
                .with(Parameter::From)
                .with(Parameter::To)
                .paged()
                .gives::<Items<UsageRow>>(200),
            see(Name::ShowUsageSeries, "accounts/{id}/usage/series", "What was used, by the hour or by the day")
                .by_time()
                .paged()
                .gives::<Items<UsageSeries>>(200),
            see(
                Name::ListNotices,
                "accounts/{id}/notices",
                "What the account was told: of the last 30 days unless `from` says",
            )
            .with(Parameter::From)
            .paged()
            .gives::<Items<notices::Notice>>(200),
            see(Name::ListStatements, "accounts/{id}/statements", "The months that have a statement, the latest first")
                .paged()
                .gives::<Items<statements::StatedMonth>>(200),
            see(Name::ShowStatement, "accounts/{id}/statements/{period}", "The statement of a month, such as 2026-11")
                .or_csv()
                .gives::<SealedStatement>(200),
        ],
    ),
    (
        Subject::Credentials,
        &[
            get(Name::ListCredentials, "accounts/{id}/credentials", "The credentials")
                .by(Permission::Member(Membership::Viewer))
                .paged()
                .gives::<Items<credentials::Listed>>(200),
            post(
                Name::CreateCredential,
                "accounts/{id}/credentials",
                "Make a credential; its secret is shown this once",
            )
            .by(DEVELOP)
            .made_once()
            .takes::<credentials::Wanted>()
            .gives::<credentials::Made>(201)
            .fails(&[409, 413, 422]),
            get(
                Name::ListLimits,
                "accounts/{id}/limits",
                "What credentials with limits have spent in this day, week and month",
            )
            .by(Permission::Member(Membership::Viewer))
            .paged()
            .gives::<Items<LimitRow>>(200),
            patch(
                Name::ChangeCredential,
                "accounts/{id}/credentials/{key}",
                "Rename a credential, or change its restrictions",
            )
            .by(DEVELOP)
            .takes::<credentials::Change>()
            .gives::<credentials::Listed>(200)
            .fails(&[409, 413, 422]),
            delete(Name::RevokeCredential, "accounts/{id}/credentials/{key}", "Revoke a credential")
                .by(DEVELOP)
                .gives_nothing(),
            post(
                Name::RotateCredential,
                "accounts/{id}/credentials/{key}/rotations",
                "Make a credential in place of one, which ends later",
            )
            .by(DEVELOP)
            .made_once()
            .takes::<rotations::Rotation>()
            .gives::<rotations::Rotated>(201)
            .fails(&[409, 413, 422]),
        ],
    ),
    (
        Subject::Money,
        &[
            see(Name::ShowBalance, "accounts/{id}/balance", "The balance").gives::<BalanceReport>(200),
            see(Name::ListGrants, "accounts/{id}/grants", "What was bought, and what is left of it")
                .paged()
                .gives::<Items<GrantRow>>(200),
            see(Name::ListOffers, "accounts/{id}/offers", "What the account may buy now")
                .paged()
                .gives::<Items<storefront::Offer>>(200)
                .fails(&[409]),
            post(Name::Purchase, "accounts/{id}/purchases", "Buy a package from the balance")
                .by(MANAGE)
                .moves_money()
                .takes::<money::Purchase>()
                .gives::<money::Booked>(201)
                .fails(&[402, 409, 413, 422]),
            see(Name::ListSubscriptions, "accounts/{id}/subscriptions", "The running subscriptions")
                .paged()
                .gives::<Items<SubscriptionRow>>(200),
            post(Name::Subscribe, "accounts/{id}/subscriptions", "Subscribe to a plan, and pay its first period")
                .by(MANAGE)
                .moves_money()
                .takes::<subscriptions::Subscribe>()
                .gives::<subscriptions::Subscribed>(201)
                .fails(&[402, 409, 413, 422]),
            delete(
                Name::CancelSubscription,
                "accounts/{id}/subscriptions/{subscription}",
                "End a subscription with its period",
            )
            .by(MANAGE)
            .moves_money()
            .gives::<money::Booked>(200)
            .fails(&[422]),
            get(Name::ListRechargeRequests, "accounts/{id}/recharge-requests", "What was asked to be recharged")
                .by(Permission::Member(Membership::Viewer))
                .paged()
                .gives::<Items<recharge_requests::RechargeRequest>>(200),
            post(
                Name::RequestRecharge,
                "accounts/{id}/recharge-requests",
                "Ask for a recharge, which the provider confirms once the money is there",
            )
            .by(MANAGE)
            .moves_money()
            .takes::<recharge_requests::Wanted>()
            .gives::<recharge_requests::RechargeRequest>(201)
            .fails(&[409, 413, 422, 429]),
            post(Name::CheckOut, "accounts/{id}/checkouts", "Begin to pay for a recharge, a package or a plan")
                .by(MANAGE)
                .moves_money()
                .takes::<payments::Wanted>()
                .gives::<payments::Checkout>(201)
                .fails(&[409, 413, 422, 429]),
            get(Name::ShowOrder, "accounts/{id}/orders/{order}", "What was to be paid for, and whether it was")
                .by(Permission::Member(Membership::Viewer))
                .gives::<payments::OrderRow>(200),
            get(Name::ListOrders, "accounts/{id}/orders", "The orders, the latest first")
                .by(Permission::Member(Membership::Viewer))
                .paged()
                .gives::<Items<payments::OrderRow>>(200),
            get(Name::ListInvoices, "accounts/{id}/invoices", "The invoices: one for each payment, and for months")
                .by(Permission::Member(Membership::Viewer))
                .paged()
                .gives::<Items<payments::InvoiceRow>>(200),
            post(Name::MakeInvoice, "accounts/{id}/invoices", "Make the invoice of a month that is over, or find it")
                .by(MANAGE)
                .takes::<payments::MonthWanted>()
                .gives::<payments::InvoiceRow>(201)
                .fails(&[409, 413]),
            get(Name::ShowInvoice, "accounts/{id}/invoices/{invoice}", "An invoice")
                .by(Permission::Member(Membership::Viewer))
                .gives::<payments::InvoiceRow>(200),
            get(Name::PrintInvoice, "accounts/{id}/invoices/{invoice}/page", "An invoice as a page to print")
                .by(Permission::Member(Membership::Viewer))
                .gives::<String>(200)
                .media("text/html"),
        ],
    ),
    (
        Subject::Members,
        &[
            get(Name::ListMembers, "accounts/{id}/members", "The members")
                .by(Permission::Member(Membership::Viewer))
                .paged()
                .gives::<Items<members::MemberRow>>(200),
            patch(Name::ChangeMember, "accounts/{id}/members/{person}", "Change what a member may do")
                .by(MANAGE)
                .takes::<members::Change>()
                .gives::<members::MemberRow>(200)
                .fails(&[409, 413]),
            delete(Name::RemoveMember, "accounts/{id}/members/{person}", "Remove a member, or leave")
                .by(Permission::Member(Membership::Viewer))
                .gives_nothing()
                .fails(&[409]),
            get(Name::ListInvitations, "accounts/{id}/invitations", "The invitations that are open")
                .by(MANAGE)
                .paged()
                .gives::<Items<members::InvitationRow>>(200),
            post(Name::Invite, "accounts/{id}/invitations", "Invite an address")
                .by(MANAGE)
                .takes::<members::Wanted>()
                .gives::<members::InvitationRow>(201)
                .fails(&[409, 413, 429]),
            delete(Name::TakeInvitationBack, "accounts/{id}/invitations/{invitation}", "Take an invitation back")
                .by(MANAGE)
                .gives_nothing(),
        ],
    ),
];

/// The description of this API.
pub(super) fn document() -> Value {
    let about = About {
        title: "Farebox customer API",
        security: json!({
            "session": { "type": "apiKey", "in": "cookie", "name": "__Host-farebox-session" },
            "key": { "type": "http", "scheme": "bearer", "description": "A call credential's plain key." },
            "apiKey": { "type": "apiKey", "in": "header", "name": "X-API-Key" }
        }),
        sends: None,
    };
    openapi::document(&TABLE, &about)
}
