//! Taking accounts along into another currency, when the catalog changes its own.
//!
//! Invariant: an account changes its currency only while nothing in its book is of the old one. Its book itself says so when it
//! is opened anew. All go along or none does.

use farebox_core::{
    catalog::Catalog,
    id::AccountId,
    ledger::{Command, Refusal},
    money::Currency,
};
use farebox_ports::{
    keys::ACCOUNTS,
    reports::{Query, Report},
};

use super::{accounts::account_id, reports::mismatch};
use crate::http::{Call, Ports, failure::Failure};

/// As many accounts as go along. Each costs a few operations of one request.
const MOST_REOPENED: u32 = 100;

/// As many entries as are looked at of each. A book that nothing was booked in has a few.
const MOST_ENTRIES: u16 = 100;

/// A change of currency, and the accounts that go along.
pub(crate) struct Exchanged {
    from: Currency,
    to: Currency,
    accounts: Vec<AccountId>,
}

impl<P: Ports> Call<'_, P> {
    /// The change of currency that `catalog` makes, if it makes one.
    ///
    /// # Errors
    /// [`Failure::CurrencyFixed`] where something was booked in the old one.
    pub(crate) async fn exchanged(
        &self,
        before: Option<&Catalog>,
        catalog: &Catalog,
    ) -> Result<Option<Exchanged>, Failure> {
        let (from, to) = (before.map(|before| before.provider.currency), catalog.provider.currency);
        let Some(from) = from.filter(|from| *from != to) else { return Ok(None) };
        let page = self.ports.list(ACCOUNTS, None, MOST_REOPENED + 1).await?;
        if page.items.len() > MOST_REOPENED as usize {
            return Err(Failure::CurrencyFixed(from));
        }
        let mut accounts = Vec::with_capacity(page.items.len());
        for key in &page.items {
            let account = account_id(key.strip_prefix(ACCOUNTS).unwrap_or_default())?;
            let query = Query::Entries { after: 0, from: None, limit: MOST_ENTRIES, sealed: true };
            let entries = match self.ports.report(&account, &query).await?? {
                Report::Entries(entries) => entries,
                other => return Err(mismatch(&other)),
            };
            let is_read = entries.len() < usize::from(MOST_ENTRIES);
            if !is_read || entries.iter().any(|entry| !entry.event.is_of_no_currency()) {
                return Err(Failure::CurrencyFixed(from));
            }
            accounts.push(account);
        }
        Ok(Some(Exchanged { from, to, accounts }))
    }

    /// Takes the accounts along. Where the book of one says no because money was moved meanwhile, those before it go back.
    pub(crate) async fn take_along(&self, exchanged: &Exchanged) -> Result<(), Failure> {
        let Exchanged { from, to, accounts } = exchanged;
        for (index, account) in accounts.iter().enumerate() {
            match self.ports.execute(account, None, &Command::Open { currency: *to }).await? {
                Ok(_) => {}
                Err(refusal) => {
                    self.open_in(&accounts[..index], *from).await?;
                    return Err(match refusal {
                        Refusal::AlreadyOpen => Failure::CurrencyFixed(*from),
                        other => Failure::Refused(other),
                    });
                }
            }
        }
        Ok(())
    }

    /// Takes them back, because the catalog was not published.
    pub(crate) async fn take_back(&self, exchanged: &Exchanged) -> Result<(), Failure> {
        self.open_in(&exchanged.accounts, exchanged.from).await
    }

    async fn open_in(&self, accounts: &[AccountId], currency: Currency) -> Result<(), Failure> {
        for account in accounts {
            self.ports.execute(account, None, &Command::Open { currency }).await??;
        }
        Ok(())
    }
}
