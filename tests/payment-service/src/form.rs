//! Form-encoded parameters as Stripe nests them: `a[b][0]=x` is `{"a": {"b": {"0": "x"}}}`. Every value is a text.

use serde_json::{Map, Value};

/// Reads them.
pub(crate) fn read(text: &str) -> Value {
    let mut all = Value::Object(Map::new());
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        let mut at = &mut all;
        for part in name.split('[').map(|part| part.trim_end_matches(']')) {
            if !at.is_object() {
                *at = Value::Object(Map::new());
            }
            at = &mut at[part];
        }
        // `expand[]=a&expand[]=b` names no place.
        *at = match at.as_str() {
            Some(before) if name.ends_with("[]") => Value::String(format!("{before} {value}")),
            _ => Value::String(value.into_owned()),
        };
    }
    all
}

/// Whether `expand[]`, `expand[0]` and so on name `what`.
pub(crate) fn expands(given: &Value, what: &str) -> bool {
    let mut listed = given["expand"].as_object().into_iter().flat_map(Map::values).filter_map(Value::as_str);
    listed.any(|text| text.split(' ').any(|path| path == what))
}

/// A number of a currency's smallest coins.
pub(crate) fn amount(value: &Value) -> Option<i64> {
    value.as_str()?.parse().ok().filter(|amount| *amount > 0)
}
