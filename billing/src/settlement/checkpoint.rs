//! Where the next settlement begins: the document that runs leave each other.
//!
//! Invariant: a batch counts as answered for once every account that it names has answered, or has its part set aside in the
//! store. The minute up to which all was settled passes no other batch. Of two runs at once, each adds what it did to what the
//! other left. So a late run costs work and never money.

use std::collections::BTreeSet;

use farebox_core::{answered::Answered, id::AccountId, journal::Window, time::Timestamp};
use farebox_ports::{
    Documents, Fault, Host,
    keys::SETTLEMENT_CHECKPOINT,
    stored::{parsed, unreadable},
};
use serde::{Deserialize, Serialize};

/// How often it is changed anew because another run came first.
const ATTEMPTS: u32 = 16;

/// Where the next run begins.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    /// Every batch begun before this minute has been handed in or set aside.
    pub(super) settled: Window,
    /// Where the sweep over all accounts goes on.
    pub(super) swept: Option<String>,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sweep_began: Option<Timestamp>,
    /// The account after which accounts are handed their batches first, where the last run could not reach all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) turn: Option<AccountId>,
    /// The batches of younger minutes that have been handed in or set aside.
    #[serde(default, skip_serializing_if = "Answered::is_empty")]
    pub(super) answered: Answered,
    /// What was read of the journal and could not be handed in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) aside: Vec<Aside>,
}

/// Parts of batches that wait outside of the journal, for as long as it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Aside {
    /// Where they stand.
    pub(super) key: String,
    /// The oldest minute that one of their batches was begun in.
    pub(super) oldest: Window,
}

/// A sweep over all accounts, a few in each run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Sweep {
    /// Where it goes on; `None` where it is over.
    pub(super) after: Option<String>,
    /// When it began; `None` where none has.
    pub(super) began: Option<Timestamp>,
}

/// What a run did since the checkpoint was last kept.
#[derive(Debug, Default)]
pub(super) struct Step {
    pub(super) settled: Window,
    /// No run may have settled more than up to here: the clock of one that says so was ahead.
    pub(super) newest: Window,
    pub(super) sweep: Sweep,
    pub(super) turn: Option<AccountId>,
    pub(super) answered: Answered,
    pub(super) put_aside: Vec<Aside>,
    pub(super) taken_up: BTreeSet<String>,
}

impl Step {
    fn apply(&self, checkpoint: &mut Checkpoint) {
        let others = if checkpoint.settled > self.newest { Window::default() } else { checkpoint.settled };
        checkpoint.settled = self.settled.max(others);
        checkpoint.swept.clone_from(&self.sweep.after);
        checkpoint.sweep_began = self.sweep.began;
        checkpoint.turn.clone_from(&self.turn);
        checkpoint.answered.add_all(&self.answered);
        checkpoint.answered.forget(checkpoint.settled);
        checkpoint.aside.retain(|aside| !self.taken_up.contains(&aside.key));
        checkpoint.aside.extend(self.put_aside.iter().cloned());
    }
}

/// The checkpoint with the text that it was read as, by which a change is compared.
#[derive(Debug)]
pub(super) struct Kept {
    text: Option<String>,
    pub(super) checkpoint: Checkpoint,
}

impl Kept {
    /// Reads it.
    ///
    /// # Errors
    /// [`Fault`] when the store does not answer, or holds something else there.
    pub(super) async fn read(ports: &impl Documents) -> Result<Self, Fault> {
        let text = ports.current(SETTLEMENT_CHECKPOINT).await?;
        let checkpoint =
            text.as_deref().map(|text| parsed(SETTLEMENT_CHECKPOINT, text.as_bytes())).transpose()?.unwrap_or_default();
        Ok(Self { text, checkpoint })
    }

    /// Adds what was done, to what another run may have left meanwhile.
    ///
    /// # Errors
    /// As [`Kept::read`].
    pub(super) async fn save(&mut self, ports: &(impl Documents + Host), step: &Step) -> Result<(), Fault> {
        for _ in 0..ATTEMPTS {
            let mut checkpoint = self.checkpoint.clone();
            step.apply(&mut checkpoint);
            if checkpoint == self.checkpoint {
                return Ok(());
            }
            let text = serde_json::to_string(&checkpoint).map_err(|error| unreadable(SETTLEMENT_CHECKPOINT, &error))?;
            if ports.exchange(SETTLEMENT_CHECKPOINT, self.text.as_deref(), Some(&text)).await? {
                *self = Self { text: Some(text), checkpoint };
                return Ok(());
            }
            *self = Self::read(ports).await?;
        }
        let detail = format!("{ATTEMPTS} other runs changed {SETTLEMENT_CHECKPOINT} first");
        Err(Fault::Unavailable { port: "documents", detail })
    }
}

#[cfg(test)]
mod tests {
    use farebox_core::id::BatchId;

    use super::*;

    fn batch(sequence: u64) -> BatchId {
        BatchId { writer: "w".parse().unwrap(), sequence }
    }

    #[test]
    fn what_two_runs_did_at_once_is_what_both_did() {
        let aside = |key: &str| Aside { key: key.to_owned(), oldest: Window(90) };
        let mut checkpoint = Checkpoint { settled: Window(90), aside: vec![aside("old")], ..Checkpoint::default() };
        let mut one = Step { settled: Window(95), newest: Window(100), ..Step::default() };
        one.answered.add(&batch(1), Window(96));
        one.taken_up.insert("old".to_owned());
        let mut other = Step { settled: Window(92), newest: Window(100), ..Step::default() };
        other.answered.add(&batch(2), Window(97));
        other.put_aside.push(aside("new"));
        one.apply(&mut checkpoint);
        other.apply(&mut checkpoint);
        assert_eq!(checkpoint.settled, Window(95));
        assert!(checkpoint.answered.contains(&batch(1)) && checkpoint.answered.contains(&batch(2)));
        assert_eq!(checkpoint.aside, [aside("new")]);
    }

    #[test]
    fn a_run_whose_clock_was_ahead_is_not_believed() {
        let mut checkpoint = Checkpoint { settled: Window(5_000), ..Checkpoint::default() };
        Step { settled: Window(95), newest: Window(100), ..Step::default() }.apply(&mut checkpoint);
        assert_eq!(checkpoint.settled, Window(95));
    }

    #[test]
    fn the_stored_form_stays_what_it_is_and_the_one_before_is_read() {
        let before = r#"{"settled":29700000,"swept":"account/a"}"#;
        let mut checkpoint: Checkpoint = serde_json::from_str(before).unwrap();
        assert_eq!(serde_json::to_string(&checkpoint).unwrap(), before);
        checkpoint.sweep_began = Some(Timestamp::from_millis(1_782_000_000_000));
        checkpoint.turn = Some("acc_a".parse().unwrap());
        checkpoint.answered.add(&batch(7), Window(29_700_001));
        checkpoint.aside.push(Aside { key: "settlement/aside/1-2".to_owned(), oldest: Window(29_700_000) });
        let stored = concat!(
            r#"{"settled":29700000,"swept":"account/a","sweep_began":"2026-06-21T00:00:00Z","turn":"acc_a","#,
            r#""answered":{"w":[[7,7,29700001]]},"aside":[{"key":"settlement/aside/1-2","oldest":29700000}]}"#
        );
        assert_eq!(serde_json::to_string(&checkpoint).unwrap(), stored);
        assert_eq!(serde_json::from_str::<Checkpoint>(stored).unwrap(), checkpoint);
    }
}
