//! The description of an API: an OpenAPI 3.1 document.
//!
//! The schemas come from the types that are read and written, the paths from the table that requests are found in too.

use schemars::{
    Schema, SchemaGenerator,
    generate::SchemaSettings,
    transform::{RecursiveTransform, ReplaceBoolSchemas},
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    failure::Document,
    operation::{Operation, SchemaOf},
    permission::{Permission, Role},
    table::Table,
};

/// What an API says of itself beside its operations.
pub(crate) struct About {
    pub(crate) title: &'static str,
    /// The ways to say who asks: any one of them is enough.
    pub(crate) security: Value,
    /// What it sends by itself: the message's schema.
    pub(crate) sends: Option<SchemaOf>,
}

/// The schemas of what the API reads and of what it writes. A member that is always written may be left out where it
/// is read, so they are told apart.
struct Schemas {
    read: SchemaGenerator,
    written: SchemaGenerator,
}

impl Default for Schemas {
    fn default() -> Self {
        // `{}` for `true`: generators of Python clients know no schema that is a boolean.
        let mut without_booleans = ReplaceBoolSchemas::default();
        without_booleans.skip_additional_properties = true;
        let settings = SchemaSettings::draft2020_12()
            .with(|settings| settings.definitions_path = "/components/schemas".into())
            .with_transform(without_booleans)
            .with_transform(RecursiveTransform(as_enum));
        // What has a default may be left out. `openapi-typescript` would ask for it.
        let without_defaults = |schema: &mut Schema| drop(schema.remove("default"));
        let read = settings.clone().with_transform(RecursiveTransform(without_defaults));
        Self { read: read.for_deserialize().into_generator(), written: settings.for_serialize().into_generator() }
    }
}

/// One `enum` in place of a choice of constants, each with its own words: clients in Python take the first constant alone.
fn as_enum(schema: &mut Schema) {
    let choices = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    let named = choices.map(|choice| match (choice.get("const"), choice.get("enum").and_then(Value::as_array)) {
        (Some(one), _) => Some((vec![one.clone()], choice.get("description").and_then(Value::as_str))),
        (None, Some(some)) => Some((some.clone(), None)),
        (None, None) => None,
    });
    let Some(named) = named.collect::<Option<Vec<_>>>().filter(|named| !named.is_empty()) else { return };
    let said: Vec<String> = named
        .iter()
        .filter_map(|(values, says)| Some(format!("`{}`: {}", values.first()?.as_str()?, (*says)?)))
        .collect();
    let own = schema.get("description").and_then(Value::as_str).map(str::to_owned);
    let description = own.into_iter().chain(said).collect::<Vec<_>>().join("\n");
    let values: Vec<Value> = named.into_iter().flat_map(|(values, _)| values).collect();
    schema.remove("oneOf");
    schema.insert("type".to_owned(), json!("string"));
    schema.insert("enum".to_owned(), json!(values));
    schema.insert("description".to_owned(), json!(description));
}

/// The document.
pub(crate) fn document<S: Copy + Serialize, N: Copy + Serialize>(table: &Table<S, N>, about: &About) -> Value {
    let mut schemas = Schemas::default();
    let problem = schemas.written.subschema_for::<Document<'_>>();
    let mut paths: Map<String, Value> = Map::new();
    for (subject, operation) in described(table) {
        let path = format!("/{}", operation.path);
        let mut described = describe(operation, &mut schemas, &problem);
        described["operationId"] = json!(operation.name);
        described["tags"] = json!([subject]);
        let method = operation.method.as_str().to_lowercase();
        paths.entry(path).or_insert_with(|| json!({}))[method] = described;
    }
    let message = about.sends.map(|schema| schema(&mut schemas.written));
    // What is both is described as it may be sent: what may be left out there is not promised either.
    let mut definitions = schemas.written.take_definitions(true);
    definitions.extend(schemas.read.take_definitions(true));
    let schemes = about.security.as_object().into_iter().flat_map(Map::keys);
    let security: Vec<Value> = schemes.map(|scheme| json!({ scheme: [] })).collect();
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": about.title,
            "version": "1",
            "description": "Money is a decimal string, quantities are integers, times are RFC 3339, lists are paged with \
                a cursor. Failures are problem documents (RFC 9457) with a stable `code`."
        },
        "servers": [{ "url": table.root.trim_end_matches('/') }],
        "security": security,
        "paths": paths,
        "components": { "schemas": definitions, "securitySchemes": about.security }
    });
    if let Some(message) = message {
        document["webhooks"] = json!({ "message": { "post": told(&message) } });
    }
    document
}

/// The operations that the description names, each with what it is about.
fn described<S: Copy, N: Copy>(table: &Table<S, N>) -> impl Iterator<Item = (S, &'static Operation<N>)> {
    table.rows().filter(|(_, row)| !row.path.starts_with('/'))
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

fn describe<N: Copy>(operation: &Operation<N>, schemas: &mut Schemas, problem: &Schema) -> Value {
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
    // Every token may read; what more is asked of one can be missing.
    let common: &[u16] = match operation.permission {
        Permission::Anyone | Permission::PaymentService => &[400, 500, 503],
        Permission::Token(Role::ReadOnly) | Permission::PersonOrCredential => &[400, 401, 500, 503],
        Permission::MemberOrCredential => &[400, 401, 404, 500, 503],
        Permission::Member(_) => &[400, 401, 403, 404, 500, 503],
        Permission::Token(_) | Permission::Person => &[400, 401, 403, 500, 503],
    };
    for status in common.iter().chain(operation.failures) {
        responses.insert(status.to_string(), failure("Not done; the problem's code and detail say why"));
    }
    let in_path = operation.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let named =
        in_path.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
    let parameters: Vec<Value> = named.chain(operation.parameters()).collect();
    let mut described = json!({
        "summary": operation.summary, "parameters": parameters, "responses": responses
    });
    if let Some((media_types, schema)) = operation.body {
        let schema = schema(&mut schemas.read);
        let content: Map<String, Value> =
            media_types.iter().map(|media_type| ((*media_type).to_owned(), json!({ "schema": schema }))).collect();
        described["requestBody"] = json!({ "required": true, "content": content });
    }
    if operation.permission == Permission::Anyone {
        described["security"] = json!([]);
    }
    described
}
