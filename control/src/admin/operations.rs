//! The operations of the admin API: one table, from which its description is made.

use farebox_ports::reports::{BalanceReport, GrantRow, LeaseRow, SubscriptionRow, TermsReport, UsageRow};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::{
    Items, accounts, audit,
    catalog::{Health, Publication, Shown},
    clock, credentials, imports, money, repricings,
    resource::ROOT,
    restoring, statements, subscriptions, tokens, upstream_secrets, watching, webhooks,
};
use crate::schema::{LedgerEntry, RefusedBatch, SealedStatement, SettlementReport};

/// Makes the schema of a type.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What fits into `Idempotency-Key`.
const IDEMPOTENCY_KEY: &str = "^[!-~]([ -~]{0,253}[!-~])?$";

/// One operation of the API.
pub(super) struct Operation {
    pub(super) method: &'static str,
    /// Below the API's root, with its parameters in braces.
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    /// Query parameters, and headers that must come.
    pub(super) parameters: Vec<Value>,
    /// The body's media types, the first being the right one, and schema.
    pub(super) body: Option<(&'static [&'static str], SchemaOf)>,
    pub(super) status: u16,
    pub(super) answer: Option<SchemaOf>,
    /// Whether the answer can be asked for as a table.
    pub(super) also_csv: bool,
    /// The media type of the answer.
    pub(super) media_type: &'static str,
    /// A header field of the answer, and what it says.
    pub(super) header: Option<(&'static str, &'static str)>,
    /// Statuses of the problems that are its own.
    pub(super) failures: &'static [u16],
    pub(super) is_open: bool,
}

const fn operation(method: &'static str, path: &'static str, summary: &'static str) -> Operation {
    Operation {
        method,
        path,
        summary,
        parameters: Vec::new(),
        body: None,
        status: 200,
        answer: None,
        also_csv: false,
        media_type: "application/json",
        header: None,
        failures: &[],
        is_open: false,
    }
}

impl Operation {
    fn takes<T: JsonSchema>(self) -> Self {
        Self { body: Some((&["application/json"], |generator| generator.subschema_for::<T>())), ..self }
    }

    fn takes_toml(self) -> Self {
        Self {
            body: Some((&["application/toml", "text/plain"], |generator| generator.subschema_for::<String>())),
            ..self
        }
    }

    fn gives<T: JsonSchema>(self, status: u16) -> Self {
        Self { status, answer: Some(|generator| generator.subschema_for::<T>()), ..self }
    }

    /// The answer is of another media type than JSON's own.
    fn media(self, media_type: &'static str) -> Self {
        Self { media_type, ..self }
    }

    fn gives_nothing(self) -> Self {
        Self { status: 204, ..self }
    }

    fn or_csv(self) -> Self {
        let format = json!({
            "name": "format", "in": "query", "schema": { "enum": ["json", "csv"] },
            "description": "As JSON, which can be checked without the provider, or as a table."
        });
        Self { also_csv: true, ..self.with(format) }
    }

    fn with(mut self, parameter: Value) -> Self {
        self.parameters.push(parameter);
        self
    }

    fn paged(self) -> Self {
        self.with(json!({
            "name": "cursor", "in": "query", "schema": { "type": "string" }, "description": "As the page before gave it."
        }))
        .with(json!({
            "name": "limit", "in": "query", "schema": { "type": "integer", "minimum": 1, "maximum": 100, "default": 50 }
        }))
    }

    fn moves_money(self) -> Self {
        self.with(json!({
            "name": "Idempotency-Key", "in": "header", "required": true,
            "schema": { "type": "string", "pattern": IDEMPOTENCY_KEY },
            "description": "A name of your own for this request. Sent again with it, it is booked once."
        }))
    }

    fn made_once(self) -> Self {
        self.with(json!({
            "name": "Idempotency-Key", "in": "header",
            "schema": { "type": "string", "pattern": IDEMPOTENCY_KEY },
            "description": "A name of your own for this request. Sent again with it by the same token, it makes nothing new."
        }))
    }

    fn replaces(self) -> Self {
        self.with(json!({
            "name": "If-Match", "in": "header", "schema": { "type": "string" },
            "description": "The `ETag` of what is to be replaced. Anything else is not."
        }))
    }

    fn tagged(self) -> Self {
        Self { header: Some(("etag", "Names the content: for `If-Match`.")), ..self }
    }

    fn fails(self, failures: &'static [u16]) -> Self {
        Self { failures, ..self }
    }
}

/// The names of the query parameters that the operation of `method` at `path` takes.
pub(super) fn query_parameters(method: &str, path: &str) -> Vec<String> {
    let path = path.strip_prefix(ROOT).unwrap_or_default();
    let is_at = |pattern: &str| {
        let fits = |(have, want): (&str, &str)| want.starts_with('{') || have == want;
        pattern.split('/').count() == path.split('/').count() && path.split('/').zip(pattern.split('/')).all(fits)
    };
    let is_meant = |operation: &Operation| operation.method.eq_ignore_ascii_case(method) && is_at(operation.path);
    let parameters = operations().into_iter().find(is_meant).map(|found| found.parameters).unwrap_or_default();
    let in_query = parameters.iter().filter(|parameter| parameter["in"] == "query");
    in_query.filter_map(|parameter| parameter["name"].as_str().map(str::to_owned)).collect()
}

pub(super) fn operations() -> Vec<Operation> {
    let moment = |name| json!({ "name": name, "in": "query", "schema": { "type": "string", "format": "date-time" } });
    let at_once = json!({
        "name": "at_once", "in": "query", "schema": { "enum": ["true", "false"] },
        "description": "End it now, and pay back what is left of the period."
    });
    let dry_run = json!({
        "name": "dry_run", "in": "query", "schema": { "enum": ["true", "false"] },
        "description": "Check it and show what would change, and change nothing."
    });
    let remove_held = json!({
        "name": "remove_held", "in": "query", "schema": { "enum": ["true", "false"] },
        "description": "Publish it also where customers hold what it takes away."
    });
    vec![
        Operation { is_open: true, ..operation("get", "health", "Whether the gateway can serve").gives::<Health>(200) },
        operation("put", "catalog", "Publish the catalog")
            .takes_toml()
            .with(dry_run)
            .with(remove_held)
            .replaces()
            .gives::<Publication>(200)
            .fails(&[409, 412, 413, 422, 428]),
        operation("get", "catalog", "The published catalog").gives::<Shown>(200).tagged().fails(&[409]),
        operation("post", "accounts", "Make an account")
            .made_once()
            .takes::<accounts::Named>()
            .gives::<accounts::Account>(201)
            .fails(&[409, 413, 422]),
        operation("get", "accounts", "The accounts").paged().gives::<Items<accounts::Account>>(200),
        operation("get", "accounts/{id}", "An account").gives::<accounts::Account>(200).fails(&[404]),
        operation("patch", "accounts/{id}", "Rename, suspend or reactivate an account")
            .takes::<accounts::Change>()
            .gives::<accounts::Account>(200)
            .fails(&[404, 413]),
        operation("post", "accounts/{id}/credentials", "Make a credential; its secret is shown this once")
            .made_once()
            .takes::<credentials::Wanted>()
            .gives::<credentials::Made>(201)
            .fails(&[404, 409, 413, 422]),
        operation(
            "post",
            "accounts/{id}/credentials/imports",
            "Import keys of another gateway by their hashes; what is there stays",
        )
        .takes::<imports::Import>()
        .gives::<Items<imports::Imported>>(200)
        .fails(&[404, 409, 413]),
        operation("get", "accounts/{id}/credentials", "The credentials")
            .paged()
            .gives::<Items<credentials::Listed>>(200)
            .fails(&[404]),
        operation("patch", "accounts/{id}/credentials/{key}", "Rename a credential, or change its restrictions")
            .takes::<credentials::Change>()
            .gives::<credentials::Listed>(200)
            .fails(&[404, 409, 413, 422]),
        operation("delete", "accounts/{id}/credentials/{key}", "Revoke a credential").gives_nothing().fails(&[404]),
        operation(
            "post",
            "accounts/{id}/credentials/{key}/rotations",
            "Make a credential in place of one, which ends later",
        )
        .made_once()
        .takes::<credentials::Rotation>()
        .gives::<credentials::Rotated>(201)
        .fails(&[404, 409, 413, 422]),
        operation("post", "accounts/{id}/recharges", "Add money that was received")
            .moves_money()
            .takes::<money::Recharge>()
            .gives::<money::Booked>(201)
            .fails(&[404, 413, 422]),
        operation("post", "accounts/{id}/purchases", "Buy a package from the balance")
            .moves_money()
            .takes::<money::Purchase>()
            .gives::<money::Booked>(201)
            .fails(&[402, 404, 409, 413, 422]),
        operation("post", "accounts/{id}/refunds", "Pay money back that was recharged and not spent")
            .moves_money()
            .takes::<money::Refund>()
            .gives::<money::Booked>(201)
            .fails(&[402, 404, 413, 422]),
        operation("post", "accounts/{id}/adjustments", "Correct the balance")
            .moves_money()
            .takes::<money::Adjustment>()
            .gives::<money::Booked>(201)
            .fails(&[404, 413, 422]),
        operation("post", "accounts/{id}/subscriptions", "Subscribe to a plan, and pay its first period")
            .moves_money()
            .takes::<subscriptions::Subscribe>()
            .gives::<subscriptions::Subscribed>(201)
            .fails(&[402, 404, 409, 413, 422]),
        operation("get", "accounts/{id}/subscriptions", "The running subscriptions")
            .paged()
            .gives::<Items<SubscriptionRow>>(200)
            .fails(&[404]),
        operation("patch", "accounts/{id}/subscriptions/{subscription}", "Change to another plan now")
            .moves_money()
            .takes::<subscriptions::Subscribe>()
            .gives::<money::Booked>(200)
            .fails(&[402, 404, 409, 413, 422]),
        operation("delete", "accounts/{id}/subscriptions/{subscription}", "End a subscription with its period")
            .moves_money()
            .with(at_once)
            .gives::<money::Booked>(200)
            .fails(&[404, 422]),
        operation("put", "accounts/{id}/terms", "Agree on credit, notices and the time zone")
            .takes::<subscriptions::Terms>()
            .replaces()
            .gives_nothing()
            .fails(&[404, 412, 413, 422]),
        operation("get", "accounts/{id}/terms", "What was agreed").gives::<TermsReport>(200).tagged().fails(&[404]),
        operation("get", "accounts/{id}/balance", "The balance").gives::<BalanceReport>(200).fails(&[404]),
        operation("get", "accounts/{id}/grants", "What was bought, and what is left of it")
            .paged()
            .gives::<Items<GrantRow>>(200)
            .fails(&[404]),
        operation("get", "accounts/{id}/leases", "What is set aside for running instances")
            .paged()
            .gives::<Items<LeaseRow>>(200)
            .fails(&[404]),
        operation("get", "accounts/{id}/entries", "The book")
            .with(moment("from"))
            .paged()
            .gives::<Items<LedgerEntry>>(200)
            .fails(&[404]),
        operation(
            "post",
            "accounts/{id}/entries",
            "Put entries back that are missing at the end of the book, from a copy of it",
        )
        .takes::<restoring::Copied>()
        .gives_nothing()
        .fails(&[404, 409, 413]),
        operation("get", "accounts/{id}/usage", "What was used, by product")
            .with(moment("from"))
            .with(moment("to"))
            .paged()
            .gives::<Items<UsageRow>>(200)
            .fails(&[404]),
        operation("get", "accounts/{id}/statements", "The months that have a statement, the latest first")
            .paged()
            .gives::<Items<statements::StatedMonth>>(200)
            .fails(&[404]),
        operation("get", "accounts/{id}/statements/{period}", "The statement of a month, such as 2026-11")
            .or_csv()
            .gives::<SealedStatement>(200)
            .fails(&[404]),
        operation("post", "settlements", "Settle all usage that can be seen, up to now").gives::<SettlementReport>(200),
        operation("get", "settlements", "The last settlement runs, the latest first")
            .paged()
            .gives::<Items<SettlementReport>>(200),
        operation("get", "settlements/refused", "Usage that no account would book")
            .paged()
            .gives::<Items<RefusedBatch>>(200),
        operation("post", "repricings", "What was booked, priced by the catalog that is sent; changes nothing")
            .takes_toml()
            .with(moment("from"))
            .with(moment("to"))
            .paged()
            .gives::<Items<repricings::Repriced>>(200)
            .fails(&[409, 413, 422]),
        operation("get", "clock", "The clock").gives::<clock::Clock>(200),
        operation("post", "clock", "Move the clock, in development only")
            .takes::<clock::Move>()
            .gives::<clock::Clock>(200)
            .fails(&[413]),
        operation("post", "admin-tokens", "Issue an admin token; it is shown this once")
            .made_once()
            .takes::<tokens::Wanted>()
            .gives::<tokens::Issued>(201)
            .fails(&[409, 413, 422]),
        operation("get", "admin-tokens", "The admin tokens").paged().gives::<Items<tokens::Row>>(200),
        operation("delete", "admin-tokens/{token}", "Revoke an admin token").gives_nothing().fails(&[404]),
        operation("post", "webhooks", "Register an endpoint for webhooks; its secret is shown this once")
            .made_once()
            .takes::<webhooks::Wanted>()
            .gives::<webhooks::Registered>(201)
            .fails(&[409, 413, 422]),
        operation("get", "webhooks", "The endpoints").paged().gives::<Items<webhooks::Row>>(200),
        operation("get", "webhooks/{webhook}", "An endpoint, and how it does")
            .gives::<webhooks::Row>(200)
            .fails(&[404]),
        operation("delete", "webhooks/{webhook}", "Remove an endpoint").gives_nothing().fails(&[404]),
        operation("get", "webhooks/{webhook}/dead-letters", "The messages that were given up")
            .paged()
            .gives::<Items<webhooks::Dead>>(200)
            .fails(&[404]),
        operation(
            "post",
            "webhooks/{webhook}/resends",
            "Send messages again: the named ones, or the first that were given up",
        )
        .takes::<webhooks::Resend>()
        .gives::<Items<webhooks::Resent>>(200)
        .fails(&[404, 413]),
        operation("get", "metrics", "Counters of all instances, for Prometheus")
            .gives::<String>(200)
            .media("text/plain; version=0.0.4; charset=utf-8"),
        Operation {
            header: Some(("farebox-cursor", "Where the next page begins, also when there is none yet.")),
            ..operation(
                "get",
                "accounts/{id}/usage/events",
                "What was used and is sealed, by the hour, as CloudEvents in the order it was booked",
            )
            .paged()
            .gives::<Vec<watching::UsageEvent>>(200)
            .media("application/cloudevents-batch+json")
            .fails(&[404])
        },
        operation(
            "get",
            "products/{id}/upstream-secret",
            "What the product's upstream verifies our calls with; for owners",
        )
        .gives::<upstream_secrets::UpstreamSecret>(200)
        .fails(&[404, 409]),
        operation("get", "audit", "Who changed what, or tried to; the latest first")
            .paged()
            .gives::<Items<audit::Record>>(200),
    ]
}
