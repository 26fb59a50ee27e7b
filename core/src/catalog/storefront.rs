//! What the provider shows and whom it lets in: the part of a catalog that no call needs.
//!
//! It is compiled with the catalog and published beside it, so that a gateway, which reads the catalog, does not read this.
//! Invariant: what new customers are granted is a package that costs nothing and is sold to each account once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Invoicing, Product, invoicing,
    source::{Item, Table},
    value,
};
use crate::id::{OfferId, ProductId};

/// The longest description of a product, in bytes.
const LONGEST_DESCRIPTION: usize = 64 << 10;

/// What the provider shows, and whom it lets in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Storefront {
    /// Where the provider's logo is: an https URL, or a path below the gateway's origin.
    #[serde(default)]
    pub logo: Option<String>,
    /// The colour of what can be pressed, such as `#0a7cff`.
    #[serde(default)]
    pub colour: Option<String>,
    /// The language of who says none.
    #[serde(default)]
    pub language: Language,
    /// Where else the provider is found.
    #[serde(default)]
    pub links: Vec<Link>,
    /// Whom it lets in.
    #[serde(default)]
    pub sign_up: SignUp,
    /// Whether an account is suspended when one of its payments is disputed.
    #[serde(default)]
    pub suspends_on_dispute: bool,
    /// What stands on invoices; `None` where none is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoices: Option<Invoicing>,
    /// What is said of each product, where something is.
    #[serde(default)]
    pub products: BTreeMap<ProductId, Texts>,
}

/// A language that pages and letters are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Language {
    /// English.
    #[default]
    #[serde(rename = "en")]
    English,
    /// Chinese.
    #[serde(rename = "zh")]
    Chinese,
}

impl Language {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }
}

/// A page of the provider's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// For people.
    pub text: String,
    /// An https URL.
    pub url: String,
}

/// What is said of a product.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Texts {
    /// One line.
    #[serde(default)]
    pub summary: Option<String>,
    /// Markdown.
    #[serde(default)]
    pub description: Option<String>,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The file of its OpenAPI document, from the catalog's own folder. Who publishes the catalog publishes it beside it.
    #[serde(default)]
    pub openapi: Option<String>,
}

/// Whom the provider lets in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SignUp {
    /// Who gets an account.
    #[serde(default)]
    pub mode: SignUpMode,
    /// The package that each new account is given.
    #[serde(default)]
    pub grant: Option<OfferId>,
}

/// Who gets an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignUpMode {
    /// Whoever proves an e-mail address.
    Open,
    /// Nobody by themselves; who is invited joins the account that invites.
    Invite,
    /// Nobody by themselves, and nobody new by invitation.
    #[default]
    Closed,
}

/// What the top of the catalog says, without what is said of products.
pub(super) fn storefront(top: &Table<'_>) -> Option<Storefront> {
    let shown = top.maybe("storefront", |item| item.table().and_then(|table| shown(&table)));
    let sign_up = top.maybe("sign_up", |item| item.table().and_then(|table| sign_up(&table)));
    let suspends = top.maybe("payments", |item| {
        let table = item.table()?;
        let suspends = table.flag("suspend_on_dispute", false);
        table.finish();
        suspends
    });
    let invoices = top.maybe("invoices", |item| item.table().and_then(|table| invoicing::invoicing(&table)));
    Some(Storefront {
        suspends_on_dispute: suspends?.unwrap_or_default(),
        invoices: invoices?,
        sign_up: sign_up?.unwrap_or_default(),
        ..shown?.unwrap_or_default()
    })
}

fn shown(table: &Table<'_>) -> Option<Storefront> {
    let logo = table.maybe("logo", |item| item.read(logo));
    let colour = table.maybe("colour", |item| item.read(colour));
    let language = table.maybe("language", |item| item.read(language));
    let tables = table.tables("links");
    let links: Option<Vec<Link>> = tables.iter().map(link).collect();
    table.finish();
    let language = language?.unwrap_or_default();
    Some(Storefront { logo: logo?, colour: colour?, language, links: links?, ..Storefront::default() })
}

fn link(table: &Table<'_>) -> Option<Link> {
    let text = table.required("text").and_then(|item| item.read(value::title));
    let url = table.required("url").and_then(|item| item.read(https));
    table.finish();
    Some(Link { text: text?, url: url? })
}

fn sign_up(table: &Table<'_>) -> Option<SignUp> {
    let mode = table.required("mode").and_then(|item| item.read(mode));
    let grant = table.maybe("grant", Item::parse);
    table.finish();
    Some(SignUp { mode: mode?, grant: grant? })
}

/// What a product's table says of it; to be asked for before the table is finished.
pub(super) fn texts(table: &Table<'_>) -> Option<Texts> {
    let summary = table.maybe("summary", |item| item.read(value::title));
    let description = table.maybe("description", |item| item.read(description));
    let tags = table.maybe("tags", |item| item.items()?.iter().map(|item| item.read(value::title)).collect());
    let openapi = table.maybe("openapi", |item| item.read(document));
    let (summary, description, openapi) = (summary?, description?, openapi?);
    Some(Texts { summary, description, tags: tags?.unwrap_or_default(), openapi })
}

/// Notes where what new accounts are given is not for them.
pub(super) fn check_grant(top: &Table<'_>, sign_up: &SignUp, products: &[Product]) {
    let Some(grant) = &sign_up.grant else { return };
    let mut packages = products.iter().flat_map(|product| &product.packages);
    let fits = packages.find(|package| package.id == *grant).is_some_and(|package| package.is_gift());
    if let (false, Some(item)) = (fits, top.optional("sign_up")) {
        item.refuse(format!("`{grant}` cannot be a grant: name a package with price = \"0.00\" and once = true"));
    }
}

fn https(text: &str) -> Result<String, String> {
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'<>\\".contains(&byte));
    if text.starts_with("https://") && text.len() > 8 && is_plain(text) {
        Ok(text.to_owned())
    } else {
        Err("it must be a URL that begins with https://".to_owned())
    }
}

fn logo(text: &str) -> Result<String, String> {
    let is_path = text.starts_with('/') && !text.starts_with("//") && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_path { Ok(text.to_owned()) } else { https(text) }
}

fn colour(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
    if digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("it must be a colour such as #0a7cff".to_owned())
    }
}

fn description(text: &str) -> Result<String, String> {
    if text.len() > LONGEST_DESCRIPTION {
        return Err(format!("it has more than {LONGEST_DESCRIPTION} bytes"));
    }
    Ok(text.to_owned())
}

/// A file below the catalog's folder: no catalog of a stranger's is to make whoever publishes it read others.
fn document(text: &str) -> Result<String, String> {
    let is_below = !text.starts_with('/') && !text.contains(['\\', ':']) && text.split('/').all(|part| part != "..");
    if is_below && [".json", ".yaml", ".yml"].iter().any(|end| text.len() > end.len() && text.ends_with(end)) {
        Ok(text.to_owned())
    } else {
        Err("it must be a file below the catalog's folder that ends in .json, .yaml or .yml".to_owned())
    }
}

fn language(text: &str) -> Result<Language, String> {
    match text {
        "en" => Ok(Language::English),
        "zh" => Ok(Language::Chinese),
        _ => Err(format!("`{text}` is not a language of the pages: use en or zh")),
    }
}

fn mode(text: &str) -> Result<SignUpMode, String> {
    match text {
        "open" => Ok(SignUpMode::Open),
        "invite" => Ok(SignUpMode::Invite),
        "closed" => Ok(SignUpMode::Closed),
        _ => Err(format!("`{text}` is not a way to let people in: use open, invite or closed")),
    }
}
