//! Credentials: making, listing and revoking them.
//!
//! Invariant: a secret and an app code are shown once, in the answer that makes them, and cannot be read back. The
//! credential itself is written last, so that one that works is always found in the account's list.

use std::fmt::Write as _;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use farebox_core::{
    credential::{Credential, Secret, app_code_entry, credential_entry, hash_app_code},
    id::{AccountId, CredentialKey, ProductId},
    time::Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AdminPorts, AdminResponse, Answered, Call, Items, accounts::account_id, failure::Failure, resource::base32, store,
};
use crate::schema::{Id, Time};

/// What a credential is made from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CredentialWanted")]
pub(super) struct Wanted {
    /// The products it may use; missing for all that the account may.
    #[schemars(with = "Option<Vec<Id>>")]
    products: Option<Vec<ProductId>>,
}

/// A new credential.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NewCredential")]
pub(super) struct Made {
    #[schemars(with = "Id")]
    key: CredentialKey,
    /// To sign with. Shown this once.
    secret: String,
    /// To call unsigned with, where a product allows it. Shown this once.
    app_code: String,
    #[schemars(with = "Time")]
    created: Timestamp,
}

/// A credential, as it is listed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Credential")]
pub(super) struct Listed {
    #[schemars(with = "Id")]
    key: CredentialKey,
    #[schemars(with = "Time")]
    created: Timestamp,
    /// From when on it is refused.
    #[schemars(with = "Option<Time>")]
    revoked: Option<Timestamp>,
    /// The products it may use; null for all that the account may.
    #[schemars(with = "Option<Vec<Id>>")]
    products: Option<Vec<ProductId>>,
}

/// Where an account's keys are.
fn keys_of(account: &AccountId) -> String {
    format!("account-credential/{account}/")
}

impl<P: AdminPorts> Call<'_, P> {
    pub(super) async fn create_credential(&self, account: &str) -> Answered {
        let account = self.account(account).await?.id;
        let Wanted { products } = self.body()?;
        self.check_products(products.as_deref()).await?;
        let key = format!("ak_{}", base32(&self.random[10..20]));
        let key: CredentialKey = key.parse().map_err(|_| Failure::Unwritable("a new key is not valid".to_owned()))?;
        let secret = URL_SAFE_NO_PAD.encode(&self.random[20..52]);
        let app_code = hex(&self.random[52..68]);
        let mut nonce = [0; 12];
        nonce.copy_from_slice(&self.random[68..80]);
        let sealed = self.settings.master_key.seal(&key, &Secret::new(secret.clone()), nonce);
        let credential = Credential {
            key: key.clone(),
            account: account.clone(),
            sealed_secret: sealed.map_err(|error| Failure::Unwritable(error.to_string()))?,
            app_code_hash: hash_app_code(&app_code),
            created: self.now,
            revoked: None,
            products,
        };
        self.ports.put(&format!("{}{key}", keys_of(&account)), b"").await?;
        self.ports.put(&app_code_entry(&credential.app_code_hash), key.as_str().as_bytes()).await?;
        store::write(self.ports, &credential_entry(&key), &credential).await?;
        AdminResponse::json(201, &Made { key, secret, app_code, created: self.now })
    }

    pub(super) async fn list_credentials(&self, account: &str) -> Answered {
        let prefix = keys_of(&self.account(account).await?.id);
        let cursor = self.cursor();
        let page = self.ports.list(&prefix, cursor.as_deref(), self.limit()?.into()).await?;
        let mut items = Vec::with_capacity(page.items.len());
        for entry in &page.items {
            let key = entry.strip_prefix(&prefix).and_then(|key| key.parse().ok());
            let Some(key) = key else { continue };
            if let Some(found) = store::read::<Credential>(self.ports, &credential_entry(&key)).await? {
                items.push(Listed { key, created: found.created, revoked: found.revoked, products: found.products });
            }
        }
        AdminResponse::json(200, &Items { items, cursor: page.cursor })
    }

    pub(super) async fn revoke_credential(&self, account: &str, key: &str) -> Answered {
        let account = account_id(account)?;
        let key: CredentialKey = key.parse().map_err(|_| Failure::CredentialUnknown)?;
        let found: Option<Credential> = store::read(self.ports, &credential_entry(&key)).await?;
        let mut credential = found.filter(|found| found.account == account).ok_or(Failure::CredentialUnknown)?;
        if credential.is_active(self.now) {
            credential.revoked = Some(self.now);
            store::write(self.ports, &credential_entry(&key), &credential).await?;
        }
        Ok(AdminResponse::empty())
    }

    /// A credential for a product that is not in the catalog would be a typing error that shows only when it is used.
    async fn check_products(&self, products: Option<&[ProductId]>) -> Result<(), Failure> {
        let Some(products) = products else { return Ok(()) };
        let published = self.published().await?.ok_or(Failure::CatalogMissing)?;
        let unknown = products.iter().find(|id| published.catalog.product(id).is_none());
        unknown.map_or(Ok(()), |id| Err(Failure::ProductUnknown(id.to_string())))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
