//! What one call in flight has used of its lease, and what is set aside for it there.
//!
//! Invariant: what is set aside is enough for what has gone through and is not booked. So a stream on a lease that limits its
//! bytes moves none that nobody pays for. A call whose lease is spent or has ended goes over to the lease in use, with its place
//! where that is not booked. So a lease ends in its time, however long its calls last.

use farebox_core::{
    id::LeaseId,
    lease::Held,
    meter::{Meter, Usage},
    statuses::Statuses,
    time::Timestamp,
};

use super::{User, Wallet};

/// How many bytes are set aside for a stream at once: a part of what is left, and at least and at most so many.
const LEAST_STEP: u64 = 64 << 10;
const STEP: u64 = 1 << 20;

/// Up to how many bytes a request's body is not booked before the upstream has answered: nobody pays for what it does not
/// answer.
const FREE_UPLOAD: u64 = 4 << 20;

/// What one call in flight has used of its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tab {
    /// Which lease pays for it.
    pub(crate) lease: LeaseId,
    /// What was booked.
    pub(crate) booked: Usage,
    /// How many bytes may have gone each way before more are set aside.
    granted: Usage,
    /// Whether the lease that admitted it limits bytes.
    pub(crate) is_metered: bool,
    /// Whether the call has ended, as far as is known, and is on no lease.
    is_away: bool,
}

impl Tab {
    /// How many bytes may go `way` beyond those of `flowed`.
    fn room(&self, way: Meter, flowed: &Usage) -> u64 {
        self.granted.get(way).saturating_sub(flowed.get(way))
    }
}

impl Wallet {
    /// Begins the tab of a call that was admitted on `lease` for the units of `known`. It sets aside what the call is likely to
    /// need, and at least `known`.
    pub(crate) fn open(&mut self, lease: LeaseId, known: &Usage) -> Tab {
        let mut tab = Tab { lease, booked: Usage::NONE, granted: Usage::NONE, is_metered: false, is_away: false };
        let Some(holding) = self.holding(lease) else { return tab };
        tab.is_metered = [Meter::IngressBytes, Meter::EgressBytes].into_iter().any(|way| holding.held.limits(way));
        if tab.is_metered {
            let mut want = self.per_call();
            want.add(known);
            tab.granted = self.holding(lease).map(|holding| holding.held.set_aside(&want)).unwrap_or_default();
        }
        // Its units were set aside when it was admitted.
        tab.granted.units = known.units;
        tab
    }

    /// How many bytes may go each way at first; `None` where nothing limits them.
    pub(crate) fn granted(tab: &Tab) -> Option<Usage> {
        tab.is_metered.then_some(tab.granted)
    }

    /// Books what went through and sets more aside. Says how many bytes may go `way` now, or nothing where a lease is needed.
    pub(crate) fn flow(
        &mut self,
        tab: &mut Tab,
        user: User<'_>,
        flowed: &Usage,
        way: Meter,
        now: Timestamp,
    ) -> Option<u64> {
        self.rehome(tab, user, flowed, now);
        if !tab.is_away && self.holding(tab.lease).is_some_and(|holding| holding.held.lasts(now)) {
            self.book(tab, user, flowed);
            if let Some(room) = self.extend(tab, flowed, way) {
                return Some(room);
            }
            // It is spent; another may be in use, or stand by.
            if let Some(next) = self.in_use(tab, now).filter(|next| *next != tab.lease) {
                self.carry(tab, user, flowed, next);
                if let Some(room) = self.extend(tab, flowed, way) {
                    return Some(room);
                }
            }
        }
        // The next lease is to have room for what is not booked yet, and for more.
        self.pending = self.pending.max(flowed.ingress_bytes.saturating_sub(tab.booked.ingress_bytes) + STEP);
        None
    }

    /// Books what an admitted call turned out to be: `flowed` in all. One that ends again adds what it has moved since, as far as
    /// a lease is in use; its call is booked. `statuses` counts how it was answered.
    pub(crate) fn finish(
        &mut self,
        tab: &mut Tab,
        user: User<'_>,
        (flowed, statuses): (&Usage, &Statuses),
        now: Timestamp,
    ) {
        self.rehome(tab, user, flowed, now);
        if tab.is_away {
            return;
        }
        let fresh = flowed.less(&tab.booked);
        let calls = flowed.calls.max(tab.booked.calls);
        self.seen.add(&fresh);
        self.unsent += fresh.calls;
        if let Some(holding) = self.holding(tab.lease) {
            holding.held.finish(&Usage { calls, ..fresh });
            holding.held.release(&tab.granted.less(&tab.booked));
            holding.note(user, &fresh, statuses);
        }
        tab.booked.add(&fresh);
        tab.is_away = true;
    }

    /// Lets a call go over to the lease in use where its own has ended, or where it goes on after all.
    fn rehome(&mut self, tab: &mut Tab, user: User<'_>, flowed: &Usage, now: Timestamp) {
        if !tab.is_away && self.holding(tab.lease).is_some_and(|holding| holding.held.lasts(now)) {
            return;
        }
        if let Some(next) = self.in_use(tab, now) {
            self.carry(tab, user, flowed, next);
        }
    }

    /// The lease that pays for more, and has room for the units that the call may still come to.
    fn in_use(&mut self, tab: &Tab, now: Timestamp) -> Option<LeaseId> {
        let units = tab.granted.units;
        self.turn(units, now);
        self.current.as_ref().filter(|holding| holding.held.pays_for(units, now)).map(|holding| holding.held.lease().id)
    }

    fn carry(&mut self, tab: &mut Tab, user: User<'_>, flowed: &Usage, next: LeaseId) {
        let with_place = tab.booked.calls == 0;
        let unbooked = Usage { calls: 0, units: tab.granted.units, uncharged: 0, ..flowed.less(&tab.booked) };
        if let Some(holding) = self.holding(tab.lease).filter(|_| !tab.is_away) {
            holding.held.release(&tab.granted.less(&tab.booked));
            holding.held.leave(with_place);
        }
        let mut is_full = false;
        if let Some(holding) = self.holding(next) {
            holding.held.enter(with_place, &unbooked);
            is_full = [Meter::IngressBytes, Meter::TotalBytes].iter().any(|way| holding.held.left(*way) == Some(0));
        }
        (tab.lease, tab.is_away) = (next, false);
        tab.granted = Usage { calls: 0, units: tab.granted.units, uncharged: 0, ..*flowed };
        // No lease has room for all of an upload that is not answered: it would eat up one after the other.
        if is_full {
            self.note(tab, user, flowed);
        }
    }

    /// Books what went through since the last time, unless it may come to nothing.
    fn book(&mut self, tab: &mut Tab, user: User<'_>, flowed: &Usage) {
        let unbooked = flowed.ingress_bytes.saturating_sub(tab.booked.ingress_bytes);
        if flowed.calls > 0 || unbooked >= FREE_UPLOAD {
            self.note(tab, user, flowed);
        }
    }

    fn note(&mut self, tab: &mut Tab, user: User<'_>, flowed: &Usage) {
        let fresh = flowed.less(&tab.booked);
        self.seen.add(&fresh);
        self.unsent += fresh.calls;
        if let Some(holding) = self.holding(tab.lease) {
            holding.held.book(&fresh);
            holding.note(user, &fresh, &Statuses::NONE);
        }
        tab.booked.add(&fresh);
    }

    /// Sets more aside for what goes `way`. `None` when there is nothing left.
    fn extend(&mut self, tab: &mut Tab, flowed: &Usage, way: Meter) -> Option<u64> {
        let held: &mut Held = &mut self.holding(tab.lease)?.held;
        if !held.limits(way) {
            return Some(u64::MAX);
        }
        // Each gets a part of what is left, as others may go at once, and something where little is.
        let left = held.left(way).into_iter().chain(held.left(Meter::TotalBytes)).min().unwrap_or(STEP);
        let want = (left / 4).clamp(LEAST_STEP, STEP).saturating_sub(tab.room(way, flowed));
        let want = match way {
            Meter::IngressBytes => Usage { ingress_bytes: want, ..Usage::NONE },
            _ => Usage { egress_bytes: want, ..Usage::NONE },
        };
        let more = held.set_aside(&want);
        tab.granted.add(&more);
        Some(tab.room(way, flowed)).filter(|room| *room > 0)
    }
}
