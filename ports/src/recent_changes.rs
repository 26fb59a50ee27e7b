//! What changed lately of credentials and accounts: one document, to which the admin API adds and which instances read every few
//! seconds.
//!
//! Where instances last, they rely on a credential for half an hour, and on a lease for minutes. Invariants: the document names a
//! change for longer than anybody relies on what was before it. It does not grow with the number of changes. Who changes
//! something adds it here first: a request that ends in between costs some reads, and lets nobody call.

use std::collections::BTreeMap;

use farebox_core::time::{MINUTE, Millis, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Documents, Fault, keys::RECENT_CHANGES, stored::change};

/// How long a credential is believed of which no change was heard.
pub const UNCHANGED_HOLDS: Millis = 30 * MINUTE;

/// For how long a change is named: as long as what was before it may be believed. KV shows it within a minute, and a location
/// holds on to what it read for 15 s; the rest is for clocks that differ.
pub const NAMED_FOR: Millis = UNCHANGED_HOLDS + 10 * MINUTE;

/// How many changes are named at most, at some 60 bytes each. Of more, the oldest are not.
pub const MOST_NAMED: usize = 1_000;

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RecentChanges {
    /// The keys of credentials and the ids of accounts that changed, and when they last did.
    changed: BTreeMap<String, Timestamp>,
    /// Not all changes up to then are named, for there were too many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unnamed: Option<Timestamp>,
}

impl RecentChanges {
    /// Whether it says that the credential or the account of this name changed.
    pub fn names(&self, name: &str) -> bool {
        self.changed.contains_key(name)
    }

    /// Up to when not all changes are named, for there were too many.
    pub const fn unnamed(&self) -> Option<Timestamp> {
        self.unnamed
    }

    /// Names a change at `now`.
    pub fn add(&mut self, name: &str, now: Timestamp) {
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
pub async fn announce(ports: &impl Documents, name: &str, now: Timestamp) -> Result<(), Fault> {
    change(ports, RECENT_CHANGES, |recent: &mut RecentChanges| recent.add(name, now)).await.map(drop)
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
    fn of_too_many_changes_the_oldest_are_not_named() {
        let mut recent = RecentChanges::default();
        for number in 0..MOST_NAMED {
            recent.add(&format!("ak_{number:04}"), at(0));
        }
        recent.add("ak_new", at(1));
        assert_eq!((recent.changed.len(), recent.unnamed), (MOST_NAMED, Some(at(0))));
        recent.add("ak_new", at(43));
        assert_eq!((recent.changed.len(), recent.unnamed), (1, None));
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
