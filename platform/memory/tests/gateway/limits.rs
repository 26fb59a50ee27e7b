//! Rate limits: who calls too often is told to wait, and has lost nothing by it.

use farebox_core::time::SECOND;
use farebox_gateway::Step;

use super::*;

/// Where a call was turned away by a limit: the status and the fields that tell so.
fn turned_away(gateway: &Rc<Gateway<Memory>>, packed: &str) -> (u16, Vec<(&'static str, String)>) {
    let facts = Facts::unpack(packed).unwrap();
    let Step::Reject(reject) = gateway.admit(&facts, Body::Unread, gateway.ports().now()) else {
        panic!("not refused")
    };
    let told = ["x-ca-error-code", "x-ca-error-message", "retry-after"];
    (reject.status, reject.fields.into_iter().filter(|(name, _)| told.contains(name)).collect())
}

#[test]
fn no_more_pass_than_a_limit_names_until_its_time_has_gone_by() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    for _ in 0..3 {
        assert!(send(&instance, &deployment.signed("/slow", "hush")).is_ok());
    }
    let refused = deployment.signed("/slow", "hush");
    assert_eq!(send(&instance, &refused).unwrap_err(), "rate.limited");
    let told = [
        ("x-ca-error-code", "T429PP".to_owned()),
        ("x-ca-error-message", "Throttled by APP Flow Control".to_owned()),
        ("retry-after", "20".to_owned()),
    ];
    assert_eq!(turned_away(&instance, &refused), (403, told.into()));
    deployment.memory.set_now(START.plus(20 * SECOND));
    assert!(send(&instance, &refused).is_ok(), "its nonce was not taken");
    assert_eq!(send(&instance, &deployment.signed("/slow", "hush")).unwrap_err(), "rate.limited");
    assert!(send(&instance, &deployment.signed("/leased", "hush")).is_ok(), "a limit is one product's");
}

#[test]
fn a_call_that_a_limit_turns_away_is_not_asked_about_in_the_ledger() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    let calls = (0..9).map(|_| send(&instance, &deployment.signed("/slow-strict", "hush")).is_ok());
    assert_eq!(calls.filter(|passed| *passed).count(), 3);
    assert_eq!(deployment.leases_given(), 3);
}
