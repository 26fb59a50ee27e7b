//! The sender itself: who is signed in, which accounts are theirs, and what they are called.

use farebox_core::{catalog::Language, id::AccountId, time::Timestamp};
use farebox_ports::{
    keys::{Status, account_entry},
    schema::{Id, Time},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    directory::{self, After},
    records::{Person, person_key},
    sender::{Sender, SignedIn},
    sign_in::LanguageText,
};
use crate::{
    http::{Answered, Call, Ports, Response, failure::Failure, names, permission::Membership},
    store::{self, AccountRecord},
};

/// A person, as it is shown.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Person")]
pub(super) struct PersonRow {
    email: String,
    name: Option<String>,
    #[schemars(with = "LanguageText")]
    language: Language,
}

impl From<&Person> for PersonRow {
    fn from(Person { email, name, language, .. }: &Person) -> Self {
        Self { email: email.clone(), name: name.clone(), language: *language }
    }
}

/// An account, and what the sender may do with it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OwnAccount")]
pub(super) struct AccountRow {
    #[schemars(with = "Id")]
    id: AccountId,
    name: String,
    status: Status,
    role: Membership,
    /// Who stands on its invoices, a line each; empty for its name.
    invoice_to: Vec<String>,
}

/// Who sends the request.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Me {
    /// Null for a call credential.
    person: Option<PersonRow>,
    accounts: Vec<AccountRow>,
    /// Null for a call credential.
    session: Option<SessionRow>,
}

/// The session of the request.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Session")]
struct SessionRow {
    /// When it is over, unless it is used before.
    #[schemars(with = "Time")]
    expires: Timestamp,
}

/// What of a person is changed. What is left out stays.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PersonChange")]
pub(super) struct Change {
    #[schemars(length(min = 1, max = 200))]
    name: Option<String>,
    #[schemars(with = "Option<LanguageText>")]
    language: Option<Language>,
}

/// What of an account its members change. What is left out stays.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "OwnAccountChange")]
pub(super) struct AccountChange {
    #[schemars(length(min = 1, max = 200))]
    name: Option<String>,
    /// Who stands on its invoices: name, address, tax id, a line each. Empty for the account's name.
    #[schemars(length(max = 12), inner(length(min = 1, max = 200)))]
    invoice_to: Option<Vec<String>>,
}

/// The most lines of who stands on invoices.
const INVOICE_LINES: usize = 12;

impl<P: Ports> Call<'_, P> {
    pub(super) async fn me(&self, sender: &Sender) -> Answered {
        let me = match sender {
            Sender::Person(SignedIn { id, person, session, .. }) => Me {
                person: Some(person.into()),
                accounts: self.accounts_of(id, person).await?,
                session: Some(SessionRow { expires: session.until }),
            },
            Sender::Credential(credential) => {
                let row = self.account_row(&credential.account, Membership::Viewer).await?;
                Me { person: None, accounts: row.into_iter().collect(), session: None }
            }
        };
        Response::json(200, &me)
    }

    pub(super) async fn change_me(&self, signed_in: &SignedIn) -> Answered {
        let Change { name, language } = self.body()?;
        if let Some(name) = &name {
            names::check("name", name)?;
        }
        let changed = |person: Option<Person>| {
            let person = person.ok_or(Failure::SessionMissing)?;
            let (name, language) = (name.clone().or(person.name), language.unwrap_or(person.language));
            let person = Person { name, language, ..person };
            Ok((After::Kept(person.clone(), None), person))
        };
        let person = directory::change(self.ports, &person_key(&signed_in.id), changed).await?;
        Response::json(200, &PersonRow::from(&person))
    }

    /// The accounts that a person is a member of still.
    pub(super) async fn accounts_of(&self, id: &str, person: &Person) -> Result<Vec<AccountRow>, Failure> {
        let mut rows = Vec::with_capacity(person.accounts.len());
        for account in &person.accounts {
            if let Some(role) = self.membership(id, account.as_str()).await? {
                rows.extend(self.account_row(account, role).await?);
            }
        }
        Ok(rows)
    }

    pub(super) async fn show_own_account(&self, account: &str, role: Membership) -> Answered {
        let account = self.account(account).await?.id;
        Response::json(200, &self.account_row(&account, role).await?.ok_or(Failure::AccountUnknown)?)
    }

    pub(super) async fn change_own_account(&self, account: &str, role: Membership) -> Answered {
        let AccountChange { name, invoice_to } = self.body()?;
        if let Some(name) = &name {
            names::check("name", name)?;
        }
        let lines = invoice_to.as_deref().unwrap_or_default();
        lines.iter().try_for_each(|line| names::check("invoice_to", line))?;
        if lines.len() > INVOICE_LINES {
            return Err(Failure::Malformed(format!("`invoice_to` must have at most {INVOICE_LINES} lines")));
        }
        let account = self.account(account).await?.id;
        let renamed = |record: AccountRecord| {
            let name = name.clone().unwrap_or_else(|| record.name.clone());
            let invoice_to = invoice_to.clone().unwrap_or_else(|| record.invoice_to.clone());
            Ok(AccountRecord { name, invoice_to, ..record })
        };
        store::change(self.ports, &account_entry(&account), renamed).await?.ok_or(Failure::AccountUnknown)?;
        self.show_own_account(account.as_str(), role).await
    }

    async fn account_row(&self, account: &AccountId, role: Membership) -> Result<Option<AccountRow>, Failure> {
        let record: Option<AccountRecord> = store::current(self.ports, &account_entry(account)).await?;
        Ok(record.map(|AccountRecord { id, name, status, invoice_to, .. }| AccountRow {
            id,
            name,
            status,
            role,
            invoice_to,
        }))
    }
}
