//! Usage by time, for people to look at: by product, route and credential, with how calls were answered.
//!
//! The hours that go on are in the account's register, which a settlement writes in any case. So a batch counts here exactly
//! once, as it is booked once, and costs no write of its own. An hour that is over is handed to the store, which adds it to the
//! rows of its hour and its day. Nobody is charged by this, and it is in no chain. Invariant: what is counted here of a product
//! and an hour is what was booked of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    id::{CredentialKey, ProductId},
    journal::Line,
    meter::Usage,
    statuses::Statuses,
    time::{DAY, HOUR, MINUTE, Millis, Timestamp},
};

/// How many products, routes and credentials a row tells apart; what comes beyond is in [`Series::rest`].
pub const MOST_TALLIES: usize = 256;

/// How long after its end an hour is handed to the store. Batches of it come for so long as a rule, and each would write its row
/// anew.
const OVER_AFTER: Millis = 15 * MINUTE;

/// Names the form of a stored row.
const FORM: u8 = 1;

/// A stored row that is not of a form that this version reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a stored row of usage by time cannot be read: it is not of form {FORM}, or was cut")]
pub struct UnreadableSeries;

/// How long a row of usage is. Days begin at midnight UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// An hour. Rows are kept for 90 days.
    Hour,
    /// A day. Rows are kept for three years of 365 days.
    Day,
}

/// Hours by their number since the epoch.
pub type Hours = BTreeMap<i64, Series>;

/// What was counted of one product, route and credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// How much.
    pub usage: Usage,
    /// How calls were answered.
    pub statuses: Statuses,
}

/// What was counted in an hour or a day.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Series {
    products: BTreeMap<ProductId, BTreeMap<String, BTreeMap<CredentialKey, Tally>>>,
    /// What [`MOST_TALLIES`] had no room for.
    rest: Tally,
}

impl Step {
    /// How long it is.
    pub const fn length(self) -> Millis {
        match self {
            Self::Hour => HOUR,
            Self::Day => DAY,
        }
    }

    /// For how many of them rows are kept.
    pub const fn kept(self) -> i64 {
        match self {
            Self::Hour => 90 * 24,
            Self::Day => 3 * 365,
        }
    }

    /// The number since the epoch of the one that holds `time`.
    pub const fn number(self, time: Timestamp) -> i64 {
        time.millis().div_euclid(self.length())
    }

    /// When the one with a number begins.
    pub const fn start(self, number: i64) -> Timestamp {
        Timestamp::from_millis(number.saturating_mul(self.length()))
    }
}

impl Tally {
    /// Adds `other`.
    pub fn add(&mut self, other: &Self) {
        self.usage.add(&other.usage);
        self.statuses.add(&other.statuses);
    }
}

impl Series {
    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What it tells apart, in order: product, route (empty where it is not known) and credential.
    pub fn tallies(&self) -> impl Iterator<Item = (&ProductId, &str, &CredentialKey, &Tally)> {
        self.products.iter().flat_map(|(product, routes)| {
            routes.iter().flat_map(move |(route, credentials)| {
                credentials.iter().map(move |(key, tally)| (product, route.as_str(), key, tally))
            })
        })
    }

    /// What it had no room to tell apart.
    pub const fn rest(&self) -> &Tally {
        &self.rest
    }

    /// Counts a line that was booked, of a lease for `product`.
    pub(super) fn count(&mut self, product: &ProductId, line: &Line) {
        for share in &line.shares {
            let tally = Tally { usage: share.usage, statuses: share.statuses };
            self.add(product, &share.route, &line.credential, &tally);
        }
        if line.shares.is_empty() {
            let tally = Tally { usage: line.usage, statuses: Statuses::NONE };
            self.add(product, "", &line.credential, &tally);
        }
    }

    /// Adds what was counted in another stretch of time, or in another part of the same.
    pub fn merge(&mut self, other: &Self) {
        for (product, route, key, tally) in other.tallies() {
            self.add(product, route, key, tally);
        }
        self.rest.add(&other.rest);
    }

    fn add(&mut self, product: &ProductId, route: &str, key: &CredentialKey, tally: &Tally) {
        if *tally == Tally::default() {
            return;
        }
        let known = self.products.get_mut(product).and_then(|routes| routes.get_mut(route)?.get_mut(key));
        if let Some(known) = known {
            known.add(tally);
        } else if self.tallies().count() < MOST_TALLIES {
            let routes = self.products.entry(product.clone()).or_default();
            routes.entry(route.to_owned()).or_default().insert(key.clone(), *tally);
        } else {
            self.rest.add(tally);
        }
    }

    /// The stored form of a row: a number that names it, then postcard. Pinned by a test.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Writing to memory cannot fail, and an empty row is not read.
        postcard::to_extend(self, vec![FORM]).unwrap_or_default()
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// The bytes are not those of a row of this form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, UnreadableSeries> {
        let (_, bytes) = bytes.split_first().filter(|(form, _)| **form == FORM).ok_or(UnreadableSeries)?;
        postcard::from_bytes(bytes).map_err(|_| UnreadableSeries)
    }
}

/// Takes out the hours that are over at `at` as far as can be told.
pub(super) fn take_over(hours: &mut Hours, at: Timestamp) -> Hours {
    let goes_on = hours.split_off(&Step::Hour.number(at.plus(-OVER_AFTER)));
    std::mem::replace(hours, goes_on)
}
