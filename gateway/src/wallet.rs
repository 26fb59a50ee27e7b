//! The leases an instance holds for one account and product, and what was used of them since the last batch.
//!
//! Decides which lease pays for a call, when the next one is asked for, and how large. Invariant: usage is counted on the lease that
//! admitted the call, or on the one that took it over. A lease is closed only when no call is in flight on it and a batch has all its
//! usage. The ledger hears of its end within seconds: who is not heard of is taken for gone.

mod holding;
mod pace;
mod refused;
mod tab;
#[cfg(test)]
mod tests;
mod unsent;

use farebox_core::{
    id::{AccountId, LeaseId, ProductId},
    journal::{Batch, Closing},
    lease::{Held, Lease},
    ledger::LONGEST_LEASE,
    meter::{Meter, PerMeter, Usage},
    rejection::Rejection,
    time::{Millis, SECOND, Timestamp},
};

use self::{
    holding::Holding,
    pace::{LEASE_COVERS, Pace, RENEWED_BEFORE},
    refused::{REFUSAL_HOLDS, Refused},
};
pub(crate) use self::{holding::User, tab::Tab};

/// How long a lease is asked for where others may soon need what it holds, and where instances end soon.
pub(crate) const LEASE_LASTS: Millis = 20 * SECOND;

/// How long one is asked for where instances last and the account has plenty: who calls seldom asks seldom.
pub(crate) const LEASE_LASTS_WHILE_PLENTY: Millis = LONGEST_LEASE;

/// How long the end of a long lease waits to be told of: until the batch that is due, well below `HEARD_WITHIN_OF_LONG`.
const LONG_GATHERS_FOR: Millis = 20 * SECOND;

/// How many calls the least lease is asked for, and the most that one is.
const WANT: std::ops::RangeInclusive<u64> = 32..=1_000_000;

/// The most calls that a first lease is asked for: many instances that end at once, however long they live, take no more with them.
const FIRST_WANT_AT_MOST: u64 = 192;

/// How many calls the first lease is asked for where an instance serves `calls` in its life: so many that it is not low
/// before they are over, and the next one is asked for in vain; [`FIRST_WANT_AT_MOST`] where they are more.
pub(crate) fn first_want(calls: u64) -> u64 {
    calls.saturating_add(calls.div_ceil(3)).min(FIRST_WANT_AT_MOST)
}

/// The bytes that a call is expected to move each way beside what others did: that it may be the first one.
const FIRST_BYTES: u64 = 4 * 1024;

/// The bytes that a lease is asked for beside that for each call that waits for it: they may be streams that found none left.
const BYTES_PER_WAITING: u64 = 256 * 1024;

/// The leases for one account and product.
#[derive(Debug, Default)]
pub(crate) struct Wallet {
    current: Option<Holding>,
    standby: Option<Holding>,
    retired: Vec<Holding>,
    refused: Option<Refused>,
    /// Until when no lease is asked for before it is needed.
    postponed: Option<Timestamp>,
    asking: bool,
    /// How many calls wait for a lease.
    waiting: usize,
    /// How many bytes the next lease is to have room for at least, as a stream has found the last one spent.
    pending: u64,
    /// The lease in use is smaller than what was asked for: little is left, and others will want it.
    is_scarce: bool,
    want: u64,
    /// The most units that a call may come to which waits for the next lease, and one for which the last was asked.
    units_wanted: u64,
    units_of_call: u64,
    /// How many units the last lease was asked for.
    units_asked: u64,
    seen: Usage,
    /// Calls that were counted and not handed to a batch.
    unsent: u64,
    /// How much of each meter is worth what a crash should not take. Nothing until a lease is asked for.
    worth: PerMeter<u64>,
    pace: Pace,
}

/// What a wallet says to one more call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pay {
    /// This lease pays. `refill`: it is time to ask for the next one.
    Lease { id: LeaseId, refill: bool },
    /// No lease pays; the ledger must be asked.
    Ask,
    /// The ledger said no a moment ago.
    Refused(Rejection),
}

impl Wallet {
    /// Takes one call off a lease that may come to so many units.
    pub(crate) fn pay(&mut self, units: u64, now: Timestamp) -> Pay {
        self.turn(units, now);
        if let Some(holding) = &mut self.current
            && holding.held.admit(units, now)
        {
            let id = holding.held.lease().id;
            self.pace.note(now);
            return Pay::Lease { id, refill: self.needs_refill(now) };
        }
        if let Some(refused) = self.refused.as_ref().filter(|refused| refused.is_of(units, now)) {
            return Pay::Refused(refused.why.clone());
        }
        self.units_wanted = self.units_wanted.max(units);
        Pay::Ask
    }

    /// Whether a lease pays for one more call that may come to so many units.
    pub(crate) fn pays_for(&self, units: u64, now: Timestamp) -> bool {
        self.current.iter().chain(&self.standby).any(|holding| holding.held.pays_for(units, now))
    }

    /// Whether the next lease should be asked for before it is needed: little is left, or what is left ends soon.
    pub(crate) fn needs_refill(&self, now: Timestamp) -> bool {
        let is_low = self.current.as_ref().is_some_and(|holding| holding.held.is_low());
        (is_low || self.ends_soon(now)) && self.may_ask_ahead()
    }

    /// The same where nobody calls at the moment, of a long lease that was used or will be. So an account that calls seldom does
    /// not wait.
    pub(crate) fn needs_renewal(&self, now: Timestamp) -> bool {
        self.ends_soon(now) && self.may_ask_ahead()
    }

    fn ends_soon(&self, now: Timestamp) -> bool {
        self.current.as_ref().is_some_and(|holding| {
            let is_wanted = holding.held.spent().calls > 0 || self.pace.goes_on(now);
            holding.is_long() && is_wanted && !holding.held.lasts(now.plus(RENEWED_BEFORE))
        })
    }

    fn may_ask_ahead(&self) -> bool {
        !self.asking && self.standby.is_none() && self.refused.is_none() && self.postponed.is_none()
    }

    /// Puts another lease into use where the one in use pays for nothing more. It is one that stands by, or one that pays again
    /// since calls gave units back to it. One that only lacks units for this call stays while there is no other.
    fn turn(&mut self, units: u64, now: Timestamp) {
        if self.current.as_ref().is_some_and(|holding| holding.held.pays_for(units, now)) {
            return;
        }
        let pays = |holding: &Holding| holding.held.pays_for(units, now);
        let next = match self.standby.take_if(|holding| pays(holding)) {
            Some(next) => Some(next),
            None if units > 0 => {
                let again = self.retired.iter().position(|holding| !holding.is_told && pays(holding));
                again.map(|at| self.retired.remove(at))
            }
            None => None,
        };
        if next.is_some() || self.current.as_ref().is_none_or(|holding| !holding.held.pays(now)) {
            self.retired.extend(self.current.take());
            self.current = next.or_else(|| self.standby.take());
        }
    }

    fn holding(&mut self, lease: LeaseId) -> Option<&mut Holding> {
        let mut holdings = self.current.iter_mut().chain(&mut self.standby).chain(&mut self.retired);
        holdings.find(|holding| holding.held.lease().id == lease)
    }

    /// What a call moves and comes to on average, and something on top.
    fn per_call(&self) -> Usage {
        let per_call = |bytes: u64| (bytes / self.seen.calls.max(1)).saturating_add(FIRST_BYTES);
        Usage {
            calls: 0,
            ingress_bytes: per_call(self.seen.ingress_bytes),
            egress_bytes: per_call(self.seen.egress_bytes),
            units: match self.seen.calls {
                0 => self.units_of_call,
                calls => self.seen.units.div_ceil(calls).min(self.units_of_call),
            },
            ..Usage::NONE
        }
    }

    /// What to ask the ledger for, while one asks: about as much as is spent in [`LEASE_COVERS`], and `first` calls at first. The
    /// second number is how many units one call may come to.
    pub(crate) fn ask(&mut self, first: Option<u64>, now: Timestamp) -> (Usage, u64) {
        self.asking = true;
        let waits_for_units = std::mem::take(&mut self.units_wanted);
        if waits_for_units > 0 {
            self.units_of_call = waits_for_units;
        }
        let first = first.filter(|_| self.want == 0).unwrap_or(0);
        let last = self.want.max(first).max(*WANT.start());
        let spent = self.current.as_ref().or(self.retired.last()).map(|holding| {
            let lasted = now.since(holding.since).max(1).unsigned_abs();
            holding.held.spent().calls.saturating_mul(LEASE_COVERS.unsigned_abs()) / lasted
        });
        self.want = spent.unwrap_or(last).clamp(last / 4, last * 4).clamp(*WANT.start(), *WANT.end());
        let per_call = self.per_call();
        let at_once = (self.waiting as u64).saturating_add(self.in_flight());
        let units = self.want.saturating_mul(per_call.units).saturating_add(at_once.saturating_mul(self.units_of_call));
        let waiting = (self.waiting as u64).saturating_mul(BYTES_PER_WAITING);
        let waiting = waiting.saturating_add(std::mem::take(&mut self.pending));
        self.units_asked = units;
        let want = Usage {
            calls: self.want,
            ingress_bytes: self.want.saturating_mul(per_call.ingress_bytes).saturating_add(waiting),
            egress_bytes: self.want.saturating_mul(per_call.egress_bytes).saturating_add(waiting),
            units,
            ..Usage::NONE
        };
        (want, self.units_of_call)
    }

    /// The ledger gave a lease that it was asked for at `asked`.
    pub(crate) fn take(&mut self, lease: Lease, asked: Timestamp, now: Timestamp) {
        self.asking = false;
        (self.refused, self.postponed) = (None, None);
        self.is_scarce = lease.allowance.get(Meter::Calls).is_some_and(|calls| *calls < self.want)
            || lease.allowance.get(Meter::Units).is_some_and(|units| *units < self.units_asked);
        let holding = Holding::new(Held::new(lease, asked), now);
        let spent = self.current.replace(holding);
        match spent {
            // One that stood by before is done: forgotten, it would be withheld from everybody until it lapses.
            Some(holding) if holding.held.pays(now) => {
                let next = self.current.replace(holding);
                self.retired.extend(std::mem::replace(&mut self.standby, next));
            }
            spent => self.retired.extend(spent),
        }
    }

    /// The ledger gave a lease that came too late to be used: it is given back with the next batch.
    pub(crate) fn give_up(&mut self, lease: Lease, asked: Timestamp, now: Timestamp) {
        let mut held = Held::new(lease, asked);
        held.end(now);
        self.retired.push(Holding::new(held, now));
    }

    /// The ledger gave a lease for one call, which is admitted on it now.
    pub(crate) fn take_one(&mut self, lease: Lease, units: u64, now: Timestamp) {
        let mut held = Held::new(lease, now);
        held.admit(units, now);
        self.retired.push(Holding::new(held, now));
    }

    /// The ledger gave none.
    pub(crate) fn refuse(&mut self, why: Rejection, now: Timestamp) {
        self.asking = false;
        self.refused = Some(Refused { why, until: now.plus(REFUSAL_HOLDS), units_of_call: self.units_of_call });
    }

    /// The ledger gave none that is not needed yet, and may give one to those who wait.
    pub(crate) fn postpone(&mut self, now: Timestamp) {
        self.asking = false;
        self.postponed = Some(now.plus(REFUSAL_HOLDS));
    }

    /// Moves out of use what may not be spent any more, and forgets an old refusal.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        for slot in [&mut self.current, &mut self.standby] {
            self.retired.extend(slot.take_if(|holding| !holding.held.pays(now)));
        }
        self.current = self.current.take().or_else(|| self.standby.take());
        self.refused.take_if(|refused| refused.until <= now);
        self.postponed.take_if(|until| *until <= now);
    }

    /// Puts a lease out of use that has too few units left for a call that waits. With what others give back there may be enough.
    pub(crate) fn give_up_rest(&mut self) {
        let units = self.units_of_call;
        let is_rest = |holding: &mut Holding| holding.held.left(Meter::Units).is_some_and(|left| left < units);
        self.retired.extend(self.current.take_if(is_rest));
    }

    /// Whether the lease in use is smaller than what was asked for.
    pub(crate) fn is_scarce(&self) -> bool {
        self.is_scarce
    }

    /// One more call waits for a lease, or one less.
    pub(crate) fn waits(&mut self, begins: bool) {
        self.waiting = if begins { self.waiting + 1 } else { self.waiting.saturating_sub(1) };
    }

    /// Whether the lease in use limits bytes.
    pub(crate) fn sells_bytes(&self) -> bool {
        let ways = [Meter::IngressBytes, Meter::EgressBytes];
        self.current.as_ref().is_some_and(|holding| ways.into_iter().any(|way| holding.held.limits(way)))
    }

    /// How many calls are in flight.
    pub(crate) fn in_flight(&self) -> u64 {
        self.current.iter().chain(&self.standby).chain(&self.retired).map(|holding| holding.held.in_flight()).sum()
    }

    /// Why the ledger gave no lease a moment ago.
    pub(crate) fn refused(&self, now: Timestamp) -> Option<&Rejection> {
        self.refused.as_ref().filter(|refused| now < refused.until).map(|refused| &refused.why)
    }

    /// Whether it holds on to what is scarce with no call that needs it.
    pub(crate) fn hoards(&self) -> bool {
        let mut holdings = self.current.iter().chain(&self.standby).chain(&self.retired);
        let is_idle = self.waiting == 0 && !self.asking && holdings.all(|holding| holding.held.in_flight() == 0);
        self.is_scarce && is_idle && self.current.is_some()
    }

    /// Moves everything out of use, so that it is given back with the next batch, and forgets that the ledger refused.
    pub(crate) fn retire(&mut self) {
        self.retired.extend(self.current.take().into_iter().chain(self.standby.take()));
        (self.refused, self.postponed) = (None, None);
    }

    /// Ends the leases that last for long: the ledger is asked for each call and stream that goes on.
    pub(crate) fn end_long(&mut self, now: Timestamp) {
        let holdings = self.current.iter_mut().chain(&mut self.standby).chain(&mut self.retired);
        let long = holdings.filter(|holding| holding.is_long());
        if long.map(|holding| holding.held.end(now)).count() > 0 {
            (self.refused, self.postponed) = (None, None);
        }
    }

    /// Whether the end of a lease should be told without waiting for the next batch's time: `gathers_for` after it, and of a long
    /// one as much later as nobody waits for what it gives back.
    pub(crate) fn is_overdue(&self, gathers_for: Millis, now: Timestamp) -> bool {
        let mut holdings = self.current.iter().chain(&self.standby).chain(&self.retired);
        holdings.any(|holding| {
            let gathers_for = if holding.is_long() { LONG_GATHERS_FOR } else { gathers_for };
            holding.is_awaited(now.plus(-gathers_for))
        })
    }

    /// Hands what was used since the last time to a batch, and closes the leases that are done. Of one on which nothing more is
    /// admitted while calls are under way, the batch says so once it has ended by `now`. Says whether others may wait for what one
    /// of those gives back that it closes: all but a long one, beside which there was plenty.
    pub(crate) fn drain(
        &mut self,
        account: &AccountId,
        product: &ProductId,
        now: Timestamp,
        batch: &mut Batch,
    ) -> bool {
        self.unsent = 0;
        // A lease that pays for nothing more is of no use; closed, it keeps nobody waiting for what it might give back.
        for slot in [&mut self.current, &mut self.standby] {
            self.retired.extend(slot.take_if(|holding| !holding.held.pays(now)));
        }
        for holding in self.current.iter_mut().chain(&mut self.standby).chain(&mut self.retired) {
            batch.lines.extend(holding.take_lines(account, product));
        }
        let mut is_awaited = false;
        let done = self.retired.extract_if(.., |holding| holding.held.in_flight() == 0);
        let done = done.inspect(|holding| is_awaited |= !holding.is_long());
        batch.closings.extend(done.map(|holding| Closing {
            account: account.clone(),
            lease: holding.held.lease().id,
            total: holding.held.spent(),
        }));
        let awaited = self.retired.iter_mut().filter(|holding| holding.is_awaited(now));
        batch.closings.extend(awaited.map(|holding| holding.tell(account)));
        is_awaited
    }

    /// Whether nothing is held and nothing is known here.
    pub(crate) fn is_empty(&self) -> bool {
        self.current.is_none()
            && self.standby.is_none()
            && self.retired.is_empty()
            && self.refused.is_none()
            && !self.asking
            && self.waiting == 0
    }

    /// What the lease in use says of itself, and what is left of `meter` with what the account has beside it.
    pub(crate) fn left(&self, meter: Meter) -> Option<(&Lease, u64)> {
        let held = &self.current.as_ref().or(self.retired.last())?.held;
        let beside = held.lease().beside.get(meter).copied().unwrap_or(0);
        Some((held.lease(), held.left(meter)?.saturating_add(beside)))
    }
}
