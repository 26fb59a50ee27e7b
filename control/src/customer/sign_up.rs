//! Signing up: whoever proves an address becomes a person, and where the provider lets everybody in, gets an account.
//!
//! Invariant: however many come at once with one address, there is one person, one account and one grant. Both ids are made of
//! the address, and every step comes to the same when it is done again. The person, who ends the steps, is written last.

use farebox_core::{
    catalog::SignUpMode,
    id::AccountId,
    ledger::{Command, IdempotencyKey, Refusal},
};
use farebox_ports::keys::{Status, account_entry};

use super::{
    directory::{self, After},
    records::{Member, Members, Person, SignIn, members_key, own_account, person_key},
};
use crate::{
    http::{Call, Ports, failure::Failure, permission::Membership},
    store::{self, AccountRecord, Published},
};

impl<P: Ports> Call<'_, P> {
    /// The person whose address was proved, made where there was none, and whether it was. By an invitation the person comes into
    /// the account that invites.
    pub(super) async fn person_of(&self, id: &str, proved: &SignIn) -> Result<(Person, bool), Failure> {
        let known: Option<Person> = directory::read(self.ports, &person_key(id)).await?;
        let published = self.published().await?.ok_or(Failure::CatalogMissing)?;
        let mode = published.storefront.sign_up.mode;
        let mut joined = None;
        if let Some(invitation) = &proved.invitation
            && (known.is_some() || mode != SignUpMode::Closed)
        {
            joined = self.accept(id, &proved.email, invitation).await?;
        }
        let is_new = known.is_none();
        if is_new && joined.is_none() {
            match mode {
                SignUpMode::Open => joined = Some(self.open_own_account(id, proved, &published).await?),
                SignUpMode::Invite | SignUpMode::Closed => return Err(Failure::SignUpClosed),
            }
        }
        let person = self.remember(id, proved, joined).await?;
        Ok((person, is_new))
    }

    /// Writes down who has proved an address, and the account that the person came into.
    pub(super) async fn remember(
        &self,
        id: &str,
        proved: &SignIn,
        joined: Option<AccountId>,
    ) -> Result<Person, Failure> {
        let remembered = |known: Option<Person>| {
            let is_known = known.is_some();
            let mut person = known.unwrap_or_else(|| Person {
                email: proved.email.clone(),
                name: None,
                language: proved.language,
                created: self.now,
                accounts: Vec::new(),
                sessions: 0,
            });
            match &joined {
                Some(account) if !person.accounts.contains(account) => person.accounts.push(account.clone()),
                _ if is_known => return Ok((After::Same, person)),
                _ => {}
            }
            Ok((After::Kept(person.clone(), None), person))
        };
        directory::change(self.ports, &person_key(id), remembered).await
    }

    /// Opens the account of a person who signs up, and gives it what new accounts are given.
    async fn open_own_account(&self, id: &str, proved: &SignIn, published: &Published) -> Result<AccountId, Failure> {
        let account = own_account(self.settings, id);
        let account = account.ok_or_else(|| Failure::Unwritable("a new id is not valid".to_owned()))?;
        let open = Command::Open { currency: published.catalog.provider.currency };
        self.ports.execute(&account, None, &open).await??;
        let (name, created) = (proved.email.clone(), self.now);
        let record = AccountRecord {
            id: account.clone(),
            name,
            created,
            status: Status::Active,
            invoice_to: Vec::new(),
            asked: None,
        };
        store::make(self.ports, &account_entry(&account), &record).await?;
        self.join(&account, id, &proved.email, Membership::Owner).await?;
        if let Some(grant) = &published.storefront.sign_up.grant {
            let terms = published.catalog.products.iter().find_map(|product| product.package_terms(grant));
            if let Some(terms) = terms {
                let key = IdempotencyKey(format!("once/{grant}"));
                match self.ports.execute(&account, Some(&key), &Command::Purchase(terms)).await? {
                    // It was given before, by another catalog.
                    Ok(_) | Err(Refusal::KeyReused | Refusal::SoldOnce) => self.mark(&account).await,
                    Err(refusal) => return Err(refusal.into()),
                }
            }
        }
        Ok(account)
    }

    /// Makes the person a member: the first one an owner. Who is one stays as it was.
    pub(super) async fn join(
        &self,
        account: &AccountId,
        person: &str,
        email: &str,
        role: Membership,
    ) -> Result<(), Failure> {
        let joined = |members: Option<Members>| {
            let mut members = members.unwrap_or_default();
            if members.members.iter().any(|member| member.person == person) {
                return Ok((After::Same, ()));
            }
            let role = if members.members.is_empty() { Membership::Owner } else { role };
            let (person, email) = (person.to_owned(), email.to_owned());
            members.members.push(Member { person, email, role, since: self.now });
            Ok((After::Kept(members, None), ()))
        };
        directory::change(self.ports, &members_key(account), joined).await
    }
}
