//! What an account is at one moment, and what can be asked about it without changing it.
//!
//! Invariant: the state is a function of the entries and of the till that is laid over them. A replay of all entries, or of a
//! snapshot and those after it, gives the same. Money that is available is the balance less what open leases may cost at most.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    books::{Book, Books},
    command::{AccountTerms, Command, Refusal},
    cover::Covered,
    entry::Hash,
    grant::{Grant, Quota},
    keys::Keys,
    line::RatingLine,
    renewal::{self, Sold},
    seal::UsageSealed,
    subscription::Subscription,
    tick::LAPSE_AFTER,
    till::{Desk, Register, Till},
    usage::Source,
};
use crate::{
    id::{GrantId, LeaseId, LineId, OfferId, ProductId, SubscriptionId, WriterId},
    meter::{Meter, PerMeter, Usage},
    money::{Currency, Micros},
    time::{Month, Timestamp},
};

/// The book of one account, added up. The default is an account that is not open.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Account {
    pub(super) currency: Option<Currency>,
    pub(super) version: u64,
    pub(super) last: Timestamp,
    pub(super) head: Hash,
    pub(super) terms: AccountTerms,
    pub(super) books: Books,
    pub(super) grants: BTreeMap<GrantId, Grant>,
    pub(super) subscriptions: BTreeMap<SubscriptionId, Subscription>,
    pub(super) lines: BTreeMap<LineId, RatingLine>,
    /// Whether it was noticed that the balance is low, and it has been since.
    pub(super) noticed: bool,
    /// Whether it was noticed that the balance is used up, and no money has come in since.
    pub(super) exhausted: bool,
    /// Whether the provider has suspended it.
    pub(super) suspended: bool,
    /// The last month whose statement was closed.
    pub(super) closed: Option<Month>,
    pub(super) keys: Keys,
    /// The plans that it has tried out: each account has one trial of each.
    pub(super) tried: BTreeSet<OfferId>,
    /// The last number that a lease or a rating line was given, as far as entries say. `None` while there was no till.
    pub(super) issued: Option<u64>,
    /// The till that is laid on the book, and the register. No part of a snapshot, unless they come of entries alone.
    #[serde(skip)]
    pub(super) desk: Desk,
    /// What the till covers.
    #[serde(skip)]
    pub(super) covered: Option<Covered>,
}

/// A lease that was given, as the book knows it. One that lapsed is remembered as long as a batch of it may come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookedLease {
    /// For which product.
    pub product: ProductId,
    /// To which instance.
    pub writer: WriterId,
    /// What pays.
    pub source: Source,
    /// How much may be used on it.
    pub allowance: PerMeter<u64>,
    /// When it was given.
    pub since: Timestamp,
    /// From then on nothing is admitted on it.
    pub until: Timestamp,
    /// What was used, as far as it was settled.
    pub used: Usage,
    /// The most that was used in all, where the instance has said so: exactly that once it is done with the lease.
    pub announced: Option<Usage>,
}

/// One meter of one grant, as the account is shown it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantRow<'a> {
    /// The grant.
    pub grant: &'a Grant,
    /// The meter.
    pub meter: Meter,
    /// How much there is of it.
    pub quota: Quota,
}

impl BookedLease {
    /// What may still be used of each meter that it limits.
    pub fn outstanding(&self) -> PerMeter<u64> {
        self.outstanding_with(&Usage::default())
    }

    /// The same, once `more` is settled.
    pub(super) fn outstanding_with(&self, more: &Usage) -> PerMeter<u64> {
        let used = |meter| self.used.get(meter).saturating_add(more.get(meter));
        self.allowance.map(|meter, allowed| allowed.saturating_sub(used(meter)))
    }

    /// What is announced of it once its instance has said `total`, in whichever order closings come. One that was written while
    /// calls were under way counts more calls, and fewer bytes, than those after it.
    pub(super) fn announced_with(&self, total: &Usage) -> Usage {
        self.announced.map_or(*total, |before| before.corrected_by(total))
    }

    /// What may have been used and was not settled. Less than what may still be used, where the instance has said how
    /// much it used in all.
    pub fn unaccounted(&self) -> PerMeter<u64> {
        self.outstanding().map(|meter, left| match &self.announced {
            Some(total) => total.get(meter).saturating_sub(self.used.get(meter)).min(*left),
            None => *left,
        })
    }
}

impl Account {
    /// Whether it was opened.
    pub const fn is_open(&self) -> bool {
        self.currency.is_some()
    }

    /// The currency of its balance; `None` when it was not opened.
    pub const fn currency(&self) -> Option<Currency> {
        self.currency
    }

    /// Whether the provider has suspended it.
    pub const fn is_suspended(&self) -> bool {
        self.suspended
    }

    /// One of its grants, ended or not.
    pub fn grant(&self, id: GrantId) -> Option<&Grant> {
        self.grants.get(&id)
    }

    /// The number of its entries.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Whether nothing in its book is of its currency: no money has moved, nothing was sold, and no limit agreed. What moves
    /// money comes with an idempotency key, and the last of them is never forgotten.
    pub fn is_blank(&self) -> bool {
        self.books == Books::default()
            && self.keys.is_empty()
            && self.grants.is_empty()
            && self.subscriptions.is_empty()
            && (self.desk.till.leases.is_empty() && self.desk.register.lapsed.is_empty() && self.lines.is_empty())
            && !self.terms.has_amounts()
    }

    /// Whether an entry of `at` is the first of its month, in UTC, and not the first of the book.
    pub fn ends_month(&self, at: Timestamp) -> bool {
        self.version > 0 && Month::of(at) > Month::of(self.last)
    }

    /// The hash of its last entry.
    pub const fn head(&self) -> Hash {
        self.head
    }

    /// What each book holds.
    pub const fn books(&self) -> &Books {
        &self.books
    }

    /// What it has recharged and not spent.
    pub const fn balance(&self) -> Micros {
        self.books.get(Book::Balance)
    }

    /// What open leases may cost at most.
    pub fn leased(&self) -> Micros {
        self.lines.values().fold(Micros::ZERO, |sum, line| sum.saturating_add(line.reserved))
    }

    /// What it can spend: the balance and its credit, less what is leased.
    pub fn available(&self) -> Micros {
        self.balance().saturating_add(self.terms.credit_limit).saturating_sub(self.leased())
    }

    /// Whether it can spend `price`.
    pub(super) fn covers(&self, price: Micros) -> Result<(), Refusal> {
        let available = self.available();
        if price <= available.max(Micros::ZERO) { Ok(()) } else { Err(Refusal::Balance { available, needed: price }) }
    }

    /// What was agreed with it.
    pub const fn terms(&self) -> &AccountTerms {
        &self.terms
    }

    /// Its running subscriptions by age.
    pub fn subscriptions(&self) -> impl Iterator<Item = &Subscription> {
        self.subscriptions.values()
    }

    /// Its grants by age, one row per grant and meter, those that have ended included.
    pub fn grants(&self) -> impl Iterator<Item = GrantRow<'_>> {
        self.grants
            .values()
            .flat_map(|grant| grant.quotas.iter().map(move |(meter, quota)| GrantRow { grant, meter, quota: *quota }))
    }

    /// Its open leases by age.
    pub fn leases(&self) -> impl Iterator<Item = (LeaseId, &BookedLease)> {
        self.desk.till.leases()
    }

    /// Leases that lapsed lately, by age.
    pub fn lapsed(&self) -> impl Iterator<Item = (LeaseId, &BookedLease)> {
        self.desk.register.lapsed.iter().map(|(id, lease)| (*id, lease))
    }

    /// What was used and is not sealed yet.
    pub const fn unsealed(&self) -> &UsageSealed {
        &self.desk.till.unsealed
    }

    /// The till that is laid on the book.
    pub const fn till(&self) -> &Till {
        &self.desk.till
    }

    /// The register, as far as it is known.
    pub const fn register(&self) -> &Register {
        &self.desk.register
    }

    /// Whether `command` needs the register and it is not known, or not as it was last written. A lease does not need it, but for
    /// a renewal that is due before.
    pub fn lacks_register(&self, command: &Command, now: Timestamp) -> bool {
        let Desk { till, register } = &self.desk;
        let seals = till.booked().is_some();
        let needs = match command {
            Command::Settle { batches } => !batches.is_empty(),
            Command::Tick { .. } | Command::Restore { .. } => true,
            Command::Lease { product, .. } => {
                seals && renewal::due(self, Sold::This(product), self.moment(now)).is_some()
            }
            _ => seals,
        };
        needs && register.number != till.register
    }

    /// The book alone: what a replay of its entries gives.
    #[must_use]
    pub fn without_till(&self) -> Self {
        let mut book = self.clone();
        drop(book.lift());
        book
    }

    /// What is rated together, by age: the lines of this billing period, and older ones that usage may still come for.
    pub fn lines(&self) -> impl Iterator<Item = (LineId, &RatingLine)> {
        self.lines.iter().map(|(id, line)| (*id, line))
    }

    /// From when on a `Tick` may have something to do; `None` when nothing is waiting for its time.
    pub fn next_tick(&self) -> Option<Timestamp> {
        self.ticks().min()
    }

    /// From when on a `Tick` may have something to do, for each thing that waits for its time.
    pub(super) fn ticks(&self) -> impl Iterator<Item = Timestamp> {
        let leases = self.desk.till.leases.values().map(|lease| {
            let is_silent = lease.announced.is_none();
            if is_silent { lease.heard_by() } else { lease.until.plus(LAPSE_AFTER) }
        });
        let grants = self.grants.values().filter(|grant| !grant.expired).filter_map(|grant| grant.until);
        let ended = leases.chain(grants.map(|until| until.plus(LAPSE_AFTER)));
        let renewals = self.subscriptions.values().map(|subscription| subscription.period.until);
        ended.chain(renewals).chain(self.desk.till.seals_at())
    }

    /// The moment at which a command is carried out: `now`, unless the clock ran backwards since something was last written.
    pub(super) fn moment(&self, now: Timestamp) -> Timestamp {
        now.max(self.last).max(self.desk.till.at)
    }
}
