//! Reading the configuration: the catalog, credentials, app codes, accounts' records.
//!
//! Invariant: what cannot be read leaves a trace in memory that turns the waiting calls away, or the last good value in place; nobody
//! waits for ever, and nothing unpaid passes.

use std::{collections::HashMap, rc::Rc};

use farebox_core::{
    catalog::{CATALOG_ENTRY, Catalog},
    credential::{Credential, app_code_entry, credential_entry},
    id::{AccountId, CredentialKey},
};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    admin::{Status, account_entry},
    credentials::{Caller, Known},
    instance::{Gateway, Shop},
    log::tell,
    ports::{EdgePorts, Fault},
    wallet::Wallet,
};

/// The part of an account's record that an instance needs.
#[derive(Deserialize)]
struct Record {
    #[serde(default)]
    status: Status,
}

/// The part of the published catalog that an instance needs.
#[derive(Deserialize)]
struct Published {
    catalog: Catalog,
}

impl<P: EdgePorts> Gateway<P> {
    /// Reads the catalog. One that cannot be read leaves the last good one in place.
    pub(crate) async fn read_catalog(&self) {
        let read = self.read::<Published>(CATALOG_ENTRY).await;
        let shop = read.map(|found| found.map(|published| Shop::new(published.catalog, &self.settings.master_key)));
        let now = self.ports.now();
        let mut state = self.state();
        state.shop_read = now;
        match shop {
            Ok(Some(Ok(shop))) if state.shop.as_ref().is_some_and(|had| had.catalog == shop.catalog) => {}
            Ok(Some(Ok(shop))) => state.shop = Some(Rc::new(shop)),
            Ok(None) => {}
            Ok(Some(Err(error))) => tell(&self.ports, "catalog.unusable", &[], &error),
            Err(fault) => tell(&self.ports, "catalog.unread", &[], &fault),
        }
        // Without any catalog there is nothing to sell: an empty one says so until one is published.
        state.shop.get_or_insert_with(|| Rc::new(Shop::empty()));
    }

    /// Reads a credential and opens its secret.
    pub(crate) async fn read_credential(&self, key: CredentialKey) {
        let now = self.ports.now();
        let may_ask = self.state().credentials.may_ask(key.as_str(), false, now);
        if !may_ask {
            return self.state().credentials.put(key.as_str().to_owned(), Known::Unavailable, now);
        }
        let known = match self.read::<Credential>(&credential_entry(&key)).await {
            Ok(Some(credential)) => match self.settings.master_key.open(&key, &credential.sealed_secret) {
                Ok(secret) => {
                    self.heed_record(&credential.account).await;
                    Known::Caller(Rc::new(Caller { credential, secret }))
                }
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
        self.state().credentials.put(key.as_str().to_owned(), known, self.ports.now());
    }

    /// Ends the leases of an account whose record says that it is suspended. Where instances last, a lease may last far longer than
    /// who is suspended should call. The book decides, which is asked for the next lease.
    async fn heed_record(&self, account: &AccountId) {
        if self.settings.lifetime.is_some() {
            return;
        }
        match self.read::<Record>(&account_entry(account)).await {
            Ok(Some(Record { status: Status::Suspended })) => {
                let now = self.ports.now();
                let mut state = self.state();
                state
                    .wallets
                    .get_mut(account)
                    .into_iter()
                    .flat_map(HashMap::values_mut)
                    .for_each(|wallet: &mut Wallet| wallet.end(now));
            }
            Ok(_) => {}
            Err(fault) => tell(&self.ports, "account.unread", &[("account", account)], &fault),
        }
    }

    /// Reads which key an app code has.
    pub(crate) async fn read_app_code(&self, hash: String, is_ours: bool) {
        let now = self.ports.now();
        if !self.state().credentials.may_ask(&hash, is_ours, now) {
            return self.state().credentials.put(hash, Known::Unavailable, now);
        }
        let known = match self.ports.get(&app_code_entry(&hash)).await {
            Ok(found) => {
                let key = found.and_then(|key| String::from_utf8(key).ok()?.parse().ok());
                key.map_or(Known::Nobody, Known::Key)
            }
            Err(fault) => {
                tell(&self.ports, "app_code.unread", &[], &fault);
                Known::Unavailable
            }
        };
        self.state().credentials.put(hash, known, self.ports.now());
    }

    /// Reads a JSON value of the configuration.
    async fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Fault> {
        let Some(bytes) = self.ports.get(key).await? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| Fault::Unreadable {
            port: "configuration",
            what: key.to_owned(),
            detail: error.to_string(),
        })
    }
}
