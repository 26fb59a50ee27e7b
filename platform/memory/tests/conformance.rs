//! The memory platform keeps books as every platform must.
#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect must fail")]

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use farebox_books::conformance;
use farebox_memory::Memory;

#[test]
fn the_memory_platform_keeps_books_as_every_platform_must() {
    let memory = Memory::default();
    let account = "a".parse().unwrap();
    at_once(conformance::check(|| &memory, &account));
}

#[test]
fn the_memory_platform_bears_a_crowd() {
    let instances = [Memory::default()];
    let [memory] = &instances;
    at_once(conformance::check_crowd(&instances, &memory, &"a".parse().unwrap()));
    at_once(conformance::check_crowd_of_leases(&instances, &"b".parse().unwrap()));
    at_once(conformance::check_rate_limits(&instances));
}

#[test]
fn the_memory_platform_has_a_directory_as_every_platform_must() {
    at_once(conformance::check_directory(&[Memory::default()], "a"));
}

/// Runs what never waits.
fn at_once(suite: impl Future<Output = ()>) {
    assert_eq!(pin!(suite).poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()));
}
