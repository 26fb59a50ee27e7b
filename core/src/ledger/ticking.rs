//! What the passing of time does to an account: leases lapse, grants expire.
//!
//! Invariant: a lease ends only after its last possible batch was settled, and a grant only after the last of its
//! leases, so that what ended is known as exactly as it ever will be.

use super::{
    account::Account,
    event::{Event, Rest},
};
use crate::{
    money::Micros,
    time::{MINUTE, Millis, Timestamp},
};

/// How long after a lease's end its last batch is expected to have been begun: an upstream has two minutes to answer,
/// and an instance writes its batch within a minute. A call that streams on for longer is booked late (see `settling`).
pub const LAPSE_AFTER: Millis = 3 * MINUTE;

/// Everything that is due once each batch begun before `settled_until` was settled.
pub(super) fn tick(account: &Account, settled_until: Timestamp) -> Vec<Event> {
    let is_over = |until: Timestamp| until.plus(LAPSE_AFTER) <= settled_until;
    let over = account.leases.iter().filter(|(_, lease)| is_over(lease.until));
    let leases: Vec<Rest> = over.map(|(id, lease)| Rest { lease: *id, left: lease.unaccounted() }).collect();
    let lapsed = (!leases.is_empty()).then_some(Event::Lapsed { leases });
    let ended = account.grants.values().filter(|grant| !grant.expired && grant.until.is_some_and(is_over));
    let expired = ended.map(|grant| Event::GrantExpired {
        grant: grant.id,
        forfeited: grant.price.saturating_sub(grant.earned).max(Micros::ZERO),
    });
    lapsed.into_iter().chain(expired).collect()
}
