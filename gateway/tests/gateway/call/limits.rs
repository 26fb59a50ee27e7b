//! Rate limits: who calls too often is told to wait, and has lost nothing by it.

use std::pin::Pin;

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

/// How many of so many calls pass, that instances get in turn.
fn in_turn(deployment: &Deployment, instances: &[Rc<Gateway<Memory>>], path: &str, calls: usize) -> usize {
    let calls = (0..calls).map(|at| (&instances[at % instances.len()], deployment.signed(path, "hush")));
    calls.filter(|(instance, packed)| send(instance, packed).is_ok()).count()
}

#[test]
fn limits_hold_over_all_instances_where_the_platform_has_many() {
    let deployment = Deployment::new("10.00");
    let lifetime = Some(Lifetime { calls: 128, idle: SECOND });
    let instances: Vec<_> = (1..=16).map(|seed| deployment.instance_for(seed, lifetime)).collect();
    assert_eq!(in_turn(&deployment, &instances, "/slow", 200), 3);
    assert_eq!(in_turn(&deployment, &instances, "/slow-strict", 200), 3);
    deployment.memory.set_now(START.plus(40 * SECOND));
    assert_eq!(in_turn(&deployment, &instances, "/slow", 200), 2, "as many as have come back in the meantime");
    let fresh: Vec<_> = (17..=32).map(|seed| deployment.instance_for(seed, lifetime)).collect();
    assert_eq!(in_turn(&deployment, &fresh, "/slow", 200), 0, "a new instance does not begin anew");
}

#[test]
fn calls_that_wait_together_have_their_places_before_the_ledger_is_asked() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    // Before, as what is read first is not what they wait for.
    assert!(send(&instance, &deployment.signed("/slow-strict", "hush")).is_ok());
    deployment.memory.take_turns(true);
    let next = deployment.signed("/slow-strict", "hush");
    let next = Facts::unpack(&next).unwrap();
    let packed: Vec<_> = (0..9).map(|_| deployment.signed("/slow-strict", "hush")).collect();
    let facts: Vec<_> = packed.iter().map(|packed| Facts::unpack(packed).unwrap()).collect();
    let call = |facts| -> Pin<Box<dyn Future<Output = Step> + '_>> { Box::pin(instance.decide(facts, Body::Unread)) };
    let mut calls: Vec<_> = facts.iter().map(call).collect();
    let mut context = Context::from_waker(Waker::noop());
    let mut poll = |calls: &mut Vec<Pin<Box<dyn Future<Output = Step> + '_>>>| {
        let mut steps = Vec::new();
        calls.retain_mut(|call| match call.as_mut().poll(&mut context) {
            Poll::Ready(step) => {
                steps.push(step);
                false
            }
            Poll::Pending => true,
        });
        steps
    };
    let turned_away = poll(&mut calls);
    assert!(turned_away.iter().all(|step| matches!(step, Step::Reject(_))));
    assert_eq!((turned_away.len(), calls.len()), (7, 2), "no more wait than may pass");
    // One of them goes away, and its place is another's.
    calls.pop();
    calls.push(call(&next));
    assert!(poll(&mut calls).iter().all(|step| matches!(step, Step::Forward(_))));
    assert!(poll(&mut calls).iter().all(|step| matches!(step, Step::Forward(_))));
    assert!(calls.is_empty());
}

#[test]
fn a_place_comes_back_from_a_call_that_is_turned_away() {
    let deployment = Deployment::without("-0.009");
    let instance = deployment.instance(1);
    for _ in 0..9 {
        assert_eq!(send(&instance, &deployment.signed("/slow-strict", "hush")).unwrap_err(), "balance.exhausted");
    }
}
