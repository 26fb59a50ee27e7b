//! When a lease is renewed, and when the ledger is told of one that has ended.

use farebox_core::statuses::Statuses;

use super::*;

/// A wallet with a lease that `lasts` from the beginning of time.
fn with_lease(lasts: Millis) -> Wallet {
    let mut wallet = Wallet::default();
    wallet.take(lease(1, lasts, Timestamp::default()), Timestamp::default(), Timestamp::default());
    wallet
}

fn lease(id: u64, lasts: Millis, since: Timestamp) -> Lease {
    Lease {
        id: LeaseId(id),
        allowance: [(Meter::Calls, 32)].into_iter().collect(),
        until: since.plus(lasts),
        lasts,
        beside: PerMeter::default(),
        policy: "balance".to_owned(),
        quantity: None,
    }
}

#[test]
fn the_end_of_a_long_lease_waits_for_the_batch_that_is_due() {
    let gathers_for = 6 * SECOND;
    for (lasts, told_after) in [(LEASE_LASTS, gathers_for), (LEASE_LASTS_WHILE_PLENTY, LONG_GATHERS_FOR)] {
        let (wallet, told) = (with_lease(lasts), Timestamp::default().plus(lasts + told_after));
        assert!(!wallet.is_overdue(gathers_for, told.plus(-1)), "one that lasts {lasts} ms");
        assert!(wallet.is_overdue(gathers_for, told), "one that lasts {lasts} ms");
    }
}

#[test]
fn a_long_lease_that_was_used_is_renewed_before_it_ends() {
    for (lasts, is_used) in [(LEASE_LASTS_WHILE_PLENTY, true), (LEASE_LASTS_WHILE_PLENTY, false), (LEASE_LASTS, true)] {
        let mut wallet = with_lease(lasts);
        if is_used {
            assert!(matches!(wallet.pay(0, Timestamp::default()), Pay::Lease { refill: false, .. }));
        }
        let due = Timestamp::default().plus(lasts - RENEWED_BEFORE);
        let is_long = lasts == LEASE_LASTS_WHILE_PLENTY;
        assert!(!wallet.needs_renewal(due.plus(-1)));
        assert_eq!(wallet.needs_renewal(due), is_used && is_long, "used: {is_used}, {lasts} ms");
        wallet.ask(None, due);
        assert!(!wallet.needs_renewal(due), "it is asked for once");
    }
}

#[test]
fn a_long_lease_that_saw_no_call_is_renewed_while_one_is_likely_to_come() {
    let at = |seconds: i64| Timestamp::default().plus(seconds * SECOND);
    for (calls, is_likely) in [(&[0, 60, 120, 180][..], true), (&[0, 180][..], false)] {
        let mut wallet = with_lease(LEASE_LASTS_WHILE_PLENTY);
        calls.iter().for_each(|second| assert!(matches!(wallet.pay(0, at(*second)), Pay::Lease { .. })));
        assert!(wallet.needs_renewal(at(294)), "it was used");
        wallet.ask(None, at(294));
        wallet.take(lease(2, LEASE_LASTS_WHILE_PLENTY, at(294)), at(294), at(294));
        wallet.expire(at(301));
        assert!(!wallet.needs_renewal(at(587)));
        assert_eq!(wallet.needs_renewal(at(588)), is_likely, "calls at {calls:?}");
    }
}

#[test]
fn what_is_counted_is_urgent_once_it_is_worth_much() {
    let mut wallet = with_lease(LEASE_LASTS);
    wallet.set_worth([(Meter::Calls, 20), (Meter::TotalBytes, 1_000)].into_iter().collect());
    let (credential, route) = ("ak_1".parse().unwrap(), "GET /".into());
    let mut counted = |calls, egress_bytes| {
        let usage = Usage { calls, egress_bytes, ..Usage::NONE };
        let user = User { credential: &credential, route: &route };
        wallet.current.as_mut().unwrap().note(user, &usage, &Statuses::NONE);
        let is_urgent = wallet.owes_much();
        wallet.current.as_mut().unwrap().unsent.clear();
        is_urgent
    };
    assert!(!counted(19, 999));
    assert!(counted(20, 0), "20 calls are worth it");
    assert!(counted(0, 1_000), "and so are the bytes of a stream that has not ended");
}
