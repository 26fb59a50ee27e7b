//! Units that the upstream says: set aside before the call, charged as said after it, and never more than was paid for.

use farebox_core::time::SECOND;
use farebox_gateway::{CallKey, UnitsFrom};
use fastrand::Rng;

use super::*;

/// The seed of the random worlds; `FAREBOX_SEED=17` takes another.
fn rng() -> Rng {
    let seed =
        std::env::var("FAREBOX_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("FAREBOX_SEED={seed}");
    Rng::with_seed(seed)
}

/// More calls than it takes to use up what was bought.
const MOST_CALLS: u32 = 5_000;

/// Ends a call whose upstream says so many units.
fn ended(instance: &Gateway<Memory>, call: CallKey, units: u64) {
    instance.said_units(call, &units.to_string());
    instance.finish(call, Outcome::Answered(200), 0, 0, instance.ports().now());
}

/// Lets everything be booked that an instance has counted.
fn booked(deployment: &Deployment, instance: &Gateway<Memory>) {
    now(instance.flush());
    deployment.settle();
}

/// Calls from three instances until none passes any more, with dozens in flight. Gives the units that were said of calls that ended.
fn crowd(deployment: &Deployment, path: &str) -> u64 {
    let mut rng = rng();
    let instances: Vec<_> = (1..=3).map(|seed| deployment.instance(seed)).collect();
    let (mut said, mut refused) = (0, 0);
    let mut in_flight: Vec<(usize, CallKey)> = Vec::new();
    for _ in 0..MOST_CALLS {
        if refused == 40 {
            break;
        }
        let at = rng.usize(0..instances.len());
        match send(&instances[at], &deployment.signed(path, "hush")) {
            Ok(forward) => {
                in_flight.push((at, forward.call));
                refused = 0;
            }
            Err(code) if code == "temporarily.unavailable" => {}
            Err(code) => {
                assert!(["quota.exhausted", "balance.exhausted"].contains(&&*code), "{code}");
                refused += 1;
            }
        }
        while in_flight.len() > rng.usize(0..12) {
            let (at, call) = in_flight.swap_remove(rng.usize(0..in_flight.len()));
            let units = rng.u64(1..=500);
            said += units;
            ended(&instances[at], call, units);
        }
        let later = deployment.memory.now().plus(rng.i64(0..SECOND));
        deployment.memory.set_now(later);
        if rng.u8(0..20) == 0 {
            booked(deployment, &instances[rng.usize(0..instances.len())]);
        }
    }
    assert_eq!(refused, 40, "somebody is told to come again for ever");
    for (at, call) in in_flight {
        said += 500;
        ended(&instances[at], call, 500);
    }
    deployment.memory.set_now(deployment.memory.now().plus(60 * SECOND));
    instances.iter().for_each(|instance| now(instance.flush()));
    deployment.settle();
    said
}

#[test]
fn a_crowd_is_charged_what_is_said_and_never_more_units_than_were_bought() {
    for (product, package, path) in
        [("tokens", "tokens-10k", "/tokens/said"), ("tokens-strict", "strict-10k", "/tokens-strict")]
    {
        // The package costs all of the balance, so nothing else pays.
        let deployment = Deployment::new("0.01");
        deployment.buy(product, package);
        let said = crowd(&deployment, path);
        assert_eq!(deployment.used().units, said, "{path}: what is said is what is charged");
        assert!((10_000 - 500 * 3..=10_000).contains(&said), "{path}: {said} units of 10,000");
    }
}

#[test]
fn a_crowd_is_charged_what_is_said_and_never_more_money_than_there_is() {
    let deployment = Deployment::new("10.00");
    let said = crowd(&deployment, "/tokens/said");
    assert_eq!(deployment.used().units, said);
    assert!((10_000 - 500 * 3..=10_000).contains(&said), "{said} units of 10.00 at 1.00 for 1,000");
    let paid: f64 = deployment.balance().0.parse().unwrap();
    assert!(((10_000 - said) as f64 / 1_000.0 - paid).abs() < 1e-9, "{paid} is left");
}

#[test]
fn an_upstream_that_says_more_is_cut_and_one_that_says_nothing_is_told_of() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    let mut used = 0;
    for (field, units) in
        [("500", 500), ("501", 500), ("99999999999999999999", 0), ("", 0), ("-3", 0), ("0", 0), ("7", 7)]
    {
        let forward = send(&instance, &deployment.signed("/tokens/said", "hush")).unwrap();
        assert_eq!(forward.units, UnitsFrom::Header);
        instance.said_units(forward.call, field);
        instance.finish(forward.call, Outcome::Answered(200), 0, 0, START);
        booked(&deployment, &instance);
        used += units;
        assert_eq!(deployment.used().units, used, "{field:?}");
    }
    let lines = deployment.memory.log_lines();
    let told = |event: &str| lines.iter().filter(|line| line.contains(event)).count();
    assert_eq!((told("units.cut"), told("units.unsaid")), (1, 0), "once a minute for a product: {lines:?}");
    deployment.memory.set_now(START.plus(61 * SECOND));
    let forward = send(&instance, &deployment.signed("/tokens/said", "hush")).unwrap();
    instance.finish(forward.call, Outcome::Answered(200), 0, 0, deployment.memory.now());
    assert!(deployment.memory.log_lines().iter().any(|line| line.contains("units.unsaid")));
}

#[test]
fn what_is_not_charged_comes_to_no_units_and_who_leaves_early_to_all_that_were_set_aside() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    let call = |path| send(&instance, &deployment.signed(path, "hush")).unwrap().call;
    let finish = |call, outcome| instance.finish(call, outcome, 0, 0, START);
    let units = || {
        booked(&deployment, &instance);
        deployment.used().units
    };
    finish(call("/tokens/said"), Outcome::Unanswered);
    let failed = call("/tokens/said");
    instance.said_units(failed, "9");
    finish(failed, Outcome::Answered(500));
    finish(call("/tokens/five"), Outcome::Answered(503));
    assert_eq!((units(), deployment.used().uncharged), (0, 3));
    let left = call("/tokens/said");
    instance.left_units(left);
    finish(left, Outcome::Answered(200));
    assert_eq!(units(), 500);
    let left = call("/tokens/said");
    instance.said_units(left, "9");
    instance.left_units(left);
    finish(left, Outcome::Answered(200));
    assert_eq!(units(), 509, "of who left late, what was said");
    finish(call("/tokens/five"), Outcome::Answered(404));
    assert_eq!(units(), 514, "a fixed number for each charged call");
    let silent = call("/tokens/said");
    deployment.memory.set_now(START.plus(200 * SECOND));
    assert_eq!(units(), 1_014, "who leaves before the answer, and is not heard of");
    instance.finish(silent, Outcome::Unanswered, 0, 0, deployment.memory.now());
    assert_eq!((units(), deployment.used().uncharged), (1_014, 3));
}

#[test]
fn a_body_is_read_in_passing_and_asked_for_in_no_coding() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    let request = format!("{}\naccept-encoding: br", deployment.signed("/tokens/read", "hush"));
    let forward = send(&instance, &request).unwrap();
    let facts = Facts::unpack(&request).unwrap();
    let goes = facts.headers.iter().zip(&forward.goes).filter(|(_, goes)| **goes).map(|((name, _), _)| *name);
    assert!(!goes.into_iter().any(|name| name == "accept-encoding"));
    let coding = forward.set.iter().find(|(name, _)| *name == "accept-encoding").map(|(_, value)| value.whole.as_str());
    assert_eq!((forward.units, coding), (UnitsFrom::Body, Some("identity")));
    instance.begin_units(forward.call, "text/event-stream");
    for piece in ["data: {\"usage\": {\"in\": 7}}\n\ndata: {\"usage\": {\"in\"", ": 9, \"out\": 2}}\n\n"] {
        instance.read_units(forward.call, piece.as_bytes());
    }
    instance.finish(forward.call, Outcome::Answered(200), 0, 0, START);
    booked(&deployment, &instance);
    assert_eq!(deployment.used().units, 9 + 3 * 2);
}

#[test]
fn a_rest_that_pays_for_no_dear_call_pays_for_cheap_ones() {
    let deployment = Deployment::new("0.01");
    deployment.buy("tokens", "tokens-10k");
    let instance = deployment.instance(1);
    for _ in 0..19 {
        ended(&instance, send(&instance, &deployment.signed("/tokens/said", "hush")).unwrap().call, 500);
    }
    ended(&instance, send(&instance, &deployment.signed("/tokens/said", "hush")).unwrap().call, 400);
    now(instance.flush());
    assert_eq!(send(&instance, &deployment.signed("/tokens/said", "hush")).unwrap_err(), "quota.exhausted");
    let mut passed = 0;
    while let Ok(forward) = send(&instance, &deployment.signed("/tokens/five", "hush")) {
        instance.finish(forward.call, Outcome::Answered(200), 0, 0, deployment.memory.now());
        passed += 1;
        assert!(passed <= 20);
    }
    assert_eq!(passed, 20, "the last 100 units");
}
