//! The description of the admin API, from its table.

use serde_json::{Value, json};

use super::operations::TABLE;
use crate::{
    http::{
        openapi::{self, About},
        operation::schema_of,
    },
    schema::WebhookMessage,
};

/// The description of this API.
pub(super) fn document() -> Value {
    let about = About {
        title: "Farebox admin API",
        security: json!({ "token": { "type": "http", "scheme": "bearer" } }),
        sends: Some(schema_of::<WebhookMessage>),
    };
    openapi::document(&TABLE, &about)
}
