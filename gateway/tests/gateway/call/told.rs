//! What an instance holds and cannot use any more is the ledger's to give again, before the instance asks it once more.

use farebox_core::time::MINUTE;

use super::*;

/// A future that is polled by hand, so that others come between.
fn poll<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// What comes of it, with nobody between.
fn ended<T>(future: &mut (impl Future<Output = T> + Unpin)) -> T {
    loop {
        if let Some(output) = poll(future) {
            return output;
        }
    }
}

#[test]
fn a_lease_that_came_too_late_to_be_used_is_given_back_at_once() {
    for set in [20 * SECOND, -MINUTE] {
        let deployment = Deployment::new("0.10");
        let instance = deployment.instance(1);
        assert_eq!(send(&instance, &deployment.signed("/gone", "hush")).unwrap_err(), "route.unknown");
        let packed = deployment.signed("/leased", "hush");
        let facts = Facts::unpack(&packed).unwrap();
        deployment.memory.take_turns(true);
        let mut call = Box::pin(instance.decide(&facts, Body::Unread));
        assert!(poll(&mut call).is_none(), "the ledger is asked, and has not answered yet");
        deployment.memory.set_now(START.plus(set));
        let step = ended(&mut call);
        assert!(matches!(step, Step::Reject(_)));
        assert_eq!(deployment.balance(), ("0.10".to_owned(), "0.00".to_owned()), "set by {set} ms");
    }
}

#[test]
fn who_asks_for_the_last_call_asks_a_ledger_that_has_heard_of_those_before() {
    let deployment = Deployment::with_one_call();
    let instance = deployment.instance(1);
    let last = send(&instance, &deployment.signed("/leased", "hush")).unwrap();
    instance.finish(last.call, Outcome::Answered(200), 0, 0, START);
    let packed = deployment.signed("/leased", "hush");
    let facts = Facts::unpack(&packed).unwrap();
    deployment.memory.take_turns(true);
    let mut writing = Box::pin(instance.flush());
    assert!(poll(&mut writing).is_none(), "the batch is in the journal, and its ledger is not told yet");
    let mut next = Box::pin(instance.decide(&facts, Body::Unread));
    let Step::Reject(reject) = ended(&mut next) else { panic!("nothing pays for it") };
    assert!(reject.body.contains("balance.exhausted"), "and not that some is leased out: {}", reject.body);
}
