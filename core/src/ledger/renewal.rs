//! Subscriptions over time: begin, renew, wait for money, change, end.
//!
//! Invariant: a period's quantities exist only once the period is paid for. A customer who ends a period early gets back no more
//! than the part of it that is left, and no more than what was not used of it. Rounding favours the provider by less than a
//! micro-unit.
//!
//! Renewals are due at a moment, not at a tick: a call carries out those of its product, so that no call falls between two
//! periods. Nobody pays for nothing. A subscription of a suspended account is not renewed, and none whose product may not be sold
//! any more. Only a call and a purchase of the product know that, and the settlement, which reads the catalog.
#![deny(clippy::float_arithmetic)]

use std::collections::BTreeMap;

use super::{
    account::Account,
    command::{Command, Refusal},
    event::{ClosedGrant, Ending, Event, PlanChanged, Subscribed},
    grant::Grant,
    payment::Paid,
    subscription::{Period, PlanTerms, Subscription, end_of},
};
use crate::{
    id::{GrantId, ProductId, SubscriptionId},
    money::Micros,
    time::Timestamp,
};

/// What a command knows of the products that are sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sold<'a> {
    /// This one is.
    This(&'a ProductId),
    /// All are, but these.
    AllBut(&'a [ProductId]),
    /// Nothing.
    Unknown,
}

impl<'a> Sold<'a> {
    /// What `command` knows.
    pub(super) const fn by(command: &'a Command) -> Self {
        match command {
            Command::Lease { product, .. } => Self::This(product),
            Command::Purchase(terms) => Self::This(&terms.product),
            Command::Subscribe(terms) | Command::ChangePlan { terms, .. } => Self::This(&terms.product),
            Command::Tick { gone, .. } => Self::AllBut(gone.as_slice()),
            Command::Pay(Paid { buys: Some(bought), .. }) => Self::This(bought.product()),
            _ => Self::Unknown,
        }
    }

    fn has(self, product: &ProductId) -> bool {
        match self {
            Self::This(sold) => sold == product,
            Self::AllBut(gone) => !gone.contains(product),
            Self::Unknown => false,
        }
    }

    fn has_lost(self, product: &ProductId) -> bool {
        matches!(self, Self::AllBut(gone) if gone.contains(product))
    }
}

/// The next renewal that is due at `at`, if any.
pub(super) fn due(account: &Account, sold: Sold<'_>, at: Timestamp) -> Option<Event> {
    account.subscriptions.values().find_map(|subscription| due_of(account, subscription, sold, at))
}

fn due_of(account: &Account, subscription: &Subscription, sold: Sold<'_>, at: Timestamp) -> Option<Event> {
    let Subscription { id, terms, period, .. } = subscription;
    if at < period.until {
        return None;
    }
    let ended = |ending| Event::SubscriptionEnded { subscription: *id, ending, closed: None };
    let ends = subscription.ends || sold.has_lost(&terms.product);
    let next = subscription.next_period().filter(|_| !ends);
    let may_renew = !account.suspended && terms.price <= account.available().max(Micros::ZERO);
    match (next, subscription.grace_until) {
        (None, _) => Some(ended(Ending::AtPeriodEnd)),
        (Some(_), Some(grace)) if grace <= at => {
            Some(ended(if account.suspended { Ending::Suspended } else { Ending::Unpaid }))
        }
        (Some(period), _) if may_renew => {
            let renewed = Event::Renewed { subscription: *id, price: terms.price, period };
            sold.has(&terms.product).then_some(renewed)
        }
        (Some(_), None) => {
            Some(Event::RenewalFailed { subscription: *id, needed: terms.price, until: period.until.plus(terms.grace) })
        }
        (Some(_), Some(_)) => None,
    }
}

/// The running subscriptions of products that are not sold any more, and that go on as yet.
pub(super) fn of_gone<'a>(account: &'a Account, gone: &'a [ProductId]) -> impl Iterator<Item = Event> + 'a {
    let goes_on = |subscription: &&Subscription| !subscription.ends && gone.contains(&subscription.terms.product);
    let ended = |subscription: &Subscription| Event::CancellationSet { subscription: subscription.id };
    account.subscriptions.values().filter(goes_on).map(ended)
}

pub(super) fn subscribe(account: &Account, terms: &PlanTerms, at: Timestamp) -> Result<Event, Refusal> {
    valid(terms)?;
    let trial = terms.trial.filter(|_| !account.tried.contains(&terms.offer));
    let terms = PlanTerms { trial, ..terms.clone() };
    account.covers(terms.first_price().saturating_add(terms.setup_fee))?;
    let zone = account.terms.time_zone.clone();
    let until = match trial {
        Some(trial) => at.plus(trial),
        None => end_of(at, terms.every, 1, zone.as_deref()).ok_or(Refusal::Calendar)?,
    };
    Ok(Event::Subscribed(Subscribed { terms, zone, period: Period { from: at, until } }))
}

pub(super) fn cancel(account: &Account, id: SubscriptionId, at_once: bool, at: Timestamp) -> Result<Event, Refusal> {
    let subscription = account.subscriptions.get(&id).ok_or(Refusal::NoSubscription)?;
    if !at_once {
        return Ok(Event::CancellationSet { subscription: id });
    }
    let closed = closed(&account.grants, subscription.grant, at);
    Ok(Event::SubscriptionEnded { subscription: id, ending: Ending::AtOnce, closed })
}

pub(super) fn change(
    account: &Account,
    id: SubscriptionId,
    terms: &PlanTerms,
    at: Timestamp,
) -> Result<Event, Refusal> {
    valid(terms)?;
    let paid = |subscription: &&Subscription| at < subscription.period.until;
    let subscription = account.subscriptions.get(&id).filter(paid).ok_or(Refusal::NoSubscription)?;
    let change = changed(subscription, &account.grants, terms, at).ok_or(Refusal::Calendar)?;
    let credit = change.closed.as_ref().map_or(Micros::ZERO, |closed| closed.credit);
    account.covers(change.price.saturating_sub(credit))?;
    Ok(Event::PlanChanged(change))
}

/// A plan of the same length goes on in the running period, for the part of it that is left. One of another length begins a
/// period of its own. `None` where the calendar ends.
pub(super) fn changed(
    subscription: &Subscription,
    grants: &BTreeMap<GrantId, Grant>,
    terms: &PlanTerms,
    at: Timestamp,
) -> Option<PlanChanged> {
    let closed = closed(grants, subscription.grant, at);
    let begins_anew = terms.every != subscription.terms.every;
    let (price, quantities, period) = if begins_anew {
        let until = end_of(at, terms.every, 1, subscription.zone.as_deref())?;
        (terms.price, terms.quantities.clone(), Period { from: at, until })
    } else {
        let running = subscription.period;
        let rest = |whole: u64| {
            let used = running.rest_of(i64::try_from(whole).unwrap_or(i64::MAX), at);
            u64::try_from(used).unwrap_or(0).saturating_add(1).min(whole)
        };
        let price = Micros::new(running.rest_of(terms.price.get(), at));
        (price, terms.quantities.map(|_, whole| rest(*whole)), Period { from: at, until: running.until })
    };
    let (subscription, terms) = (subscription.id, terms.clone());
    Some(PlanChanged { subscription, terms, price, quantities, period, begins_anew, closed })
}

fn valid(terms: &PlanTerms) -> Result<(), Refusal> {
    if terms.price < Micros::ZERO || terms.setup_fee < Micros::ZERO { Err(Refusal::Amount) } else { Ok(()) }
}

/// Takes a grant off the books before its end.
pub(super) fn closed(grants: &BTreeMap<GrantId, Grant>, id: GrantId, at: Timestamp) -> Option<ClosedGrant> {
    let grant = grants.get(&id).filter(|grant| !grant.has_ended(at))?;
    let by_time = Period { from: grant.from, until: grant.until? }.rest_of(grant.price.get(), at);
    let unearned = grant.price.saturating_sub(grant.earned).max(Micros::ZERO);
    let credit = grant.unused_worth().min(Micros::new(by_time)).min(unearned);
    Some(ClosedGrant { grant: id, credit, forfeited: unearned.saturating_sub(credit) })
}

impl Account {
    /// What the events of a subscription do.
    pub(super) fn evolve_subscription(&mut self, seq: u64, event: &Event) {
        match event {
            Event::Subscribed(began) => self.begin(seq, began),
            Event::Renewed { subscription, price, period } => {
                let Some(renewed) = self.subscriptions.get_mut(subscription) else { return };
                renewed.renew(GrantId(seq), *period);
                let terms = &renewed.terms;
                let grant = Grant::of_plan(renewed.grant, terms, *price, &terms.quantities, *period);
                self.add_grant(grant);
            }
            Event::RenewalFailed { subscription, until, .. } => {
                if let Some(unpaid) = self.subscriptions.get_mut(subscription) {
                    unpaid.grace_until = Some(*until);
                }
            }
            Event::CancellationSet { subscription } => {
                if let Some(cancelled) = self.subscriptions.get_mut(subscription) {
                    cancelled.ends = true;
                }
            }
            Event::SubscriptionEnded { subscription, closed, .. } => {
                self.subscriptions.remove(subscription);
                self.close(closed.as_ref());
            }
            Event::PlanChanged(change) => self.change_plan(seq, change),
            _ => {}
        }
    }

    fn begin(&mut self, seq: u64, began: &Subscribed) {
        let Subscribed { terms, period, .. } = began;
        self.add_grant(Grant::of_plan(GrantId(seq), terms, terms.first_price(), &terms.quantities, *period));
        self.tried.extend(terms.trial.map(|_| terms.offer.clone()));
        self.subscriptions.insert(SubscriptionId(seq), Subscription::begun(seq, began));
    }

    fn change_plan(&mut self, seq: u64, change: &PlanChanged) {
        let PlanChanged { terms, price, quantities, period, .. } = change;
        self.close(change.closed.as_ref());
        self.add_grant(Grant::of_plan(GrantId(seq), terms, *price, quantities, *period));
        if let Some(subscription) = self.subscriptions.get_mut(&change.subscription) {
            subscription.change(GrantId(seq), change);
        }
    }

    fn close(&mut self, closed: Option<&ClosedGrant>) {
        if let Some(closed) = closed {
            self.expire(closed.grant, closed.forfeited);
        }
    }
}
