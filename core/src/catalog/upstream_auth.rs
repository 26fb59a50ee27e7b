//! What an upstream demands of whoever calls it: a secret of the provider's, in a header field.
//!
//! Invariant: a catalog names the secret and never holds it, as a catalog lies in a repository and is shown to whoever may read it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Catalog, field, source::Item};
use crate::id::UpstreamCredentialName;

/// Stands for `Authorization: Bearer …`.
const BEARER: &str = "bearer";

/// Where a bearer's token is (RFC 6750, section 2.1), and what stands before it.
const AUTHORIZATION: &str = "authorization";
const BEARER_PREFIX: &str = "Bearer ";

/// The longest text before a secret.
const LONGEST_PREFIX: usize = 32;

/// What an upstream demands of whoever calls it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamAuth {
    /// The header field, in lower case.
    pub header: String,
    /// What stands before the secret there.
    pub prefix: String,
    /// The name under which the provider has put the secret.
    pub secret: UpstreamCredentialName,
}

impl UpstreamAuth {
    /// Reads one: `"bearer"`, or a table. `name` is the secret's where nothing else is said.
    pub(super) fn read(item: &Item<'_>, name: &str) -> Option<Self> {
        if item.is_text() {
            let secret =
                item.read(|text| if text == BEARER { name.parse().map_err(unnamed) } else { Err(unclear(text)) });
            return Some(Self { header: AUTHORIZATION.to_owned(), prefix: BEARER_PREFIX.to_owned(), secret: secret? });
        }
        let table = item.table()?;
        let header = table.maybe("header", |item| item.read(field::own));
        let prefix = table.maybe("prefix", |item| item.read(prefix));
        let secret = match table.optional("secret") {
            Some(item) => item.parse(),
            None => item.or_refuse(name.parse().map_err(unnamed)),
        };
        table.finish();
        let header = header?.unwrap_or_else(|| AUTHORIZATION.to_owned());
        let usual = if header == AUTHORIZATION { BEARER_PREFIX } else { "" };
        Some(Self { prefix: prefix?.unwrap_or_else(|| usual.to_owned()), header, secret: secret? })
    }
}

impl Catalog {
    /// The secrets that upstreams of products and of their test stages demand, by name, each once.
    pub fn upstream_credentials(&self) -> BTreeSet<&UpstreamCredentialName> {
        let of_products = self.products.iter().filter_map(|product| product.exchange.as_ref()?.upstream_auth.as_ref());
        let of_tests = self.products.iter().filter_map(|product| product.stages.test.as_ref()?.upstream_auth.as_ref());
        of_products.chain(of_tests).map(|auth| &auth.secret).collect()
    }
}

fn unclear(text: &str) -> String {
    format!(
        "`{text}` is no way to show a credential: write \"{BEARER}\", or a table such as {{ header = \"x-api-key\" }}"
    )
}

fn unnamed(error: crate::id::InvalidId) -> String {
    format!("its secret needs a name: write `secret`; {error}")
}

/// What stands before a secret: printable, and no secret itself.
fn prefix(text: &str) -> Result<String, String> {
    if text.len() <= LONGEST_PREFIX && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && !text.starts_with(' ')
    {
        return Ok(text.to_owned());
    }
    Err(format!("write up to {LONGEST_PREFIX} printable characters, such as \"Token \""))
}
