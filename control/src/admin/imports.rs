//! Importing the keys of another gateway by their hashes, so that its customers go on with the keys that they have.
//!
//! Invariant: a hash belongs to one credential, whoever imports it and however often. The credential's key follows from the hash,
//! and making it decides whose it is. The plain key's entry is written last, so that one that works is always in the account's
//! list.

use farebox_core::{
    address::AddressRange,
    credential::{Credential, Secret, credential_entry, plain_key_entry},
    id::{AccountId, CredentialKey, ProductId},
    plain_key,
    time::Timestamp,
};
use farebox_ports::schema::{Id, Time};
use futures_util::{StreamExt, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    credential_limits::{self, Limit},
    credentials::{Wanted, keys_of},
};
use crate::{
    http::{Answered, Call, Ports, Response, base32::base32, failure::Failure, paging::Items},
    schema::AddressRangeText,
    store,
};

/// The most hashes in a request. Each takes four operations, and a request has fewer than 900 on Workers.
const MOST_HASHES: usize = 200;

/// How many are worked on side by side.
const SIDE_BY_SIDE: usize = 12;

/// Hashes to import.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CredentialImport")]
pub(crate) struct Import {
    /// SHA-256 of each key, in hexadecimal digits or base64.
    #[schemars(length(min = 1, max = MOST_HASHES))]
    hashes: Vec<String>,
    /// For people; all get the same.
    #[schemars(
        length(min = 1, max = 200),
        regex(pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")
    )]
    name: Option<String>,
    /// The products they may use; missing for all that the account may.
    #[schemars(with = "Option<Vec<Id>>", length(max = 100))]
    products: Option<Vec<ProductId>>,
    /// The addresses they may be used from; missing for all.
    #[schemars(with = "Option<Vec<AddressRangeText>>", length(max = 100))]
    addresses: Option<Vec<AddressRange>>,
    /// From when on they are refused; missing for never.
    #[schemars(with = "Option<Time>")]
    expires: Option<Timestamp>,
    /// What the calls of each may come to; missing for as much as the account has.
    #[schemars(length(max = 3))]
    limits: Option<Vec<Limit>>,
}

/// What became of a hash.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ImportedCredential")]
pub(crate) struct Imported {
    /// As it was sent.
    hash: String,
    /// The credential that has it; null where that is another account's.
    #[schemars(with = "Option<Id>")]
    key: Option<CredentialKey>,
    outcome: Outcome,
}

/// Whether a hash has a credential of the account now.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ImportOutcome", inline)]
enum Outcome {
    /// It was made.
    Imported,
    /// It was there before, as it is.
    Known,
    /// Another credential has it.
    Taken,
}

impl<P: Ports> Call<'_, P> {
    pub(crate) async fn import_credentials(&self, account: &str) -> Answered {
        let account = self.account(account).await?.id;
        let Import { hashes, name, products, addresses, expires, limits } = self.body()?;
        if hashes.is_empty() || hashes.len() > MOST_HASHES {
            return Err(Failure::Malformed(format!("`hashes` must hold 1 to {MOST_HASHES} hashes")));
        }
        let wanted = Wanted { name, products, addresses, expires, limits, test: false };
        self.check(&wanted).await?;
        let stored: Vec<String> =
            hashes.iter().enumerate().map(|(at, hash)| stored(at, hash)).collect::<Result<_, _>>()?;
        let work = stored.iter().map(|hash| self.import(&account, hash, &wanted));
        let outcomes: Vec<_> = stream::iter(work).buffered(SIDE_BY_SIDE).collect().await;
        let mut items = Vec::with_capacity(hashes.len());
        for (hash, outcome) in hashes.into_iter().zip(outcomes) {
            let (key, outcome) = outcome?;
            items.push(Imported { hash, key, outcome });
        }
        Response::json(200, &Items { items, cursor: None })
    }

    async fn import(
        &self,
        account: &AccountId,
        hash: &str,
        wanted: &Wanted,
    ) -> Result<(Option<CredentialKey>, Outcome), Failure> {
        let master_key = &self.settings.master_key;
        let seed = master_key.derive(&format!("import {hash}"));
        let key: CredentialKey = master_key
            .tagged_key(&base32(&seed[..10]))
            .parse()
            .map_err(|_| Failure::Unwritable("a new key is not valid".to_owned()))?;
        let entry = plain_key_entry(hash);
        let had = self.ports.get(&entry).await?;
        if had.is_some_and(|had| had != key.as_str().as_bytes()) {
            return Ok((None, Outcome::Taken));
        }
        // Nobody is told the secret: such a credential signs nothing until it is rotated.
        let secret = Secret::new(base32(&master_key.derive(&format!("imported secret {hash}"))));
        let sealed = master_key.seal(&key, &secret, nonce(&seed));
        let credential = Credential {
            app_code_hash: hash.to_owned(),
            expires: wanted.expires,
            products: wanted.products.clone(),
            addresses: wanted.addresses.clone(),
            limits: credential_limits::checked(wanted.limits.clone())?,
            name: wanted.name.clone(),
            ..Credential::new(
                key.clone(),
                account.clone(),
                sealed.map_err(|error| Failure::Unwritable(error.to_string()))?,
                self.now,
            )
        };
        let outcome = match store::make(self.ports, &credential_entry(&key), &credential).await? {
            store::Made::Now => Outcome::Imported,
            store::Made::Before(found) if found.account == *account => Outcome::Known,
            store::Made::Before(_) | store::Made::Removed => return Ok((None, Outcome::Taken)),
        };
        // Also where it was known: what was to be written then may be missing.
        self.ports.put(&format!("{}{key}", keys_of(account)), b"").await?;
        self.ports.put(&entry, key.as_str().as_bytes()).await?;
        Ok((Some(key), outcome))
    }
}

/// To seal the secret of this hash with: it is sealed for no other key, and always the same.
fn nonce(seed: &[u8; 32]) -> [u8; 12] {
    std::array::from_fn(|at| seed[10 + at])
}

/// A hash as it is stored.
fn stored(at: usize, hash: &str) -> Result<String, Failure> {
    plain_key::imported_hash(hash).ok_or_else(|| {
        Failure::Malformed(format!("`hashes[{at}]` is no SHA-256: write 64 hexadecimal digits, or its base64"))
    })
}
