//! The movable clock of an instance, over a store that takes its time.
//!
//! Broken on purpose, and seen to fail: a clock that counts as read once somebody has begun to read it.
#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect must fail")]

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use farebox_core::time::Timestamp;
use farebox_memory::Memory;
use farebox_ports::{KeyValue, clock::Clock, keys::CLOCK_ENTRY};

#[test]
fn nobody_goes_by_the_time_of_before_while_another_reads_how_far_it_was_moved() {
    let (memory, clock, mut context) = (Memory::default(), Clock::new(true), Context::from_waker(Waker::noop()));
    assert!(pin!(memory.put(CLOCK_ENTRY, b"900000")).poll(&mut context).is_ready());
    memory.take_turns(true);
    let (mut one, mut other) = (pin!(clock.synchronize(&memory, 1_000)), pin!(clock.synchronize(&memory, 1_000)));
    assert!(one.as_mut().poll(&mut context).is_pending() && other.as_mut().poll(&mut context).is_pending());
    assert_eq!(other.as_mut().poll(&mut context), Poll::Ready(Ok(())));
    assert_eq!(clock.now(1_000), Timestamp::from_millis(901_000));
    assert_eq!(one.as_mut().poll(&mut context), Poll::Ready(Ok(())));
    assert_eq!(clock.now(1_000), Timestamp::from_millis(901_000));
}
