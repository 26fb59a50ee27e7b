//! Test calls: where they go, what they cost, and how many there may be.

use farebox_core::{credential::plain_key_entry, plain_key};

use super::*;

/// A deployment of an account that has nothing, and whose `ak_1` is for tests where `is_test` says so.
fn deployment(is_test: bool) -> Deployment {
    let deployment = Deployment::new("0.01");
    let entry = credential_entry(&"ak_1".parse().unwrap());
    let stored = now(deployment.memory.get(&entry)).unwrap().unwrap();
    let credential = Credential { is_test, ..serde_json::from_slice(&stored).unwrap() };
    now(deployment.memory.put(&entry, &serde_json::to_vec(&credential).unwrap())).unwrap();
    now(deployment.memory.put(&plain_key_entry(&plain_key::hash("k")), b"ak_1")).unwrap();
    deployment
}

#[test]
fn a_test_call_goes_to_the_test_stage_and_costs_nothing() {
    let deployment = deployment(true);
    let instance = deployment.instance(1);
    for packed in [deployment.signed("/tried?a=1", "hush"), "GET\nhttp://gateway.test/tried?a=1\nx-api-key: k".into()] {
        let forward = send(&instance, &packed).unwrap();
        assert_eq!(forward.url.whole, "http://sandbox.test/v1/tried?a=1");
        let [(_, who), (name, signed), ..] = forward.set.as_slice() else { panic!("{forward:?}") };
        assert_eq!(name, "signature-input");
        assert!(who.whole.contains("stage=\"test\"") && signed.whole.contains("\"farebox\""), "the upstream is told");
        assert!(
            forward.respond.iter().any(|shown| (&*shown.name, &*shown.value) == ("farebox-stage", "test")),
            "and so is the caller"
        );
        instance.finish(forward.call, Outcome::Answered(200), 10, 1_000, START);
    }
    now(instance.flush());
    deployment.settle();
    assert_eq!((deployment.usage().0, deployment.leases_given(), deployment.balance().0), (0, 0, "0.01".to_owned()));
    assert_eq!(send(&instance, &deployment.signed("/tried", "hush")).unwrap_err(), "rate.limited", "two a minute");
}

#[test]
fn a_test_call_of_a_product_without_a_test_stage_reaches_nothing() {
    let deployment = deployment(true);
    let instance = deployment.instance(1);
    for path in ["/leased", "/strict", "/slow"] {
        assert_eq!(send(&instance, &deployment.signed(path, "hush")).unwrap_err(), "stage.missing", "{path}");
    }
    assert_eq!(send(&instance, &deployment.signed("/nowhere", "hush")).unwrap_err(), "route.unknown");
}

#[test]
fn x_ca_stage_asks_for_the_test_stage_and_never_for_the_real_one() {
    let stage = |deployment: &Deployment, stage: &str| {
        let packed = format!("{}\nx-ca-stage: {stage}", deployment.signed("/tried", "hush"));
        send(&deployment.instance(1), &packed).map(|forward| forward.url.whole)
    };
    let (sold, tried) = ("http://origin.test/tried".to_owned(), "http://sandbox.test/v1/tried".to_owned());
    for (name, of_a_paying_one) in
        [("", &sold), ("RELEASE", &sold), ("release", &sold), ("TEST", &tried), ("test", &tried)]
    {
        assert_eq!(stage(&deployment(false), name).as_ref(), Ok(of_a_paying_one), "{name}");
        assert_eq!(stage(&deployment(true), name).as_ref(), Ok(&tried), "{name}");
    }
    assert_eq!(stage(&deployment(false), "PRE"), Err("request.malformed".to_owned()));
}

#[test]
fn the_limits_of_a_stage_count_for_themselves() {
    let deployment = deployment(false);
    let instance = deployment.instance(1);
    let call = |stage: &str| {
        let packed = format!("{}\nx-ca-stage: {stage}", deployment.signed("/tried", "hush"));
        send(&instance, &packed).map(drop)
    };
    let limited = Err("rate.limited".to_owned());
    assert_eq!([call("TEST"), call("TEST"), call("TEST")], [Ok(()), Ok(()), limited.clone()]);
    assert_eq!([call(""), call("")], [Ok(()), limited], "the product's own, one a minute");
}
