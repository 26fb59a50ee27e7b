//! When the ledger is told of a lease that has ended.

use farebox_core::meter::PerMeter;

use super::*;

#[test]
fn the_end_of_a_long_lease_waits_for_the_batch_that_is_due() {
    let gathers_for = 6 * SECOND;
    for (lasts, told_after) in [(LEASE_LASTS, gathers_for), (LEASE_LASTS_WHILE_PLENTY, LONG_GATHERS_FOR)] {
        let (asked, mut wallet) = (Timestamp::default(), Wallet::default());
        let lease = Lease {
            id: LeaseId(1),
            allowance: [(Meter::Calls, 32)].into_iter().collect(),
            until: asked.plus(lasts),
            lasts,
            beside: PerMeter::default(),
            policy: "balance".to_owned(),
            quantity: None,
        };
        wallet.take(lease, asked, asked);
        let told = asked.plus(lasts + told_after);
        assert!(!wallet.is_overdue(gathers_for, told.plus(-1)), "one that lasts {lasts} ms");
        assert!(wallet.is_overdue(gathers_for, told), "one that lasts {lasts} ms");
    }
}
