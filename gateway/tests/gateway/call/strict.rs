//! Strict admission: each call has the ledger's own word, so that nonces and quantities hold over all instances. And strict
//! signatures: each call has a nonce that the ledger has taken, whatever pays for it.

use super::*;

#[test]
fn strict_admission_sees_a_nonce_on_every_instance() {
    let deployment = Deployment::new("10.00");
    let instances = [1, 2].map(|seed| deployment.instance(seed));
    let leased = deployment.signed("/leased", "hush");
    assert!(instances.iter().all(|instance| send(instance, &leased).is_ok()), "each instance knows its own");
    let strict = deployment.signed("/strict", "hush");
    assert!(send(&instances[0], &strict).is_ok());
    assert_eq!(send(&instances[1], &strict).unwrap_err(), "nonce.used");
}

#[test]
fn strict_admission_admits_what_the_balance_pays_for() {
    let deployment = Deployment::new("0.10");
    let instances = [1, 2].map(|seed| deployment.instance(seed));
    let (mut admitted, mut refused) = (0, Vec::new());
    for call in 0..100 {
        match send(&instances[call % 2], &deployment.signed("/strict", "hush")) {
            Ok(forward) => {
                admitted += 1;
                instances[call % 2].finish(forward.call, Outcome::Answered(200), 0, 0, START);
            }
            Err(code) => refused.push(code),
        }
    }
    assert_eq!(admitted, 50);
    refused.retain(|code| code != "temporarily.unavailable");
    refused.dedup();
    assert_eq!(refused, ["balance.exhausted"], "once nothing is leased out");
    instances.iter().for_each(|instance| now(instance.flush()));
    deployment.settle();
    assert_eq!(deployment.balance(), ("0.00".to_owned(), "0.00".to_owned()));
}

#[test]
fn a_strictly_signed_call_passes_once_over_all_instances() {
    let deployment = Deployment::new("10.00");
    let instances = [1, 2, 3].map(|seed| deployment.instance(seed));
    let once = deployment.signed("/once", "hush");
    let passed = instances.iter().cycle().take(30).filter(|instance| match send(instance, &once) {
        Ok(_) => true,
        Err(code) => {
            assert_eq!(code, "nonce.used");
            false
        }
    });
    assert_eq!(passed.count(), 1);
    let calls = instances.iter().filter(|instance| send(instance, &deployment.signed("/once", "hush")).is_ok());
    assert_eq!(calls.count(), 3, "calls that are signed anew pass");
    assert_eq!(deployment.leases_given(), 3, "on leases, one for each instance");
}

#[test]
fn nothing_is_kept_of_a_call_that_is_not_paid_for() {
    let deployment = Deployment::with_one_call();
    let instance = deployment.instance(1);
    let forward = send(&instance, &deployment.signed("/once", "hush")).unwrap();
    instance.finish(forward.call, Outcome::Answered(200), 0, 0, START);
    now(instance.flush());
    let refused = ["/once", "/strict"].map(|path| deployment.signed(path, "hush"));
    for packed in &refused {
        assert_eq!(send(&instance, packed).unwrap_err(), "balance.exhausted");
    }
    let (amount, currency) = ("10.00".parse().unwrap(), "USD".parse().unwrap());
    deployment.book(Some("r2"), &Command::Recharge { amount, currency, reference: None });
    deployment.memory.set_now(START.plus(SECOND));
    for packed in &refused {
        assert!(send(&instance, packed).is_ok(), "its nonce was not taken");
        assert_eq!(send(&deployment.instance(2), packed).unwrap_err(), "nonce.used");
    }
}
