//! The answers to the questions of [`farebox_ports::reports`], from any store of entries.
//!
//! Invariant: balance, grants and leases are what a command would be decided on now. Usage and entries are read from the book
//! itself, so they do not change when the account's state is forgotten. Who reads a statement or copies a book is shown all usage
//! that was booked: what is not sealed yet is sealed first.

use farebox_core::{
    catalog::Catalog,
    id::{AccountId, CredentialKey, ProductId},
    ledger::{
        Account, BookedLease, Command, Entry, GrantRow as Row, LimitCounter, Refusal, Repriced, Repricing, Source,
        StatementWriter, Subscription, UsageReport, command::AccountTerms,
    },
    money::Currency,
    time::Timestamp,
};
use farebox_ports::{
    Fault,
    reports::{
        BalanceReport, GrantRow, LeaseRow, LimitAmounts, LimitRow, Query, Report, RepricedRow, SpentAmounts,
        SubscriptionRow, TermsReport, UsageRow,
    },
};

use super::{Accounts, EntryStore, PAGE, PORT, ask, execute, last_before};
use crate::{outbox, series};

/// Answers `query`; refuses when the account is not open.
///
/// # Errors
/// The store failed, or holds a broken book.
pub async fn report<S: EntryStore>(
    store: &S,
    accounts: &Accounts,
    id: &AccountId,
    query: &Query,
) -> Result<Result<Report, Refusal>, Fault> {
    match query {
        Query::Balance => {
            ask_open(store, accounts, id, |account, currency| Report::Balance(balance(account, currency))).await
        }
        Query::Grants => {
            ask_open(store, accounts, id, |account, _| Report::Grants(account.grants().map(grant).collect())).await
        }
        Query::Leases => {
            let rows = |account: &Account| account.leases().map(|(id, held)| lease(id.to_string(), held)).collect();
            ask_open(store, accounts, id, |account, _| Report::Leases(rows(account))).await
        }
        Query::Limits => {
            let rows = |account: &Account| account.limit_counters().map(limit).collect();
            ask_open(store, accounts, id, |account, _| Report::Limits(rows(account))).await
        }
        Query::Subscriptions => {
            let rows = |account: &Account| account.subscriptions().map(subscription).collect();
            ask_open(store, accounts, id, |account, _| Report::Subscriptions(rows(account))).await
        }
        Query::Terms => ask_open(store, accounts, id, |account, _| Report::Terms(terms(account.terms()))).await,
        Query::Usage { from, until } => {
            let rows = usage(store, accounts, id, UsageReport::new(*from, *until)).await?;
            ask_open(store, accounts, id, |_, _| Report::Usage(rows)).await
        }
        Query::Series(asked) => {
            let rows = series::report(store, accounts, id, asked).await?;
            ask_open(store, accounts, id, |_, _| Report::Series(rows)).await
        }
        Query::Entries { after, from, limit, sealed } => {
            let after = begins_after(store, accounts, id, (*after, *from)).await?;
            let mut entries = store.entries(id, after, usize::from(*limit)).await?;
            if *sealed && entries.len() < usize::from(*limit) {
                seal(store, accounts, id, Timestamp::MAX).await?;
                entries = store.entries(id, after, usize::from(*limit)).await?;
            }
            ask_open(store, accounts, id, |_, _| Report::Entries(entries)).await
        }
        Query::Outbox { after, from, limit } => {
            let outbox = outbox(store, accounts, id, (*after, *from, *limit)).await?;
            Ok(outbox.map(Report::Outbox).ok_or(Refusal::NotOpen))
        }
        Query::Reprice { from, until, catalog } => {
            let catalog: Catalog = serde_json::from_str(catalog).map_err(|error| unreadable(&error))?;
            seal(store, accounts, id, *until).await?;
            let mut repricing = Repricing::new(&catalog, *from, *until).of(id.clone());
            read(store, id, 0, |entry| repricing.add(entry)).await?;
            let rows = repricing.finish().into_iter().map(repriced).collect();
            ask_open(store, accounts, id, |_, _| Report::Repriced(rows)).await
        }
        Query::Sold { key, sale } => {
            let sold = ask(store, accounts, id, |account| account.is_open().then(|| account.sold(key, sale))).await?;
            Ok(sold.ok_or(Refusal::NotOpen).flatten().map(Report::Sold))
        }
        Query::Statement { from, until } => {
            seal(store, accounts, id, *until).await?;
            let carried = carried(store, accounts, id, *from).await?;
            let after = carried.version();
            let mut statement = StatementWriter::carried(carried, *from, *until);
            read(store, id, after, |entry| statement.add(entry)).await?;
            let statement = statement.finish(id.clone()).map(|statement| Report::Statement(Box::new(statement)));
            Ok(statement.ok_or(Refusal::NotOpen))
        }
    }
}

/// How the account stood at the end of a month before `from`: a statement reads the month that follows, and not the whole book. Of
/// a book that has no such month, or none that this version reads, it is an account that is not open.
async fn carried<S: EntryStore>(
    store: &S,
    accounts: &Accounts,
    id: &AccountId,
    from: Timestamp,
) -> Result<Account, Fault> {
    let before = last_before(store, accounts, id, from).await?;
    let month_end = store.month_end(id, before).await?;
    Ok(month_end.and_then(|bytes| Account::from_snapshot(&bytes)).unwrap_or_default())
}

/// Seals the usage that is not sealed yet, where it was booked before `until`.
async fn seal<S: EntryStore>(store: &S, accounts: &Accounts, id: &AccountId, until: Timestamp) -> Result<(), Fault> {
    let booked = ask(store, accounts, id, |account| account.till().booked()).await?;
    if booked.is_some_and(|booked| booked < until) {
        // It is sealed as of the time at which it was booked, so the time now does not matter.
        let _ = execute(store, accounts, id, None, &Command::Seal, Timestamp::default()).await?;
    }
    Ok(())
}

/// What was used: what entries say, and what no entry says yet. What is sealed meanwhile counts once.
async fn usage<S: EntryStore>(
    store: &S,
    accounts: &Accounts,
    id: &AccountId,
    mut usage: UsageReport,
) -> Result<Vec<UsageRow>, Fault> {
    let version = ask(store, accounts, id, |account| {
        usage.add_sealed(account.unsealed());
        account.version()
    });
    let version = version.await?;
    let before = last_before(store, accounts, id, usage.booked_from()).await?;
    read(store, id, before, |entry| {
        let counts = entry.seq <= version;
        if counts {
            usage.add(entry);
        }
        counts
    })
    .await?;
    let row = |(product, usage): (&ProductId, &_)| UsageRow { product: product.clone(), usage: *usage };
    Ok(usage.products().map(row).collect())
}

/// After which entry those begin that come after number `after` and were booked `from` then on.
pub(crate) async fn begins_after<S: EntryStore>(
    store: &S,
    accounts: &Accounts,
    id: &AccountId,
    (after, from): (u64, Option<Timestamp>),
) -> Result<u64, Fault> {
    match from {
        Some(from) => Ok(after.max(last_before(store, accounts, id, from).await?)),
        None => Ok(after),
    }
}

/// Reads a book after entry number `after`, page by page, until there is no more or `each` has had enough.
async fn read<S: EntryStore>(
    store: &S,
    id: &AccountId,
    mut after: u64,
    mut each: impl FnMut(&Entry) -> bool,
) -> Result<(), Fault> {
    loop {
        let entries = store.entries(id, after, PAGE).await?;
        let goes_on = entries.iter().all(&mut each);
        match entries.last() {
            Some(last) if goes_on && entries.len() >= PAGE => after = last.seq,
            _ => return Ok(()),
        }
    }
}

async fn ask_open<S: EntryStore, T>(
    store: &S,
    accounts: &Accounts,
    id: &AccountId,
    question: impl FnOnce(&Account, Currency) -> T,
) -> Result<Result<T, Refusal>, Fault> {
    let open = |account: &Account| account.currency().map(|currency| question(account, currency));
    Ok(ask(store, accounts, id, open).await?.ok_or(Refusal::NotOpen))
}

fn balance(account: &Account, currency: Currency) -> BalanceReport {
    BalanceReport { balance: account.balance(), available: account.available(), leased: account.leased(), currency }
}

fn grant(Row { grant, meter, quota }: Row<'_>) -> GrantRow {
    GrantRow {
        id: grant.id.to_string(),
        product: grant.product.clone(),
        package: grant.offer.clone(),
        meter,
        quantity: quota.quantity,
        remaining: quota.remaining(),
        leased: quota.leased,
        priority: grant.priority,
        from: grant.from,
        until: grant.until,
    }
}

fn limit((credential, counter): (&CredentialKey, &LimitCounter)) -> LimitRow {
    let LimitCounter { limit, spent, from, .. } = counter;
    LimitRow {
        credential: credential.clone(),
        per: limit.per,
        from: *from,
        renews: counter.until(),
        limit: LimitAmounts { calls: limit.calls, units: limit.units, money: limit.money },
        spent: SpentAmounts { calls: spent.calls, units: spent.units, money: spent.money },
    }
}

fn subscription(subscription: &Subscription) -> SubscriptionRow {
    SubscriptionRow {
        id: subscription.id.to_string(),
        product: subscription.terms.product.clone(),
        plan: subscription.terms.offer.clone(),
        price: subscription.terms.price,
        every: subscription.terms.every.to_string(),
        from: subscription.period.from,
        until: subscription.period.until,
        grant: subscription.grant.to_string(),
        renews: !subscription.ends,
        grace_until: subscription.grace_until,
    }
}

fn unreadable(error: &serde_json::Error) -> Fault {
    Fault::Unreadable { port: PORT, what: "the catalog to price by".to_owned(), detail: error.to_string() }
}

fn repriced((product, repriced): (ProductId, Repriced)) -> RepricedRow {
    let Repriced { usage, before, after, unsold, kept } = repriced;
    let (difference, kept) = (after.saturating_sub(before), kept.into_iter().collect());
    RepricedRow { product, usage, before, after, difference, unsold, kept }
}

fn terms(terms: &AccountTerms) -> TermsReport {
    let AccountTerms { credit_limit, low_balance, low_quota, time_zone } = terms.clone();
    TermsReport { credit_limit, low_balance, low_quota, time_zone }
}

fn lease(id: String, held: &BookedLease) -> LeaseRow {
    let source = match held.source {
        Source::Grant(grant) => grant.to_string(),
        Source::Balance(_) => "balance".to_owned(),
    };
    LeaseRow {
        id,
        product: held.product.clone(),
        writer: held.writer.clone(),
        source,
        allowance: held.allowance.clone(),
        used: held.used,
        until: held.until,
    }
}
