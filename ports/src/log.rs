//! What the operator is told: one line of JSON for each thing that went wrong.
//!
//! Invariant: a line names things by their ids and holds no secret, no body and no header of a call.

use std::fmt::Display;

use serde_json::{Map, Value};

use crate::Host;

/// Tells that `event` happened, with what it is about and, under `detail`, what is known of it.
pub fn tell(host: &impl Host, event: &str, about: &[(&str, &dyn Display)], detail: &dyn Display) {
    let mut line = Map::from_iter([
        ("at".to_owned(), Value::String(host.now().to_string())),
        ("event".to_owned(), Value::String(event.to_owned())),
    ]);
    for (name, value) in about {
        line.insert((*name).to_owned(), Value::String(value.to_string()));
    }
    line.insert("detail".to_owned(), Value::String(detail.to_string()));
    host.log(&Value::Object(line).to_string());
}
