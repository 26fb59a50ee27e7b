//! The stored form of every event: a failure here means that books written before are not read, or no longer verify.
//!
//! `events.txt` has a line for each: the event as the API shows it, and its bytes in a book. Each number and text in it is another
//! one, so that fields that change places show.

use farebox_core::ledger::Event;

use crate::canonical::hex;

/// What to do, for whom this fails.
const ADVICE: &str = "Books hold this event as it was. Put the form back; what is new goes into a new variant, after the last one. \
                      Then add its line to `events.txt`.";

fn lines() -> impl Iterator<Item = (&'static str, &'static str)> {
    include_str!("events.txt").lines().filter_map(|line| line.rsplit_once(' '))
}

#[test]
fn the_bytes_of_every_event_stay_as_they_are() {
    for (shown, stored) in lines() {
        let event: Event = serde_json::from_str(shown).unwrap_or_else(|error| panic!("{ADVICE}\n{shown}: {error}"));
        let bytes = postcard::to_allocvec(&event).unwrap();
        assert_eq!(hex(&bytes), stored, "{ADVICE}\n{shown}");
        assert_eq!(postcard::from_bytes::<Event>(&bytes).as_ref(), Ok(&event), "{ADVICE}\n{shown}");
        assert_eq!(serde_json::to_string(&event).unwrap(), shown, "programs read this");
    }
}

#[test]
fn every_event_is_pinned_under_its_number() {
    let numbers: Vec<u8> = lines().map(|(_, stored)| u8::from_str_radix(&stored[..2], 16).unwrap()).collect();
    let mut pinned = numbers.clone();
    pinned.dedup();
    let last = u8::try_from(pinned.len()).unwrap();
    assert_eq!(pinned, (0..last).collect::<Vec<_>>(), "{ADVICE}");
    // Of a number that no variant has, postcard says so before it reads on.
    let next = postcard::from_bytes::<Event>(&[last]);
    assert_eq!(next, Err(postcard::Error::SerdeDeCustom), "an event is not pinned: add its line to `events.txt`");
}
