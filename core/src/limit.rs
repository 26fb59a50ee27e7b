//! How often a product may be called: token buckets, each kept as one number.
//!
//! A limit of N in a time lets a burst of N through, and N more in each such time after. What is kept is when the bucket would be
//! full again (the generic cell rate algorithm). Invariant: over any span of k times the limit's own, no more than (k + 1) × N
//! pass. A clock that goes back takes nothing away that was there.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{
    rejection::Limited,
    time::{HOUR, MINUTE, Millis, SECOND, Timestamp},
};

/// A text that is not a limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a limit: write it as 100/second, 1000/minute or 5000/hour, at most a million a second")]
pub struct InvalidLimit(pub String);

/// So many calls in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limit {
    calls: u32,
    per: Millis,
}

/// The limits of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// For all calls of the product together.
    pub per_product: Option<Limit>,
    /// For each account.
    pub per_account: Option<Limit>,
    /// For each credential.
    pub per_credential: Option<Limit>,
}

/// How far a bucket is used up: until when it is not full, in nanoseconds since the epoch. The default is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bucket(i64);

/// What taking calls off a stored bucket goes by, all in nanoseconds. A bucket holds until when it is not full, since the
/// epoch; one that holds less than `now` or more than `latest` is full. The calls pass where what it holds and `cost` are
/// at most `furthest`, and the sum is what it then holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The time now.
    pub now: i64,
    /// When an empty bucket would be full again.
    pub furthest: i64,
    /// The latest that a bucket holds which others empty, whose clock is ahead or who are asked later than the time is taken.
    pub latest: i64,
    /// What the calls take.
    pub cost: i64,
}

/// By how much the clocks of those may differ who share a bucket, or the limit's own time where that is longer. A bucket that is
/// further ahead was written before the clock went back.
const CLOCKS_DIFFER: Millis = MINUTE;

/// The units of a limit's time.
const UNITS: [(&str, Millis); 3] = [("second", SECOND), ("minute", MINUTE), ("hour", HOUR)];

/// Nanoseconds in a millisecond: fine enough that a million calls a second are told apart.
const NANOS: i64 = 1_000_000;

impl Limits {
    /// Those that there are, the narrowest first.
    pub fn each(&self) -> impl Iterator<Item = (Limited, Limit)> + use<> {
        let each = [
            (Limited::Credential, self.per_credential),
            (Limited::Account, self.per_account),
            (Limited::Product, self.per_product),
        ];
        each.into_iter().filter_map(|(limited, limit)| Some((limited, limit?)))
    }
}

impl Limit {
    /// So many calls a second.
    pub const fn per_second(calls: u32) -> Self {
        Self { calls, per: SECOND }
    }

    /// The time in which an empty bucket gets one call back.
    fn interval(self) -> i64 {
        self.per * NANOS / i64::from(self.calls)
    }

    /// How many calls an instance takes at once off a bucket that all share: a hundredth of the limit. So it asks the store
    /// seldom, and little lies idle where it was taken.
    pub fn share(self) -> u32 {
        (self.calls / 100).max(1)
    }

    /// What a store needs to take `calls` off a bucket in one step, as [`Bucket`] does.
    pub fn terms(self, calls: u32, now: Timestamp) -> Terms {
        let cost = self.interval().saturating_mul(i64::from(calls));
        let furthest = self.furthest(now);
        Terms { now: nanos(now), furthest, latest: furthest.saturating_add(self.per.max(CLOCKS_DIFFER) * NANOS), cost }
    }

    /// When an empty bucket would be full again.
    fn furthest(self, now: Timestamp) -> i64 {
        nanos(now).saturating_add(self.per * NANOS)
    }
}

impl Terms {
    /// What a bucket that holds `used` holds once the calls are taken; `None` where it does not have them.
    pub fn take(self, used: i64) -> Option<i64> {
        let used = if (self.now..=self.latest).contains(&used) { used } else { self.now };
        used.checked_add(self.cost).filter(|used| *used <= self.furthest)
    }
}

impl Bucket {
    /// Whether one more call passes under `limit`.
    ///
    /// # Errors
    ///
    /// After how many seconds one will; at least 1.
    pub fn check(self, limit: Limit, now: Timestamp) -> Result<(), u32> {
        let over = self.after(limit, now).saturating_sub(limit.furthest(now));
        if over <= 0 {
            return Ok(());
        }
        let seconds = over.saturating_add(SECOND * NANOS - 1) / (SECOND * NANOS);
        Err(u32::try_from(seconds).unwrap_or(u32::MAX))
    }

    /// Takes one call, also one that does not pass: then it is empty.
    pub fn take(&mut self, limit: Limit, now: Timestamp) {
        self.0 = self.after(limit, now).min(limit.furthest(now));
    }

    /// Gives one call back that was taken and not made.
    pub fn give_back(&mut self, limit: Limit, now: Timestamp) {
        self.0 = self.0.saturating_sub(limit.interval()).max(nanos(now));
    }

    /// Whether it is full: then it need not be remembered.
    pub fn is_full(self, now: Timestamp) -> bool {
        self.0 <= nanos(now)
    }

    fn after(self, limit: Limit, now: Timestamp) -> i64 {
        // What lies further ahead than where an empty bucket is was written before the clock went back, or under another limit.
        let is_used = (nanos(now)..=limit.furthest(now)).contains(&self.0);
        let from = if is_used { self.0 } else { nanos(now) };
        from.saturating_add(limit.interval())
    }
}

fn nanos(time: Timestamp) -> i64 {
    time.millis().saturating_mul(NANOS)
}

impl FromStr for Limit {
    type Err = InvalidLimit;

    fn from_str(text: &str) -> Result<Self, InvalidLimit> {
        let limit = text.split_once('/').and_then(|(calls, unit)| {
            let calls: u32 = calls.trim_end().parse().ok()?;
            let (_, per) = UNITS.into_iter().find(|(name, _)| *name == unit.trim_start())?;
            let most = 1_000_000 * per / SECOND;
            (calls > 0 && i64::from(calls) <= most).then_some(Self { calls, per })
        });
        limit.ok_or_else(|| InvalidLimit(text.to_owned()))
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, per)| *per == self.per).map_or("", |(name, _)| name);
        write!(f, "{}/{unit}", self.calls)
    }
}

impl Serialize for Limit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limit(text: &str) -> Limit {
        text.parse().unwrap()
    }

    /// How many of calls at these times pass.
    fn passing(limit: Limit, times: impl IntoIterator<Item = i64>) -> u32 {
        let mut bucket = Bucket::default();
        let mut pass = |millis| {
            let now = Timestamp::from_millis(millis);
            let passes = bucket.check(limit, now).is_ok();
            if passes {
                bucket.take(limit, now);
            }
            u32::from(passes)
        };
        times.into_iter().map(&mut pass).sum()
    }

    #[test]
    fn a_burst_passes_and_then_so_many_in_each_time() {
        for (text, calls) in [("1/second", 1), ("3/second", 3), ("7/second", 7), ("100/minute", 100), ("999/hour", 999)]
        {
            assert_eq!(passing(limit(text), [1_000; 2_000]), calls, "{text}");
        }
        let ten = limit("10/second");
        assert_eq!(passing(ten, [0; 20].into_iter().chain([100; 20]).chain([300; 20])), 10 + 1 + 2);
        assert_eq!(passing(ten, (0..10_000).map(|at| at * 10)), 10 + 999);
    }

    #[test]
    fn who_waits_as_long_as_is_said_passes() {
        let (limit, now) = (limit("2/minute"), Timestamp::from_millis(5_000));
        let mut bucket = Bucket::default();
        bucket.take(limit, now);
        bucket.take(limit, now);
        assert_eq!(bucket.check(limit, now), Err(30));
        assert_eq!(bucket.check(limit, now.plus(29_999)), Err(1));
        assert_eq!(bucket.check(limit, now.plus(30_000)), Ok(()));
        assert!(!bucket.is_full(now.plus(59_999)) && bucket.is_full(now.plus(60_000)));
    }

    #[test]
    fn a_clock_that_goes_back_locks_nobody_out() {
        let (limit, mut bucket) = (limit("1/second"), Bucket::default());
        bucket.take(limit, Timestamp::from_millis(1_000_000));
        assert_eq!(bucket.check(limit, Timestamp::from_millis(1_000_000)), Err(1));
        assert_eq!(bucket.check(limit, Timestamp::from_millis(0)), Ok(()));
    }

    #[test]
    fn what_is_taken_without_asking_leaves_it_empty_and_not_full() {
        let (limit, now) = (limit("2/minute"), Timestamp::from_millis(5_000));
        let mut bucket = Bucket::default();
        (0..3).for_each(|_| bucket.take(limit, now));
        assert_eq!(bucket.check(limit, now), Err(30));
    }

    #[test]
    fn what_is_given_back_passes_once_more() {
        let (limit, now) = (limit("2/minute"), Timestamp::from_millis(5_000));
        let mut bucket = Bucket::default();
        bucket.give_back(limit, now);
        (0..2).for_each(|_| bucket.take(limit, now));
        bucket.give_back(limit, now);
        assert_eq!(bucket.check(limit, now), Ok(()), "and what was never taken adds nothing");
        bucket.take(limit, now);
        assert_eq!(bucket.check(limit, now), Err(30));
    }

    fn stored_take(limit: Limit, stored: i64, at: Millis) -> Option<i64> {
        limit.terms(1, Timestamp::from_millis(at)).take(stored)
    }

    #[test]
    fn whoever_comes_late_or_by_a_clock_behind_finds_a_bucket_as_empty_as_it_is() {
        let (limit, now) = (limit("2/second"), 1_000_000);
        let empty = (0..2).try_fold(0, |stored, _| stored_take(limit, stored, now)).unwrap();
        for behind in [0, 1, 10, SECOND, MINUTE] {
            assert_eq!(stored_take(limit, empty, now - behind), None, "{behind} ms behind");
        }
        assert!(stored_take(limit, empty, now + SECOND / 2).is_some());
        assert!(
            stored_take(limit, empty, now - HOUR).is_some(),
            "a clock that was set back does not close it for an hour"
        );
    }

    #[test]
    fn a_store_takes_calls_by_the_same_terms() {
        let (limit, mut bucket, mut stored) = (limit("7/second"), Bucket::default(), 0);
        for at in (1_000..4_000).step_by(30) {
            let now = Timestamp::from_millis(at);
            let taken = stored_take(limit, stored, at);
            assert_eq!(bucket.check(limit, now).is_ok(), taken.is_some(), "{at}");
            if let Some(used) = taken {
                bucket.take(limit, now);
                stored = used;
            }
        }
        assert_eq!(limit.terms(3, Timestamp::default()).cost, 3 * limit.terms(1, Timestamp::default()).cost);
    }

    #[test]
    fn a_limit_is_a_number_in_a_time() {
        for (text, shown) in
            [("100/second", "100/second"), ("5 / minute", "5/minute"), ("1000000/second", "1000000/second")]
        {
            assert_eq!(limit(text).to_string(), shown);
        }
        for wrong in ["", "100", "0/second", "-1/second", "1.5/second", "1/day", "1000001/second", "/second", "1/s"] {
            assert_eq!(wrong.parse::<Limit>(), Err(InvalidLimit(wrong.into())));
        }
    }

    proptest! {
        #[test]
        fn never_more_than_the_burst_and_the_rate_pass(
            calls in 1u32..50, mut times in prop::collection::vec(0i64..10_000, 0..600),
        ) {
            times.sort_unstable();
            let limit = Limit { calls, per: SECOND };
            let span = times.last().copied().unwrap_or(0) - times.first().copied().unwrap_or(0);
            let most = i64::from(calls) + (span + 1) * i64::from(calls) / SECOND + 1;
            prop_assert!(i64::from(passing(limit, times)) <= most);
        }
    }
}
