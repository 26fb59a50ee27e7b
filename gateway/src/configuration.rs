//! Reading the configuration: the catalog, credentials, plain keys, what changed lately.
//!
//! Invariant: what cannot be read leaves the last good value in place, or a trace in memory that turns the waiting calls away.
//! Nobody waits for ever, and nothing unpaid passes.

use std::rc::Rc;

use farebox_core::{
    catalog::{CATALOG_ENTRY, Served},
    credential::{Credential, credential_entry, plain_key_entry},
    id::CredentialKey,
};
use farebox_ports::{Fault, keys::RECENT_CHANGES, log::tell, recent_changes::RecentChanges};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    credentials::{Caller, Known},
    instance::{CATALOG_HOLDS, Gateway, LiveCatalog},
    ports::EdgePorts,
};

/// The part of the published catalog that an instance needs.
#[derive(Deserialize)]
struct Published {
    catalog: Served,
}

impl<P: EdgePorts> Gateway<P> {
    /// Reads the catalog. One that cannot be read leaves the last good one in place.
    pub(crate) async fn read_catalog(&self) {
        let read = self.read::<Published>(CATALOG_ENTRY).await;
        let live = read
            .map(|found| found.map(|published| LiveCatalog::new(published.catalog.into(), &self.settings.master_key)));
        let now = self.ports.now();
        let mut state = self.state();
        state.live_read = now;
        match live {
            Ok(Some(Ok(live))) if state.live.as_ref().is_some_and(|had| had.catalog == live.catalog) => {}
            Ok(Some(Ok(live))) => state.sell(live),
            Ok(None) => {}
            Ok(Some(Err(error))) => tell(&self.ports, "catalog.unusable", &[], &error),
            Err(fault) => tell(&self.ports, "catalog.unread", &[], &fault),
        }
        // Without any catalog there is nothing to sell: an empty one says so until one is published.
        state.live.get_or_insert_with(|| Rc::new(LiveCatalog::empty()));
    }

    /// Reads a credential and opens its secret.
    pub(crate) async fn read_credential(&self, key: CredentialKey) {
        let now = self.ports.now();
        let may_ask = self.state().credentials.may_ask(key.as_str(), false, now);
        if !may_ask {
            return self.keep(key.as_str().to_owned(), Known::Unavailable);
        }
        let known = match self.read::<Credential>(&credential_entry(&key)).await {
            Ok(Some(credential)) => match self.settings.master_key.open(&key, &credential.sealed_secret) {
                Ok(secret) => Known::Caller(Rc::new(Caller::new(credential, secret))),
                Err(error) => {
                    tell(&self.ports, "credential.unusable", &[("credential", &key)], &error);
                    Known::Unavailable
                }
            },
            Ok(None) => Known::Nobody,
            Err(fault) => {
                tell(&self.ports, "credential.unread", &[("credential", &key)], &fault);
                Known::Unavailable
            }
        };
        self.keep(key.as_str().to_owned(), known);
    }

    /// Keeps what the store said of a key or of a plain key's hash.
    pub(crate) fn keep(&self, name: String, known: Known) {
        let now = self.ports.now();
        let state = &mut *self.state();
        state.credentials.put(name, known, &state.heard, now);
    }

    /// Reads which accounts changed lately, unless that was done a moment ago, and ends their long leases. A suspended account
    /// should not call for as long as those last. The book decides, which is asked for the next lease. Where the document cannot
    /// be read, credentials are soon believed for seconds only.
    ///
    /// An instance that ends soon relies on nothing for long, and does not read it.
    pub(crate) async fn read_recent_changes(&self) {
        let now = self.ports.now();
        if self.settings.lifetime.is_some() || self.state().heard.is_read_within(CATALOG_HOLDS, now) {
            return;
        }
        match self.read::<RecentChanges>(RECENT_CHANGES).await {
            // Where it was never written, the admin API may be one that does not know of it, and says nothing of changes.
            Ok(None) => {}
            Ok(Some(recent)) => {
                let state = &mut *self.state();
                state.heard.hear(recent, now);
                let changed = state
                    .wallets
                    .iter_mut()
                    .filter(|(purse, _)| state.heard.may_have_changed(purse.account.as_str(), now));
                changed.flat_map(|(_, wallets)| wallets.values_mut()).for_each(|wallet| wallet.end_long(now));
            }
            Err(fault) => tell(&self.ports, "recent_changes.unread", &[], &fault),
        }
    }

    /// Reads which credential a plain key has.
    pub(crate) async fn read_plain_key(&self, hash: String, is_ours: bool) {
        let now = self.ports.now();
        if !self.state().credentials.may_ask(&hash, is_ours, now) {
            return self.keep(hash, Known::Unavailable);
        }
        let known = match self.ports.get(&plain_key_entry(&hash)).await {
            Ok(found) => {
                let key = found.and_then(|key| String::from_utf8(key).ok()?.parse().ok());
                key.map_or(Known::Nobody, Known::Key)
            }
            Err(fault) => {
                tell(&self.ports, "plain_key.unread", &[], &fault);
                Known::Unavailable
            }
        };
        self.keep(hash, known);
    }

    /// Reads a JSON value of the configuration.
    pub(crate) async fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Fault> {
        let Some(bytes) = self.ports.get(key).await? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| Fault::Unreadable {
            port: "configuration",
            what: key.to_owned(),
            detail: error.to_string(),
        })
    }
}
