//! What was bought is used up to the last call, over all instances, and is said to be only then.

use super::*;

#[test]
fn instances_together_admit_what_was_bought() {
    let deployment = Deployment::new("1.00");
    deployment.buy_hundred();
    let instances = [1, 2, 3].map(|seed| deployment.instance(seed));
    let (mut admitted, mut refused) = (0, Vec::new());
    for call in 0..600 {
        let instance = &instances[call % 3];
        let sent = send(instance, &deployment.signed("/leased", "hush"));
        if let Ok(forward) = &sent {
            admitted += 1;
            instance.finish(forward.call, Outcome::Answered(200), 0, 1, START);
        }
        refused.extend(sent.err().filter(|code| code != "temporarily.unavailable"));
        // A refusal is believed for a moment.
        deployment.memory.set_now(deployment.memory.now().plus(SECOND / 4));
    }
    assert_eq!(admitted, 100);
    refused.dedup();
    assert_eq!(refused, ["quota.exhausted"], "and is said to be used up once nothing is leased out");
}
