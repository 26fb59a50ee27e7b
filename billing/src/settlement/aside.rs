//! What a run has read and could not hand in: it is set aside in the store, so that the journal may go on.
//!
//! An account whose ledger does not answer holds up no other so, and neither do more accounts than one run can ask. Invariant: a
//! part that is set aside is in the store before its batch counts as answered for. It is removed only once a checkpoint is kept
//! that does without it. A key is never written twice with two contents.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use farebox_core::{id::AccountId, journal::Window, ledger::command::AccountBatch};
use farebox_ports::{
    KeyValue,
    keys::SETTLEMENT_ASIDE,
    log::tell,
    stored::{read, write},
};
use serde::{Deserialize, Serialize};

use super::{
    KEPT_TO_THE_LAST, SettlementPorts,
    checkpoint::{Aside, Step},
    run::{Run, size},
    walk::MOST_HELD,
};

/// How many lines and closings stand under one key, at some 300 bytes each.
const LINES: usize = 2_000;

/// What waits for accounts, as it is stored.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Parts {
    parts: Vec<(AccountId, Vec<AccountBatch>)>,
}

impl<P: SettlementPorts> Run<'_, P> {
    /// Takes up what earlier runs set aside, the oldest first, as far as there is room for it. Returns where that stands.
    pub(super) async fn take_up(&mut self, aside: &[Aside], kept: u32) -> BTreeSet<String> {
        let mut taken_up = BTreeSet::new();
        for Aside { key, .. } in aside {
            if self.held >= MOST_HELD || self.ports.left(kept) == 0 {
                break;
            }
            match read::<Parts>(self.ports, key).await {
                Ok(Some(Parts { parts })) => {
                    taken_up.insert(key.clone());
                    for (account, parts) in parts {
                        parts.into_iter().for_each(|part| self.hold(account.clone(), part));
                    }
                }
                // The store shows late what was written: it stays on the list.
                Ok(None) => tell(self.ports, "settlement.aside_unseen", &[("key", key)], &"it is not shown"),
                Err(fault) => tell(self.ports, "settlement.aside_unread", &[("key", key)], &fault),
            }
        }
        taken_up
    }

    /// Sets aside what is left. What cannot be stays in the journal, or where it was set aside before.
    pub(super) async fn set_aside(&mut self, step: &mut Step) {
        let due = std::mem::take(&mut self.due);
        self.report.left += due.values().map(|parts| parts.len() as u64).sum::<u64>();
        let mut page = Parts::default();
        let mut lines = 0;
        for (account, parts) in due {
            lines += parts.iter().map(size).sum::<usize>();
            page.parts.push((account, parts));
            if lines >= LINES {
                self.put_aside(std::mem::take(&mut page), step).await;
                lines = 0;
            }
        }
        if !page.parts.is_empty() {
            self.put_aside(page, step).await;
        }
    }

    async fn put_aside(&mut self, page: Parts, step: &mut Step) {
        let parts = || page.parts.iter().flat_map(|(_, parts)| parts);
        let oldest = parts().map(|part| part.window).min().unwrap_or(Window(0));
        let mut hasher = DefaultHasher::new();
        parts().for_each(|part| (&part.id, size(part)).hash(&mut hasher));
        page.parts.iter().for_each(|(account, _)| account.hash(&mut hasher));
        let key = format!("{SETTLEMENT_ASIDE}{:015}-{:016x}", self.report.at.millis(), hasher.finish());
        let written = match self.ports.left(KEPT_TO_THE_LAST) {
            0 => Err("the run has no operations left for it".to_owned()),
            _ => write(self.ports, &key, &page).await.map_err(|fault| fault.to_string()),
        };
        match written {
            Ok(()) => {
                // What is set aside again within the same millisecond, as it was, stands where it stood.
                if !step.taken_up.remove(&key) {
                    step.put_aside.push(Aside { key, oldest });
                }
                for (account, parts) in &page.parts {
                    parts.iter().for_each(|part| self.done(account, &part.id));
                }
            }
            Err(fault) => {
                tell(self.ports, "settlement.unset", &[("key", &key)], &fault);
                // What was set aside before stays where it is, as some of it is in no other place.
                step.taken_up.clear();
            }
        }
    }

    /// Removes what was taken up, once the checkpoint does without it. What stays costs nothing but room.
    pub(super) async fn remove(&self, taken_up: impl IntoIterator<Item = String>) {
        for key in taken_up {
            if let Err(fault) = self.ports.delete(&key).await {
                tell(self.ports, "settlement.aside_unremoved", &[("key", &key)], &fault);
            }
        }
    }
}
