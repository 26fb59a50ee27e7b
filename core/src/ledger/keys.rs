//! The idempotency keys of an account, and what each was answered.
//!
//! Invariant: a key is remembered for [`KEY_MEMORY`] after its command, and forgotten some time later. A caller that
//! repeats a command later than that must not expect to be recognized.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::{
    command::{Answer, IdempotencyKey},
    entry::{Cause, Hash},
};
use crate::time::{DAY, Millis, Timestamp};

/// How long the same key gives the same answer.
pub const KEY_MEMORY: Millis = 400 * DAY;

/// What a key was used for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Remembered {
    pub(super) content: Hash,
    pub(super) answer: Answer,
}

/// The keys of an account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Keys {
    known: BTreeMap<IdempotencyKey, Remembered>,
    by_age: VecDeque<(Timestamp, IdempotencyKey)>,
}

impl Keys {
    /// Whether no command had one: the last is kept until the next comes.
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    pub(super) fn get(&self, key: &IdempotencyKey) -> Option<&Remembered> {
        self.known.get(key)
    }

    pub(super) fn remember(&mut self, cause: &Cause, answer: Answer, at: Timestamp) {
        while let Some((_, key)) = self.by_age.pop_front_if(|(used, _)| at.since(*used) > KEY_MEMORY) {
            self.known.remove(&key);
        }
        self.known.insert(cause.key.clone(), Remembered { content: cause.content, answer });
        self.by_age.push_back((at, cause.key.clone()));
    }
}
