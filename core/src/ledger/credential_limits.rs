//! What a credential with limits has spent of them, and what is left for its next lease.
//!
//! A lease of such a credential is its own: it is cut by what the limits have left, and ends with the first of their periods. So
//! what is used on it belongs to the period in which it was given. Invariant: what was spent in a period and what its open leases
//! may still use never exceeds the limit together. Late use of a lapsed lease is the exception, as with a grant.
//!
//! In money a lease holds back what its calls cost at the dearest price that they can still meet. What they cost in the end is counted,
//! in the order in which it is booked. With one price for all both are the same.
#![deny(clippy::float_arithmetic)]

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    account::{Account, BookedLease},
    command::Refusal,
    event::Notice,
    usage::{Source, UsageLine},
};
use crate::{
    credential_limit::{CredentialLimit, LimitedBy, Spent},
    id::{CredentialKey, LeaseId, LineId},
    meter::{Meter, Usage},
    money::Micros,
    time::Timestamp,
};

/// The parts of a limit, in percent, at which somebody is told. In rising order.
const STEPS: [u8; 3] = [50, 80, 100];

/// All credentials of an account that have limits and were used lately.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Limits(BTreeMap<CredentialKey, Limited>);

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Limited {
    counters: Vec<LimitCounter>,
    /// Its leases that are open.
    leases: BTreeSet<LeaseId>,
}

/// What was spent of one limit in its period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitCounter {
    /// The limit, as it was when a lease was last asked for.
    pub limit: CredentialLimit,
    /// The first moment of the period.
    pub from: Timestamp,
    /// What was spent, as far as it was settled.
    pub spent: Spent,
    /// The last step that somebody was told of, in percent.
    noticed: u8,
}

/// What one limit has left for a lease.
#[derive(Debug)]
struct Left<'a> {
    counter: &'a LimitCounter,
    /// What open leases may still spend of it.
    held: Spent,
    /// When its period ends.
    until: Timestamp,
}

/// What all limits of a credential have left for a lease.
#[derive(Debug)]
pub(super) struct Room<'a>(Vec<Left<'a>>);

impl Limits {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The counters of each credential.
    pub(super) fn counters(&self) -> impl Iterator<Item = (&CredentialKey, &LimitCounter)> {
        self.0.iter().flat_map(|(key, limited)| limited.counters.iter().map(move |counter| (key, counter)))
    }

    /// The credential that a lease is asked for, with what its limits are now.
    pub(super) fn of(&self, by: &LimitedBy, at: Timestamp) -> Limited {
        let known = self.0.get(&by.credential).cloned().unwrap_or_default();
        let counter = |limit: &CredentialLimit| {
            let counted = known.counters.iter().find(|counter| counter.limit.per == limit.per);
            let counter = counted.cloned().unwrap_or_else(|| LimitCounter::new(limit, at));
            LimitCounter { limit: *limit, ..counter.at(at) }
        };
        Limited { counters: by.limits.iter().map(counter).collect(), leases: known.leases }
    }

    /// Notes a lease that was given to `credential`.
    pub(super) fn lease(&mut self, credential: CredentialKey, mut limited: Limited, lease: LeaseId) {
        limited.leases.insert(lease);
        self.0.insert(credential, limited);
    }

    /// Counts what was spent on leases that were given then.
    pub(super) fn spend(&mut self, spent: &[(CredentialKey, Timestamp, Spent)]) {
        for (credential, leased, spent) in spent {
            let Some(limited) = self.0.get_mut(credential) else { continue };
            for counter in &mut limited.counters {
                let per = counter.limit.per;
                *counter = counter.clone().at(*leased);
                if per.bounds(*leased).0 == counter.from {
                    counter.spent.add(spent);
                }
            }
        }
    }

    /// Forgets leases that are not open any more, and credentials of which nothing is left to know.
    pub(super) fn forget(&mut self, open: &BTreeMap<LeaseId, BookedLease>, at: Timestamp) {
        self.0.retain(|_, limited| {
            limited.leases.retain(|lease| open.contains_key(lease));
            !limited.leases.is_empty() || limited.counters.iter().any(|counter| at < counter.until())
        });
    }

    /// What somebody is to be told of.
    pub(super) fn notices(&self) -> impl Iterator<Item = Notice> {
        self.counters().filter_map(|(credential, counter)| {
            let LimitCounter { limit, from, spent, .. } = *counter;
            let percent = counter.step().filter(|step| *step > counter.noticed)?;
            Some(Notice::LimitReached { credential: credential.clone(), limit, from, spent, percent })
        })
    }

    /// Notes that somebody was told.
    pub(super) fn note_told(&mut self) {
        for counter in self.0.values_mut().flat_map(|limited| &mut limited.counters) {
            counter.noticed = counter.step().unwrap_or(0).max(counter.noticed);
        }
    }
}

impl LimitCounter {
    fn new(limit: &CredentialLimit, at: Timestamp) -> Self {
        Self { limit: *limit, from: limit.per.bounds(at).0, spent: Spent::default(), noticed: 0 }
    }

    /// The same, or that of the period of `at` where one has begun since. Time only goes on: what is before stays.
    fn at(self, at: Timestamp) -> Self {
        if self.limit.per.bounds(at).0 > self.from { Self::new(&self.limit, at) } else { self }
    }

    /// The first moment after its period.
    pub fn until(&self) -> Timestamp {
        self.limit.per.bounds(self.from).1
    }

    /// The last step that it has reached.
    fn step(&self) -> Option<u8> {
        let percent = self.limit.percent(&self.spent);
        STEPS.into_iter().rev().find(|step| u64::from(*step) <= percent)
    }
}

impl Limited {
    /// What is left for a lease that is given now.
    pub(super) fn room(&self, account: &Account) -> Room<'_> {
        Room(self.counters.iter().map(|counter| self.left(account, counter)).collect())
    }

    fn left<'a>(&self, account: &Account, counter: &'a LimitCounter) -> Left<'a> {
        let mut held = Spent::default();
        let open = self.leases.iter().filter_map(|id| account.desk.till.leases.get(id));
        for lease in open.filter(|lease| lease.since >= counter.from) {
            held.add(&may_spend(account, lease));
        }
        Left { counter, held, until: counter.until() }
    }
}

/// The most that may still be spent on a lease.
fn may_spend(account: &Account, lease: &BookedLease) -> Spent {
    let left = lease.outstanding();
    let of = |meter| left.get(meter).copied().unwrap_or(0);
    let line = match lease.source {
        Source::Balance(line) => account.lines.get(&line),
        Source::Grant(_) => None,
    };
    let money = line.map_or(Micros::ZERO, |line| line.terms.rate.dearest(&line.usage, &left));
    Spent { calls: of(Meter::Calls), units: of(Meter::Units), money }
}

/// What usage that is about to be booked comes to for credentials with limits, and when its lease was given.
pub(super) fn spent(account: &Account, usage: &[UsageLine]) -> Vec<(CredentialKey, Timestamp, Spent)> {
    let limits = &account.desk.till.limits;
    if limits.is_empty() {
        return Vec::new();
    }
    let mut booked: BTreeMap<LineId, Usage> = BTreeMap::new();
    let ours = usage.iter().filter(|line| limits.0.contains_key(&line.credential));
    let spent = ours.filter_map(|used| {
        let lease = account.desk.lease(used.lease)?;
        let money = match lease.source {
            Source::Grant(_) => Micros::ZERO,
            Source::Balance(id) => {
                let line = account.lines.get(&id)?;
                let before = *booked.entry(id).or_insert(line.usage);
                let mut after = before;
                after.add(&used.usage);
                booked.insert(id, after);
                line.terms.rate.charge(&after).saturating_sub(line.terms.rate.charge(&before))
            }
        };
        let spent = Spent { calls: used.usage.calls, units: used.usage.units, money };
        Some((used.credential.clone(), lease.since, spent))
    });
    spent.collect()
}

impl Left<'_> {
    /// What is left of calls, units and money once `held` is taken off it; `None` where that is not limited.
    fn of(&self, held: &Spent) -> (Option<u64>, Option<u64>, Option<Micros>) {
        let LimitCounter { limit, spent, .. } = self.counter;
        let less = |limit: u64, spent: u64, held: u64| limit.saturating_sub(spent).saturating_sub(held);
        let money = limit.money.map(|money| money.saturating_sub(spent.money).saturating_sub(held.money));
        (
            limit.calls.map(|calls| less(calls, spent.calls, held.calls)),
            limit.units.map(|units| less(units, spent.units, held.units)),
            money.map(|money| money.max(Micros::ZERO)),
        )
    }

    fn has(&self, needs: &Spent, held: &Spent) -> bool {
        let (calls, units, money) = self.of(held);
        calls.is_none_or(|calls| calls >= needs.calls)
            && units.is_none_or(|units| units >= needs.units.max(1))
            && money.is_none_or(|money| money >= needs.money)
    }
}

impl Room<'_> {
    /// Whether one call is left that may come to `needs`. Where units are used up, no call is left that needs none; where money is, those
    /// are left that cost none.
    pub(super) fn check(&self, needs: &Spent) -> Result<(), Refusal> {
        let short = || self.0.iter().filter(|left| !left.has(needs, &left.held));
        if short().next().is_none() {
            return Ok(());
        }
        let spent = short().filter(|left| !left.has(needs, &Spent::default())).map(|left| left.until).max();
        let renews = spent.or_else(|| self.until()).unwrap_or_default();
        Err(Refusal::LimitExhausted { renews, leased: spent.is_none() })
    }

    /// When the first of the periods ends.
    pub(super) fn until(&self) -> Option<Timestamp> {
        self.0.iter().map(|left| left.until).min()
    }

    /// How many of a meter may be leased; `None` where that is not limited.
    pub(super) fn most(&self, meter: Meter) -> Option<u64> {
        let of = |left: &Left<'_>| match meter {
            Meter::Calls => left.of(&left.held).0,
            Meter::Units => left.of(&left.held).1,
            Meter::IngressBytes | Meter::EgressBytes | Meter::TotalBytes => None,
        };
        self.0.iter().filter_map(of).min()
    }

    /// How much money a lease may come to at the dearest; `None` where that is not limited.
    pub(super) fn money(&self) -> Option<Micros> {
        self.0.iter().filter_map(|left| left.of(&left.held).2).min()
    }
}

impl Account {
    /// What credentials with limits have spent of them, as far as it was settled.
    pub fn limit_counters(&self) -> impl Iterator<Item = (&CredentialKey, &LimitCounter)> {
        self.desk.till.limits.counters()
    }
}
