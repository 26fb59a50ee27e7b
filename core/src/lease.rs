//! A lease as the instance that holds it sees it: what the ledger set aside for it, and what it has spent of that.
//!
//! Decides whether one more call is paid for, with no round trip. Invariant: the calls admitted on a lease never exceed its
//! allowance. Nor do its bytes and units, those that were used and those that are set aside for calls in flight. A lease ends by
//! the instance's own clock, counted from when it was asked for. However wrong that clock is, no call is admitted after the
//! ledger's end. Whoever sees its clock set back must not use it any more.

use serde::{Deserialize, Serialize};

use crate::{
    id::LeaseId,
    meter::{Meter, PerMeter, Usage},
    time::{Millis, Timestamp},
};

/// What the ledger gave one instance of a grant or of a balance, for one product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Its name in the account's ledger.
    pub id: LeaseId,
    /// How much may be used, per meter. A meter that is missing is not limited.
    pub allowance: PerMeter<u64>,
    /// From then on nothing may be admitted on it, by the ledger's clock.
    pub until: Timestamp,
    /// How long before that it was given.
    pub lasts: Millis,
    /// What the account has left for this product beside the lease: for `RateLimit`.
    pub beside: PerMeter<u64>,
    /// What it was bought with: the package's or plan's id, or `balance`. For `RateLimit-Policy`.
    pub policy: String,
    /// The quantity of what it was bought with, where it has one. For `RateLimit-Policy`.
    pub quantity: Option<u64>,
}

/// A lease in use by one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    lease: Lease,
    /// From then on nothing is admitted on it, by the instance's clock.
    until: Timestamp,
    admitted: u64,
    /// What was used but for the calls.
    used: Usage,
    in_flight: u64,
    /// Bytes and units that calls in flight may still use.
    reserved: Usage,
}

impl Held {
    /// A lease that nothing was spent of yet. `asked`: the instance's time when it asked for it.
    pub const fn new(lease: Lease, asked: Timestamp) -> Self {
        let until = asked.plus(lease.lasts);
        Self { lease, until, admitted: 0, used: Usage::NONE, in_flight: 0, reserved: Usage::NONE }
    }

    /// The lease.
    pub const fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Ends it, so that nothing is admitted on it from `now` on.
    pub fn end(&mut self, now: Timestamp) {
        self.until = self.until.min(now);
    }

    /// Takes one call off the lease and sets aside the units that it may come to; or says that the lease does not pay for it.
    pub fn admit(&mut self, units: u64, now: Timestamp) -> bool {
        if !self.pays_for(units, now) {
            return false;
        }
        self.admitted += 1;
        self.in_flight += 1;
        self.reserved.units = self.reserved.units.saturating_add(units);
        true
    }

    /// Whether one more call would be admitted that may come to so many units.
    pub fn pays_for(&self, units: u64, now: Timestamp) -> bool {
        self.pays(now) && self.left(Meter::Units).is_none_or(|left| left >= units)
    }

    /// Whether it has not ended.
    pub fn lasts(&self, now: Timestamp) -> bool {
        now < self.until
    }

    /// Whether something is left for one more call.
    pub fn pays(&self, now: Timestamp) -> bool {
        self.lasts(now) && self.lease.allowance.iter().all(|(meter, _)| self.left(meter).unwrap_or(1) > 0)
    }

    /// What is left of one meter, where it is limited: neither used nor set aside.
    pub fn left(&self, meter: Meter) -> Option<u64> {
        let taken = self.spent().get(meter).saturating_add(self.reserved.get(meter));
        self.lease.allowance.get(meter).map(|allowed| allowed.saturating_sub(taken))
    }

    /// Whether it limits the bytes that go `way`, which is the meter of requests' or of responses' bytes.
    pub const fn limits(&self, way: Meter) -> bool {
        self.lease.allowance.get(way).is_some() || self.lease.allowance.get(Meter::TotalBytes).is_some()
    }

    /// Sets bytes aside for a call in flight: as many of those that are wanted each way as are left.
    pub fn set_aside(&mut self, want: &Usage) -> Usage {
        let mut granted = Usage::NONE;
        for way in [Meter::IngressBytes, Meter::EgressBytes] {
            let room = [way, Meter::TotalBytes].into_iter().filter_map(|meter| self.left(meter)).min();
            let bytes = want.get(way).min(room.unwrap_or(u64::MAX));
            let more = match way {
                Meter::IngressBytes => Usage { ingress_bytes: bytes, ..Usage::NONE },
                _ => Usage { egress_bytes: bytes, ..Usage::NONE },
            };
            self.reserved.add(&more);
            granted.add(&more);
        }
        granted
    }

    /// Books bytes of a call that is still in flight, for which they were set aside.
    pub const fn book(&mut self, usage: &Usage) {
        self.use_up(usage);
        self.release(usage);
    }

    /// Books what an admitted call turned out to be, beside what was booked of it before. A call that was not answered
    /// (`usage.calls == 0`) gives its place back.
    pub const fn finish(&mut self, usage: &Usage) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.admitted = self.admitted.saturating_add(usage.calls).saturating_sub(1);
        self.use_up(usage);
    }

    const fn use_up(&mut self, usage: &Usage) {
        self.used.add(&Usage { calls: 0, ..*usage });
    }

    /// Takes back what was set aside and is not needed.
    pub const fn release(&mut self, unused: &Usage) {
        self.reserved = self.reserved.less(unused);
    }

    /// Lets go of a call in flight that another lease takes over, with its place where that is not booked yet.
    pub fn leave(&mut self, with_place: bool) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.admitted = self.admitted.saturating_sub(u64::from(with_place));
    }

    /// Takes over a call in flight: its place where that is not booked yet, the bytes that have gone already, and the units that
    /// it may come to.
    pub fn enter(&mut self, with_place: bool, gone: &Usage) {
        self.in_flight = self.in_flight.saturating_add(1);
        self.admitted = self.admitted.saturating_add(u64::from(with_place));
        self.reserved.add(gone);
    }

    /// Calls admitted that have not finished. Only at zero may the lease be closed.
    pub const fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// What was spent, in-flight calls included.
    pub const fn spent(&self) -> Usage {
        Usage { calls: self.admitted, ..self.used }
    }

    /// Whether so little is left that the next lease should be asked for now: a quarter of any meter.
    pub fn is_low(&self) -> bool {
        self.lease.allowance.iter().any(|(meter, allowed)| self.left(meter).unwrap_or(0) < allowed / 4)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn held(allowance: &[(Meter, u64)]) -> Held {
        asked_at(Timestamp::default(), allowance)
    }

    fn asked_at(asked: Timestamp, allowance: &[(Meter, u64)]) -> Held {
        let lease = Lease {
            id: LeaseId(1),
            allowance: allowance.iter().copied().collect(),
            until: Timestamp::from_millis(1_000),
            lasts: 1_000,
            beside: PerMeter::default(),
            policy: "p".into(),
            quantity: None,
        };
        Held::new(lease, asked)
    }

    proptest! {
        #[test]
        fn calls_never_exceed_the_allowance(allowed in 0u64..50, answers in proptest::collection::vec(any::<bool>(), 0..200)) {
            let mut held = held(&[(Meter::Calls, allowed)]);
            let mut answered = 0;
            for answer in answers {
                if held.admit(0, Timestamp::default()) {
                    let calls = u64::from(answer);
                    answered += calls;
                    held.finish(&Usage { calls, ..Usage::default() });
                }
            }
            prop_assert!(answered <= allowed);
            prop_assert_eq!(held.spent().calls, answered);
            prop_assert_eq!(held.in_flight(), 0);
        }
    }

    #[test]
    fn bytes_stop_the_call_after_the_one_that_used_them_up() {
        let mut held = held(&[(Meter::TotalBytes, 10)]);
        assert!(held.admit(0, Timestamp::default()));
        held.finish(&Usage { calls: 1, ingress_bytes: 4, egress_bytes: 60, ..Usage::NONE });
        assert!(!held.admit(0, Timestamp::default()));
        assert_eq!(held.left(Meter::Calls), None);
    }

    #[test]
    fn bytes_that_are_set_aside_are_nobody_elses() {
        let mut held = held(&[(Meter::TotalBytes, 10)]);
        assert!(held.admit(0, Timestamp::default()) && held.admit(0, Timestamp::default()));
        let want = Usage { calls: 0, ingress_bytes: 4, egress_bytes: 4, ..Usage::NONE };
        assert_eq!(held.set_aside(&want), want);
        assert_eq!(held.set_aside(&want), Usage { ingress_bytes: 2, ..Usage::NONE });
        assert!(!held.admit(0, Timestamp::default()), "all is set aside");
        held.book(&Usage { egress_bytes: 3, ..Usage::NONE });
        assert_eq!(held.left(Meter::TotalBytes), Some(0), "what was set aside is used");
        held.release(&Usage { ingress_bytes: 4, egress_bytes: 1, calls: 0, ..Usage::NONE });
        assert_eq!(held.left(Meter::TotalBytes), Some(5));
    }

    #[test]
    fn a_call_that_goes_over_to_another_lease_takes_its_place_along() {
        let (mut one, mut other) = (held(&[(Meter::Calls, 1)]), held(&[(Meter::Calls, 1)]));
        assert!(one.admit(0, Timestamp::default()));
        one.leave(true);
        other.enter(true, &Usage::NONE);
        other.finish(&Usage { calls: 1, ..Usage::NONE });
        assert_eq!((one.spent().calls, one.in_flight()), (0, 0));
        assert_eq!((other.spent().calls, other.in_flight()), (1, 0));
    }

    #[test]
    fn a_call_that_is_booked_elsewhere_ends_here_and_counts_as_none() {
        let mut held = held(&[(Meter::Calls, 1)]);
        held.enter(false, &Usage::NONE);
        held.finish(&Usage { calls: 1, ..Usage::NONE });
        assert_eq!((held.spent().calls, held.in_flight()), (0, 0), "or the lease would never add up, and lapse");
    }

    #[test]
    fn nothing_is_admitted_after_the_end() {
        let mut held = held(&[(Meter::Calls, 10)]);
        assert!(held.admit(0, Timestamp::from_millis(999)));
        assert!(!held.admit(0, Timestamp::from_millis(1_000)));
    }

    #[test]
    fn a_lease_lasts_as_long_by_a_clock_that_is_wrong() {
        for wrong in [-1_000_000, 1_000_000] {
            let asked = Timestamp::from_millis(wrong);
            let mut held = asked_at(asked, &[(Meter::Calls, 10)]);
            assert!(held.admit(0, asked.plus(999)) && !held.admit(0, asked.plus(1_000)));
        }
    }
}
