//! How a deployment begins: a catalog that is published, and accounts that have a credential.

use farebox_core::{
    catalog::CATALOG_ENTRY,
    credential::{Credential, Secret, credential_entry, plain_key_entry},
    credential_limit::{CredentialLimit, LimitPeriod},
    id::{AccountId, CredentialKey},
    ledger::Command,
    plain_key,
    time::Timestamp,
};
use farebox_ports::{KeyValue, Ledger};
use serde_json::json;

use super::{
    catalog::CATALOG,
    faulty::{Faulty, now},
    instance::master_key,
};

/// 2026-11-28, so that many worlds see the month end.
pub(crate) const BEGIN: Timestamp = Timestamp::from_millis(1_795_824_000_000);

/// What the key of a credential with a limit ends with, and how many calls it may make in a day.
pub(crate) const LIMITED: &str = "-limited";
pub(crate) const CALLS_A_DAY: u64 = 12;

/// Publishes the catalog.
pub(crate) fn publish(ports: &Faulty) {
    let published = json!({ "catalog": &*CATALOG });
    now(ports.put(CATALOG_ENTRY, published.to_string().as_bytes())).unwrap();
}

/// Opens an account with two credentials, of which one has a limit.
pub(crate) fn open(ports: &Faulty, account: &AccountId) {
    credential(ports, account, &account.to_string(), Vec::new());
    let limit = CredentialLimit { per: LimitPeriod::Day, calls: Some(CALLS_A_DAY), units: None, money: None };
    credential(ports, account, &format!("{account}{LIMITED}"), vec![limit]);
    now(ports.put(&format!("account/{account}"), b"{}")).unwrap();
    now(ports.execute(account, None, &Command::Open { currency: "USD".parse().unwrap() })).unwrap().unwrap();
}

fn credential(ports: &Faulty, account: &AccountId, name: &str, limits: Vec<CredentialLimit>) {
    let key: CredentialKey = format!("ak_{name}").parse().unwrap();
    let app_code_hash = plain_key::hash(&format!("code-{name}"));
    now(ports.put(&plain_key_entry(&app_code_hash), key.as_str().as_bytes())).unwrap();
    let sealed = master_key().seal(&key, &Secret::new("hush"), [1; 12]).unwrap();
    let credential = Credential { app_code_hash, limits, ..Credential::new(key, account.clone(), sealed, BEGIN) };
    let entry = serde_json::to_vec(&credential).unwrap();
    now(ports.put(&credential_entry(&credential.key), &entry)).unwrap();
}
