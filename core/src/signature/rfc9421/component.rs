//! One component of a signature: what it is called and how its value is taken from the request.
//!
//! Invariant: two components that are not the same never have the same identifier (RFC 9421, section 2). Only parameters that
//! change a value in a way we know are let through.

use sfv::{BareItem, FieldType, Item};

/// A covered component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Component {
    /// The identifier as it stands in the base and in `Signature-Input`: `"@query-param";name="q"`.
    pub(super) id: String,
    /// The name alone, without quotes.
    pub(super) name: String,
    pub(super) form: Form,
}

/// How the value is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// As it stands.
    Plain,
    /// `;sf`: a structured field, serialized strictly.
    Structured,
    /// `;bs`: each field line as a byte sequence.
    Wrapped,
    /// `;key="…"`: one member of a dictionary.
    Member(String),
    /// `;name="…"`: one parameter of the query.
    Param(String),
}

impl Component {
    /// Reads an item of a signature's list.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words.
    pub(super) fn read(item: &Item) -> Result<Self, &'static str> {
        let name = item.bare_item.as_string().ok_or("a component's name is not a string")?.as_str();
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err("a component's name is not in lower case");
        }
        let form = if name.starts_with('@') { Self::derived(name, item)? } else { Self::field(item)? };
        Ok(Self { id: item.serialize(), name: name.to_owned(), form })
    }

    /// Whether both take the same value from a request, however their parameters are written.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.form == other.form
    }

    /// A derived component (section 2.2). Those of responses and of trailers are none of a request's.
    fn derived(name: &str, item: &Item) -> Result<Form, &'static str> {
        let text = |value: &BareItem| value.as_string().map(|text| text.as_str().to_owned());
        let mut parameters = item.params.iter();
        match (name, parameters.next(), parameters.next()) {
            ("@query-param", Some((key, value)), None) if key.as_str() == "name" => {
                text(value).map(Form::Param).ok_or("the name of `@query-param` is not a string")
            }
            ("@query-param", ..) => Err("`@query-param` takes `name`, and nothing else"),
            (
                "@method" | "@target-uri" | "@authority" | "@scheme" | "@request-target" | "@path" | "@query",
                None,
                _,
            ) => Ok(Form::Plain),
            (_, Some(_), _) => Err("a derived component has a parameter that it does not take"),
            _ => Err("it covers a derived component that a request does not have"),
        }
    }

    /// A header field (section 2.1).
    fn field(item: &Item) -> Result<Form, &'static str> {
        let mut form = Form::Plain;
        for (key, value) in &item.params {
            form = match (key.as_str(), value, form) {
                ("sf", BareItem::Boolean(true), Form::Plain) => Form::Structured,
                // The member of a dictionary is serialized strictly anyway.
                ("sf", BareItem::Boolean(true), form @ Form::Member(_)) => form,
                ("key", BareItem::String(key), Form::Plain | Form::Structured) => Form::Member(key.as_str().to_owned()),
                ("bs", BareItem::Boolean(true), Form::Plain) => Form::Wrapped,
                _ => {
                    return Err(
                        "a field has a parameter that is not `sf`, `bs` or `key`, or two that exclude each other",
                    );
                }
            };
        }
        Ok(form)
    }
}
