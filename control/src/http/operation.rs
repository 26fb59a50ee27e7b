//! What a row of a table of operations says. Each API has a table; `N` is what it names its operations by.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::permission::{Permission, Role};

/// What fits into `Idempotency-Key`.
const IDEMPOTENCY_KEY: &str = "^[!-~]([ -~]{0,253}[!-~])?$";

/// The most parameters that an operation takes in its query.
const MOST_PARAMETERS: usize = 9;

/// Makes the schema of a type.
pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// A method that the API knows. HEAD is answered as GET is, without a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Method {
    Delete,
    Get,
    Patch,
    Post,
    Put,
}

impl Method {
    /// As it is sent.
    pub(crate) const fn as_str(self) -> &'static str {
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
pub(crate) enum Key {
    /// It means nothing: sent again, the request comes to the same.
    Unused,
    /// It may: what is made is then made once.
    Optional,
    /// It must: money moves.
    Required,
}

/// A parameter of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parameter {
    AtOnce,
    By,
    Code,
    Credential,
    Cursor,
    DryRun,
    Error,
    Every,
    Format,
    From,
    Iss,
    Limit,
    Product,
    RemoveHeld,
    Route,
    State,
    To,
}

/// One operation of the API.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation<N> {
    pub(crate) name: N,
    pub(crate) method: Method,
    /// Below the API's root, with its parameters in braces; one that begins with a slash is elsewhere, and not described.
    pub(crate) path: &'static str,
    pub(crate) summary: &'static str,
    /// The least that the sender must be.
    pub(crate) permission: Permission,
    /// Whether it stands in the audit log.
    pub(crate) is_recorded: bool,
    pub(crate) key: Key,
    /// Whether its body is a secret, and stands in no record.
    pub(crate) is_body_secret: bool,
    /// Whether it replaces what `If-Match` names.
    pub(crate) replaces: bool,
    query: [Option<Parameter>; MOST_PARAMETERS],
    /// Whether somebody else makes its query, and may add to it.
    pub(crate) is_query_of_others: bool,
    /// The body's media types, the first being the right one, and schema.
    pub(crate) body: Option<(&'static [&'static str], SchemaOf)>,
    pub(crate) status: u16,
    pub(crate) answer: Option<SchemaOf>,
    /// Whether the answer can be asked for as a table.
    pub(crate) also_csv: bool,
    /// The media type of the answer.
    pub(crate) media_type: &'static str,
    /// A header field of the answer, and what it says.
    pub(crate) header: Option<(&'static str, &'static str)>,
    /// Statuses of the problems that are its own.
    pub(crate) failures: &'static [u16],
}

/// Asks, and changes nothing.
pub(crate) const fn get<N: Copy>(name: N, path: &'static str, summary: &'static str) -> Operation<N> {
    Operation {
        name,
        method: Method::Get,
        path,
        summary,
        permission: Permission::Token(Role::ReadOnly),
        is_recorded: false,
        key: Key::Unused,
        is_body_secret: false,
        replaces: false,
        query: [None; MOST_PARAMETERS],
        is_query_of_others: false,
        body: None,
        status: 200,
        answer: None,
        also_csv: false,
        media_type: "application/json",
        header: None,
        failures: &[],
    }
}

const fn changing<N: Copy>(method: Method, asked: Operation<N>) -> Operation<N> {
    Operation { method, permission: Permission::Token(Role::Operator), is_recorded: true, ..asked }
}

/// Makes something, or does it.
pub(crate) const fn post<N: Copy>(name: N, path: &'static str, summary: &'static str) -> Operation<N> {
    changing(Method::Post, get(name, path, summary))
}

/// Replaces something.
pub(crate) const fn put<N: Copy>(name: N, path: &'static str, summary: &'static str) -> Operation<N> {
    changing(Method::Put, get(name, path, summary))
}

/// Changes a part of something.
pub(crate) const fn patch<N: Copy>(name: N, path: &'static str, summary: &'static str) -> Operation<N> {
    changing(Method::Patch, get(name, path, summary))
}

/// Ends something.
pub(crate) const fn delete<N: Copy>(name: N, path: &'static str, summary: &'static str) -> Operation<N> {
    changing(Method::Delete, get(name, path, summary))
}

/// The schema of `T`.
pub(crate) fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

impl<N: Copy> Operation<N> {
    /// Only who has `permission` is answered.
    pub(crate) const fn by(self, permission: Permission) -> Self {
        Self { permission, ..self }
    }

    /// Answered without a token.
    pub(crate) const fn open(self) -> Self {
        self.by(Permission::Anyone)
    }

    pub(crate) const fn for_owners(self) -> Self {
        Self { permission: Permission::Token(Role::Owner), ..self }
    }

    /// It stands in the audit log, though it changes nothing: what it shows is a secret.
    pub(crate) const fn recorded(self) -> Self {
        Self { is_recorded: true, ..self }
    }

    /// It takes a body, and changes nothing all the same.
    pub(crate) const fn only_asks(self) -> Self {
        Self { permission: Permission::Token(Role::ReadOnly), is_recorded: false, ..self }
    }

    pub(crate) const fn takes<T: JsonSchema>(self) -> Self {
        Self { body: Some((&["application/json"], schema_of::<T>)), ..self }
    }

    /// The same, and what it takes is a secret.
    pub(crate) const fn takes_secret<T: JsonSchema>(self) -> Self {
        Self { is_body_secret: true, ..self.takes::<T>() }
    }

    pub(crate) const fn takes_toml(self) -> Self {
        Self { body: Some((&["application/toml", "text/plain"], schema_of::<String>)), ..self }
    }

    pub(crate) const fn gives<T: JsonSchema>(self, status: u16) -> Self {
        Self { status, answer: Some(schema_of::<T>), ..self }
    }

    /// The answer is of another media type than JSON's own.
    pub(crate) const fn media(self, media_type: &'static str) -> Self {
        Self { media_type, ..self }
    }

    pub(crate) const fn gives_nothing(self) -> Self {
        Self { status: 204, ..self }
    }

    /// The answer leads to another page.
    pub(crate) const fn leads_on(self) -> Self {
        Self { status: 303, ..self }
    }

    /// Its query is made by a service, which may add parameters of its own.
    pub(crate) const fn and_what_others_add(self) -> Self {
        Self { is_query_of_others: true, ..self }
    }

    pub(crate) const fn or_csv(self) -> Self {
        Self { also_csv: true, ..self.with(Parameter::Format) }
    }

    pub(crate) const fn with(mut self, parameter: Parameter) -> Self {
        let mut at = 0;
        while self.query[at].is_some() {
            at += 1;
        }
        self.query[at] = Some(parameter);
        self
    }

    /// It asks for usage by time.
    pub(crate) const fn by_time(self) -> Self {
        let told_apart = self.with(Parameter::Every).with(Parameter::From).with(Parameter::To).with(Parameter::By);
        told_apart.with(Parameter::Product).with(Parameter::Route).with(Parameter::Credential)
    }

    pub(crate) const fn paged(self) -> Self {
        self.with(Parameter::Cursor).with(Parameter::Limit)
    }

    pub(crate) const fn moves_money(self) -> Self {
        Self { key: Key::Required, ..self }
    }

    pub(crate) const fn made_once(self) -> Self {
        Self { key: Key::Optional, ..self }
    }

    pub(crate) const fn replaces(self) -> Self {
        Self { replaces: true, ..self }
    }

    pub(crate) const fn tagged(self) -> Self {
        self.header("etag", "Names the content: for `If-Match`.")
    }

    pub(crate) const fn header(self, name: &'static str, says: &'static str) -> Self {
        Self { header: Some((name, says)), ..self }
    }

    pub(crate) const fn fails(self, failures: &'static [u16]) -> Self {
        Self { failures, ..self }
    }

    /// What it takes in its query.
    pub(crate) fn query(&self) -> impl Iterator<Item = Parameter> + use<N> {
        self.query.into_iter().flatten()
    }

    /// Its parameters in query and header, as the description has them.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = Value> + use<N> {
        let says = match self.key {
            Key::Unused => None,
            Key::Optional => Some("Sent again with it by the same sender, it makes nothing new."),
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
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::AtOnce => "at_once",
            Self::By => "by",
            Self::Code => "code",
            Self::Credential => "credential",
            Self::Cursor => "cursor",
            Self::DryRun => "dry_run",
            Self::Error => "error",
            Self::Every => "every",
            Self::Format => "format",
            Self::From => "from",
            Self::Iss => "iss",
            Self::Limit => "limit",
            Self::Product => "product",
            Self::RemoveHeld => "remove_held",
            Self::Route => "route",
            Self::State => "state",
            Self::To => "to",
        }
    }

    /// As the description has it.
    fn described(self) -> Value {
        let flag = || json!({ "enum": ["true", "false"] });
        let moment = || json!({ "type": "string", "format": "date-time" });
        let text = || json!({ "type": "string" });
        let (schema, says) = match self {
            Self::AtOnce => (flag(), Some("End it now, and pay back what is left of the period.")),
            Self::By => {
                let by = json!({ "enum": ["total", "product", "route", "credential"], "default": "product" });
                (by, Some("What is told apart."))
            }
            Self::Code => (text(), Some("What the issuer gives for its tokens.")),
            Self::Credential => (text(), Some("Only of this credential.")),
            Self::Cursor => (text(), Some("As the page before gave it.")),
            Self::DryRun => (flag(), Some("Check it and show what would change, and change nothing.")),
            Self::Error => (text(), Some("Why the issuer gives no code.")),
            Self::Every => {
                let every = json!({ "enum": ["hour", "day"], "default": "day" });
                (every, Some("How long a point is. Hours are kept for 90 days; days, of UTC, for three years."))
            }
            Self::Format => {
                let says = "As JSON, which can be checked without the provider, or as a table.";
                (json!({ "enum": ["json", "csv"] }), Some(says))
            }
            Self::From | Self::To => (moment(), None),
            Self::Iss => (text(), Some("The issuer, where it says so (RFC 9207).")),
            Self::Limit => (json!({ "type": "integer", "minimum": 1, "maximum": 100, "default": 50 }), None),
            Self::Product => (text(), Some("Only of this product.")),
            Self::Route => (text(), Some("Only of this route, as `by=route` names it.")),
            Self::State => (text(), Some("What the issuer was sent with the request.")),
            Self::RemoveHeld => (flag(), Some("Publish it also where customers hold what it takes away.")),
        };
        let mut described = json!({ "name": self.name(), "in": "query", "schema": schema });
        if let Some(says) = says {
            described["description"] = says.into();
        }
        described
    }
}
