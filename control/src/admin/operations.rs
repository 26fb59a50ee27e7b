//! The operations of the admin API: one table, of which everything else is made.
//!
//! A row says method, path, role, idempotency key, what the operation takes, gives and fails with. The router, the check of the
//! role and of the key, the audit log and the API's description read it. [`Admitted::carry_out`](super::Admitted) has an arm for
//! each name. Invariant: what GET asks for changes nothing.

use farebox_ports::reports::{
    BalanceReport, GrantRow, LeaseRow, LimitRow, SubscriptionRow, TermsReport, UsageRow, UsageSeries,
};

mod name;

pub(super) use name::{Name, Subject};

use super::{
    accounts, audit,
    catalog::{Health, Publication, Shown},
    clock, credentials, exports, imports, money, repricings, restore, rotations, statements, subscriptions, tokens,
    upstream_credentials, upstream_secrets, webhooks,
};
use crate::{
    customer::{PortalSession, PortalSessionWanted, RechargeRequest},
    http::{
        operation::{Operation, Parameter, delete, get, patch, post, put},
        paging::Items,
        permission::Permission,
        table::Table,
    },
    payments::{InvoiceRow, MonthWanted},
    schema::{LedgerEntry, OpenApiDocument, RefusedBatch, SealedStatement, SettlementReport},
};

/// The table.
pub(super) static TABLE: Table<Subject, Name> = Table { root: "/_farebox/admin/v1/", rows: &OPERATIONS };

static OPERATIONS: [(Subject, &[Operation<Name>]); 10] = [
    (
        Subject::Description,
        &[
            get(Name::Describe, "/_farebox/openapi.json", "This description").open(),
            get(Name::DescribeCatalog, "/_farebox/catalog.schema.json", "The schema of a catalog").open(),
        ],
    ),
    (
        Subject::Catalog,
        &[
            get(Name::Health, "health", "Whether the gateway can serve").open().gives::<Health>(200),
            put(Name::PublishCatalog, "catalog", "Publish the catalog")
                .takes_toml()
                .with(Parameter::DryRun)
                .with(Parameter::RemoveHeld)
                .replaces()
                .gives::<Publication>(200)
                .fails(&[409, 412, 413, 422, 428]),
            get(Name::ShowCatalog, "catalog", "The published catalog").gives::<Shown>(200).tagged().fails(&[409]),
            get(
                Name::ShowUpstreamSecret,
                "products/{id}/upstream-secret",
                "What the product's upstream verifies our calls with; for owners",
            )
            .for_owners()
            .recorded()
            .gives::<upstream_secrets::UpstreamSecret>(200)
            .fails(&[404, 409]),
            put(
                Name::PutProductDocument,
                "products/{id}/openapi",
                "Publish a product's OpenAPI document, for its page",
            )
            .takes::<OpenApiDocument>()
            .gives_nothing()
            .fails(&[404, 413]),
            get(
                Name::ShowProductDocument,
                "products/{id}/openapi",
                "A product's OpenAPI document, as it was published",
            )
            .gives::<OpenApiDocument>(200)
            .fails(&[404]),
            put(
                Name::PutUpstreamCredential,
                "upstream-credentials/{id}",
                "Set the secret that an upstream demands; nobody is shown it again",
            )
            .for_owners()
            .takes_secret::<upstream_credentials::Wanted>()
            .gives_nothing()
            .fails(&[413]),
            get(Name::ListUpstreamCredentials, "upstream-credentials", "The secrets that are set, by their names")
                .paged()
                .gives::<Items<upstream_credentials::Row>>(200),
            delete(
                Name::RemoveUpstreamCredential,
                "upstream-credentials/{id}",
                "Remove a secret; calls that need it are turned away",
            )
            .for_owners()
            .gives_nothing()
            .fails(&[404]),
            post(Name::Reprice, "repricings", "What was booked, priced by the catalog that is sent; changes nothing")
                .only_asks()
                .takes_toml()
                .with(Parameter::From)
                .with(Parameter::To)
                .paged()
                .gives::<Items<repricings::Repriced>>(200)
                .fails(&[409, 413, 422]),
        ],
    ),
    (
        Subject::Accounts,
        &[
            post(Name::CreateAccount, "accounts", "Make an account")
                .made_once()
                .takes::<accounts::Named>()
                .gives::<accounts::Account>(201)
                .fails(&[409, 413, 422]),
            get(Name::ListAccounts, "accounts", "The accounts").paged().gives::<Items<accounts::Account>>(200),
            get(Name::ShowAccount, "accounts/{id}", "An account").gives::<accounts::Account>(200).fails(&[404]),
            patch(Name::ChangeAccount, "accounts/{id}", "Rename, suspend or reactivate an account")
                .takes::<accounts::Change>()
                .gives::<accounts::Account>(200)
                .fails(&[404, 413]),
            post(Name::MakePortalSession, "accounts/{id}/portal-sessions", "Let a user of the provider's own site in")
                .takes::<PortalSessionWanted>()
                .gives::<PortalSession>(201)
                .fails(&[404, 409, 413]),
            put(Name::SetTerms, "accounts/{id}/terms", "Agree on credit, notices and the time zone")
                .takes::<subscriptions::Terms>()
                .replaces()
                .gives_nothing()
                .fails(&[404, 412, 413, 422]),
            get(Name::ShowTerms, "accounts/{id}/terms", "What was agreed")
                .gives::<TermsReport>(200)
                .tagged()
                .fails(&[404]),
        ],
    ),
    (
        Subject::Credentials,
        &[
            post(
                Name::CreateCredential,
                "accounts/{id}/credentials",
                "Make a credential; its secret is shown this once",
            )
            .made_once()
            .takes::<credentials::Wanted>()
            .gives::<credentials::Made>(201)
            .fails(&[404, 409, 413, 422]),
            post(
                Name::ImportCredentials,
                "accounts/{id}/credentials/imports",
                "Import keys of another gateway by their hashes; what is there stays",
            )
            .takes::<imports::Import>()
            .gives::<Items<imports::Imported>>(200)
            .fails(&[404, 409, 413, 422]),
            get(Name::ListCredentials, "accounts/{id}/credentials", "The credentials")
                .paged()
                .gives::<Items<credentials::Listed>>(200)
                .fails(&[404]),
            get(
                Name::ListLimits,
                "accounts/{id}/limits",
                "What credentials with limits have spent in this day, week and month",
            )
            .paged()
            .gives::<Items<LimitRow>>(200)
            .fails(&[404]),
            patch(
                Name::ChangeCredential,
                "accounts/{id}/credentials/{key}",
                "Rename a credential, or change its restrictions",
            )
            .takes::<credentials::Change>()
            .gives::<credentials::Listed>(200)
            .fails(&[404, 409, 413, 422]),
            delete(Name::RevokeCredential, "accounts/{id}/credentials/{key}", "Revoke a credential")
                .gives_nothing()
                .fails(&[404]),
            post(
                Name::RotateCredential,
                "accounts/{id}/credentials/{key}/rotations",
                "Make a credential in place of one, which ends later",
            )
            .made_once()
            .takes::<rotations::Rotation>()
            .gives::<rotations::Rotated>(201)
            .fails(&[404, 409, 413, 422]),
        ],
    ),
    (
        Subject::Money,
        &[
            post(Name::Recharge, "accounts/{id}/recharges", "Add money that was received")
                .moves_money()
                .takes::<money::Recharge>()
                .gives::<money::Booked>(201)
                .fails(&[404, 413, 422]),
            post(Name::Purchase, "accounts/{id}/purchases", "Buy a package from the balance")
                .moves_money()
                .takes::<money::Purchase>()
                .gives::<money::Booked>(201)
                .fails(&[402, 404, 409, 413, 422]),
            post(Name::Refund, "accounts/{id}/refunds", "Pay money back that was recharged and not spent")
                .moves_money()
                .takes::<money::Refund>()
                .gives::<money::Booked>(201)
                .fails(&[402, 404, 413, 422]),
            post(Name::Adjust, "accounts/{id}/adjustments", "Correct the balance")
                .moves_money()
                .takes::<money::Adjustment>()
                .gives::<money::Booked>(201)
                .fails(&[404, 413, 422]),
            get(Name::ShowBalance, "accounts/{id}/balance", "The balance").gives::<BalanceReport>(200).fails(&[404]),
            get(Name::ListGrants, "accounts/{id}/grants", "What was bought, and what is left of it")
                .paged()
                .gives::<Items<GrantRow>>(200)
                .fails(&[404]),
            get(Name::ListRechargeRequests, "recharge-requests", "What customers asked to be recharged")
                .paged()
                .gives::<Items<RechargeRequest>>(200),
            post(
                Name::ConfirmRecharge,
                "recharge-requests/{request}/confirmation",
                "Book the money of a request that came",
            )
            .gives::<RechargeRequest>(200)
            .fails(&[404]),
            get(Name::ListInvoices, "invoices", "The invoices of all accounts, in the order of their numbers")
                .paged()
                .gives::<Items<InvoiceRow>>(200),
            get(Name::ShowInvoice, "invoices/{invoice}", "An invoice").gives::<InvoiceRow>(200).fails(&[404]),
            get(Name::PrintInvoice, "invoices/{invoice}/page", "An invoice as a page to print")
                .gives::<String>(200)
                .media("text/html")
                .fails(&[404]),
            post(Name::MakeInvoice, "accounts/{id}/invoices", "Make the invoice of a month that is over, or find it")
                .takes::<MonthWanted>()
                .gives::<InvoiceRow>(201)
                .fails(&[404, 409]),
            post(Name::TakeStripeEvent, "/_farebox/payments/stripe", "Take an event of Stripe's")
                .by(Permission::PaymentService),
            get(Name::ListLeases, "accounts/{id}/leases", "What is set aside for running instances")
                .paged()
                .gives::<Items<LeaseRow>>(200)
                .fails(&[404]),
        ],
    ),
    (
        Subject::Subscriptions,
        &[
            post(Name::Subscribe, "accounts/{id}/subscriptions", "Subscribe to a plan, and pay its first period")
                .moves_money()
                .takes::<subscriptions::Subscribe>()
                .gives::<subscriptions::Subscribed>(201)
                .fails(&[402, 404, 409, 413, 422]),
            get(Name::ListSubscriptions, "accounts/{id}/subscriptions", "The running subscriptions")
                .paged()
                .gives::<Items<SubscriptionRow>>(200)
                .fails(&[404]),
            patch(Name::ChangePlan, "accounts/{id}/subscriptions/{subscription}", "Change to another plan now")
                .moves_money()
                .takes::<subscriptions::Subscribe>()
                .gives::<money::Booked>(200)
                .fails(&[402, 404, 409, 413, 422]),
            delete(
                Name::CancelSubscription,
                "accounts/{id}/subscriptions/{subscription}",
                "End a subscription with its period",
            )
            .moves_money()
            .with(Parameter::AtOnce)
            .gives::<money::Booked>(200)
            .fails(&[404, 422]),
        ],
    ),
    (
        Subject::Books,
        &[
            get(Name::ListEntries, "accounts/{id}/entries", "The book")
                .with(Parameter::From)
                .paged()
                .gives::<Items<LedgerEntry>>(200)
                .fails(&[404]),
            post(
                Name::RestoreEntries,
                "accounts/{id}/entries",
                "Put entries back that are missing at the end of the book, from a copy of it",
            )
            .for_owners()
            .takes::<restore::Copied>()
            .gives_nothing()
            .fails(&[404, 409, 413]),
            get(Name::ShowUsage, "accounts/{id}/usage", "What was used, by product")
                .with(Parameter::From)
                .with(Parameter::To)
                .paged()
                .gives::<Items<UsageRow>>(200)
                .fails(&[404]),
            get(Name::ShowUsageSeries, "accounts/{id}/usage/series", "What was used, by the hour or by the day")
                .by_time()
                .paged()
                .gives::<Items<UsageSeries>>(200)
                .fails(&[404]),
            get(
                Name::ListUsageEvents,
                "accounts/{id}/usage/events",
                "What was used and is sealed, by the hour, as CloudEvents in the order it was booked",
            )
            .paged()
            .gives::<Vec<exports::UsageEvent>>(200)
            .media("application/cloudevents-batch+json")
            .fails(&[404])
            .header("farebox-cursor", "Where the next page begins, also when there is none yet."),
            get(Name::ListStatements, "accounts/{id}/statements", "The months that have a statement, the latest first")
                .paged()
                .gives::<Items<statements::StatedMonth>>(200)
                .fails(&[404]),
            get(Name::ShowStatement, "accounts/{id}/statements/{period}", "The statement of a month, such as 2026-11")
                .or_csv()
                .gives::<SealedStatement>(200)
                .fails(&[404]),
        ],
    ),
    (
        Subject::Settlement,
        &[
            post(Name::Settle, "settlements", "Settle all usage that can be seen, up to now")
                .gives::<SettlementReport>(200),
            get(Name::ListSettlements, "settlements", "The last settlement runs, the latest first")
                .paged()
                .gives::<Items<SettlementReport>>(200),
            get(Name::ListRefusedUsage, "settlements/refused", "Usage that no account would book")
                .paged()
                .gives::<Items<RefusedBatch>>(200),
        ],
    ),
    (
        Subject::Webhooks,
        &[
            post(Name::RegisterWebhook, "webhooks", "Register an endpoint for webhooks; its secret is shown this once")
                .made_once()
                .takes::<webhooks::Wanted>()
                .gives::<webhooks::Registered>(201)
                .fails(&[409, 413, 422]),
            get(Name::ListWebhooks, "webhooks", "The endpoints").paged().gives::<Items<webhooks::Row>>(200),
            get(Name::ShowWebhook, "webhooks/{webhook}", "An endpoint, and how it does")
                .gives::<webhooks::Row>(200)
                .fails(&[404]),
            delete(Name::RemoveWebhook, "webhooks/{webhook}", "Remove an endpoint").gives_nothing().fails(&[404]),
            get(Name::ListDeadLetters, "webhooks/{webhook}/dead-letters", "The messages that were given up")
                .paged()
                .gives::<Items<webhooks::Dead>>(200)
                .fails(&[404]),
            post(
                Name::ResendMessages,
                "webhooks/{webhook}/resends",
                "Send messages again: the named ones, or the first that were given up",
            )
            .takes::<webhooks::Resend>()
            .gives::<Items<webhooks::Resent>>(200)
            .fails(&[404, 413]),
        ],
    ),
    (
        Subject::Administration,
        &[
            post(Name::IssueToken, "admin-tokens", "Issue an admin token; it is shown this once")
                .for_owners()
                .made_once()
                .takes::<tokens::Wanted>()
                .gives::<tokens::Issued>(201)
                .fails(&[409, 413, 422]),
            get(Name::ListTokens, "admin-tokens", "The admin tokens")
                .for_owners()
                .paged()
                .gives::<Items<tokens::Row>>(200),
            delete(Name::RevokeToken, "admin-tokens/{token}", "Revoke an admin token")
                .for_owners()
                .gives_nothing()
                .fails(&[404]),
            get(Name::ListAudit, "audit", "Who changed what, or tried to; the latest first")
                .paged()
                .gives::<Items<audit::Record>>(200),
            get(Name::ShowMetrics, "metrics", "Counters of all instances, for Prometheus")
                .gives::<String>(200)
                .media("text/plain; version=0.0.4; charset=utf-8"),
            get(Name::ShowClock, "clock", "The clock").gives::<clock::Clock>(200),
            post(Name::MoveClock, "clock", "Move the clock, in development only")
                .takes::<clock::Move>()
                .gives::<clock::Clock>(200)
                .fails(&[413]),
        ],
    ),
];

#[cfg(test)]
mod tests;
