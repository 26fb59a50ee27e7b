//! What a credential may spend is spent to the last call over all instances, and no call more passes until its period ends.

use farebox_core::credential_limit::{CredentialLimit, LimitPeriod};
use farebox_gateway::CallKey;
use fastrand::Rng;

use super::*;

/// More calls than a day has.
const CALLS: u32 = 3_000;

fn limit(per: LimitPeriod) -> CredentialLimit {
    CredentialLimit { per, calls: None, units: None, money: None }
}

/// Holds the deployment's credential to these limits.
fn hold(deployment: &Deployment, limits: &[CredentialLimit]) {
    let entry = credential_entry(&"ak_1".parse().unwrap());
    let stored = now(deployment.memory.get(&entry)).unwrap().unwrap();
    let credential: Credential = serde_json::from_slice(&stored).unwrap();
    let credential = Credential { limits: limits.to_vec(), ..credential };
    now(deployment.memory.put(&entry, &serde_json::to_vec(&credential).unwrap())).unwrap();
}

/// The next midnight of the deployment's clock.
fn midnight(deployment: &Deployment) -> Timestamp {
    LimitPeriod::Day.bounds(deployment.memory.now()).1
}

/// Calls on three instances, with some in flight, until none passes. Gives those that passed, and the codes of those that did not.
fn crowd(deployment: &Deployment, path: &str, rng: &mut Rng) -> (u64, Vec<String>) {
    let instances: Vec<_> = (0..3).map(|_| deployment.instance(rng.u64(..))).collect();
    let (mut passed, mut refused) = (0, Vec::new());
    let mut in_flight: Vec<(usize, CallKey)> = Vec::new();
    for _ in 0..CALLS {
        let at = rng.usize(0..3);
        match send(&instances[at], &deployment.signed(path, "hush")) {
            Ok(forward) => {
                passed += 1;
                in_flight.push((at, forward.call));
            }
            Err(code) if code == "temporarily.unavailable" => {}
            Err(code) => refused.push(code),
        }
        while in_flight.len() > rng.usize(0..6) {
            let (at, call) = in_flight.swap_remove(rng.usize(0..in_flight.len()));
            // Where the product has units, so many are said.
            instances[at].said_units(call, &rng.u64(1..=500).to_string());
            instances[at].finish(call, Outcome::Answered(200), 0, 0, deployment.memory.now());
        }
        if rng.u32(0..8) == 0 {
            deployment.memory.set_now(deployment.memory.now().plus(SECOND / 2));
            instances.iter().for_each(|instance| now(instance.flush()));
            deployment.settle();
        }
        if refused.len() > 20 {
            break;
        }
    }
    for (at, call) in in_flight {
        instances[at].finish(call, Outcome::Answered(200), 0, 0, deployment.memory.now());
    }
    // All that is held comes back before the next day.
    deployment.memory.set_now(midnight(deployment).plus(-SECOND));
    instances.iter().for_each(|instance| now(instance.flush()));
    deployment.settle();
    refused.dedup();
    (passed, refused)
}

fn rng() -> Rng {
    let seed =
        std::env::var("FAREBOX_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    println!("FAREBOX_SEED={seed}");
    Rng::with_seed(seed)
}

#[test]
fn three_instances_let_a_thousand_calls_a_day_through_and_as_many_the_next() {
    let mut rng = rng();
    for path in ["/leased", "/strict"] {
        let deployment = Deployment::new("1000.00");
        hold(&deployment, &[CredentialLimit { calls: Some(1_000), ..limit(LimitPeriod::Day) }]);
        for day in 1..=2 {
            assert_eq!(crowd(&deployment, path, &mut rng), (1_000, vec!["limit.exhausted".to_owned()]), "day {day}");
            deployment.memory.set_now(midnight(&deployment));
        }
        assert_eq!(deployment.used().calls, 2_000);
    }
}

#[test]
fn a_limit_in_money_is_spent_to_the_last_call() {
    let deployment = Deployment::new("1000.00");
    hold(&deployment, &[CredentialLimit { money: Some("0.50".parse().unwrap()), ..limit(LimitPeriod::Month) }]);
    assert_eq!(crowd(&deployment, "/leased", &mut rng()), (250, vec!["limit.exhausted".to_owned()]));
    assert_eq!(deployment.balance().0, "999.50");
}

#[test]
fn a_limit_in_units_is_never_passed() {
    let deployment = Deployment::new("1000.00");
    let most = 10_000;
    hold(&deployment, &[CredentialLimit { units: Some(most), ..limit(LimitPeriod::Week) }]);
    let (_, refused) = crowd(&deployment, "/tokens/said", &mut rng());
    let used = deployment.used().units;
    assert!(used <= most && refused.iter().all(|code| code == "limit.exhausted"), "{used} units, {refused:?}");
}

#[test]
fn who_is_refused_is_told_when_the_limit_renews_and_another_credential_goes_on() {
    let deployment = Deployment::new("10.00");
    hold(&deployment, &[CredentialLimit { calls: Some(1), ..limit(LimitPeriod::Day) }]);
    let instance = deployment.instance(1);
    let forward = send(&instance, &deployment.signed("/leased", "hush")).unwrap();
    instance.finish(forward.call, Outcome::Answered(200), 0, 0, START);
    now(instance.flush());
    deployment.settle();
    let packed = deployment.signed("/leased", "hush");
    let facts = Facts::unpack(&packed).unwrap();
    let Step::Reject(reject) = now(instance.decide(&facts, Body::Unread)) else { panic!("it passed") };
    let renews = midnight(&deployment).to_string();
    assert!(reject.status == 403 && reject.body.contains(&renews), "{reject:?}");
    assert!(reject.fields.contains(&("x-ca-error-code", "B403ML".to_owned())), "{reject:?}");

    let other = master_key().seal("ak_2", &Secret::new("hush"), [2; 12]).unwrap();
    let credential = Credential::new("ak_2".parse().unwrap(), deployment.account.clone(), other, START);
    let entry = serde_json::to_vec(&credential).unwrap();
    now(deployment.memory.put(&credential_entry(&credential.key), &entry)).unwrap();
    let secret = Secret::new("hush");
    let bare = "GET\nhttp://gateway.test/leased".to_owned();
    let signer = Signer { key: "ak_2", secret: &secret, now: deployment.memory.now(), nonce: "other" };
    let signed = xca::sign(&Facts::unpack(&bare).unwrap(), b"", &signer);
    let packed = signed.headers.iter().fold(bare, |packed, (name, value)| format!("{packed}\n{name}: {value}"));
    assert!(send(&instance, &packed).is_ok());
}

#[test]
fn a_limit_that_is_raised_is_in_use_once_the_credential_is_read_again() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    for (calls, passes) in [(3, 3), (5, 2)] {
        hold(&deployment, &[CredentialLimit { calls: Some(calls), ..limit(LimitPeriod::Day) }]);
        deployment.memory.set_now(deployment.memory.now().plus(20 * SECOND));
        let mut passed = 0;
        for _ in 0..9 {
            if let Ok(forward) = send(&instance, &deployment.signed("/leased", "hush")) {
                instance.finish(forward.call, Outcome::Answered(200), 0, 0, deployment.memory.now());
                passed += 1;
            }
            now(instance.flush());
            deployment.settle();
            deployment.memory.set_now(deployment.memory.now().plus(SECOND / 2));
        }
        assert_eq!(passed, passes, "of {calls}");
    }
}
