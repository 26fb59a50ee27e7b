//! Where instances last and an account has plenty, its leases are long: what ends them all the same, and what ends short ones.

use std::rc::Rc;

use farebox_core::{
    ledger::{Command, LONGEST_LEASE},
    time::{SECOND, Timestamp},
};
use farebox_gateway::Outcome;
use farebox_ports::{Host, KeyValue};
use serde_json::json;

use super::{Deployment, START, now, send, streams::Stream};

impl Deployment {
    /// When the first lease ends.
    fn leased_until(&self) -> Timestamp {
        self.leases().values().next().unwrap().until
    }

    /// As the admin API does: instances are told, and then it is in the book.
    pub(super) fn suspend(&self) {
        self.announce("acc_1");
        self.book(None, &Command::SetStatus { suspended: true });
    }

    /// As the admin API does before it changes a credential or an account.
    pub(super) fn announce(&self, name: &str) {
        let changed = json!({ "changed": { (name): self.memory.now() } });
        now(self.memory.put("recent-changes", changed.to_string().as_bytes())).unwrap();
    }
}

#[test]
fn a_lease_lasts_long_where_it_is_a_small_part_of_what_is_left() {
    // 32 calls cost 0.064, and 64 times as much must be left beside it.
    for (balance, lasts) in [("4.15", 20 * SECOND), ("4.16", LONGEST_LEASE)] {
        let deployment = Deployment::new(balance);
        assert!(send(&deployment.instance(1), &deployment.signed("/leased", "hush")).is_ok());
        assert_eq!(deployment.leased_until(), START.plus(lasts), "{balance}");
    }
}

#[test]
fn an_instance_that_ends_soon_asks_for_short_leases_only() {
    let deployment = Deployment::new("1000.00");
    let instance = deployment.instance_for(1, Some(super::lifetime::LIFETIME));
    assert!(send(&instance, &deployment.signed("/leased", "hush")).is_ok());
    assert_eq!(deployment.leased_until(), START.plus(20 * SECOND));
}

#[test]
fn an_instance_that_nobody_calls_any_more_gives_back_a_long_lease() {
    let deployment = Deployment::new("1000.00");
    let instance = deployment.instance(1);
    let forward = send(&instance, &deployment.signed("/leased", "hush")).unwrap();
    instance.finish(forward.call, Outcome::Answered(200), 0, 0, START);
    now(Rc::clone(&instance).background());
    assert_eq!(deployment.memory.now(), START.plus(6 * SECOND), "with the batch that is due");
    assert_eq!(deployment.balance(), ("999.998".to_owned(), "0.00".to_owned()), "and the call is charged with it");
}

#[test]
fn a_long_lease_ends_once_it_is_heard_that_its_account_is_suspended() {
    let deployment = Deployment::new("1000.00");
    let instance = deployment.instance(1);
    let call = || send(&instance, &deployment.signed("/leased", "hush")).map(drop);
    assert_eq!(call(), Ok(()));
    deployment.suspend();
    assert_eq!(call(), Ok(()), "it is not known yet");
    deployment.memory.set_now(START.plus(10 * SECOND));
    assert_eq!(call(), Err("account.suspended".to_owned()));

    for path in ["/bytes", "/leased"] {
        let deployment = Deployment::new("1000.00");
        let instance = deployment.instance(1);
        let mut stream = Stream::open(&deployment, &instance, path).unwrap();
        deployment.suspend();
        deployment.memory.set_now(START.plus(10 * SECOND));
        assert_eq!(stream.ask(), Err("account.suspended".to_owned()), "{path}");
    }
}

#[test]
fn a_long_lease_that_is_in_use_is_renewed_behind_the_calls() {
    let deployment = Deployment::new("1000.00");
    let instance = deployment.instance(1);
    let stream = send(&instance, &deployment.signed("/leased", "hush")).unwrap();
    instance.answered(stream.call); // It goes on, and so keeps the lease.
    deployment.memory.set_now(START.plus(LONGEST_LEASE - 15 * SECOND));
    now(Rc::clone(&instance).background());
    let renewed = deployment.leases().values().map(|lease| lease.since).max();
    assert_eq!(renewed, Some(START.plus(LONGEST_LEASE - 5 * SECOND)), "at the first look within its last 6 s");
}

#[test]
fn an_account_that_changed_lately_gets_short_leases_only() {
    let deployment = Deployment::new("1000.00");
    deployment.announce("acc_1");
    assert!(send(&deployment.instance(1), &deployment.signed("/leased", "hush")).is_ok());
    assert_eq!(deployment.leased_until(), START.plus(20 * SECOND), "it may be suspended once more");
}

#[test]
fn a_suspended_account_is_turned_away_once_its_lease_is_over() {
    let deployment = Deployment::new("1.00");
    let instance = deployment.instance(1);
    let call = || send(&instance, &deployment.signed("/leased", "hush")).map(drop);
    assert_eq!(call(), Ok(()));
    deployment.book(None, &Command::SetStatus { suspended: true });
    deployment.memory.set_now(START.plus(20 * SECOND));
    assert_eq!(call(), Err("account.suspended".to_owned()));
    deployment.book(None, &Command::SetStatus { suspended: false });
    deployment.memory.set_now(START.plus(25 * SECOND));
    assert_eq!(call(), Ok(()));
}
