//! What the passing of time does to an account: leases lapse, grants expire, what got low is noticed.
//!
//! Invariant: a lease ends only after its last possible batch was settled, and a grant only after the last of its leases. So what
//! ended is known as exactly as it ever will be. Whoever holds a lease says at its end what was used of it, or that calls are
//! under way on it. A holder who says neither is gone, and its lease ends as soon as that is seen.

use super::{
    account::{Account, BookedLease},
    command::Seen,
    event::{Event, Notice},
    grant::{Grant, Quota},
    lease_offer::{self, LONGEST_LEASE},
    renewal, rollover,
    usage::Rest,
};
use crate::{
    id::{LineId, ProductId},
    journal::Window,
    money::Micros,
    time::{MINUTE, Millis, Month, SECOND, Timestamp},
};

/// How long after a lease's end its last batch has been begun as a rule. An upstream has two minutes to answer, and an instance
/// writes its batch within a minute. A call that streams on for longer is booked late (see `settlement`).
pub const LAPSE_AFTER: Millis = 3 * MINUTE;

/// How long after a lease's end its holder says at the latest that it is done with it, or that calls are under way on it. An
/// instance looks every few seconds; the rest is for what it writes to arrive, and for clocks that differ.
pub const HEARD_WITHIN: Millis = 15 * SECOND;

/// The same for a long lease, beside which there was plenty ([`LONGEST_LEASE`]). Its holder may wait for its next batch, which it
/// writes within 20 s.
pub const HEARD_WITHIN_OF_LONG: Millis = 45 * SECOND;

/// How long what could not be done in time waits at most until it is looked at again.
const LOOKED_AT_AGAIN: Millis = 10 * MINUTE;

/// The most statements that one tick closes. What is due beyond is left for the next one.
const CLOSED_AT_ONCE: usize = 120;

/// What is due.
pub(super) struct Due {
    /// Leases that lapse, and what is left of each.
    pub(super) lapsed: Vec<Rest>,
    /// The minute before which batches are forgotten.
    pub(super) forgotten: Option<Window>,
    /// Rating lines of earlier months that nothing can be rated on any more.
    pub(super) ended: Vec<LineId>,
    /// What is booked, in this order.
    pub(super) events: Vec<Event>,
}

/// Everything that is due once the journal was settled as far as `seen` says. The products that are `gone` are not sold any more.
pub(super) fn tick(account: &Account, seen: &Seen, gone: &[ProductId], at: Timestamp) -> Due {
    let Seen { settled_until, heard_until, read_from } = *seen;
    let is_over = |until: Timestamp| until.plus(LAPSE_AFTER) <= settled_until;
    let is_silent = |lease: &BookedLease| lease.announced.is_none() && lease.heard_by() <= heard_until.min(at);
    let over = account.desk.till.leases.iter().filter(|(_, lease)| is_over(lease.until) || is_silent(lease));
    let lapsed = over.map(|(id, lease)| Rest { lease: *id, left: lease.unaccounted() }).collect();
    let ended = account.grants.values().filter(|grant| !grant.expired && grant.until.is_some_and(is_over));
    let ended: Vec<&Grant> = ended.collect();
    let rolled = rollover::due(account, &ended).into_iter();
    let expired = ended.into_iter().map(|grant| Event::GrantExpired {
        grant: grant.id,
        forfeited: grant.price.saturating_sub(grant.earned).max(Micros::ZERO),
    });
    let limits = account.desk.till.limits.notices();
    let noticed = notices(account, at).chain(exhausted(account, at)).chain(limits).map(Event::Noticed);
    let applied = &account.desk.register.applied;
    let horizon = applied.horizon(read_from, at);
    let forgotten = horizon.filter(|before| applied.has_older(*before, &account.desk.oldest_leases()));
    let ended = account.lines_before(Month::of(at), &account.desk);
    let unsold = renewal::of_gone(account, gone);
    Due {
        lapsed,
        forgotten,
        ended,
        events: rolled.chain(expired).chain(unsold).chain(noticed).chain(closed(account, at)).collect(),
    }
}

impl BookedLease {
    /// When its holder has said at the latest what became of it.
    pub fn heard_by(&self) -> Timestamp {
        let is_long = self.until.since(self.since) >= LONGEST_LEASE;
        self.until.plus(if is_long { HEARD_WITHIN_OF_LONG } else { HEARD_WITHIN })
    }
}

impl Account {
    /// When the account should be told the time, once all that was due by `looked` was looked at. It is the beginning of all time
    /// where a notice waits for it, and `None` where nothing waits. What was due by then waits for something else: a grant for
    /// its last batch, a subscription for money. The ledger looks at it again after a quarter of the time that it has waited, and
    /// after ten minutes at the latest.
    pub fn next_due(&self, looked: Timestamp) -> Option<Timestamp> {
        let at = self.moment(looked);
        let limits = self.desk.till.limits.notices();
        if notices(self, at).chain(exhausted(self, at)).chain(limits).next().is_some() {
            return Some(Timestamp::default());
        }
        let again = |due: Timestamp| looked.plus((looked.since(due) / 4).min(LOOKED_AT_AGAIN));
        self.ticks().map(|due| if due > looked { due } else { again(due) }).min()
    }
}

/// The months that are over and whose statements are not closed. Entries are booked in the order of their time, so what is
/// booked from now on belongs to a later month.
fn closed(account: &Account, at: Timestamp) -> impl Iterator<Item = Event> {
    let now = Month::of(at).0;
    let next = account.closed.map_or(now, |closed| closed.0.saturating_add(1));
    (next..now).take(CLOSED_AT_ONCE).map(|month| Event::StatementClosed { month: Month(month) })
}

/// What was used up since it was last noticed.
fn exhausted(account: &Account, at: Timestamp) -> impl Iterator<Item = Notice> {
    let running = account.grants.values().filter(move |grant| !grant.exhausted && grant.is_current(at));
    let quotas = running.filter_map(|grant| {
        let (meter, _) = grant.quotas.iter().find(|(_, quota)| quota.quantity > 0 && quota.remaining() == 0)?;
        Some(Notice::QuotaExhausted { grant: grant.id, meter })
    });
    let dry = !account.exhausted && lease_offer::is_dry(account, at);
    quotas.chain(dry.then(|| Notice::BalanceExhausted { balance: account.balance() }))
}

/// What got low since it was last noticed.
fn notices(account: &Account, at: Timestamp) -> impl Iterator<Item = Notice> {
    let balance = account.balance();
    let low = account.terms.low_balance.filter(|limit| !account.noticed && balance < *limit);
    let low_balance = low.map(|limit| Notice::LowBalance { balance, limit });
    let percent = account.terms.low_quota.map(u64::from);
    let watched = account.grants.values().filter(move |grant| !grant.noticed && grant.is_current(at));
    let low_quota = watched.filter_map(move |grant| {
        let is_low = |quota: &Quota| {
            percent.is_some_and(|percent| {
                u128::from(quota.remaining()) * 100 < u128::from(quota.quantity) * u128::from(percent)
            })
        };
        let (meter, quota) = grant.quotas.iter().find(|(_, quota)| is_low(quota))?;
        Some(Notice::LowQuota { grant: grant.id, meter, remaining: quota.remaining() })
    });
    low_balance.into_iter().chain(low_quota)
}
