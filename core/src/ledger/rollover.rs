//! What is left of a subscription's period goes over into the next, as far as its plan says.
//!
//! Invariant: a quantity goes over once the period's grant ends, which is after the last of its leases. So what was left is known as
//! exactly as it ever will be, and the two grants together hold what they held before. What went over and is left at the end of
//! the next period counts with the rest of that one, so it never adds up to more than the plan says.
#![deny(clippy::float_arithmetic)]

use std::collections::BTreeMap;

use super::{
    account::Account,
    event::{Event, RolledOver},
    grant::{Grant, Quota},
    subscription::Subscription,
};
use crate::{
    id::GrantId,
    meter::{Meter, PerMeter},
};

/// What goes over of the grants that end now, in their order.
pub(super) fn due(account: &Account, ended: &[&Grant]) -> Vec<Event> {
    let mut got: BTreeMap<GrantId, PerMeter<u64>> = BTreeMap::new();
    let mut events = Vec::new();
    for grant in ended {
        let got_before = got.remove(&grant.id).unwrap_or_default();
        let rolled = account.subscriptions.values().find_map(|going| of(going, grant, &got_before));
        events.extend(rolled.map(|rolled| {
            got.insert(rolled.into, rolled.quantities.clone());
            Event::RolledOver(rolled)
        }));
    }
    events
}

/// What goes over of a grant of `subscription` that ends, and got so much that it does not hold yet.
pub(super) fn of(subscription: &Subscription, ended: &Grant, got: &PerMeter<u64>) -> Option<RolledOver> {
    let (_, into) = subscription.rolls.iter().find(|(from, _)| *from == ended.id)?;
    let left = |meter: Meter, quota: &Quota| quota.remaining() + got.get(meter).copied().unwrap_or(0);
    let bounds = subscription.terms.rollover.iter();
    let quantities: PerMeter<u64> = bounds
        .filter_map(|(meter, bound)| Some((meter, left(meter, ended.quotas.get(meter)?).min(*bound))))
        .filter(|(_, quantity)| *quantity > 0)
        .collect();
    let rolled = RolledOver { subscription: subscription.id, from: ended.id, into: *into, quantities };
    (!rolled.quantities.is_empty()).then_some(rolled)
}

/// Moves quantities from one grant into another.
pub(super) fn roll_over(grants: &mut BTreeMap<GrantId, Grant>, rolled: &RolledOver) {
    let moved = |meter| rolled.quantities.get(meter).copied().unwrap_or(0);
    if let Some(grant) = grants.get_mut(&rolled.from) {
        grant.hold(|meter, held| held.saturating_sub(moved(meter)));
    }
    if let Some(grant) = grants.get_mut(&rolled.into) {
        grant.hold(|meter, held| held.saturating_add(moved(meter)));
        (grant.noticed, grant.exhausted) = (false, false);
    }
}
