//! The description of the admin API: an OpenAPI 3.1 document.
//!
//! The schemas come from the types that are read and written, the paths from one table. Invariant: the table and the
//! paths that are served are the same; a test holds them against each other.

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    Items, accounts,
    catalog::{Health, Publication, Shown},
    clock, credentials,
    failure::Document,
    money, statements, subscriptions,
};
use crate::{
    reports::{BalanceReport, GrantRow, LeaseRow, SubscriptionRow, TermsReport, UsageRow},
    schema::{LedgerEntry, RefusedBatch, SealedStatement, SettlementReport},
};

/// Makes the schema of a type.
type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// One operation of the API.
struct Operation {
    method: &'static str,
    /// Below the API's root, with its parameters in braces.
    path: &'static str,
    summary: &'static str,
    /// Query parameters, and headers that must come.
    parameters: Vec<Value>,
    /// The body's media types, the first being the right one, and schema.
    body: Option<(&'static [&'static str], SchemaOf)>,
    status: u16,
    answer: Option<SchemaOf>,
    /// Whether the answer can be asked for as a table.
    also_csv: bool,
    /// Statuses of the problems that are its own.
    failures: &'static [u16],
    is_open: bool,
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
            "schema": { "type": "string", "pattern": "^[!-~]([ -~]{0,253}[!-~])?$" },
            "description": "A name of your own for this request. Sent again with it, it is booked once."
        }))
    }

    fn fails(self, failures: &'static [u16]) -> Self {
        Self { failures, ..self }
    }
}

fn operations() -> Vec<Operation> {
    let moment = |name| json!({ "name": name, "in": "query", "schema": { "type": "string", "format": "date-time" } });
    let at_once = json!({
        "name": "at_once", "in": "query", "schema": { "enum": ["true", "false"] },
        "description": "End it now, and pay back what is left of the period."
    });
    let dry_run = json!({
        "name": "dry_run", "in": "query", "schema": { "enum": ["true", "false"] },
        "description": "Check it and show what would change, and change nothing."
    });
    vec![
        Operation { is_open: true, ..operation("get", "health", "Whether the gateway can serve").gives::<Health>(200) },
        operation("put", "catalog", "Publish the catalog")
            .takes_toml()
            .with(dry_run)
            .gives::<Publication>(200)
            .fails(&[409, 413, 422]),
        operation("get", "catalog", "The published catalog").gives::<Shown>(200).fails(&[409]),
        operation("post", "accounts", "Make an account")
            .takes::<accounts::Named>()
            .gives::<accounts::Account>(201)
            .fails(&[409, 413]),
        operation("get", "accounts", "The accounts").paged().gives::<Items<accounts::Account>>(200),
        operation("get", "accounts/{id}", "An account").gives::<accounts::Account>(200).fails(&[404]),
        operation("patch", "accounts/{id}", "Rename an account")
            .takes::<accounts::Named>()
            .gives::<accounts::Account>(200)
            .fails(&[404, 413]),
        operation("post", "accounts/{id}/credentials", "Make a credential; its secret is shown this once")
            .takes::<credentials::Wanted>()
            .gives::<credentials::Made>(201)
            .fails(&[404, 409, 413, 422]),
        operation("get", "accounts/{id}/credentials", "The credentials")
            .paged()
            .gives::<Items<credentials::Listed>>(200)
            .fails(&[404]),
        operation("delete", "accounts/{id}/credentials/{key}", "Revoke a credential").gives_nothing().fails(&[404]),
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
            .gives_nothing()
            .fails(&[404, 413, 422]),
        operation("get", "accounts/{id}/terms", "What was agreed").gives::<TermsReport>(200).fails(&[404]),
        operation("get", "accounts/{id}/balance", "The balance").gives::<BalanceReport>(200).fails(&[404]),
        operation("get", "accounts/{id}/grants", "What was bought, and what is left of it")
            .gives::<Items<GrantRow>>(200)
            .fails(&[404]),
        operation("get", "accounts/{id}/leases", "What is set aside for running instances")
            .gives::<Items<LeaseRow>>(200)
            .fails(&[404]),
        operation("get", "accounts/{id}/entries", "The book").paged().gives::<Items<LedgerEntry>>(200).fails(&[404]),
        operation("get", "accounts/{id}/usage", "What was used, by product")
            .with(moment("from"))
            .with(moment("to"))
            .gives::<Items<UsageRow>>(200)
            .fails(&[404]),
        operation("get", "accounts/{id}/statements", "The months that have a statement, the latest first")
            .gives::<Items<statements::StatedMonth>>(200)
            .fails(&[404]),
        operation("get", "accounts/{id}/statements/{period}", "The statement of a month, such as 2026-11")
            .or_csv()
            .gives::<SealedStatement>(200)
            .fails(&[404]),
        operation("post", "settlements", "Settle all usage that can be seen, up to now").gives::<SettlementReport>(200),
        operation("get", "settlements", "The last settlement runs, the latest first")
            .gives::<Items<SettlementReport>>(200),
        operation("get", "settlements/refused", "Usage that no account would book")
            .paged()
            .gives::<Items<RefusedBatch>>(200),
        operation("get", "clock", "The clock").gives::<clock::Clock>(200),
        operation("post", "clock", "Move the clock, in development only")
            .takes::<clock::Move>()
            .gives::<clock::Clock>(200)
            .fails(&[403, 413]),
    ]
}

/// The schemas of what the API reads and of what it writes. A member that is always written may be left out where it
/// is read, so they are told apart; no type is both.
struct Schemas {
    read: SchemaGenerator,
    written: SchemaGenerator,
}

impl Default for Schemas {
    fn default() -> Self {
        let settings =
            SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = "/components/schemas".into());
        Self {
            read: settings.clone().for_deserialize().into_generator(),
            written: settings.for_serialize().into_generator(),
        }
    }
}

/// The document.
pub(super) fn document() -> Value {
    let mut schemas = Schemas::default();
    let problem = schemas.written.subschema_for::<Document<'_>>();
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations() {
        let path = format!("/{}", operation.path);
        let described = describe(&operation, &mut schemas, &problem);
        paths.entry(path).or_insert_with(|| json!({}))[operation.method] = described;
    }
    let mut definitions = schemas.read.take_definitions(true);
    definitions.extend(schemas.written.take_definitions(true));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Farebox admin API",
            "version": "1",
            "description": "Money is a decimal string, quantities are integers, times are RFC 3339, lists are paged with \
                a cursor. Failures are problem documents (RFC 9457) with a stable `code`."
        },
        "servers": [{ "url": "/_farebox/admin/v1" }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "schemas": definitions,
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } }
        }
    })
}

fn describe(operation: &Operation, schemas: &mut Schemas, problem: &Schema) -> Value {
    let failure =
        |title: &str| json!({ "description": title, "content": { "application/problem+json": { "schema": problem } } });
    let mut responses = Map::new();
    let done = match operation.answer {
        Some(schema) => {
            let mut content = json!({ "application/json": { "schema": schema(&mut schemas.written) } });
            if operation.also_csv {
                content["text/csv"] = json!({ "schema": { "type": "string" } });
            }
            json!({ "description": "Done", "content": content })
        }
        None => json!({ "description": "Done" }),
    };
    responses.insert(operation.status.to_string(), done);
    let common: &[u16] = if operation.is_open { &[503] } else { &[400, 401, 503] };
    for status in common.iter().chain(operation.failures) {
        responses.insert(status.to_string(), failure("Not done; the problem's code and detail say why"));
    }
    let in_path = operation.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let named =
        in_path.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
    let parameters: Vec<Value> = named.chain(operation.parameters.iter().cloned()).collect();
    let mut described = json!({ "summary": operation.summary, "parameters": parameters, "responses": responses });
    if let Some((media_types, schema)) = operation.body {
        let schema = schema(&mut schemas.read);
        let content: Map<String, Value> =
            media_types.iter().map(|media_type| ((*media_type).to_owned(), json!({ "schema": schema }))).collect();
        described["requestBody"] = json!({ "required": true, "content": content });
    }
    if operation.is_open {
        described["security"] = json!([]);
    }
    described
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{super::resource::Resource, *};

    #[test]
    fn the_description_names_the_paths_and_methods_that_are_served() {
        for operation in operations() {
            let path = format!("/_farebox/admin/v1/{}", operation.path);
            let described = operations().into_iter().filter(|other| other.path == operation.path);
            let described: BTreeSet<String> = described.map(|other| other.method.to_uppercase()).collect();
            let served = Resource::of(&path).map(Resource::methods).unwrap_or_default();
            assert_eq!(described, served.iter().map(|method| (*method).to_owned()).collect(), "{path}");
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let text = document.to_string();
        let references: BTreeSet<&str> =
            text.split("\"$ref\":\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(references.len() > 10);
        for reference in references {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }
}
