//! Whose tokens a product takes: its issuer, whom they must be for, and which of their claims names the credential.
//!
//! Invariant: nothing of a token chooses where its keys come from (RFC 8725, section 3.10); the catalog alone does.

use serde::{Deserialize, Serialize};
use url::Url;

use super::source::Item;

/// Which claim names the credential where the provider says nothing else.
const SUBJECT: &str = "sub";

/// The longest text that a claim is compared with, in bytes.
const LONGEST: usize = 256;

/// Whose tokens a product takes (RFC 7519).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenIssuer {
    /// The `iss` of its tokens.
    pub issuer: String,
    /// What their `aud` must name.
    pub audience: String,
    /// Where its JWK set is (RFC 7517, section 5).
    pub jwks: String,
    /// The claim that holds a credential's key.
    pub claim: String,
}

impl TokenIssuer {
    /// Reads one.
    pub(super) fn read(item: &Item<'_>) -> Option<Self> {
        let table = item.table()?;
        let issuer = table.required("issuer").and_then(|item| item.read(text));
        let audience = table.required("audience").and_then(|item| item.read(text));
        let jwks = table.required("jwks").and_then(|item| item.read(address));
        let claim = table.maybe("claim", |item| item.read(claim));
        table.finish();
        Some(Self {
            issuer: issuer?,
            audience: audience?,
            jwks: jwks?,
            claim: claim?.unwrap_or_else(|| SUBJECT.to_owned()),
        })
    }
}

fn text(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > LONGEST {
        return Err(format!("write 1 to {LONGEST} bytes"));
    }
    Ok(text.to_owned())
}

/// The name of a claim that says nothing else.
fn claim(name: &str) -> Result<String, String> {
    if matches!(name, "iss" | "aud" | "exp" | "nbf") {
        return Err(format!("`{name}` says something else of a token: name another claim"));
    }
    text(name)
}

/// Where a JWK set is. Who can change it on its way can make tokens, so it comes by https, unless from the machine itself.
fn address(text: &str) -> Result<String, String> {
    let unclear = || format!("`{text}` is not the address of a JWK set: write https://… without a user or a fragment");
    let url = Url::parse(text).map_err(|_| unclear())?;
    let is_local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_local);
    let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if is_safe && is_plain && url.has_host() { Ok(url.into()) } else { Err(unclear()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_by_https_or_from_the_machine_itself() {
        for right in
            ["https://id.example/.well-known/jwks.json?a=1", "http://127.0.0.1:9/keys", "http://localhost/keys"]
        {
            assert_eq!(address(right), Ok(right.to_owned()));
        }
        for wrong in [
            "",
            "id.example/keys",
            "http://id.example/keys",
            "https://u:p@id.example/",
            "https://id.example/#x",
            "file:///x",
        ] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
