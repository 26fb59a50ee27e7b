//! How much of what an account has is set aside for one instance, and of what.
//!
//! One source pays for a whole call: the first grant in burning order that has something left of every meter it counts, else the
//! balance. Invariant: what is leased out of a grant never exceeds what it has left. What is leased out of the balance never
//! costs more than is available, in whatever order it is used.
//!
//! A lease is at most a quarter of what is left, so that other instances find something too. The leases of a source that runs dry
//! shrink to one call, to 64 KiB, or to the units that one call may come to. So a few dozen of them use it up to the last one.
//! Units that are fewer than a call may come to pay for no such call.
#![deny(clippy::float_arithmetic)]

use super::{
    account::Account,
    command::Refusal,
    credential_limits::Room,
    grant::Grant,
    line::RatingLine,
    subscription::Beyond,
    usage::{LineTerms, Source},
};
use crate::{
    credential_limit::Spent,
    id::ProductId,
    meter::{Meter, PerMeter, Usage},
    money::Micros,
    rate::Rate,
    time::{MINUTE, Millis, Month, SECOND, Timestamp},
};

/// The longest lease: what an instance that dies can withhold is withheld no longer than this, and a while.
pub const LONGEST_LEASE: Millis = 5 * MINUTE;

/// The longest one of what others may soon need: one that is not a small part of what is left.
const LONGEST_SHARED_LEASE: Millis = MINUTE;

const SHORTEST_LEASE: Millis = SECOND;

/// A lease is at most one part in this many of what is left.
const SHARE: u64 = 4;

/// A lease is a small one if it is at most one part in this many of what is left beside it.
const SMALL: u64 = 64;

/// The fewest bytes that are asked for, so that callers of small bodies do not ask for a lease per call.
const LEAST_BYTES: u64 = 64 << 10;

/// The least that is asked for.
const ONE_CALL: Usage = Usage { calls: 1, ..Usage::NONE };

/// The most calls that `RateLimit` tells a balance to pay for.
const MOST_CALLS_SHOWN: u64 = 1_000_000_000;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish<'a> {
    pub(super) product: &'a ProductId,
    pub(super) rate: Option<&'a Rate>,
    pub(super) want: &'a Usage,
    /// The most units that one call may come to: a lease of fewer pays for none.
    pub(super) units_of_call: u64,
    /// How long it is to last.
    pub(super) lasting: Millis,
    /// How long instead, where that is longer and it is a small part of what is left.
    pub(super) while_plenty: Millis,
}

/// What is given.
#[derive(Debug)]
pub(super) struct Offer {
    /// `None` begins a line with `begins`.
    pub(super) source: Option<Source>,
    pub(super) begins: Option<LineTerms>,
    pub(super) allowance: PerMeter<u64>,
    pub(super) until: Timestamp,
    /// Whether it takes nothing from others that they will soon need.
    is_small: bool,
    pub(super) beside: PerMeter<u64>,
    pub(super) policy: String,
    pub(super) quantity: Option<u64>,
}

/// What a lease can be given of what the account has. `room`: what the limits of the credential have left that it is for.
pub(super) fn offer(
    account: &Account,
    wish: Wish<'_>,
    room: Option<&Room<'_>>,
    at: Timestamp,
) -> Result<Offer, Refusal> {
    let Wish { lasting, while_plenty, .. } = wish;
    if let Some(room) = room {
        room.check(&one_call(wish, Micros::ZERO))?;
        // What is left of the period is too short for a lease; the next one begins at once.
        if let Some(renews) = room.until().filter(|until| until.since(at) < SHORTEST_LEASE) {
            return Err(Refusal::LimitExhausted { renews, leased: true });
        }
    }
    let until = at.plus(while_plenty.max(lasting).clamp(SHORTEST_LEASE, LONGEST_LEASE));
    let mut free = PerMeter::default();
    let mut first: Option<&Grant> = None;
    for grant in account.grants.values().filter(|grant| grant.is_for(wish.product) && grant.is_current(at)) {
        for (meter, quota) in grant.quotas.iter() {
            free.set(meter, free.get(meter).copied().unwrap_or(0u64).saturating_add(quota.free()));
        }
        if grant.has_free_for(wish.units_of_call) && first.is_none_or(|first| grant.burn_order() < first.burn_order()) {
            first = Some(grant);
        }
    }
    let wish = Wish { rate: beyond(account, wish), ..wish };
    let offer = match first {
        Some(first) => from_grant(first, &free, wish, until),
        None => {
            let rate = wish.rate.ok_or_else(|| refusal(account, wish, at))?;
            from_balance(account, wish, (rate, room), at, until)?
        }
    };
    let offer = match room {
        Some(room) => within(room, wish, offer),
        None => offer,
    };
    if offer.is_small {
        return Ok(offer);
    }
    let until = at.plus(lasting.clamp(SHORTEST_LEASE, LONGEST_SHARED_LEASE));
    Ok(Offer { until: offer.until.min(until), ..offer })
}

/// What one call may come to, of which `money` is the most that it costs.
fn one_call(wish: Wish<'_>, money: Micros) -> Spent {
    Spent { calls: 1, units: wish.units_of_call, money }
}

/// The same, cut by what a credential's limits have left: a share of it, so that other instances find something too. It ends with the
/// first of their periods, so that what is used on it is of one period.
fn within(room: &Room<'_>, wish: Wish<'_>, offer: Offer) -> Offer {
    let Offer { mut allowance, mut beside, .. } = offer;
    for meter in [Meter::Calls, Meter::Units] {
        let Some(left) = room.most(meter) else { continue };
        let least = if meter == Meter::Units { wish.units_of_call.max(1) } else { 1 };
        let share = left.div_ceil(SHARE).max(left.min(least));
        let given = allowance.get(meter).copied().unwrap_or_else(|| wanted(meter, wish.want).max(least)).min(share);
        allowance.set(meter, given);
        let beside_it = beside.get(meter).copied().unwrap_or(u64::MAX);
        beside.set(meter, beside_it.min(left.saturating_sub(given)));
    }
    let until = room.until().map_or(offer.until, |until| until.min(offer.until));
    Offer { allowance, beside, until, is_small: false, ..offer }
}

/// The rate at which the balance pays for what no grant does. A plan with a rate of its own gives it; there is none where a plan
/// keeps calls beyond it off the balance.
fn beyond<'a>(account: &'a Account, wish: Wish<'a>) -> Option<&'a Rate> {
    let plans = account.subscriptions.values().map(|subscription| &subscription.terms);
    let mut rate = wish.rate;
    for terms in plans.filter(|terms| terms.product == *wish.product) {
        match &terms.beyond {
            Beyond::Reject => return None,
            Beyond::At(own) => rate = Some(own),
            Beyond::Rate => {}
        }
    }
    rate
}

/// A lease of the first grant, where `free` is what all current grants have free together.
fn from_grant(first: &Grant, free: &PerMeter<u64>, wish: Wish<'_>, until: Timestamp) -> Offer {
    let least = |meter| match meter {
        Meter::Calls => 1,
        Meter::Units => wish.units_of_call,
        Meter::IngressBytes | Meter::EgressBytes | Meter::TotalBytes => LEAST_BYTES,
    };
    let share = |meter, free: u64| free.div_ceil(SHARE).max(free.min(least(meter)));
    let wanted = |meter| wanted(meter, wish.want).max(least(meter));
    let allowance = first.quotas.map(|meter, quota| wanted(meter).min(share(meter, quota.free())).max(1));
    let leased = |meter| allowance.get(meter).copied().unwrap_or(0);
    let beside = free.map(|meter, free| free.saturating_sub(leased(meter)));
    let is_small = beside.iter().all(|(meter, beside)| leased(meter).saturating_mul(SMALL) <= *beside);
    Offer {
        is_small,
        source: Some(Source::Grant(first.id)),
        begins: None,
        allowance,
        until: first.until.map_or(until, |end| end.min(until)),
        beside,
        policy: first.offer.to_string(),
        quantity: first.quotas.iter().next().map(|(_, quota)| quota.quantity),
    }
}

/// Whether the balance pays for no call of anything that it paid for this month. Nothing that is leased out may come back to it
/// either.
pub(super) fn is_dry(account: &Account, at: Timestamp) -> bool {
    let month = Month::of(at);
    let available = account.available();
    let pays = |line: &RatingLine| {
        let priced = Meter::ALL
            .into_iter()
            .filter(|meter| *meter == Meter::Calls || line.terms.rate.prices.get(*meter).is_some());
        let one_call: PerMeter<u64> = priced.map(|meter| (meter, wanted(meter, &ONE_CALL))).collect();
        available >= Micros::ZERO && affordable(line, &one_call, 1, available.into()).is_some()
    };
    let mut lines = account.lines.values().filter(|line| line.terms.month == month).peekable();
    lines.peek().is_some() && account.leased() == Micros::ZERO && !lines.any(pays)
}

/// A lease of the balance, at a rate and within a credential's limits.
fn from_balance(
    account: &Account,
    wish: Wish<'_>,
    (rate, room): (&Rate, Option<&Room<'_>>),
    at: Timestamp,
    until: Timestamp,
) -> Result<Offer, Refusal> {
    let broke = || refusal(account, wish, at);
    let month = Month::of(at);
    let is_ours =
        |line: &RatingLine| line.terms.month == month && line.product == *wish.product && line.terms.rate == *rate;
    let known = account.lines.iter().rev().find(|(_, line)| is_ours(line));
    let begins = known.is_none().then(|| LineTerms { month, rate: rate.clone() });
    let fresh = begins.clone().map(|terms| RatingLine::new(wish.product.clone(), terms));
    let line = known.map(|(_, line)| line).or(fresh.as_ref()).ok_or_else(broke)?;

    // Rounding down makes one byte free. Whoever is overdrawn could otherwise go on, one call at a time, for ever.
    let available = Some(account.available()).filter(|available| *available >= Micros::ZERO).ok_or_else(broke)?;
    // Calls are limited also where only bytes have a price, so that a line that is about to be used reserves its minimum.
    let priced = Meter::ALL.into_iter().filter(|meter| *meter == Meter::Calls || rate.prices.get(*meter).is_some());
    let want: PerMeter<u64> = priced.map(|meter| (meter, wanted(meter, wish.want))).collect();
    let units = wish.units_of_call;
    let one = want.map(|meter, want| match meter {
        Meter::Calls => 1,
        Meter::Units => units,
        Meter::IngressBytes | Meter::EgressBytes | Meter::TotalBytes => *want,
    });
    let all = Budget { balance: available, limit: room.and_then(Room::money) };
    let allowance = affordable(line, &want, units, all.share()).or_else(|| affordable(line, &one, units, all));
    let allowance = allowance.ok_or_else(|| match room {
        Some(room) if costs_at_most(line, &one, available.into()) => {
            let short = room.check(&one_call(wish, rate.dearest(&line.usage, &one)));
            short.err().unwrap_or_else(broke)
        }
        _ => broke(),
    })?;

    let costs = line.reserve_with(&allowance).saturating_sub(line.reserved);
    let beside = available.saturating_sub(costs);
    let is_small = costs <= Micros::new(beside.get() / i64::try_from(SMALL).unwrap_or(i64::MAX));

    let calls_more = |calls: u64| {
        allowance.map(|meter, allowed| match meter {
            Meter::Calls => allowed.saturating_add(calls),
            Meter::Units => allowed.saturating_add(calls.saturating_mul(units)),
            Meter::IngressBytes | Meter::EgressBytes | Meter::TotalBytes => *allowed,
        })
    };
    let calls = largest(MOST_CALLS_SHOWN, |calls| costs_at_most(line, &calls_more(calls), all));
    Ok(Offer {
        is_small,
        source: known.map(|(id, _)| Source::Balance(*id)),
        begins,
        beside: calls.map(|calls| (Meter::Calls, calls)).into_iter().collect(),
        allowance,
        until,
        policy: "balance".to_owned(),
        quantity: None,
    })
}

/// What is asked for of one meter: at least something.
fn wanted(meter: Meter, want: &Usage) -> u64 {
    want.get(meter).max(match meter {
        Meter::Calls | Meter::Units => 1,
        Meter::IngressBytes | Meter::EgressBytes | Meter::TotalBytes => LEAST_BYTES,
    })
}

/// What a lease may come to.
#[derive(Debug, Clone, Copy)]
struct Budget {
    /// How much of the balance it may set aside.
    balance: Micros,
    /// How much it may cost at the dearest, where the money of its credential is limited.
    limit: Option<Micros>,
}

impl From<Micros> for Budget {
    fn from(balance: Micros) -> Self {
        Self { balance, limit: None }
    }
}

impl Budget {
    /// What one of several instances gets of it.
    fn share(self) -> Self {
        let share = |money: Micros| Micros::new(money.get() / i64::try_from(SHARE).unwrap_or(i64::MAX));
        Self { balance: share(self.balance), limit: self.limit.map(share) }
    }
}

/// As much of `want` as can be leased on `line` for `budget`. It is the same part of each meter, at least one of each, and at
/// least `units` units.
fn affordable(line: &RatingLine, want: &PerMeter<u64>, units: u64, budget: Budget) -> Option<PerMeter<u64>> {
    let whole = want.iter().map(|(_, want)| *want).max().unwrap_or(1);
    let part = |part: u64| {
        want.map(|meter, want| {
            let least = if meter == Meter::Units { units.max(1) } else { 1 };
            u64::try_from(u128::from(*want) * u128::from(part) / u128::from(whole)).unwrap_or(*want).max(least)
        })
    };
    largest(whole, |units| costs_at_most(line, &part(units), budget)).map(part)
}

/// Whether leasing out `more` on `line` sets aside at most `budget` more than is set aside already.
fn costs_at_most(line: &RatingLine, more: &PerMeter<u64>, budget: Budget) -> bool {
    line.reserve_with(more).saturating_sub(line.reserved) <= budget.balance
        && budget.limit.is_none_or(|limit| line.terms.rate.dearest(&line.usage, more) <= limit)
}

/// The largest number up to `most` for which `holds`, which holds up to some number and not beyond it; `None` when it
/// does not even hold for 0.
fn largest(most: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    if holds(most) {
        return Some(most);
    }
    let (mut yes, mut no) = (0, most);
    if !holds(yes) {
        return None;
    }
    while no - yes > 1 {
        let middle = yes + (no - yes) / 2;
        if holds(middle) { yes = middle } else { no = middle }
    }
    Some(yes)
}

/// Why there is nothing to lease: what the caller should buy. Whoever has bought ahead is told about that; whoever has
/// let it expire and went on paying by use is told about the balance.
fn refusal(account: &Account, wish: Wish<'_>, at: Timestamp) -> Refusal {
    let mut bought = account.grants.values().filter(|grant| grant.is_for(wish.product)).peekable();
    let ever = bought.peek().is_some();
    let current: Vec<&Grant> = bought.filter(|grant| grant.is_current(at)).collect();
    let by_use = wish.rate.is_some();
    let leased = by_use && account.leased().is_positive();
    let used_by_use = account.lines.values().any(|line| line.product == *wish.product);
    match (ever, current.is_empty()) {
        (true, true) if !(by_use && used_by_use) => Refusal::QuotaExpired,
        (true, false) => Refusal::QuotaExhausted { leased: leased || current.iter().any(|grant| grant.is_leased()) },
        (false, _) if !by_use => Refusal::QuotaExhausted { leased: false },
        _ => Refusal::BalanceExhausted { leased },
    }
}
