//! What the gateway changes of a request on its way to the upstream, and of the answer on its way back.
//!
//! Invariant: no key here touches a field that is the connection's, the platform's or the gateway's own. A product that says
//! nothing of all this has no [`Exchange`], so that its calls ask for nothing more than that.

use serde::{Deserialize, Serialize};

use super::{
    AnswerStyle, Route, UpstreamAuth, field,
    source::{Item, Table},
};
use crate::id::ProductId;

/// The most fields of a message that a catalog changes.
const MOST_FIELDS: usize = 8;

/// What is changed between caller and upstream.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Exchange {
    /// What the upstream demands of whoever calls it.
    pub upstream_auth: Option<UpstreamAuth>,
    /// How the upstream is told from where and for which address a call came; `None` for not at all.
    pub forwarded: Option<Forwarded>,
    /// What every path of the product begins with, and its upstream's do not; empty for nothing.
    pub strip_prefix: String,
    /// The request's fields.
    pub request_headers: FieldChanges,
    /// The answer's.
    pub response_headers: FieldChanges,
    /// Whether addresses of the upstream's own in `Location` and `Set-Cookie` come out as the gateway's.
    pub rewrite_addresses: bool,
}

/// By which fields an upstream is told from where a call came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forwarded {
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host`.
    XForwarded,
}

/// Changes of a message's header fields. Each name stands once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FieldChanges {
    /// Fields in place of all others of their names.
    pub set: Vec<(String, String)>,
    /// Fields beside others of their names.
    pub add: Vec<(String, String)>,
    /// Names of fields that do not go on.
    pub remove: Vec<String>,
}

/// Reads the keys of a product that change the exchange; `Some(None)` where it has none of them.
pub(super) fn exchange(table: &Table<'_>, product: Option<&ProductId>) -> Option<Option<Exchange>> {
    let name = product.map(ProductId::as_str).unwrap_or_default();
    let upstream_auth = table.maybe("upstream_auth", |item| UpstreamAuth::read(item, name));
    let forwarded = table.maybe("forwarded", |item| item.read(forwarded));
    let strip_prefix = table.maybe("strip_prefix", |item| item.read(prefix));
    let request_headers = table.maybe("request_headers", |item| changes(item, Message::Request));
    let response_headers = table.maybe("response_headers", |item| changes(item, Message::Response));
    let rewrite_addresses = table.flag("rewrite_addresses", false);
    let exchange = Exchange {
        upstream_auth: upstream_auth?,
        forwarded: forwarded?,
        strip_prefix: strip_prefix?.unwrap_or_default(),
        request_headers: request_headers?.unwrap_or_default(),
        response_headers: response_headers?.unwrap_or_default(),
        rewrite_addresses: rewrite_addresses?,
    };
    Some(Some(exchange).filter(|exchange| *exchange != Exchange::default()))
}

/// Notes where what is changed does not fit what else the product says.
pub(super) fn check(table: &Table<'_>, exchange: &Exchange, answer: AnswerStyle, routes: &[Route]) {
    let prefix = &exchange.strip_prefix;
    let begins =
        |route: &Route| route.path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if let Some(route) = routes.iter().find(|route| !begins(route)) {
        table.refuse(format!(
            "its `strip_prefix` is `{prefix}`, and its route `{}` does not begin with that",
            route.path
        ));
    }
    let changes_answers = exchange.rewrite_addresses || exchange.response_headers != FieldChanges::default();
    if answer == AnswerStyle::Untouched && changes_answers {
        table.refuse("its `answer` is \"untouched\": leave out `response_headers` and `rewrite_addresses`".to_owned());
    }
    let demanded = exchange.upstream_auth.as_ref().map(|auth| auth.header.as_str());
    if let Some(name) = exchange.request_headers.names().find(|name| Some(*name) == demanded) {
        table.refuse(format!("its `upstream_auth` sets `{name}`: leave it out of `request_headers`"));
    }
}

impl FieldChanges {
    /// The names of all fields that are changed.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let given = self.set.iter().chain(&self.add).map(|(name, _)| name);
        given.chain(&self.remove).map(String::as_str)
    }
}

/// Whose fields are changed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Message {
    Request,
    Response,
}

fn changes(item: &Item<'_>, message: Message) -> Option<FieldChanges> {
    let table = item.table()?;
    let [set, add] = ["set", "add"].map(|key| table.maybe(key, fields));
    let remove = table.maybe("remove", |item| item.items()?.iter().map(|item| item.read(field::own)).collect());
    table.finish();
    let changes = FieldChanges {
        set: set?.unwrap_or_default(),
        add: add?.unwrap_or_default(),
        remove: remove?.unwrap_or_default(),
    };
    let names: Vec<&str> = changes.names().collect();
    if names.is_empty() || names.len() > MOST_FIELDS {
        item.refuse(format!("it must change 1 to {MOST_FIELDS} fields, by `set`, `add` or `remove`"));
    }
    if let Some(twice) = names.iter().enumerate().find_map(|(at, name)| names[..at].contains(name).then_some(name)) {
        item.refuse(format!("`{twice}` is changed twice"));
    }
    if message == Message::Request && changes.add.iter().any(|(name, _)| name == "cookie") {
        item.refuse("cookies of several fields are not one of them: use `set` for `cookie`".to_owned());
    }
    Some(changes)
}

/// The fields of a table: names and values.
fn fields(item: &Item<'_>) -> Option<Vec<(String, String)>> {
    let field = |(name, item): (&str, Item<'_>)| {
        let name = item.or_refuse(field::own(name));
        Some((name?, item.read(field::value)?))
    };
    item.members()?.into_iter().map(field).collect()
}

fn forwarded(text: &str) -> Result<Forwarded, String> {
    match text {
        "forwarded" => Ok(Forwarded::Forwarded),
        "x-forwarded" => Ok(Forwarded::XForwarded),
        _ => Err(format!("`{text}` is no way to say where a call came from: use forwarded or x-forwarded")),
    }
}

/// What paths begin with: whole segments that stand for nothing but themselves.
fn prefix(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let is_segment = |segment: &str| segment.bytes().all(is_plain) && !matches!(segment, "" | "." | "..");
    if text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_segment)) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "`{text}` is no beginning of a path: write segments of letters, digits and - . _ ~, such as \"/weather\""
    ))
}
