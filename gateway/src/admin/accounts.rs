//! Accounts: making, naming and listing them.
//!
//! Invariant: an account that is shown has an open book, because the book is opened before the account is written down.

use farebox_core::{id::AccountId, ledger::Command, time::Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AdminPorts, AdminResponse, Answered, Call, Items,
    failure::Failure,
    resource::base32,
    store::{self, ACCOUNTS, AccountRecord, account_entry},
};
use crate::schema::{Id, Time};

/// The longest name, in characters.
const LONGEST_NAME: usize = 200;

/// What an account is made from, and what of it can be changed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AccountName")]
pub(super) struct Named {
    /// For people.
    #[schemars(
        length(min = 1, max = 200),
        regex(pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")
    )]
    name: String,
}

/// An account, as it is shown.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Account {
    #[schemars(with = "Id")]
    id: AccountId,
    name: String,
    /// `active`.
    status: &'static str,
    #[schemars(with = "Time")]
    created: Timestamp,
}

impl From<AccountRecord> for Account {
    fn from(AccountRecord { id, name, created }: AccountRecord) -> Self {
        Self { id, name, status: "active", created }
    }
}

impl<P: AdminPorts> Call<'_, P> {
    pub(super) async fn create_account(&self) -> Answered {
        let name = self.name()?;
        let published = self.published().await?.ok_or(Failure::CatalogMissing)?;
        let id = format!("acc_{}", base32(&self.random[10..20]));
        let id: AccountId = id.parse().map_err(|_| Failure::Unwritable("a new id is not valid".to_owned()))?;
        let open = Command::Open { currency: published.catalog.provider.currency };
        self.ports.execute(&id, None, &open).await??;
        let record = AccountRecord { id, name, created: self.now };
        store::write(self.ports, &account_entry(&record.id), &record).await?;
        AdminResponse::json(201, &Account::from(record))
    }

    pub(super) async fn list_accounts(&self) -> Answered {
        let cursor = self.cursor();
        let page = self.ports.list(ACCOUNTS, cursor.as_deref(), self.limit()?.into()).await?;
        let mut items = Vec::with_capacity(page.items.len());
        for key in &page.items {
            // A store that is eventually consistent may list what it does not find yet.
            items.extend(store::read::<AccountRecord>(self.ports, key).await?.map(Account::from));
        }
        AdminResponse::json(200, &Items { items, cursor: page.cursor })
    }

    pub(super) async fn show_account(&self, id: &str) -> Answered {
        AdminResponse::json(200, &Account::from(self.account(id).await?))
    }

    pub(super) async fn change_account(&self, id: &str) -> Answered {
        let mut record = self.account(id).await?;
        record.name = self.name()?;
        store::write(self.ports, &account_entry(&record.id), &record).await?;
        AdminResponse::json(200, &Account::from(record))
    }

    /// The account with this id.
    pub(super) async fn account(&self, id: &str) -> Result<AccountRecord, Failure> {
        let id = account_id(id)?;
        store::read(self.ports, &account_entry(&id)).await?.ok_or(Failure::AccountUnknown)
    }

    fn name(&self) -> Result<String, Failure> {
        let Named { name } = self.body()?;
        if name.trim().is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(Failure::Malformed(format!(
                "`name` must have 1 to {LONGEST_NAME} characters, all on one line"
            )));
        }
        Ok(name)
    }
}

/// A part of a path as an account's id; what is not an id is no account's.
pub(super) fn account_id(text: &str) -> Result<AccountId, Failure> {
    text.parse().map_err(|_| Failure::AccountUnknown)
}
