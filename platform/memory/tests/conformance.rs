//! The memory platform keeps books as every platform must.
#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect must fail")]

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use farebox_gateway::ledger::conformance;
use farebox_memory::Memory;

#[test]
fn the_memory_platform_keeps_books_as_every_platform_must() {
    let memory = Memory::default();
    let account = "a".parse().unwrap();
    let suite = conformance::check(|| &memory, &account);
    assert_eq!(pin!(suite).poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()));
}
