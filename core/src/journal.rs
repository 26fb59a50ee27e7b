//! The usage journal's form: what a batch holds, where it stands, and which parts of the store hold a stretch of time.
//!
//! Invariant: a batch is written once, under a key that nobody else can write: the minute, the writer's random id and
//! the writer's own counter. Keys sort by time.

mod earlier;
mod form;

use serde::{Deserialize, Serialize};

use crate::{
    id::{AccountId, BatchId, CredentialKey, LeaseId, ProductId, WriterId},
    meter::Usage,
    statuses::Statuses,
    time::{DAY, MINUTE, Millis, Timestamp},
};

/// What one lease of one instance was used for since the batch before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Who pays.
    pub account: AccountId,
    /// Which of the account's credentials called.
    pub credential: CredentialKey,
    /// What was called.
    pub product: ProductId,
    /// The lease that paid.
    pub lease: LeaseId,
    /// How much.
    pub usage: Usage,
    /// The same by route; none where a version wrote it that did not count so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<Share>,
}

/// What calls of one route were in a line. The shares of a line add up to its usage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The route, as [`crate::catalog::Route::name`] has it.
    pub route: String,
    /// How much.
    pub usage: Usage,
    /// How they were answered.
    pub statuses: Statuses,
}

/// An instance admits nothing more on a lease.
///
/// Batches can be settled in any order, so the closing says how much was used of the lease in all. What the lease has left goes
/// back once the settled lines add up to that. While calls are under way on it, a closing says so by a total of one call more
/// than there can be in the end. It shows that the instance lives, and the closing after the last call corrects it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// Whose lease it is.
    pub account: AccountId,
    /// Which lease.
    pub lease: LeaseId,
    /// All that was used of it, over all batches; the most that it can come to while calls are under way.
    pub total: Usage,
}

/// Usage of one instance, written to the journal in one go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// At most one line per account, credential, product and lease.
    pub lines: Vec<Line>,
    /// The leases that the instance is done with.
    pub closings: Vec<Closing>,
}

impl Batch {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.closings.is_empty()
    }

    /// The stored form, see [`form`].
    pub fn to_bytes(&self) -> Vec<u8> {
        form::written(self)
    }

    /// Reads what [`Batch::to_bytes`] wrote, now or in a version that wrote another form.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let body = bytes.strip_prefix(&form::MARK);
        Ok(body.map_or_else(|| earlier::read(bytes), form::read)?)
    }
}

/// A minute of the journal: minutes since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Window(pub i64);

/// A key of the journal that is not one of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a key of the usage journal")]
pub struct InvalidKey(pub String);

/// How long a batch stays in the journal, and the least time for which a ledger remembers that it settled it.
pub const TIME_TO_LIVE: Millis = 8 * DAY;

/// Where all batches stand.
pub const PREFIX: &str = "usage/1/";

/// Digits of a window in a key; enough until the year 3871.
const WINDOW_DIGITS: usize = 9;

impl Window {
    /// The window that holds `time`.
    pub const fn of(time: Timestamp) -> Self {
        Self(time.minutes())
    }

    /// The moment it begins.
    pub const fn start(self) -> Timestamp {
        Timestamp::from_millis(self.0.saturating_mul(MINUTE))
    }
}

/// What the keys of all batches that were begun in `window` start with; less than the keys of all later ones.
pub fn prefix(window: Window) -> String {
    format!("{PREFIX}{:0WINDOW_DIGITS$}/", window.0)
}

/// The key of a batch that was begun in `window`.
pub fn key(window: Window, id: &BatchId) -> String {
    format!("{}{}/{:08}", prefix(window), id.writer, id.sequence)
}

/// Reads what [`key`] wrote.
pub fn parse_key(key: &str) -> Result<(Window, BatchId), InvalidKey> {
    let invalid = || InvalidKey(key.to_owned());
    let mut parts = key.strip_prefix(PREFIX).ok_or_else(invalid)?.split('/');
    let (window, writer, sequence) = (parts.next(), parts.next(), parts.next());
    match (window, writer, sequence, parts.next()) {
        (Some(window), Some(writer), Some(sequence), None) => {
            let window = Window(window.parse().map_err(|_| invalid())?);
            let writer: WriterId = writer.parse().map_err(|_| invalid())?;
            Ok((window, BatchId { writer, sequence: sequence.parse().map_err(|_| invalid())? }))
        }
        _ => Err(invalid()),
    }
}

/// The fewest key prefixes that together hold exactly the windows `from..=until`, in order.
///
/// So a store that lists by prefix only walks an hour, a day or a year in a few dozen lists. The digits of the window are a trie,
/// and this is its cover of an interval.
pub fn prefixes(from: Window, until: Window) -> Vec<String> {
    let mut prefixes = Vec::new();
    let (mut at, end) = (from.0.max(0), until.0);
    while at <= end {
        let mut digits = WINDOW_DIGITS;
        let mut span = 1;
        while digits > 1 && at % (span * 10) == 0 && at + span * 10 - 1 <= end {
            span *= 10;
            digits -= 1;
        }
        let window = format!("{at:0WINDOW_DIGITS$}");
        prefixes.push(format!("{PREFIX}{}", &window[..digits]));
        at += span;
    }
    prefixes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_reads_back_and_sorts_by_time() {
        let id = BatchId { writer: "w1".parse().unwrap(), sequence: 12 };
        let early = key(Window(29_700_000), &id);
        assert_eq!(early, "usage/1/029700000/w1/00000012");
        assert_eq!(parse_key(&early), Ok((Window(29_700_000), id.clone())));
        assert!(early < key(Window(29_700_001), &id));
        for wrong in ["usage/1/", "usage/2/1/w/1", "usage/1/x/w/1", "usage/1/1/w/1/2", "usage/1/1/w w/1"] {
            assert_eq!(parse_key(wrong), Err(InvalidKey(wrong.into())));
        }
    }

    proptest! {
        #[test]
        fn prefixes_hold_the_interval_and_nothing_else(from in 0i64..2_000_000, length in 0i64..5_000) {
            let prefixes = prefixes(Window(from), Window(from + length));
            let id = BatchId { writer: "w".parse().unwrap(), sequence: 0 };
            let holders = |window| {
                let key = key(Window(window), &id);
                prefixes.iter().filter(|prefix| key.starts_with(prefix.as_str())).count()
            };
            prop_assert!((from..=from + length).all(|window| holders(window) == 1));
            prop_assert_eq!(holders(from - 1), 0);
            prop_assert_eq!(holders(from + length + 1), 0);
            prop_assert!(prefixes.len() <= 72);
        }
    }
}
