//! Where a platform ends an instance soon, the instance writes down what it counted and gives back what it holds before that.

use std::{collections::BTreeSet, rc::Rc};

use farebox_core::{
    meter::Meter,
    time::{SECOND, Timestamp},
};
use farebox_gateway::{Lifetime, Outcome};
use farebox_ports::{Host, KeyValue};

use super::{Deployment, START, now, send};

pub(super) const LIFETIME: Lifetime = Lifetime { calls: 128, idle: SECOND };

impl Deployment {
    /// When usage was booked.
    fn settled(&self) -> BTreeSet<Timestamp> {
        let tills = self.memory.writes(&self.account).into_iter().filter_map(|written| written.till);
        tills.filter(|till| !till.unsealed().usage.is_empty()).filter_map(|till| till.booked()).collect()
    }
}

#[test]
fn an_instance_that_has_had_its_calls_gives_back_its_one_lease_at_once() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance_for(1, Some(LIFETIME));
    for _ in 0..128 {
        let forward = send(&instance, &deployment.signed("/leased", "hush")).unwrap();
        instance.finish(forward.call, Outcome::Answered(200), 0, 0, START);
    }
    now(instance.background());
    assert_eq!(deployment.memory.now(), START.plus(SECOND / 4), "it did not wait for its time");
    assert_eq!(deployment.leases_given(), 1, "none was asked for in vain");
    assert_eq!(deployment.balance(), ("9.744".to_owned(), "0.00".to_owned()));
}

#[test]
fn an_instance_that_falls_idle_where_that_ends_it_gives_back_its_lease() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance_for(1, Some(LIFETIME));
    let forward = send(&instance, &deployment.signed("/leased", "hush")).unwrap();
    let late = send(&instance, &deployment.signed("/leased", "hush")).unwrap();
    instance.finish(forward.call, Outcome::Answered(200), 0, 0, START);
    instance.finish(late.call, Outcome::Answered(200), 0, 0, START.plus(SECOND / 2));
    now(Rc::clone(&instance).background());
    assert_eq!(deployment.memory.now(), START.plus(3 * SECOND / 2), "a second after the last call");
    assert_eq!(deployment.balance(), ("9.996".to_owned(), "0.00".to_owned()));
    assert!(send(&instance, &deployment.signed("/leased", "hush")).is_ok(), "it goes on should it live on");
}

#[test]
fn what_is_scarce_is_given_back_as_soon_as_no_call_needs_it() {
    let deployment = Deployment::new("0.10");
    let instance = deployment.instance_for(1, Some(LIFETIME));
    let calls = [0; 2].map(|_| send(&instance, &deployment.signed("/leased", "hush")).unwrap().call);
    assert_eq!(deployment.balance().1, "0.024", "a quarter of what is left is not what was asked for");
    for call in calls {
        instance.finish(call, Outcome::Answered(200), 0, 0, START);
    }
    now(instance.background());
    assert_eq!(deployment.balance(), ("0.096".to_owned(), "0.00".to_owned()));
    assert_eq!(deployment.settled(), [START].into(), "and not when it had been idle");
}

#[test]
fn an_instance_that_has_nothing_to_give_back_leaves_its_counters_all_the_same() {
    let deployment = Deployment::new("0.10");
    let instance = deployment.instance_for(1, Some(LIFETIME));
    let call = send(&instance, &deployment.signed("/leased", "hush")).unwrap().call;
    instance.finish(call, Outcome::Answered(200), 0, 0, START);
    now(Rc::clone(&instance).background());
    assert_eq!(deployment.balance().1, "0.00", "what is scarce went back at once");
    let left = now(deployment.memory.list("metrics", None, 9)).unwrap().items;
    assert_eq!(left.len(), 1, "its counters are where they are seen: {left:?}");
}

#[test]
fn an_instance_that_ends_leaves_the_counters_that_it_showed_under_its_own_name() {
    for idle in [10 * SECOND, 100 * SECOND] {
        let deployment = Deployment::new("10.00");
        let instance = deployment.instance_for(1, Some(Lifetime { calls: 10_000, idle }));
        let call = send(&instance, &deployment.signed("/leased", "hush")).unwrap().call;
        instance.finish(call, Outcome::Answered(200), 0, 0, START);
        now(Rc::clone(&instance).background());
        let seen = now(deployment.memory.list("metrics", None, 9)).unwrap().items;
        let [only] = &seen[..] else { panic!("seen once: {seen:?}") };
        assert!(only.starts_with("metrics-left/"), "no scrape shows {only} for longer than an hour");
    }
}

#[test]
fn a_lease_comes_back_whole_also_when_some_of_its_usage_was_written_before() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance_for(1, Some(LIFETIME));
    for _ in 0..2 {
        let forward = send(&instance, &deployment.signed("/leased", "hush")).unwrap();
        instance.finish(forward.call, Outcome::Answered(200), 0, 0, START);
        now(instance.flush());
    }
    now(instance.background());
    assert_eq!(deployment.balance(), ("9.996".to_owned(), "0.00".to_owned()), "without waiting for a settlement");
}

#[test]
fn a_call_waits_for_what_other_instances_will_give_back() {
    let deployment = Deployment::with_one_call();
    let (holder, waiting) = (deployment.instance_for(1, Some(LIFETIME)), deployment.instance_for(2, Some(LIFETIME)));
    let held = send(&holder, &deployment.signed("/leased", "hush")).unwrap();
    assert_eq!(send(&waiting, &deployment.signed("/leased", "hush")).unwrap_err(), "temporarily.unavailable");
    assert!(deployment.memory.now() >= START.plus(10 * LIFETIME.idle), "it waited as long as that may take");
    holder.finish(held.call, Outcome::Answered(200), 0, 0, START);
    now(holder.flush());
    // What was refused is asked for again when some time has passed.
    let asked = deployment.memory.now().plus(10 * SECOND);
    deployment.memory.set_now(asked);
    assert_eq!(send(&waiting, &deployment.signed("/leased", "hush")).unwrap_err(), "balance.exhausted");
    assert_eq!(deployment.memory.now(), asked, "nothing is held any more");
}

/// A lease of the instance, and when what it counted was first settled, after so many calls at once.
fn first_lease_and_settlement(calls: u64) -> (u64, Timestamp) {
    let deployment = Deployment::new("1000.00");
    let instance = deployment.instance_for(1, Some(Lifetime { calls: 10_000, ..LIFETIME }));
    for _ in 0..calls {
        let forward = send(&instance, &deployment.signed("/leased", "hush")).unwrap();
        instance.finish(forward.call, Outcome::Answered(200), 0, 0, START);
    }
    now(instance.background());
    let lease = deployment.leases().into_values().find_map(|lease| lease.allowance.get(Meter::Calls).copied());
    (lease.unwrap(), *deployment.settled().first().unwrap())
}

#[test]
fn a_first_lease_is_small_however_long_an_instance_lives_and_half_of_it_is_written_at_once() {
    let (lease, settled) = first_lease_and_settlement(1);
    assert_eq!(lease, 192, "for 10,000 calls");
    assert!(settled > START, "one call waits for the next batch");
    let (_, settled) = first_lease_and_settlement(lease / 2);
    assert_eq!(settled, START, "a crash takes no more than half of a lease");
}
