//! What an instance has heard of changes, and how long it relies on a credential by that.
//!
//! Decides for which credentials and accounts half an hour is too long. Invariant: one that [`recent_changes`] names, or may have
//! named, is relied on for seconds only.
//!
//! [`recent_changes`]: farebox_ports::recent_changes

use farebox_core::time::{Millis, SECOND, Timestamp};
use farebox_ports::recent_changes::{NAMED_FOR, RecentChanges, UNCHANGED_HOLDS};

/// How long one is believed that changed lately, or where it is not known what did.
pub(crate) const CHANGED_HOLDS: Millis = 10 * SECOND;

/// What an instance knows of recent changes.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    recent: RecentChanges,
    /// When it was read.
    read: Option<Timestamp>,
    /// When it was first read that not all are named, by the clock of this instance.
    unnamed_since: Option<Timestamp>,
}

impl Heard {
    /// The document, as it was read at `now`.
    pub(crate) fn hear(&mut self, recent: RecentChanges, now: Timestamp) {
        if recent.unnamed() != self.recent.unnamed() {
            self.unnamed_since = recent.unnamed().map(|_| now);
        }
        (self.recent, self.read) = (recent, Some(now));
    }

    /// Whether it was read within `millis`.
    pub(crate) fn is_read_within(&self, millis: Millis, now: Timestamp) -> bool {
        self.read.is_some_and(|read| now.since(read) < millis)
    }

    /// How long the credential with this key is believed.
    pub(crate) fn holds(&self, key: &str, now: Timestamp) -> Millis {
        let is_known = self.is_read_within(CHANGED_HOLDS, now) && !self.may_have_changed(key, now);
        if is_known { UNCHANGED_HOLDS } else { CHANGED_HOLDS }
    }

    /// Whether the credential or the account of this name may have changed lately.
    pub(crate) fn may_have_changed(&self, name: &str, now: Timestamp) -> bool {
        let are_unnamed = self.unnamed_since.is_some_and(|since| now.since(since) < NAMED_FOR);
        are_unnamed || self.recent.names(name)
    }
}

#[cfg(test)]
mod tests {
    use farebox_core::time::MINUTE;
    use farebox_ports::recent_changes::MOST_NAMED;

    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_millis(1_782_000_000_000).plus(minutes * MINUTE)
    }

    #[test]
    fn where_more_changed_than_are_named_all_are_taken_for_changed() {
        let (mut recent, mut heard) = (RecentChanges::default(), Heard::default());
        for number in 0..MOST_NAMED {
            recent.add(&format!("ak_{number:04}"), at(0));
        }
        heard.hear(recent.clone(), at(1));
        assert_eq!(heard.holds("ak_other", at(1)), UNCHANGED_HOLDS);
        recent.add("ak_new", at(1));
        heard.hear(recent.clone(), at(2));
        assert_eq!(heard.holds("ak_other", at(2)), CHANGED_HOLDS);
        heard.hear(recent.clone(), at(42));
        assert_eq!(heard.holds("ak_other", at(42)), UNCHANGED_HOLDS, "what was before it is believed nowhere any more");
    }

    #[test]
    fn a_credential_is_believed_for_long_only_while_changes_are_heard_of() {
        let mut heard = Heard::default();
        let after = |seconds| at(0).plus(seconds * SECOND);
        assert_eq!(heard.holds("ak_1", at(0)), CHANGED_HOLDS);
        heard.hear(RecentChanges::default(), at(0));
        assert_eq!([9, 10].map(|seconds| heard.holds("ak_1", after(seconds))), [UNCHANGED_HOLDS, CHANGED_HOLDS]);
        let mut recent = RecentChanges::default();
        recent.add("ak_1", at(0));
        heard.hear(recent, at(0));
        assert_eq!(["ak_1", "ak_2"].map(|key| heard.holds(key, at(0))), [CHANGED_HOLDS, UNCHANGED_HOLDS]);
    }
}
