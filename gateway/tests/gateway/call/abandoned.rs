//! Callers who leave between admission and the upstream's head: each such call is charged once, and holds no lease for ever.

use farebox_core::{meter::Meter, time::Millis};
use farebox_gateway::{CallKey, Flow, Flowed};

use super::*;

/// How long an upstream may take.
pub(super) const ANSWERS_WITHIN: Millis = 120 * SECOND;

fn pass(deployment: &Deployment, millis: Millis) {
    deployment.memory.set_now(deployment.memory.now().plus(millis));
}

/// What is charged once all is settled: calls, bytes in, bytes out.
fn settled(deployment: &Deployment, instance: &Rc<Gateway<Memory>>) -> (u64, u64, u64) {
    now(instance.flush());
    pass(deployment, 10 * 60 * SECOND);
    deployment.settle();
    deployment.usage()
}

fn let_through(deployment: &Deployment, instance: &Rc<Gateway<Memory>>) -> CallKey {
    send(instance, &deployment.signed("/leased", "hush")).unwrap().call
}

/// Lets as much time pass as an upstream has, and a little more.
fn wait_for_long(deployment: &Deployment, instance: &Rc<Gateway<Memory>>) {
    pass(deployment, ANSWERS_WITHIN + 5 * SECOND);
    now(instance.flush());
}

#[test]
fn a_caller_who_always_hangs_up_is_charged_once_for_each_call() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    for call in 0..70 {
        let_through(&deployment, &instance);
        pass(&deployment, SECOND);
        if call % 10 == 0 {
            now(instance.flush());
        }
    }
    wait_for_long(&deployment, &instance);
    wait_for_long(&deployment, &instance);
    assert_eq!(settled(&deployment, &instance), (70, 0, 0));
    assert_eq!(deployment.balance(), ("9.86".to_owned(), "0.00".to_owned()), "and nothing is leased any more");
}

#[test]
fn the_loop_behind_the_calls_ends_what_is_abandoned() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    let_through(&deployment, &instance);
    pass(&deployment, ANSWERS_WITHIN + 5 * SECOND);
    now(Rc::clone(&instance).background());
    deployment.settle();
    assert_eq!(deployment.usage(), (1, 0, 0));
}

#[test]
fn bytes_that_were_announced_are_charged() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    let bare = "POST +\nhttp://gateway.test/leased\ncontent-length: 1234";
    let signer = Signer { key: "ak_1", secret: &Secret::new("hush"), now: deployment.memory.now(), nonce: "body" };
    let signed = xca::sign(&Facts::unpack(bare).unwrap(), b"", &signer);
    let packed =
        signed.headers.iter().fold(bare.to_owned(), |packed, (name, value)| format!("{packed}\n{name}: {value}"));
    send(&instance, &packed).unwrap();
    wait_for_long(&deployment, &instance);
    assert_eq!(settled(&deployment, &instance), (1, 1_234, 0));
}

#[test]
fn a_late_end_adds_bytes_and_no_call() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    let [answered, failed, forgotten] = [(); 3].map(|()| let_through(&deployment, &instance));
    wait_for_long(&deployment, &instance);
    let other = let_through(&deployment, &instance);
    instance.finish(other, Outcome::Answered(200), 0, 0, deployment.memory.now());
    instance.finish(answered, Outcome::Answered(200), 7, 1_000, deployment.memory.now());
    instance.finish(failed, Outcome::Unanswered, 0, 0, deployment.memory.now());
    wait_for_long(&deployment, &instance);
    wait_for_long(&deployment, &instance);
    instance.finish(forgotten, Outcome::Answered(200), 7, 1_000, deployment.memory.now());
    instance.finish(answered, Outcome::Answered(200), 7, 1_000, deployment.memory.now());
    assert_eq!(settled(&deployment, &instance), (4, 7, 1_000));
    assert_eq!(deployment.balance(), ("9.992".to_owned(), "0.00".to_owned()));
}

#[test]
fn a_late_end_is_never_that_of_a_younger_call() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    let old = let_through(&deployment, &instance);
    instance.finish(old, Outcome::Answered(200), 0, 0, deployment.memory.now());
    let young = let_through(&deployment, &instance);
    assert_eq!(old.numbers()[0], young.numbers()[0], "it has the place of the old one");
    assert_eq!(CallKey::from_numbers(young.numbers()), young);
    instance.finish(old, Outcome::Answered(200), 0, 99, deployment.memory.now());
    instance.finish(young, Outcome::Unanswered, 0, 0, deployment.memory.now());
    assert_eq!(settled(&deployment, &instance), (1, 0, 0));
}

#[test]
fn who_is_heard_of_is_not_taken_for_gone() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    let [silent, uploads] = [(); 2].map(|()| let_through(&deployment, &instance));
    instance.answered(silent);
    for _ in 0..4 {
        pass(&deployment, ANSWERS_WITHIN / 2);
        let flowed = Flowed { ingress_bytes: 10, egress_bytes: 0, outcome: Outcome::Unanswered };
        assert!(matches!(now(instance.fund(uploads, flowed, Meter::IngressBytes)), Flow::Go(_)));
        now(instance.flush());
    }
    instance.finish(silent, Outcome::Answered(200), 0, 5_000, deployment.memory.now());
    instance.finish(uploads, Outcome::Unanswered, 10, 0, deployment.memory.now());
    assert_eq!(settled(&deployment, &instance), (1, 0, 5_000), "the upload came to nothing");
}

#[test]
fn an_answer_that_begins_late_streams_on() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    let late = let_through(&deployment, &instance);
    wait_for_long(&deployment, &instance);
    let other = let_through(&deployment, &instance);
    instance.answered(late);
    let flowed = Flowed { ingress_bytes: 0, egress_bytes: 3_000, outcome: Outcome::Answered(200) };
    assert!(matches!(now(instance.fund(late, flowed, Meter::EgressBytes)), Flow::Go(_)));
    instance.finish(late, Outcome::Answered(200), 0, 4_000, deployment.memory.now());
    instance.finish(other, Outcome::Answered(200), 0, 0, deployment.memory.now());
    assert_eq!(settled(&deployment, &instance), (2, 0, 4_000));
    assert_eq!(deployment.balance(), ("9.996".to_owned(), "0.00".to_owned()));
}
