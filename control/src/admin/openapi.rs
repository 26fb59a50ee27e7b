//! The description of the admin API: an OpenAPI 3.1 document.
//!
//! The schemas come from the types that are read and written, the paths from one table. Invariant: the table and the
//! paths that are served are the same; a test holds them against each other.

use schemars::{Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    failure::Document,
    operations::{Operation, operations},
};
use crate::schema::WebhookMessage;

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
    let message = schemas.written.subschema_for::<WebhookMessage>();
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
        "webhooks": { "message": { "post": told(&message) } },
        "components": {
            "schemas": definitions,
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } }
        }
    })
}

/// What is sent to the provider's own endpoints.
fn told(message: &Schema) -> Value {
    let header = |name: &str, says: &str| json!({ "name": name, "in": "header", "required": true, "schema": { "type": "string" }, "description": says });
    json!({
        "operationId": "message",
        "summary": "A message to an endpoint that was registered, by Standard Webhooks",
        "security": [],
        "parameters": [
            header("webhook-id", "The same whenever the message is sent."),
            header("webhook-timestamp", "When it is sent, in seconds since 1970."),
            header("webhook-signature", "`v1,` and the base64 of an HMAC-SHA256 of id, timestamp and body.")
        ],
        "requestBody": { "required": true, "content": { "application/json": { "schema": message } } },
        "responses": { "2XX": { "description": "Taken; anything else is tried again" } }
    })
}

fn describe(operation: &Operation, schemas: &mut Schemas, problem: &Schema) -> Value {
    let failure =
        |title: &str| json!({ "description": title, "content": { "application/problem+json": { "schema": problem } } });
    let mut responses = Map::new();
    let done = match operation.answer {
        Some(schema) => {
            let mut content = Map::new();
            content.insert(operation.media_type.to_owned(), json!({ "schema": schema(&mut schemas.written) }));
            if operation.also_csv {
                content.insert("text/csv".to_owned(), json!({ "schema": { "type": "string" } }));
            }
            let mut done = json!({ "description": "Done", "content": content });
            if let Some((name, says)) = operation.header {
                done["headers"] = json!({ name: { "description": says, "schema": { "type": "string" } } });
            }
            done
        }
        None => json!({ "description": "Done" }),
    };
    responses.insert(operation.status.to_string(), done);
    let common: &[u16] = if operation.is_open { &[400, 500, 503] } else { &[400, 401, 403, 500, 503] };
    for status in common.iter().chain(operation.failures) {
        responses.insert(status.to_string(), failure("Not done; the problem's code and detail say why"));
    }
    let in_path = operation.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let named =
        in_path.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
    let parameters: Vec<Value> = named.chain(operation.parameters.iter().cloned()).collect();
    let segments = operation.path.split('/').map(|segment| segment.trim_matches(['{', '}']));
    let id = [operation.method].into_iter().chain(segments).collect::<Vec<_>>().join("_").replace('-', "_");
    let mut described =
        json!({ "operationId": id, "summary": operation.summary, "parameters": parameters, "responses": responses });
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
    fn every_operation_has_a_name_of_its_own() {
        let document = document();
        let paths = document["paths"].as_object().expect("paths");
        let operations = paths.values().flat_map(|path| path.as_object().expect("operations").values());
        let names: BTreeSet<&str> = operations.map(|it| it["operationId"].as_str().expect("a name")).collect();
        assert_eq!(names.len(), super::operations().len());
        assert!(names.contains("post_accounts_id_recharges"), "{names:?}");
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
