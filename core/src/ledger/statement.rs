//! What an account is shown for a period: each entry with the balance after it, what was used, what it cost and by which tiers.
//! It also shows what went beyond what was bought, and what could not be accounted for.
//!
//! Invariant: a statement can be checked without the provider. Opening balance, entries and closing balance agree, and the
//! entries are a verified stretch of the book's chain. The seal is a hash over everything on it. The hash of the last entry is
//! the link of the next statement, so that a provider cannot replace one without replacing all after it.
#![deny(clippy::float_arithmetic)]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    account::Account,
    chain::{self, BrokenChain},
    entry::{Entry, Hash},
    event::Event,
    evolve::on_balance,
    line::RatingLine,
    usage::Charge,
};
use crate::{
    id::{AccountId, GrantId, LeaseId, LineId, ProductId},
    meter::{Meter, PerMeter, Usage},
    money::{Currency, Micros},
    rate::{TierMode, TierUse, block},
    time::{Month, Timestamp},
};

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Whose.
    pub account: AccountId,
    /// Of all amounts.
    pub currency: Currency,
    /// The first moment of the period.
    pub from: Timestamp,
    /// The first moment after it.
    pub until: Timestamp,
    /// The number of the last entry before the period; 0 for none.
    pub after: u64,
    /// The hash of that entry.
    pub link: Hash,
    /// The balance before the period.
    pub opening: Micros,
    /// What was booked in the period.
    pub entries: Vec<StatedEntry>,
    /// What was booked as used, by product.
    pub usage: BTreeMap<ProductId, Usage>,
    /// What was paid for by use.
    pub charges: Vec<StatedCharge>,
    /// What was used beyond what was bought: bytes that were in flight when it ran out.
    pub overruns: Vec<Overrun>,
    /// How far the balance is below what was agreed: bytes that were in flight when it ran out.
    pub overdrawn: Micros,
    /// What lapsed leases of the period may have been used for, and nobody knows.
    pub unaccounted: Vec<Unaccounted>,
    /// The balance after the period.
    pub closing: Micros,
    /// SHA-256 of the postcard encoding of everything above, in this order.
    pub seal: Hash,
}

/// An entry with what it did to the balance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatedEntry {
    /// The entry, whole, so that its hash can be checked.
    pub entry: Entry,
    /// What it moved into the balance.
    pub amount: Micros,
    /// The balance after it.
    pub balance: Micros,
}

/// What was rated together and charged in the period, as it stands at the period's end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatedCharge {
    /// The rating line.
    pub line: LineId,
    /// The product.
    pub product: ProductId,
    /// The billing period.
    pub month: Month,
    /// All usage of the billing period.
    pub usage: Usage,
    /// The tiers that the cost is made of.
    pub tiers: Vec<StatedTier>,
    /// What the billing period costs at least.
    pub minimum: Micros,
    /// What it cost by then.
    pub cost: Micros,
    /// What of that was charged in the statement's period.
    pub charged: Micros,
    /// What of that was forgiven, in this period or before.
    pub forgiven: Micros,
    /// Usage that came too late to be rated at all, in this period or before.
    pub unrated: Usage,
}

/// Units that cost the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatedTier {
    /// Of which meter.
    pub meter: Meter,
    /// Whether the tier prices its units, or all of them.
    pub mode: TierMode,
    /// How many units, and their price.
    #[serde(rename = "use")]
    pub tier: TierUse,
    /// How many units that price is for.
    pub per: u64,
}

/// What was used beyond a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overrun {
    /// The grant.
    pub grant: GrantId,
    /// The meter.
    pub meter: Meter,
    /// How much, in the statement's period.
    pub amount: u64,
}

/// What nobody knows of a lease that lapsed. It was given back: the customer did not pay for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unaccounted {
    /// The lease.
    pub lease: LeaseId,
    /// How much at most, by meter.
    pub amount: PerMeter<u64>,
}

/// Why a statement is not to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadStatement {
    /// The text is not a statement.
    #[error("this is not a statement: {0}")]
    Unreadable(String),
    /// The text says something that a statement does not, or says it in another way.
    #[error("something on it is written in another way than the provider writes it")]
    Strange,
    /// The entries are not as they were written.
    #[error(transparent)]
    Chain(#[from] BrokenChain),
    /// A balance is not the one before it and what was moved.
    #[error("the balance after entry {0} is wrong")]
    Balance(u64),
    /// The closing balance is not the last one.
    #[error("the closing balance is wrong")]
    Closing,
    /// Something on it was changed.
    #[error("the seal does not fit the statement")]
    Seal,
}

/// Makes a statement while it reads a book: from its beginning, or on from how the account stood before the period.
#[derive(Debug)]
pub struct StatementWriter {
    account: Account,
    /// The account as it was when the period began.
    before: Option<Account>,
    from: Timestamp,
    until: Timestamp,
    entries: Vec<StatedEntry>,
    usage: BTreeMap<ProductId, Usage>,
    lines: BTreeMap<LineId, RatingLine>,
    unaccounted: BTreeMap<LeaseId, PerMeter<u64>>,
}

impl StatementWriter {
    /// A statement of what was booked in `[from, until)`, for who reads the book from its beginning.
    pub fn new(from: Timestamp, until: Timestamp) -> Self {
        Self::carried(Account::default(), from, until)
    }

    /// The same, for who reads on from how the account stood after an entry that was booked before `from`.
    pub fn carried(account: Account, from: Timestamp, until: Timestamp) -> Self {
        Self {
            account,
            before: None,
            from,
            until,
            entries: Vec::new(),
            usage: BTreeMap::new(),
            lines: BTreeMap::new(),
            unaccounted: BTreeMap::new(),
        }
    }

    /// Reads the next entry. False when it and all that follow are after the period.
    pub fn add(&mut self, entry: &Entry) -> bool {
        if entry.at >= self.until {
            return false;
        }
        let counts = entry.at >= self.from;
        if counts && self.before.is_none() {
            self.before = Some(self.account.clone());
        }
        self.account.evolve(entry);
        if counts {
            self.count(entry);
        }
        true
    }

    fn count(&mut self, entry: &Entry) {
        let (amount, balance) = (on_balance(&entry.postings), self.account.balance());
        self.entries.push(StatedEntry { entry: entry.clone(), amount, balance });
        match &entry.event {
            Event::Lapsed { leases } => {
                self.unaccounted.extend(leases.iter().map(|rest| (rest.lease, rest.left.clone())));
            }
            Event::Settled(settlement) => {
                for line in &settlement.usage {
                    self.count_usage(&line.product, &line.usage);
                    self.count_late(line.lease, &line.usage);
                }
                self.count_charges(&settlement.charges);
            }
            Event::UsageSealed(sealed) => {
                self.unaccounted.extend(sealed.lapsed.iter().map(|rest| (rest.lease, rest.left.clone())));
                sealed.usage.iter().for_each(|used| self.count_usage(&used.product, &used.usage));
                sealed.late.iter().for_each(|late| self.count_late(late.lease, &late.usage));
                self.count_charges(&sealed.charges);
            }
            _ => {}
        }
    }

    fn count_usage(&mut self, product: &ProductId, usage: &Usage) {
        self.usage.entry(product.clone()).or_default().add(usage);
    }

    /// Usage of a lease that lapsed is not unknown any more.
    fn count_late(&mut self, lease: LeaseId, usage: &Usage) {
        if let Some(amount) = self.unaccounted.get_mut(&lease) {
            *amount = amount.map(|meter, left| left.saturating_sub(usage.get(meter)));
        }
    }

    /// Lines of past billing periods are forgotten by the account, so they are kept here as they are charged.
    fn count_charges(&mut self, charges: &[Charge]) {
        for charge in charges {
            if let Some(line) = self.account.lines.get(&charge.line) {
                self.lines.insert(charge.line, line.clone());
            }
        }
    }

    /// The statement of `account`; `None` when the book has no entry.
    pub fn finish(self, account: AccountId) -> Option<Statement> {
        let now = self.account;
        let before = self.before.unwrap_or_else(|| now.clone());
        let charged_before = |id: &LineId| before.lines.get(id).map_or(Micros::ZERO, |line| line.charged);
        let charge = |(id, line): (&LineId, &RatingLine)| StatedCharge::of(*id, line, charged_before(id));
        let overdrawn = now.balance().saturating_add(now.terms.credit_limit).negated().max(Micros::ZERO);
        let unaccounted = self.unaccounted.into_iter().map(|(lease, amount)| Unaccounted { lease, amount });
        let mut statement = Statement {
            account,
            currency: now.currency()?,
            from: self.from,
            until: self.until,
            after: before.version,
            link: before.head,
            opening: before.balance(),
            entries: self.entries,
            usage: self.usage,
            charges: self.lines.iter().map(charge).collect(),
            overruns: overruns(&before, &now),
            overdrawn,
            unaccounted: unaccounted.filter(|rest| rest.amount.iter().any(|(_, left)| *left > 0)).collect(),
            closing: now.balance(),
            seal: Hash::default(),
        };
        statement.seal = statement.computed_seal();
        Some(statement)
    }
}

impl StatedCharge {
    fn of(id: LineId, line: &RatingLine, charged_before: Micros) -> Self {
        let rate = &line.terms.rate;
        let tiers = rate.prices.iter().flat_map(|(meter, price)| {
            let used = price.used_tiers(line.usage.get(meter)).into_iter();
            used.map(move |tier| StatedTier { meter, mode: price.mode, tier, per: block(meter) })
        });
        Self {
            line: id,
            product: line.product.clone(),
            month: line.terms.month,
            usage: line.usage,
            tiers: tiers.collect(),
            minimum: rate.minimum,
            cost: rate.charge(&line.usage),
            charged: line.charged.saturating_sub(charged_before),
            forgiven: line.forgiven,
            unrated: line.unrated,
        }
    }
}

fn overruns(before: &Account, now: &Account) -> Vec<Overrun> {
    let of = |account: &Account, grant: GrantId, meter| {
        let quota = account.grants.get(&grant).and_then(|grant| grant.quotas.get(meter));
        quota.map_or(0, super::Quota::overrun)
    };
    let more = now.grants().filter_map(|row| {
        let amount = row.quota.overrun().saturating_sub(of(before, row.grant.id, row.meter));
        (amount > 0).then_some(Overrun { grant: row.grant.id, meter: row.meter, amount })
    });
    more.collect()
}

impl Statement {
    /// Reads a statement from JSON and verifies it. White space and the order of members do not matter; every other
    /// byte does, also where another spelling would mean the same.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn from_json(text: &str) -> Result<Self, BadStatement> {
        let unreadable = |error: serde_json::Error| BadStatement::Unreadable(error.to_string());
        let read: serde_json::Value = serde_json::from_str(text).map_err(unreadable)?;
        let statement = Self::deserialize(&read).map_err(unreadable)?;
        statement.verify()?;
        let written = serde_json::to_value(&statement).map_err(unreadable)?;
        if written == read { Ok(statement) } else { Err(BadStatement::Strange) }
    }

    /// Checks everything that can be checked on the statement alone.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(&self) -> Result<(), BadStatement> {
        chain::verify(self.after, self.link, self.entries.iter().map(|stated| &stated.entry))?;
        let mut balance = self.opening;
        for StatedEntry { entry, amount, balance: stated } in &self.entries {
            balance = balance.saturating_add(on_balance(&entry.postings));
            if balance != *stated || *amount != on_balance(&entry.postings) {
                return Err(BadStatement::Balance(entry.seq));
            }
        }
        if balance != self.closing {
            return Err(BadStatement::Closing);
        }
        if self.seal != self.computed_seal() { Err(BadStatement::Seal) } else { Ok(()) }
    }

    fn computed_seal(&self) -> Hash {
        let head = (&self.account, self.currency, self.from, self.until, self.after, self.link, self.opening);
        let used = (&self.usage, &self.charges, &self.overruns, self.overdrawn, &self.unaccounted, self.closing);
        Hash::of(&(head, &self.entries, used))
    }
}
