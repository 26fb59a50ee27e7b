//! What upstreams demand of whoever calls them: the secrets that an instance knows.
//!
//! Invariant: a call of a product that has `upstream_auth` never goes without its secret. One that the provider has not set, or
//! that cannot be read, turns the call away before anything is taken for it. The background reads a secret in use again
//! [`READ_AGAIN`] after it was read. So a changed one is sent at the latest [`HOLDS`] after the store shows it.

use farebox_core::{
    catalog::Product,
    credential::Secret,
    id::UpstreamCredentialName,
    rejection::Rejection,
    time::{Millis, SECOND, Timestamp},
    upstream_credential::{UpstreamCredential, upstream_credential_entry},
};
use farebox_ports::log::tell;
use rustc_hash::FxHashMap;

use crate::{
    admit::{Need, Obstacle},
    forward::{Name, Text},
    instance::{Gateway, State},
    ports::EdgePorts,
};

/// How long a secret is relied on, and from which age on it is read again beside the calls.
const HOLDS: Millis = 60 * SECOND;
const READ_AGAIN: Millis = HOLDS / 2;

/// How long it is believed that there is none: short, because the operator was told and sets it.
const MISSING_HOLDS: Millis = 5 * SECOND;

/// The secrets that calls asked for, by name. There are no more than the catalog names.
#[derive(Debug, Default)]
pub(crate) struct UpstreamCredentials(FxHashMap<UpstreamCredentialName, Kept>);

#[derive(Debug)]
struct Kept {
    known: Known,
    read: Timestamp,
}

/// What is known of a secret.
#[derive(Debug)]
pub(crate) enum Known {
    /// This is it.
    Secret(Secret),
    /// It was not set.
    Missing,
    /// The store did not answer, or what it holds cannot be opened.
    Unavailable,
}

impl Kept {
    const fn holds(&self) -> Millis {
        match self.known {
            Known::Secret(_) => HOLDS,
            Known::Missing | Known::Unavailable => MISSING_HOLDS,
        }
    }
}

impl UpstreamCredentials {
    /// The field that shows the product's upstream its secret; `None` where that demands none.
    pub(crate) fn field(&self, product: &Product, now: Timestamp) -> Result<Option<(Name, Text)>, Obstacle> {
        let Some(auth) = product.exchange.as_ref().and_then(|exchange| exchange.upstream_auth.as_ref()) else {
            return Ok(None);
        };
        let kept = self.0.get(&auth.secret).filter(|kept| now.since(kept.read) < kept.holds());
        match kept.map(|kept| &kept.known) {
            Some(Known::Secret(secret)) => {
                let whole = [auth.prefix.as_str(), secret.reveal()].concat();
                Ok(Some((auth.header.clone().into(), Text { same: whole.len(), whole })))
            }
            Some(Known::Missing) => Err(Rejection::UpstreamUnconfigured.into()),
            Some(Known::Unavailable) => Err(Rejection::LedgerUnavailable.into()),
            None => Err(Need::UpstreamCredential(auth.secret.clone()).into()),
        }
    }

    /// Keeps what the store said. Where it did not answer, a secret that is relied on stays as it is.
    fn put(&mut self, name: UpstreamCredentialName, known: Known, now: Timestamp) {
        let is_relied_on = |kept: &Kept| matches!(kept.known, Known::Secret(_)) && now.since(kept.read) < HOLDS;
        if !(matches!(known, Known::Unavailable) && self.0.get(&name).is_some_and(is_relied_on)) {
            self.0.insert(name, Kept { known, read: now });
        }
    }

    /// Those that will soon be too old.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<UpstreamCredentialName> {
        let is_secret = |kept: &Kept| matches!(kept.known, Known::Secret(_));
        let due = self.0.iter().filter(|(_, kept)| is_secret(kept) && now.since(kept.read) >= READ_AGAIN);
        due.map(|(name, _)| name.clone()).collect()
    }
}

impl<P: EdgePorts> Gateway<P> {
    /// Reads a secret and opens it. The operator hears of one that is missing.
    pub(crate) async fn read_upstream_credential(&self, name: UpstreamCredentialName) {
        let known = match self.read::<UpstreamCredential>(&upstream_credential_entry(&name)).await {
            Ok(Some(kept)) => match kept.open(&self.settings.master_key, &name) {
                Ok(secret) => Known::Secret(secret),
                Err(error) => {
                    tell(&self.ports, "upstream_credential.unusable", &[("name", &name)], &error);
                    Known::Unavailable
                }
            },
            Ok(None) => {
                let remedy = format!("calls are turned away until `farebox secret put {name}` sets it");
                tell(&self.ports, "upstream_credential.missing", &[("name", &name)], &remedy);
                Known::Missing
            }
            Err(fault) => {
                tell(&self.ports, "upstream_credential.unread", &[("name", &name)], &fault);
                Known::Unavailable
            }
        };
        let now = self.ports.now();
        self.state().upstream_credentials.put(name, known, now);
    }

    /// Reads those again that will soon be too old, and forgets those that the catalog names no more.
    pub(crate) async fn refresh_upstream_credentials(&self) {
        let due = {
            let now = self.ports.now();
            let State { live, upstream_credentials, .. } = &mut *self.state();
            // Most catalogs name none, and there is nothing to keep.
            if !upstream_credentials.0.is_empty() {
                let named = live.as_ref().map(|live| live.catalog.upstream_credentials()).unwrap_or_default();
                upstream_credentials.0.retain(|name, _| named.contains(name));
            }
            upstream_credentials.due(now)
        };
        for name in due {
            self.read_upstream_credential(name).await;
        }
    }
}
