//! What changed lately of credentials and accounts: one document, to which the admin API adds and which instances read every few
//! seconds.
//!
//! Where instances last, they rely on a credential for half an hour, and on a lease for minutes. Decides for which of them that is
//! too long. Invariants: a credential or an account that the document names, or may have named, is relied on for seconds only; the
//! document names a change for longer than anybody relies on what was before it; and it does not grow with the number of changes.
//! Who changes something adds it here first: a request that ends in between costs some reads, and lets nobody call.

use std::collections::BTreeMap;

use farebox_core::time::{MINUTE, Millis, SECOND, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    ports::{Documents, Fault},
    stored::change,
};

/// Where the document is.
pub(crate) const RECENT_CHANGES_ENTRY: &str = "recent-changes";

/// How long a credential is believed of which no change was heard.
pub(crate) const UNCHANGED_HOLDS: Millis = 30 * MINUTE;

/// How long one is believed that changed lately, or where it is not known what did.
pub(crate) const CHANGED_HOLDS: Millis = 10 * SECOND;

/// For how long a change is named: as long as what was before it may be believed. KV shows it within a minute, and a location
/// holds on to what it read for 15 s; the rest is for clocks that differ.
const NAMED_FOR: Millis = UNCHANGED_HOLDS + 10 * MINUTE;

/// How many changes are named at most, at some 60 bytes each. Of more, the oldest are not.
const MOST_NAMED: usize = 1_000;

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct RecentChanges {
    /// The keys of credentials and the ids of accounts that changed, and when they last did.
    changed: BTreeMap<String, Timestamp>,
    /// Not all changes up to then are named, for there were too many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unnamed: Option<Timestamp>,
}

impl RecentChanges {
    fn add(&mut self, name: &str, now: Timestamp) {
        self.changed.insert(name.to_owned(), now);
        let is_recent = |at: Timestamp| now.since(at) < NAMED_FOR;
        self.changed.retain(|_, at| is_recent(*at));
        self.unnamed = self.unnamed.filter(|at| is_recent(*at));
        while self.changed.len() > MOST_NAMED {
            let oldest = self.changed.iter().min_by_key(|(_, at)| **at).map(|(name, at)| (name.clone(), *at));
            let Some((name, at)) = oldest else { break };
            self.changed.remove(&name);
            self.unnamed = self.unnamed.max(Some(at));
        }
    }
}

/// Says that a credential with this key changes, or an account with this id.
///
/// # Errors
/// [`Fault`] when the store does not answer, or holds something else there.
pub(crate) async fn announce(ports: &impl Documents, name: &str, now: Timestamp) -> Result<(), Fault> {
    change(ports, RECENT_CHANGES_ENTRY, |recent: &mut RecentChanges| recent.add(name, now)).await.map(drop)
}

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
        if recent.unnamed != self.recent.unnamed {
            self.unnamed_since = recent.unnamed.map(|_| now);
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
        are_unnamed || self.recent.changed.contains_key(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_millis(1_782_000_000_000).plus(minutes * MINUTE)
    }

    #[test]
    fn a_change_is_named_for_longer_than_a_credential_is_believed() {
        let mut recent = RecentChanges::default();
        recent.add("ak_1", at(0));
        recent.add("acc_1", at(39));
        assert_eq!(recent.changed.len(), 2);
        recent.add("acc_1", at(40));
        assert_eq!(recent.changed.keys().collect::<Vec<_>>(), ["acc_1"]);
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
        assert_eq!((recent.changed.len(), recent.unnamed), (MOST_NAMED, Some(at(0))));
        heard.hear(recent.clone(), at(2));
        assert_eq!(heard.holds("ak_other", at(2)), CHANGED_HOLDS);
        heard.hear(recent.clone(), at(42));
        assert_eq!(heard.holds("ak_other", at(42)), UNCHANGED_HOLDS, "what was before it is believed nowhere any more");
        recent.add("ak_new", at(43));
        assert_eq!((recent.changed.len(), recent.unnamed), (1, None));
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

    #[test]
    fn the_stored_form_stays_what_it_is() {
        let stored = concat!(
            r#"{"changed":{"acc_1":"2026-06-21T00:00:00Z","ak_1":"2026-06-21T00:01:00Z"},"#,
            r#""unnamed":"2026-06-21T00:00:00Z"}"#
        );
        let mut recent = RecentChanges { unnamed: Some(at(0)), ..RecentChanges::default() };
        recent.add("acc_1", at(0));
        recent.add("ak_1", at(1));
        assert_eq!(serde_json::to_string(&recent).unwrap(), stored);
        assert_eq!(serde_json::from_str::<RecentChanges>(stored).unwrap(), recent);
        assert_eq!(serde_json::from_str::<RecentChanges>(r#"{"changed":{}}"#).unwrap(), RecentChanges::default());
    }
}
