//! Which batches of the usage journal the ledgers have answered for, so that a settlement neither reads them again nor
//! hands them in again.
//!
//! Kept as ranges of sequence numbers per writer, so that an instance costs one range however long it lives. Invariant:
//! the set holds what was added and nothing else; what it forgets is begun before a minute that nobody reads any more.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    id::{BatchId, WriterId},
    journal::Window,
};

/// The batches from the first to the last sequence number, and the latest window that one of them was begun in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Range(u64, u64, Window);

/// A set of batches.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Answered(BTreeMap<WriterId, Vec<Range>>);

impl Answered {
    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a batch was added.
    pub fn contains(&self, id: &BatchId) -> bool {
        let Some(ranges) = self.0.get(&id.writer) else { return false };
        let after = ranges.partition_point(|Range(first, ..)| *first <= id.sequence);
        after > 0 && id.sequence <= ranges[after - 1].1
    }

    /// Adds a batch that was begun in `window`.
    pub fn add(&mut self, id: &BatchId, window: Window) {
        self.add_range(&id.writer, Range(id.sequence, id.sequence, window));
    }

    /// Adds all batches of another set.
    pub fn add_all(&mut self, other: &Self) {
        for (writer, ranges) in &other.0 {
            ranges.iter().for_each(|range| self.add_range(writer, *range));
        }
    }

    /// Joins a range with those that it touches.
    fn add_range(&mut self, writer: &WriterId, Range(mut first, mut last, mut window): Range) {
        let ranges = self.0.entry(writer.clone()).or_default();
        let begin = ranges.partition_point(|Range(_, end, _)| end.saturating_add(1) < first);
        let end = ranges.partition_point(|Range(begin, ..)| *begin <= last.saturating_add(1));
        for Range(from, to, latest) in ranges.drain(begin..end.max(begin)) {
            (first, last, window) = (first.min(from), last.max(to), window.max(latest));
        }
        ranges.insert(begin, Range(first, last, window));
    }

    /// Forgets the ranges whose every batch was begun before a minute.
    pub fn forget(&mut self, before: Window) {
        self.0.retain(|_, ranges| {
            ranges.retain(|Range(_, _, window)| *window >= before);
            !ranges.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn id(sequence: u64) -> BatchId {
        BatchId { writer: "w".parse().unwrap(), sequence }
    }

    proptest! {
        #[test]
        fn the_set_holds_what_was_added_and_nothing_else(
            one in proptest::collection::vec(0u64..60, 0..60),
            other in proptest::collection::vec(0u64..60, 0..60),
        ) {
            let (mut answered, mut more) = (Answered::default(), Answered::default());
            one.iter().for_each(|sequence| answered.add(&id(*sequence), Window(1)));
            other.iter().for_each(|sequence| more.add(&id(*sequence), Window(1)));
            answered.add_all(&more);
            let model: BTreeSet<u64> = one.into_iter().chain(other).collect();
            for sequence in 0..62 {
                prop_assert_eq!(answered.contains(&id(sequence)), model.contains(&sequence));
            }
            let runs = model.iter().filter(|sequence| !model.contains(&(**sequence + 1))).count();
            prop_assert_eq!(answered.0.values().map(Vec::len).sum::<usize>(), runs, "ranges that touch are one");
        }
    }

    #[test]
    fn a_range_is_forgotten_with_its_latest_window() {
        let mut answered = Answered::default();
        (0..3).for_each(|sequence| answered.add(&id(sequence), Window(10 + i64::try_from(sequence).unwrap())));
        answered.add(&id(7), Window(11));
        answered.forget(Window(12));
        assert!(answered.contains(&id(0)) && !answered.contains(&id(7)));
        answered.forget(Window(13));
        assert!(answered.is_empty());
    }

    #[test]
    fn the_stored_form_stays_what_it_is() {
        let mut answered = Answered::default();
        [4, 5, 9].iter().for_each(|sequence| answered.add(&id(*sequence), Window(29_700_000)));
        let stored = r#"{"w":[[4,5,29700000],[9,9,29700000]]}"#;
        assert_eq!(serde_json::to_string(&answered).unwrap(), stored);
        assert_eq!(serde_json::from_str::<Answered>(stored).unwrap(), answered);
    }
}
