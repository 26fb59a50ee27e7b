//! What an account would have paid if another catalog had been in force all along.
//!
//! A book is read from its beginning. Beside what was booked, the other catalog prices the same purchases, the same periods of
//! subscriptions and the same usage. What an offer gives decides how much usage is left to the rate, in the order of burning
//! down. Rates apply to the cumulative usage of each billing period. Invariant: for usage that the other catalog sells at all,
//! the result is what the ledger would have charged for it from scratch. Nothing is booked.
//!
//! What a catalog cannot say stays as it was. An offer that it does not have, or that has periods of another length, keeps its
//! terms. Bytes and units are spread evenly over the calls of a minute where a grant ends among them.
#![deny(clippy::float_arithmetic)]

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    command::PackageTerms,
    entry::Entry,
    event::{ClosedGrant, Event, PlanChanged, Subscribed},
    grant::Grant,
    renewal::{changed, closed},
    rollover,
    seal::UsageSealed,
    subscription::{Beyond, PlanTerms, Subscription},
    usage::{Charge, Settlement},
};
use crate::{
    catalog::Catalog,
    id::{AccountId, GrantId, LeaseId, LineId, OfferId, ProductId, SubscriptionId},
    meter::{Meter, PerMeter, Usage},
    money::Micros,
    time::{Month, Timestamp},
};

/// One product of one account, by both catalogs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Repriced {
    /// What was booked as used.
    pub usage: Usage,
    /// What was paid: for use, packages and periods, less what went back.
    pub before: Micros,
    /// What the same would have come to.
    pub after: Micros,
    /// The part of the usage that the other catalog would not have sold: nothing pays for it.
    pub unsold: Usage,
    /// Offers that were priced as they were sold, because the other catalog has nothing to put in their place.
    pub kept: BTreeSet<OfferId>,
}

/// Prices a book by another catalog while it reads it from its beginning. What was booked in `[from, until)` counts.
#[derive(Debug)]
pub struct Repricing<'a> {
    catalog: &'a Catalog,
    /// Whose book it is, where prices may be agreed with it.
    account: Option<AccountId>,
    from: Timestamp,
    until: Timestamp,
    /// What the account would have.
    grants: BTreeMap<GrantId, Grant>,
    subscriptions: BTreeMap<SubscriptionId, Subscription>,
    /// What would be rated together.
    rated: BTreeMap<(ProductId, Month), Usage>,
    /// When each lease that usage may come for was given.
    leased: BTreeMap<LeaseId, Timestamp>,
    /// The products of the book's rating lines.
    lines: BTreeMap<LineId, ProductId>,
    products: BTreeMap<ProductId, Repriced>,
}

impl<'a> Repricing<'a> {
    /// What was booked in `[from, until)`, by `catalog`.
    pub const fn new(catalog: &'a Catalog, from: Timestamp, until: Timestamp) -> Self {
        Self {
            catalog,
            account: None,
            from,
            until,
            grants: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            rated: BTreeMap::new(),
            leased: BTreeMap::new(),
            lines: BTreeMap::new(),
            products: BTreeMap::new(),
        }
    }

    /// The same for the book of `account`, with which prices may be agreed.
    #[must_use]
    pub fn of(self, account: AccountId) -> Self {
        Self { account: Some(account), ..self }
    }

    /// Reads the next entry. False when it and all that follow are after the period.
    pub fn add(&mut self, entry: &Entry) -> bool {
        if entry.at >= self.until {
            return false;
        }
        match &entry.event {
            Event::Purchased { terms, until } => self.buy(entry, terms, *until),
            Event::Subscribed(began) => self.subscribe(entry, began),
            Event::Renewed { subscription, price, period } => {
                let Some(renewed) = self.subscriptions.get_mut(subscription) else { return true };
                renewed.renew(GrantId(entry.seq), *period);
                let terms = renewed.terms.clone();
                self.grant(Grant::of_plan(GrantId(entry.seq), &terms, terms.price, &terms.quantities, *period));
                self.pay(entry, &terms.product, *price, terms.price);
            }
            Event::PlanChanged(change) => self.change(entry, change),
            Event::SubscriptionEnded { subscription, closed, .. } => {
                self.subscriptions.remove(subscription);
                self.close(entry, closed.as_ref());
            }
            Event::GrantExpired { grant, .. } => self.roll_over(*grant),
            Event::Leased(leased) => {
                self.leased.insert(LeaseId(entry.seq), entry.at);
                if leased.begins.is_some() {
                    self.lines.insert(LineId(entry.seq), leased.product.clone());
                }
            }
            Event::Settled(settlement) => self.settle(entry, settlement),
            Event::UsageSealed(sealed) => self.settle_sealed(entry, sealed),
            _ => {}
        }
        true
    }

    /// The products that were paid for or used in the period.
    pub fn finish(self) -> BTreeMap<ProductId, Repriced> {
        self.products
    }

    /// Says what an entry moved out of the balance for `product`, and what it would have.
    fn pay(&mut self, entry: &Entry, product: &ProductId, before: Micros, after: Micros) {
        if let Some(row) = self.row(entry, product) {
            row.before = row.before.saturating_add(before);
            row.after = row.after.saturating_add(after);
        }
    }

    /// Where to count what `entry` says of `product`; nowhere before the period.
    fn row(&mut self, entry: &Entry, product: &ProductId) -> Option<&mut Repriced> {
        (entry.at >= self.from).then(|| self.products.entry(product.clone()).or_default())
    }

    fn grant(&mut self, grant: Grant) {
        self.grants.insert(grant.id, grant);
    }

    fn buy(&mut self, entry: &Entry, sold: &PackageTerms, until: Option<Timestamp>) {
        let wanted = self.catalog.product(&sold.product).and_then(|product| product.package_terms(&sold.offer));
        let (terms, until) = match wanted {
            Some(terms) => {
                let until = terms.valid.map(|valid| entry.at.plus(valid));
                (terms, until)
            }
            None => {
                self.keep(entry, &sold.product, &sold.offer);
                (sold.clone(), until)
            }
        };
        self.grant(Grant::of_package(entry, &terms, until));
        self.pay(entry, &sold.product, sold.price, terms.price);
    }

    fn subscribe(&mut self, entry: &Entry, sold: &Subscribed) {
        // Whether the first period is a trial, and how long, is as it was.
        let terms = PlanTerms { trial: sold.terms.trial, ..self.plan(entry, &sold.terms) };
        let began = Subscribed { terms, ..sold.clone() };
        let Subscribed { terms, period, .. } = &began;
        self.grant(Grant::of_plan(GrantId(entry.seq), terms, terms.first_price(), &terms.quantities, *period));
        let begins_with = |terms: &PlanTerms| terms.first_price().saturating_add(terms.setup_fee);
        self.pay(entry, &sold.terms.product, begins_with(&sold.terms), begins_with(terms));
        self.subscriptions.insert(SubscriptionId(entry.seq), Subscription::begun(entry.seq, &began));
    }

    fn change(&mut self, entry: &Entry, sold: &PlanChanged) {
        let terms = self.plan(entry, &sold.terms);
        let Some(subscription) = self.subscriptions.get_mut(&sold.subscription) else { return };
        let Some(change) = changed(subscription, &self.grants, &terms, entry.at) else { return };
        subscription.change(GrantId(entry.seq), &change);
        self.end(entry, sold.closed.as_ref(), change.closed.as_ref());
        let PlanChanged { price, quantities, period, .. } = &change;
        self.grant(Grant::of_plan(GrantId(entry.seq), &terms, *price, quantities, *period));
        self.pay(entry, &terms.product, sold.price, *price);
    }

    /// Lets what would be left of a grant go over, as far as the plan by the other catalog says.
    fn roll_over(&mut self, ended: GrantId) {
        let Some(grant) = self.grants.get(&ended) else { return };
        let none = PerMeter::default();
        if let Some(rolled) = self.subscriptions.values().find_map(|going| rollover::of(going, grant, &none)) {
            rollover::roll_over(&mut self.grants, &rolled);
        }
    }

    fn close(&mut self, entry: &Entry, sold: Option<&ClosedGrant>) {
        let ours = sold.and_then(|sold| closed(&self.grants, sold.grant, entry.at));
        self.end(entry, sold, ours.as_ref());
    }

    /// Takes a grant away before its end, for what went back by each catalog.
    fn end(&mut self, entry: &Entry, sold: Option<&ClosedGrant>, ours: Option<&ClosedGrant>) {
        let Some(grant) = ours.or(sold).and_then(|closed| self.grants.get_mut(&closed.grant)) else { return };
        grant.expired = true;
        let product = grant.product.clone();
        let back = |closed: Option<&ClosedGrant>| closed.map_or(Micros::ZERO, |closed| closed.credit.negated());
        self.pay(entry, &product, back(sold), back(ours));
    }

    /// The terms of a plan by the other catalog.
    fn plan(&mut self, entry: &Entry, sold: &PlanTerms) -> PlanTerms {
        let wanted = self.catalog.product(&sold.product).and_then(|product| product.plan_terms(&sold.offer));
        wanted.filter(|terms| terms.every == sold.every).unwrap_or_else(|| {
            self.keep(entry, &sold.product, &sold.offer);
            sold.clone()
        })
    }

    fn keep(&mut self, entry: &Entry, product: &ProductId, offer: &OfferId) {
        if let Some(row) = self.row(entry, product) {
            row.kept.insert(offer.clone());
        }
    }

    fn settle(&mut self, entry: &Entry, settlement: &Settlement) {
        self.charge(entry, &settlement.charges);
        for line in &settlement.usage {
            let leased = self.leased.get(&line.lease).copied().unwrap_or(entry.at);
            self.burn(entry, &line.product, leased, &line.usage);
        }
        for rest in &settlement.returned {
            self.leased.remove(&rest.lease);
        }
    }

    fn settle_sealed(&mut self, entry: &Entry, sealed: &UsageSealed) {
        self.lines.extend(sealed.begun.iter().map(|begun| (begun.line, begun.product.clone())));
        self.charge(entry, &sealed.charges);
        for used in &sealed.usage {
            self.burn(entry, &used.product, used.leased, &used.usage);
        }
    }

    fn charge(&mut self, entry: &Entry, charges: &[Charge]) {
        for charge in charges {
            if let Some(product) = self.lines.get(&charge.line).cloned() {
                self.pay(entry, &product, charge.charged, Micros::ZERO);
            }
        }
    }

    /// Lets usage on leases that were given at `at` burn down what the account would have, and rates the rest.
    fn burn(&mut self, entry: &Entry, product: &ProductId, at: Timestamp, usage: &Usage) {
        if let Some(row) = self.row(entry, product) {
            row.usage.add(usage);
        }
        let mut rest = *usage;
        while !rest.is_free() {
            let paying = |grant: &&mut Grant| grant.is_for(product) && grant.is_current(at) && grant.has_free();
            let first = self.grants.values_mut().filter(paying).min_by_key(|grant| grant.burn_order());
            let Some(grant) = first else { break };
            let part = payable(grant, &rest);
            grant.burn(&part);
            rest = rest.less(&part);
        }
        if !rest.is_free() {
            self.rate(entry, product, at, &rest);
        }
    }

    /// What the balance would pay for.
    fn rate(&mut self, entry: &Entry, product: &ProductId, at: Timestamp, rest: &Usage) {
        let plans = self.subscriptions.values().map(|subscription| &subscription.terms);
        let plan = plans.filter(|terms| terms.product == *product).map(|terms| &terms.beyond);
        let beyond = plan.max_by_key(|beyond| match beyond {
            Beyond::Rate => 0,
            Beyond::At(_) => 1,
            Beyond::Reject => 2,
        });
        let sold = self.catalog.product(product);
        let rate = match beyond {
            Some(Beyond::Reject) => None,
            Some(Beyond::At(own)) => Some(own.clone()),
            Some(Beyond::Rate) | None => sold.and_then(|product| product.rate_for(self.account.as_ref()).cloned()),
        };
        let Some(rate) = rate else {
            if let Some(row) = self.row(entry, product) {
                row.unsold.add(rest);
            }
            return;
        };
        let usage = self.rated.entry((product.clone(), Month::of(at))).or_default();
        let before = rate.charge(usage);
        usage.add(rest);
        let cost = rate.charge(usage).saturating_sub(before);
        self.pay(entry, product, Micros::ZERO, cost);
    }
}

/// The part of `usage` that a grant pays for which has something left: as many calls as begin before it is used up.
fn payable(grant: &Grant, usage: &Usage) -> Usage {
    let fits = |(meter, quota): (Meter, &super::Quota)| match meter {
        Meter::Calls => quota.free(),
        spread => match usage.get(spread) {
            0 => usage.calls,
            all => {
                let calls = (u128::from(quota.free()) * u128::from(usage.calls)).div_ceil(u128::from(all));
                u64::try_from(calls).unwrap_or(u64::MAX)
            }
        },
    };
    // One without quantities is unlimited.
    let calls = grant.quotas.iter().map(fits).min().unwrap_or(u64::MAX);
    if calls >= usage.calls {
        return *usage;
    }
    let part =
        |amount: u64| u64::try_from(u128::from(amount) * u128::from(calls) / u128::from(usage.calls)).unwrap_or(amount);
    Usage {
        calls,
        ingress_bytes: part(usage.ingress_bytes),
        egress_bytes: part(usage.egress_bytes),
        units: part(usage.units),
        uncharged: part(usage.uncharged),
    }
}
