//! Accounts: making, naming, suspending and listing them.
//!
//! Invariant: an account that is shown has an open book, because the book is opened before the account is written down. Whether
//! an account is suspended is in its book, which gives no lease then. The record says what the account is to be, and whoever
//! changes it brings the book to that, until the record has not changed meanwhile. So both say the same once all are done.
//! Instances are told before ([`recent_changes`]), so that a long lease does not outlast it.

use farebox_core::{
    id::AccountId,
    ledger::{Command, Refusal},
    time::Timestamp,
};
use farebox_ports::{
    keys::{ACCOUNTS, Status, account_entry},
    recent_changes,
    schema::{Id, Time},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    http::{Answered, Call, Ports, Response, base32::base32, failure::Failure, names},
    store::{self, AccountRecord, Made},
};

/// What an account is made from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AccountName")]
pub(crate) struct Named {
    /// For people.
    #[schemars(
        length(min = 1, max = 200),
        regex(pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")
    )]
    name: String,
}

/// What of an account is changed. What is left out stays.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AccountChange")]
pub(crate) struct Change {
    /// For people.
    #[schemars(
        length(min = 1, max = 200),
        regex(pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$")
    )]
    name: Option<String>,
    /// The calls of a suspended account are rejected, on Spin within 20 s, on Workers within 90 s.
    status: Option<Status>,
}

/// An account, as it is shown.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Account {
    #[schemars(with = "Id")]
    id: AccountId,
    name: String,
    status: Status,
    #[schemars(with = "Time")]
    created: Timestamp,
}

impl From<AccountRecord> for Account {
    fn from(AccountRecord { id, name, created, status, .. }: AccountRecord) -> Self {
        Self { id, name, status, created }
    }
}

impl<P: Ports> Call<'_, P> {
    pub(crate) async fn create_account(&self) -> Answered {
        let Named { name } = self.body()?;
        names::check("name", &name)?;
        let seed = self.seed("account")?;
        let id = format!("acc_{}", base32(seed.id()));
        let id: AccountId = id.parse().map_err(|_| Failure::Unwritable("a new id is not valid".to_owned()))?;
        let published = self.published().await?.ok_or(Failure::CatalogMissing)?;
        let open = Command::Open { currency: published.catalog.provider.currency };
        self.ports.execute(&id, None, &open).await??;
        let record = AccountRecord {
            id,
            name,
            created: self.now,
            status: Status::Active,
            invoice_to: Vec::new(),
            asked: seed.asked,
        };
        match store::make(self.ports, &account_entry(&record.id), &record).await? {
            Made::Now => Response::json(201, &Account::from(record)),
            Made::Before(before) if before.asked == record.asked => {
                Response::json(201, &Account { created: before.created, ..Account::from(record) })
            }
            Made::Before(_) => Err(Failure::Refused(Refusal::KeyReused)),
            Made::Removed => Err(Failure::MadeAndRemoved),
        }
    }

    pub(crate) async fn list_accounts(&self) -> Answered {
        self.documents::<AccountRecord, _>(ACCOUNTS, Account::from).await
    }

    pub(crate) async fn show_account(&self, id: &str) -> Answered {
        Response::json(200, &Account::from(self.account(id).await?))
    }

    pub(crate) async fn change_account(&self, id: &str) -> Answered {
        let entry = account_entry(&account_id(id)?);
        let Change { name, status } = self.body()?;
        if let Some(name) = &name {
            names::check("name", name)?;
        }
        if status.is_some() {
            let AccountRecord { id, .. } = self.account(id).await?;
            recent_changes::announce(self.ports, id.as_str(), self.now).await?;
        }
        let changed = |mut record: AccountRecord| {
            record.name = name.clone().unwrap_or(record.name);
            record.status = status.unwrap_or(record.status);
            Ok(record)
        };
        let record = store::change(self.ports, &entry, changed).await?.ok_or(Failure::AccountUnknown)?;
        if status.is_some() {
            self.bring_book_to(&record).await?;
        }
        Response::json(200, &Account::from(record))
    }

    /// Suspends an account, or lets it call again.
    pub(crate) async fn set_status(&self, account: &AccountId, status: Status) -> Result<(), Failure> {
        recent_changes::announce(self.ports, account.as_str(), self.now).await?;
        let changed = |record: AccountRecord| Ok(AccountRecord { status, ..record });
        let record = store::change(self.ports, &account_entry(account), changed).await?;
        self.bring_book_to(&record.ok_or(Failure::AccountUnknown)?).await
    }

    /// Lets the book have the status that the account's record says, also where that changes meanwhile.
    async fn bring_book_to(&self, record: &AccountRecord) -> Result<(), Failure> {
        let mut status = record.status;
        loop {
            let command = Command::SetStatus { suspended: status == Status::Suspended };
            self.ports.execute(&record.id, None, &command).await??;
            let now: Option<AccountRecord> = store::current(self.ports, &account_entry(&record.id)).await?;
            match now {
                Some(now) if now.status != status => status = now.status,
                _ => break,
            }
        }
        self.mark(&record.id).await;
        Ok(())
    }

    /// The account with this id.
    pub(crate) async fn account(&self, id: &str) -> Result<AccountRecord, Failure> {
        let id = account_id(id)?;
        let entry = account_entry(&id);
        match store::read(self.ports, &entry).await? {
            Some(record) => Ok(record),
            // It may have been made a moment ago.
            None => store::current(self.ports, &entry).await?.ok_or(Failure::AccountUnknown),
        }
    }
}

/// A part of a path as an account's id; what is not an id is no account's.
pub(crate) fn account_id(text: &str) -> Result<AccountId, Failure> {
    text.parse().map_err(|_| Failure::AccountUnknown)
}
