//! The secrets that upstreams demand of whoever calls them: how an owner sets, lists and removes them.
//!
//! Invariant: a secret goes in and never comes out: no answer, no log and no record of the audit holds one. What the store holds is
//! sealed.

use farebox_core::{
    credential::Secret,
    id::UpstreamCredentialName,
    time::Timestamp,
    upstream_credential::{LONGEST, UPSTREAM_CREDENTIALS, UpstreamCredential, is_secret, upstream_credential_entry},
};
use farebox_ports::schema::{Id, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    http::{Answered, Call, Ports, Response, failure::Failure},
    store,
};

/// A secret to be kept.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "UpstreamCredentialValue")]
pub(super) struct Wanted {
    /// The secret, as it stands in the header field behind the catalog's `prefix`.
    #[schemars(length(min = 1, max = LONGEST), regex(pattern = "^[!-~]([ -~]*[!-~])?$"))]
    secret: String,
}

/// A secret that is kept, without itself.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "UpstreamCredential")]
pub(super) struct Row {
    /// What a catalog calls it.
    #[schemars(with = "Id")]
    name: UpstreamCredentialName,
    /// When it was set.
    #[schemars(with = "Time")]
    set: Timestamp,
}

impl<P: Ports> Call<'_, P> {
    pub(super) async fn put_upstream_credential(&self, name: &str) -> Answered {
        let name: UpstreamCredentialName = name.parse().map_err(|_| {
            Failure::Malformed("the name must be 1 to 64 of the characters A-Z a-z 0-9 . _ -".to_owned())
        })?;
        let Wanted { secret } = self.body()?;
        if !is_secret(&secret) {
            let what =
                format!("`secret` must be 1 to {LONGEST} printable ASCII characters, with no blank at either end");
            return Err(Failure::Malformed(what));
        }
        let entry = upstream_credential_entry(&name);
        let kept =
            UpstreamCredential::seal(&self.settings.master_key, name, &Secret::new(secret), self.nonce(), self.now)
                .map_err(|error| Failure::Unwritable(error.to_string()))?;
        store::write(self.ports, &entry, &kept).await?;
        Ok(Response::empty())
    }

    pub(super) async fn list_upstream_credentials(&self) -> Answered {
        self.documents(UPSTREAM_CREDENTIALS, |UpstreamCredential { name, set, .. }| Row { name, set }).await
    }

    pub(super) async fn remove_upstream_credential(&self, name: &str) -> Answered {
        let entry = name.parse().map(|name| upstream_credential_entry(&name));
        let entry = entry.map_err(|_| Failure::UpstreamCredentialUnknown)?;
        if self.ports.get(&entry).await?.is_none() {
            return Err(Failure::UpstreamCredentialUnknown);
        }
        self.ports.delete(&entry).await?;
        Ok(Response::empty())
    }

    /// Random bytes of this request that nothing else is made from.
    fn nonce(&self) -> [u8; 12] {
        std::array::from_fn(|at| self.random[68 + at])
    }
}
