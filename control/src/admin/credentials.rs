//! Credentials: making, changing, listing and revoking them. `rotations` makes one in place of another.
//!
//! Invariant: a secret and a plain key are shown in the answer that makes them, and cannot be read back. Whoever repeats that
//! request under its idempotency key sees them for a day. The credential itself is written last, so that one that works is always
//! found in the account's list. A credential is changed by what it is at that moment. So a revocation or a restriction outlasts
//! every change that is made at the same time.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use farebox_core::{
    address::AddressRange,
    credential::{Credential, MasterKey, Secret, credential_entry, plain_key_entry},
    id::{AccountId, CredentialKey, ProductId},
    plain_key,
    time::Timestamp,
};
use farebox_ports::{
    keys::ACCOUNT_CREDENTIALS,
    recent_changes,
    schema::{Id, Time},
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::{
    accounts::account_id,
    credential_limits::{self, Limit},
    money::unheard,
};
use crate::{
    http::{
        Answered, Call, Ports, Response,
        base32::base32,
        failure::Failure,
        names,
        paging::Items,
        retry::{Before, Seed},
    },
    schema::AddressRangeText,
    store,
};

/// The most address ranges and products that a credential names: each is looked through for each call.
const MOST_NAMED: usize = 100;

/// What a credential is made from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CredentialWanted")]
pub(crate) struct Wanted {
    /// For people.
    #[schemars(
        length(min = 1, max = 200),
        regex(pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")
    )]
    pub(crate) name: Option<String>,
    /// The products it may use; missing for all that the account may.
    #[schemars(with = "Option<Vec<Id>>", length(max = 100))]
    pub(crate) products: Option<Vec<ProductId>>,
    /// The addresses it may be used from; missing for all.
    #[schemars(with = "Option<Vec<AddressRangeText>>", length(max = 100))]
    pub(crate) addresses: Option<Vec<AddressRange>>,
    /// From when on it is refused; missing for never.
    #[schemars(with = "Option<Time>")]
    pub(crate) expires: Option<Timestamp>,
    /// What its calls may come to in a day, a week or a month of UTC; missing for as much as the account has.
    #[schemars(length(max = 3))]
    pub(crate) limits: Option<Vec<Limit>>,
    /// Whether its calls go to products' test stages, and are not charged. It stays so.
    #[serde(default)]
    pub(crate) test: bool,
}

/// What of a credential is changed. What is left out stays; null lifts a restriction.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CredentialChange")]
pub(crate) struct Change {
    /// For people.
    #[schemars(
        length(min = 1, max = 200),
        regex(pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")
    )]
    name: Option<String>,
    /// The products it may use; null for all that the account may.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<Vec<Id>>", length(max = 100))]
    products: Option<Option<Vec<ProductId>>>,
    /// The addresses it may be used from; null for all.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<Vec<AddressRangeText>>", length(max = 100))]
    addresses: Option<Option<Vec<AddressRange>>>,
    /// From when on it is refused; null for never.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<Time>")]
    expires: Option<Option<Timestamp>>,
    /// What its calls may come to; null for as much as the account has. What was spent in a period counts on.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<Vec<Limit>>", length(max = 3))]
    limits: Option<Option<Vec<Limit>>>,
}

/// A member that is there, be it null.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A new credential.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NewCredential")]
pub(crate) struct Made {
    #[schemars(with = "Id")]
    key: CredentialKey,
    /// To sign with. Shown this once.
    secret: String,
    /// To call unsigned with, as `Authorization: Bearer` or `X-API-Key`, where a product takes plain keys. Shown this once.
    api_key: String,
    /// The same key, for those who send it as `Authorization: APPCODE`.
    app_code: String,
    #[schemars(with = "Time")]
    pub(super) created: Timestamp,
    /// From when on it is refused; null for never.
    #[schemars(with = "Option<Time>")]
    expires: Option<Timestamp>,
}

/// A credential, as it is listed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Credential")]
pub(crate) struct Listed {
    #[schemars(with = "Id")]
    key: CredentialKey,
    /// Whether its calls go to products' test stages, and are not charged.
    test: bool,
    /// The last four characters of its plain key; null where that was imported, or made before they were kept.
    last_four: Option<String>,
    name: Option<String>,
    #[schemars(with = "Time")]
    created: Timestamp,
    /// From when on it is refused because it was revoked.
    #[schemars(with = "Option<Time>")]
    revoked: Option<Timestamp>,
    /// From when on it is refused because its time is over.
    #[schemars(with = "Option<Time>")]
    expires: Option<Timestamp>,
    /// The products it may use; null for all that the account may.
    #[schemars(with = "Option<Vec<Id>>")]
    products: Option<Vec<ProductId>>,
    /// The addresses it may be used from; null for all.
    #[schemars(with = "Option<Vec<AddressRangeText>>")]
    addresses: Option<Vec<AddressRange>>,
    /// What its calls may come to.
    limits: Vec<Limit>,
}

impl From<Credential> for Listed {
    fn from(credential: Credential) -> Self {
        let Credential { key, is_test: test, last_four, name, created, revoked, expires, .. } = credential;
        let Credential { products, addresses, limits, .. } = credential;
        let limits = limits.into_iter().map(Limit::from).collect();
        Self { key, test, last_four, name, created, revoked, expires, products, addresses, limits }
    }
}

/// Where an account's keys are.
pub(crate) fn keys_of(account: &AccountId) -> String {
    format!("{ACCOUNT_CREDENTIALS}{account}/")
}

impl<P: Ports> Call<'_, P> {
    pub(crate) async fn create_credential(&self, account: &str) -> Answered {
        let account = self.account(account).await?.id;
        let wanted: Wanted = self.body()?;
        let seed = self.seed(&format!("credential/{account}"))?;
        let made = match self.check(&wanted).await {
            Ok(()) => self.make_credential(account, wanted, &seed).await?,
            // What was right when it was made may be wrong by now.
            Err(failure) => self.made_before(&seed).await?.ok_or(failure)?,
        };
        Response::json(201, &made)
    }

    pub(super) async fn make_credential(
        &self,
        account: AccountId,
        wanted: Wanted,
        seed: &Seed,
    ) -> Result<Made, Failure> {
        let master_key = &self.settings.master_key;
        let key = new_key(seed, master_key)?;
        let Wanted { name, products, addresses, expires, limits, test: is_test } = wanted;
        let limits = credential_limits::checked(limits)?;
        let api_key = master_key.plain_key(&self.key_prefix().await?, is_test, &base32(seed.plain_key()));
        let secret = URL_SAFE_NO_PAD.encode(seed.secret());
        let sealed = master_key.seal(&key, &Secret::new(secret.clone()), seed.nonce());
        let sealed = sealed.map_err(|error| Failure::Unwritable(error.to_string()))?;
        let credential = Credential {
            app_code_hash: plain_key::hash(&api_key),
            last_four: Some(plain_key::last_four(&api_key)),
            is_test,
            expires,
            products,
            addresses,
            limits,
            name,
            asked: seed.asked.clone(),
            ..Credential::new(key.clone(), account.clone(), sealed, self.now)
        };
        self.ports.put(&format!("{}{key}", keys_of(&account)), b"").await?;
        self.ports.put(&plain_key_entry(&credential.app_code_hash), key.as_str().as_bytes()).await?;
        match store::make(self.ports, &credential_entry(&key), &credential).await? {
            store::Made::Now => {
                let app_code = api_key.clone();
                Ok(Made { key, secret, api_key, app_code, created: self.now, expires })
            }
            store::Made::Before(found) => self.shown_again(&found, seed).await,
            store::Made::Removed => Err(Failure::MadeAndRemoved),
        }
    }

    /// What the same request made when it was sent before.
    pub(super) async fn made_before(&self, seed: &Seed) -> Result<Option<Made>, Failure> {
        if seed.asked.is_none() {
            return Ok(None);
        }
        let found: Option<Credential> =
            store::current(self.ports, &credential_entry(&new_key(seed, &self.settings.master_key)?)).await?;
        match found {
            Some(found) => self.shown_again(&found, seed).await.map(Some),
            None => Ok(None),
        }
    }

    /// What a request is answered that made `found` when it was sent before.
    ///
    /// Its plain key may have been made with another prefix, or before there were any: then it is not known any more.
    async fn shown_again(&self, found: &Credential, seed: &Seed) -> Result<Made, Failure> {
        self.check_repetition(seed, &Before { asked: &found.asked, made: found.created })?;
        let (master_key, random) = (&self.settings.master_key, base32(seed.plain_key()));
        let forms = [
            master_key.plain_key(&self.key_prefix().await?, found.is_test, &random),
            master_key.tagged_app_code(&random),
        ];
        let api_key = forms.into_iter().find(|form| plain_key::hash(form) == found.app_code_hash);
        let api_key = api_key.ok_or(Failure::SecretsShown)?;
        let (secret, app_code) = (URL_SAFE_NO_PAD.encode(seed.secret()), api_key.clone());
        let (key, created, expires) = (found.key.clone(), found.created, found.expires);
        Ok(Made { key, secret, api_key, app_code, created, expires })
    }

    /// What new plain keys begin with.
    async fn key_prefix(&self) -> Result<String, Failure> {
        let published = self.published().await?;
        Ok(published.map_or_else(|| plain_key::PREFIX.to_owned(), |published| published.catalog.provider.key_prefix))
    }

    pub(crate) async fn list_credentials(&self, account: &str) -> Answered {
        let prefix = keys_of(&self.account(account).await?.id);
        let (entries, cursor) = self.keys(&prefix).await?;
        let mut items = Vec::with_capacity(entries.len());
        for entry in &entries {
            let key: Option<CredentialKey> = entry.strip_prefix(&prefix).and_then(|key| key.parse().ok());
            let Some(key) = key else { continue };
            if let Some(found) = store::read::<Credential>(self.ports, &credential_entry(&key)).await? {
                items.push(Listed::from(found));
            }
        }
        Response::json(200, &Items { items, cursor })
    }

    pub(crate) async fn change_credential(&self, account: &str, key: &str) -> Answered {
        let known = self.credential(account, key).await?;
        if known.revoked.is_some() {
            return Err(Failure::CredentialEnded);
        }
        let Change { name, products, addresses, expires, limits } = self.body()?;
        let checked_limits = limits.clone().map(credential_limits::checked).transpose()?;
        let wanted = Wanted {
            name,
            products: products.clone().flatten(),
            addresses: addresses.clone().flatten(),
            expires: expires.flatten(),
            limits: limits.flatten(),
            test: known.is_test,
        };
        self.check(&wanted).await?;
        let changed = |mut credential: Credential| {
            if credential.revoked.is_some() {
                return Err(Failure::CredentialEnded);
            }
            credential.name = wanted.name.clone().or(credential.name);
            credential.products = products.clone().unwrap_or(credential.products);
            credential.addresses = addresses.clone().unwrap_or(credential.addresses);
            credential.expires = expires.unwrap_or(credential.expires);
            credential.limits = checked_limits.clone().unwrap_or(credential.limits);
            Ok(credential)
        };
        let credential = self.changed_credential(&known.key, changed).await?;
        Response::json(200, &Listed::from(credential.ok_or(Failure::CredentialUnknown)?))
    }

    pub(crate) async fn revoke_credential(&self, account: &str, key: &str) -> Answered {
        let known = self.credential(account, key).await?;
        let revoked = |mut credential: Credential| {
            if credential.is_active(self.now) {
                credential.revoked = Some(self.now);
            }
            Ok(credential)
        };
        self.changed_credential(&known.key, revoked).await?;
        Ok(Response::empty())
    }

    /// Changes a credential, of which instances are told.
    pub(super) async fn changed_credential(
        &self,
        key: &CredentialKey,
        change: impl Fn(Credential) -> Result<Credential, Failure>,
    ) -> Result<Option<Credential>, Failure> {
        recent_changes::announce(self.ports, key.as_str(), self.now).await?;
        store::change(self.ports, &credential_entry(key), change).await
    }

    pub(super) async fn credential(&self, account: &str, key: &str) -> Result<Credential, Failure> {
        let account = account_id(account)?;
        let key: CredentialKey = key.parse().map_err(|_| Failure::CredentialUnknown)?;
        let found: Option<Credential> = store::current(self.ports, &credential_entry(&key)).await?;
        found.filter(|found| found.account == account).ok_or(Failure::CredentialUnknown)
    }

    pub(crate) async fn check(&self, wanted: &Wanted) -> Result<(), Failure> {
        if let Some(name) = &wanted.name {
            names::check("name", name)?;
        }
        self.check_expiry(wanted.expires)?;
        credential_limits::checked(wanted.limits.clone())?;
        let named = [wanted.products.as_ref().map(Vec::len), wanted.addresses.as_ref().map(Vec::len)];
        if named.into_iter().flatten().any(|named| named > MOST_NAMED) {
            return Err(Failure::Malformed(format!("a credential names at most {MOST_NAMED} products and addresses")));
        }
        self.check_products(wanted.products.as_deref()).await
    }

    /// A credential for a product that is not in the catalog would be a typing error that shows only when it is used.
    async fn check_products(&self, products: Option<&[ProductId]>) -> Result<(), Failure> {
        let Some(products) = products else { return Ok(()) };
        let published = self.published().await?.ok_or(Failure::CatalogMissing)?;
        let unknown = products.iter().find(|id| published.catalog.product(id).is_none());
        unknown.map_or(Ok(()), |id| Err(unheard(id, &published.catalog)))
    }
}

/// A new key. Its tag spares the gateway a look-up of one that is made up; so does that of a plain key.
fn new_key(seed: &Seed, master_key: &MasterKey) -> Result<CredentialKey, Failure> {
    let key = master_key.tagged_key(&base32(seed.id()));
    key.parse().map_err(|_| Failure::Unwritable("a new key is not valid".to_owned()))
}
