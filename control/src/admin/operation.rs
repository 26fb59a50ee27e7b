//! What a row of the table of operations says, and how a request finds its row.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::{
    operations::{Name, OPERATIONS},
    tokens::Role,
};

/// Where the admin API begins.
const ROOT: &str = "/_farebox/admin/v1/";

/// What fits into `Idempotency-Key`.
const IDEMPOTENCY_KEY: &str = "^[!-~]([ -~]{0,253}[!-~])?$";

/// The most parameters that an operation takes in its query.
const MOST_PARAMETERS: usize = 4;

/// Makes the schema of a type.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// A method that the API knows. HEAD is answered as GET is, without a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Method {
    Delete,
    Get,
    Patch,
    Post,
    Put,
}

impl Method {
    /// As it is sent.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

/// Whether a request carries an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// It means nothing: sent again, the request comes to the same.
    Unused,
    /// It may: what is made is then made once.
    Optional,
    /// It must: money moves.
    Required,
}

/// A parameter of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parameter {
    AtOnce,
    Cursor,
    DryRun,
    Format,
    From,
    Limit,
    RemoveHeld,
    To,
}

/// One operation of the API.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operation {
    pub(super) name: Name,
    pub(super) method: Method,
    /// Below the API's root, with its parameters in braces; one that begins with a slash is elsewhere, and not described.
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    /// The least that the sender must be; `None` where it is answered without a token.
    pub(super) role: Option<Role>,
    /// Whether it stands in the audit log.
    pub(super) is_recorded: bool,
    pub(super) key: Key,
    /// Whether its body is a secret, and stands in no record.
    pub(super) is_body_secret: bool,
    /// Whether it replaces what `If-Match` names.
    pub(super) replaces: bool,
    query: [Option<Parameter>; MOST_PARAMETERS],
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
}

/// Asks, and changes nothing.
pub(super) const fn get(name: Name, path: &'static str, summary: &'static str) -> Operation {
    Operation {
        name,
        method: Method::Get,
        path,
        summary,
        role: Some(Role::ReadOnly),
        is_recorded: false,
        key: Key::Unused,
        is_body_secret: false,
        replaces: false,
        query: [None; MOST_PARAMETERS],
        body: None,
        status: 200,
        answer: None,
        also_csv: false,
        media_type: "application/json",
        header: None,
        failures: &[],
    }
}

const fn changing(method: Method, asked: Operation) -> Operation {
    Operation { method, role: Some(Role::Operator), is_recorded: true, ..asked }
}

/// Makes something, or does it.
pub(super) const fn post(name: Name, path: &'static str, summary: &'static str) -> Operation {
    changing(Method::Post, get(name, path, summary))
}

/// Replaces something.
pub(super) const fn put(name: Name, path: &'static str, summary: &'static str) -> Operation {
    changing(Method::Put, get(name, path, summary))
}

/// Changes a part of something.
pub(super) const fn patch(name: Name, path: &'static str, summary: &'static str) -> Operation {
    changing(Method::Patch, get(name, path, summary))
}

/// Ends something.
pub(super) const fn delete(name: Name, path: &'static str, summary: &'static str) -> Operation {
    changing(Method::Delete, get(name, path, summary))
}

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

impl Operation {
    /// Answered without a token.
    pub(super) const fn open(self) -> Self {
        Self { role: None, ..self }
    }

    pub(super) const fn for_owners(self) -> Self {
        Self { role: Some(Role::Owner), ..self }
    }

    /// It stands in the audit log, though it changes nothing: what it shows is a secret.
    pub(super) const fn recorded(self) -> Self {
        Self { is_recorded: true, ..self }
    }

    /// It takes a body, and changes nothing all the same.
    pub(super) const fn only_asks(self) -> Self {
        Self { role: Some(Role::ReadOnly), is_recorded: false, ..self }
    }

    pub(super) const fn takes<T: JsonSchema>(self) -> Self {
        Self { body: Some((&["application/json"], schema_of::<T>)), ..self }
    }

    /// The same, and what it takes is a secret.
    pub(super) const fn takes_secret<T: JsonSchema>(self) -> Self {
        Self { is_body_secret: true, ..self.takes::<T>() }
    }

    pub(super) const fn takes_toml(self) -> Self {
        Self { body: Some((&["application/toml", "text/plain"], schema_of::<String>)), ..self }
    }

    pub(super) const fn gives<T: JsonSchema>(self, status: u16) -> Self {
        Self { status, answer: Some(schema_of::<T>), ..self }
    }

    /// The answer is of another media type than JSON's own.
    pub(super) const fn media(self, media_type: &'static str) -> Self {
        Self { media_type, ..self }
    }

    pub(super) const fn gives_nothing(self) -> Self {
        Self { status: 204, ..self }
    }

    pub(super) const fn or_csv(self) -> Self {
        Self { also_csv: true, ..self.with(Parameter::Format) }
    }

    pub(super) const fn with(mut self, parameter: Parameter) -> Self {
        let mut at = 0;
        while self.query[at].is_some() {
            at += 1;
        }
        self.query[at] = Some(parameter);
        self
    }

    pub(super) const fn paged(self) -> Self {
        self.with(Parameter::Cursor).with(Parameter::Limit)
    }

    pub(super) const fn moves_money(self) -> Self {
        Self { key: Key::Required, ..self }
    }

    pub(super) const fn made_once(self) -> Self {
        Self { key: Key::Optional, ..self }
    }

    pub(super) const fn replaces(self) -> Self {
        Self { replaces: true, ..self }
    }

    pub(super) const fn tagged(self) -> Self {
        self.header("etag", "Names the content: for `If-Match`.")
    }

    pub(super) const fn header(self, name: &'static str, says: &'static str) -> Self {
        Self { header: Some((name, says)), ..self }
    }

    pub(super) const fn fails(self, failures: &'static [u16]) -> Self {
        Self { failures, ..self }
    }

    /// What it takes in its query.
    pub(super) fn query(&self) -> impl Iterator<Item = Parameter> + use<> {
        self.query.into_iter().flatten()
    }

    /// Its parameters in query and header, as the description has them.
    pub(super) fn parameters(&self) -> impl Iterator<Item = Value> + use<> {
        let says = match self.key {
            Key::Unused => None,
            Key::Optional => Some("Sent again with it by the same token, it makes nothing new."),
            Key::Required => Some("Sent again with it, it is booked once."),
        };
        let is_required = self.key == Key::Required;
        let key = says.map(|says| {
            json!({
                "name": "Idempotency-Key", "in": "header", "required": is_required,
                "schema": { "type": "string", "pattern": IDEMPOTENCY_KEY },
                "description": format!("A name of your own for this request. {says}")
            })
        });
        let replaced = self.replaces.then(|| {
            json!({
                "name": "If-Match", "in": "header", "schema": { "type": "string" },
                "description": "The `ETag` of what is to be replaced. Anything else is not."
            })
        });
        self.query().map(Parameter::described).chain(key).chain(replaced)
    }
}

impl Parameter {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::AtOnce => "at_once",
            Self::Cursor => "cursor",
            Self::DryRun => "dry_run",
            Self::Format => "format",
            Self::From => "from",
            Self::Limit => "limit",
            Self::RemoveHeld => "remove_held",
            Self::To => "to",
        }
    }

    /// As the description has it.
    fn described(self) -> Value {
        let flag = || json!({ "enum": ["true", "false"] });
        let moment = || json!({ "type": "string", "format": "date-time" });
        let (schema, says) = match self {
            Self::AtOnce => (flag(), Some("End it now, and pay back what is left of the period.")),
            Self::Cursor => (json!({ "type": "string" }), Some("As the page before gave it.")),
            Self::DryRun => (flag(), Some("Check it and show what would change, and change nothing.")),
            Self::Format => {
                let says = "As JSON, which can be checked without the provider, or as a table.";
                (json!({ "enum": ["json", "csv"] }), Some(says))
            }
            Self::From | Self::To => (moment(), None),
            Self::Limit => (json!({ "type": "integer", "minimum": 1, "maximum": 100, "default": 50 }), None),
            Self::RemoveHeld => (flag(), Some("Publish it also where customers hold what it takes away.")),
        };
        let mut described = json!({ "name": self.name(), "in": "query", "schema": schema });
        if let Some(says) = says {
            described["description"] = says.into();
        }
        described
    }
}

/// A path that the API has: its operations, and the texts that stand for what is in braces, not yet checked.
#[derive(Debug)]
pub(super) struct Place<'a> {
    operations: Vec<&'static Operation>,
    /// In the order of the path; no path has more than two.
    pub(super) parts: [&'a str; 2],
}

impl<'a> Place<'a> {
    /// What `path` stands for. Of two patterns that fit, the one with fewer braces is meant.
    pub(super) fn of(path: &'a str) -> Option<Self> {
        let below = path.strip_prefix(ROOT).unwrap_or(path);
        let rows = || OPERATIONS.iter().flat_map(|(_, rows)| rows.iter());
        let fitting =
            rows().filter(|row| row.path.starts_with('/') == (below == path) && parts(row.path, below).is_some());
        let pattern = fitting.min_by_key(|row| row.path.matches('{').count())?.path;
        let operations = rows().filter(|row| row.path == pattern).collect();
        Some(Self { operations, parts: parts(pattern, below)? })
    }

    /// The operation of `method`; HEAD stands for GET.
    pub(super) fn operation(&self, method: &str) -> Option<&'static Operation> {
        let method = if method == "HEAD" { "GET" } else { method };
        self.operations.iter().find(|row| row.method.as_str() == method).copied()
    }

    /// The methods it takes; where GET is among them, HEAD is too.
    pub(super) fn methods(&self) -> Vec<&'static str> {
        let mut methods: Vec<Method> = self.operations.iter().map(|row| row.method).collect();
        methods.sort();
        methods.into_iter().map(Method::as_str).collect()
    }
}

/// What of `path` stands for the braces of `pattern`, where it fits. The routers that there are know other braces, and the
/// description needs these.
fn parts<'a>(pattern: &str, path: &'a str) -> Option<[&'a str; 2]> {
    let (mut parts, mut found) = ([""; 2], 0);
    let (mut have, mut want) = (path.split('/'), pattern.split('/'));
    loop {
        match (have.next(), want.next()) {
            (None, None) => return Some(parts),
            (Some(have), Some(want)) if want.starts_with('{') => {
                *parts.get_mut(found)? = have;
                found += 1;
            }
            (Some(have), Some(want)) if have == want => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn rows() -> impl Iterator<Item = &'static Operation> {
        OPERATIONS.iter().flat_map(|(_, rows)| rows.iter())
    }

    #[test]
    fn paths_are_matched_whole() {
        let usage = Place::of("/_farebox/admin/v1/accounts/acc_1/usage").unwrap();
        assert_eq!((usage.operation("GET").unwrap().name, usage.parts), (Name::ShowUsage, ["acc_1", ""]));
        for wrong in
            ["/_farebox/admin/v1", "/_farebox/admin/v1/", "/_farebox/admin/v1/health/", "/health", "health", ""]
        {
            assert!(Place::of(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn each_row_is_found_by_its_path_and_method_and_by_no_other() {
        for row in rows() {
            let path = if row.path.starts_with('/') { row.path.to_owned() } else { format!("{ROOT}{}", row.path) };
            let place = Place::of(&path).unwrap();
            assert_eq!(place.operation(row.method.as_str()).map(|found| found.name), Some(row.name), "{path}");
        }
        let names: BTreeSet<Name> = rows().map(|row| row.name).collect();
        assert_eq!(names.len(), rows().count(), "a name is in two rows");
    }

    #[test]
    fn what_only_asks_takes_no_key_and_what_changes_needs_a_role_and_is_recorded() {
        for row in rows() {
            let only_asks = row.method == Method::Get || row.name == Name::Reprice;
            assert!(!only_asks || row.key == Key::Unused, "{row:?}");
            assert!(only_asks || (row.is_recorded && row.role >= Some(Role::Operator)), "{row:?}");
        }
    }
}
