//! Strict admission: each call has the ledger's own word, so that nonces and quantities hold over all instances.

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
                instances[call % 2].finish(forward.call, true, 0, 0, START);
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
