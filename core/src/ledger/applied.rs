//! Which batches were booked, so that none is booked twice.
//!
//! Kept as ranges of sequence numbers per writer: a writer whose every batch names the account costs one range, however long it
//! lives. Invariant: a batch is known for as long as a lease that it may name is known. So a forgotten batch cannot be booked
//! again: it names a lease that nobody has. When it was begun, by whose clock, how often it was written and who had it in his
//! hands for how long does not matter.
//!
//! It is not known for as long as the journal keeps it: a platform may bear a writer for every hundred calls, and eight days of
//! those are millions. Settlements that read a batch again should not have to refuse it. Only for that is a batch known longer
//! than it must be, for [`REMEMBERED`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    id::{LeaseId, WriterId},
    journal::{TIME_TO_LIVE, Window},
    time::{HOUR, MINUTE, Millis, Timestamp},
};

/// How long a batch stays known at least after settlements have ceased to read its window.
pub const REMEMBERED: Millis = HOUR;

/// What may be forgotten waits until it is worth an entry.
const FORGOTTEN_EVERY: Millis = 15 * MINUTE;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Range {
    first: u64,
    last: u64,
    /// The latest window of them, and the youngest lease that they may name.
    window: Window,
    lease: LeaseId,
}

/// The batches that were booked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Applied {
    writers: BTreeMap<WriterId, Vec<Range>>,
    forgotten: Window,
}

/// The oldest lease of each writer that is open or remembered.
pub(super) type Oldest<'a> = BTreeMap<&'a WriterId, LeaseId>;

impl Range {
    fn join(&mut self, window: Window, lease: LeaseId) {
        self.window = self.window.max(window);
        self.lease = self.lease.max(lease);
    }
}

impl Applied {
    pub(super) fn contains(&self, writer: &WriterId, sequence: u64) -> bool {
        let Some(ranges) = self.writers.get(writer) else { return false };
        let after = ranges.partition_point(|range| range.first <= sequence);
        after > 0 && sequence <= ranges[after - 1].last
    }

    /// Books a batch that names no lease younger than `lease`.
    pub(super) fn add(&mut self, writer: &WriterId, sequence: u64, window: Window, lease: LeaseId) {
        if !self.writers.contains_key(writer) {
            self.writers.insert(writer.clone(), Vec::new());
        }
        let Some(ranges) = self.writers.get_mut(writer) else { return };
        let after = ranges.partition_point(|range| range.first <= sequence);
        let joins_before = after > 0 && ranges[after - 1].last.checked_add(1) == Some(sequence);
        let joins_after = ranges.get(after).is_some_and(|next| sequence.checked_add(1) == Some(next.first));
        match (joins_before, joins_after) {
            (true, true) => {
                let next = ranges.remove(after);
                let range = &mut ranges[after - 1];
                range.last = next.last;
                range.join(next.window, next.lease);
                range.join(window, lease);
            }
            (true, false) => {
                ranges[after - 1].last = sequence;
                ranges[after - 1].join(window, lease);
            }
            (false, true) => {
                ranges[after].first = sequence;
                ranges[after].join(window, lease);
            }
            (false, false) => ranges.insert(after, Range { first: sequence, last: sequence, window, lease }),
        }
    }

    /// The minute before which batches are worth forgetting. Settlements read the journal only from `read_from` on, and the
    /// journal has dropped what is older than it keeps.
    pub(super) fn horizon(&self, read_from: Timestamp, at: Timestamp) -> Option<Window> {
        let before = Window::of(read_from.min(at).plus(-REMEMBERED).max(at.plus(-TIME_TO_LIVE)));
        (before.start().since(self.forgotten.start()) >= FORGOTTEN_EVERY).then_some(before)
    }

    /// Whether there is anything to forget that was begun before a minute.
    pub(super) fn has_older(&self, before: Window, oldest: &Oldest<'_>) -> bool {
        self.writers.iter().any(|(writer, ranges)| ranges.iter().any(|range| is_over(range, writer, before, oldest)))
    }

    /// Forgets what was begun before a minute and can name no lease that is known.
    pub(super) fn forget(&mut self, before: Window, oldest: &Oldest<'_>) {
        self.forgotten = before;
        self.writers.retain(|writer, ranges| {
            ranges.retain(|range| !is_over(range, writer, before, oldest));
            !ranges.is_empty()
        });
    }
}

fn is_over(range: &Range, writer: &WriterId, before: Window, oldest: &Oldest<'_>) -> bool {
    range.window < before && oldest.get(writer).is_none_or(|oldest| range.lease < *oldest)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::time::DAY;

    proptest! {
        #[test]
        fn ranges_are_the_set_of_what_was_added(added in proptest::collection::vec(0u64..60, 0..80)) {
            let writer: WriterId = "w".parse().unwrap();
            let mut applied = Applied::default();
            let mut model = BTreeSet::new();
            for sequence in added {
                if !applied.contains(&writer, sequence) {
                    applied.add(&writer, sequence, Window(0), LeaseId(1));
                }
                model.insert(sequence);
            }
            for sequence in 0..61 {
                prop_assert_eq!(applied.contains(&writer, sequence), model.contains(&sequence));
            }
        }
    }

    #[test]
    fn a_batch_is_known_while_a_lease_of_its_is_and_settlements_may_read_it() {
        let writer: WriterId = "w".parse().unwrap();
        let (begun, mut applied) = (Timestamp::from_millis(40 * DAY), Applied::default());
        applied.add(&writer, 7, Window::of(begun), LeaseId(5));
        let read = begun.plus(REMEMBERED);
        let before = applied.horizon(read, read.plus(DAY)).unwrap();
        assert!(!applied.has_older(before, &Oldest::new()), "it may be read again");
        let later = applied.horizon(read.plus(MINUTE), read.plus(DAY)).unwrap();
        for (oldest, known) in [(5, true), (3, true), (6, false)] {
            let oldest = Oldest::from([(&writer, LeaseId(oldest))]);
            let mut applied = applied.clone();
            assert_eq!(applied.has_older(later, &oldest), !known);
            applied.forget(later, &oldest);
            assert_eq!(applied.contains(&writer, 7), known);
        }
        let stuck = applied.horizon(begun, begun.plus(TIME_TO_LIVE + MINUTE)).unwrap();
        assert!(applied.has_older(stuck, &Oldest::new()), "the journal does not keep it any longer");
    }
}
