//! Which batches were booked, so that none is booked twice.
//!
//! Kept as ranges of sequence numbers per writer: a writer whose every batch names the account costs one range, however
//! long it lives. Invariant: a batch stays known for at least [`TIME_TO_LIVE`] after its window; an older one is refused,
//! so forgetting it cannot make it new.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    id::WriterId,
    journal::{TIME_TO_LIVE, Window},
    time::{HOUR, Millis, Timestamp},
};

/// Old ranges are looked for this often, so that booking a batch does not walk all writers.
const SWEEP: Millis = HOUR;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Range {
    first: u64,
    last: u64,
    newest: Window,
}

/// The batches that were booked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Applied {
    writers: BTreeMap<WriterId, Vec<Range>>,
    swept: Timestamp,
    forgotten: Window,
}

impl Applied {
    /// Whether a batch of `window` cannot be told any more from one that was booked and forgotten.
    pub(super) fn may_have_forgotten(&self, window: Window) -> bool {
        window < self.forgotten
    }

    pub(super) fn contains(&self, writer: &WriterId, sequence: u64) -> bool {
        let Some(ranges) = self.writers.get(writer) else { return false };
        let after = ranges.partition_point(|range| range.first <= sequence);
        after > 0 && sequence <= ranges[after - 1].last
    }

    pub(super) fn add(&mut self, writer: &WriterId, sequence: u64, window: Window) {
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
                range.newest = range.newest.max(next.newest).max(window);
            }
            (true, false) => {
                let range = &mut ranges[after - 1];
                range.last = sequence;
                range.newest = range.newest.max(window);
            }
            (false, true) => {
                let range = &mut ranges[after];
                range.first = sequence;
                range.newest = range.newest.max(window);
            }
            (false, false) => ranges.insert(after, Range { first: sequence, last: sequence, newest: window }),
        }
    }

    /// Forgets what was too old when this was last done. So what is booked after a long silence, however old, is known
    /// for a while, and a journal that nobody settled for a month is still settled.
    pub(super) fn sweep(&mut self, at: Timestamp) {
        if at.since(self.swept) < SWEEP {
            return;
        }
        self.forgotten = self.forgotten.max(Window::of(self.swept.plus(-TIME_TO_LIVE)));
        self.swept = at;
        self.writers.retain(|_, ranges| {
            ranges.retain(|range| range.newest >= self.forgotten);
            !ranges.is_empty()
        });
    }
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
                    applied.add(&writer, sequence, Window(0));
                }
                model.insert(sequence);
            }
            for sequence in 0..61 {
                prop_assert_eq!(applied.contains(&writer, sequence), model.contains(&sequence));
            }
        }
    }

    #[test]
    fn a_batch_is_known_until_it_is_refused() {
        let writer: WriterId = "w".parse().unwrap();
        let (begun, mut applied) = (Timestamp::from_millis(40 * DAY), Applied::default());
        applied.add(&writer, 7, Window::of(begun));
        for late in [0, TIME_TO_LIVE, TIME_TO_LIVE + HOUR] {
            applied.sweep(begun.plus(late));
            assert!(applied.contains(&writer, 7) && !applied.may_have_forgotten(Window::of(begun)));
        }
        applied.sweep(begun.plus(TIME_TO_LIVE + 2 * HOUR));
        assert!(!applied.contains(&writer, 7) && applied.may_have_forgotten(Window::of(begun)));
    }

    #[test]
    fn what_is_booked_after_a_month_of_silence_is_known() {
        let writer: WriterId = "w".parse().unwrap();
        let (begun, mut applied) = (Timestamp::from_millis(40 * DAY), Applied::default());
        applied.sweep(begun);
        assert!(!applied.may_have_forgotten(Window::of(begun)));
        applied.add(&writer, 7, Window::of(begun));
        applied.sweep(begun.plus(31 * DAY));
        assert!(applied.contains(&writer, 7));
    }
}
