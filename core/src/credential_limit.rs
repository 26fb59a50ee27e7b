//! What the calls of one credential may come to within a day, a week or a month.
//!
//! Decides when a period begins and ends. Invariant: periods are those of UTC and follow each other without a gap, so each moment is
//! in exactly one of each kind. What is left is the ledger's to say (`ledger::limiting`).
#![deny(clippy::float_arithmetic)]

use serde::{Deserialize, Serialize};

use crate::{
    id::CredentialKey,
    money::Micros,
    time::{DAY, Month, Timestamp},
};

/// How long one period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitPeriod {
    /// From midnight to midnight.
    Day,
    /// From Monday to Sunday (ISO 8601).
    Week,
    /// A calendar month.
    Month,
}

/// How much in a period. What has no number is not limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CredentialLimit {
    /// In which period.
    pub per: LimitPeriod,
    /// Calls that are charged.
    #[serde(default)]
    pub calls: Option<u64>,
    /// Units.
    #[serde(default)]
    pub units: Option<u64>,
    /// What is taken from the balance for use. Calls that a grant pays for take nothing from it.
    #[serde(default)]
    pub money: Option<Micros>,
}

/// A credential that asks for a lease, and what it is held to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LimitedBy {
    /// The credential.
    pub credential: CredentialKey,
    /// At most one for each kind of period.
    pub limits: Vec<CredentialLimit>,
}

/// What a credential's calls came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spent {
    /// Calls that are charged.
    pub calls: u64,
    /// Units.
    pub units: u64,
    /// What was taken from the balance.
    pub money: Micros,
}

/// What is wrong with a credential's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLimits {
    /// A limit that limits nothing.
    #[error("a limit must have `calls`, `units` or `money`, each more than nothing")]
    Nothing,
    /// Two limits of the same period.
    #[error("a credential has one limit for each of day, week and month")]
    Twice,
}

impl LimitPeriod {
    /// The period that holds `time`: its first moment, and the first after it.
    pub fn bounds(self, time: Timestamp) -> (Timestamp, Timestamp) {
        let days = |before: i64, length: i64| {
            let day = time.millis().div_euclid(DAY);
            let first = day.saturating_sub(before);
            let at = |day: i64| Timestamp::from_millis(day.saturating_mul(DAY));
            (at(first), at(first.saturating_add(length)))
        };
        match self {
            Self::Day => days(0, 1),
            // 1970 began on a Thursday, three days after a Monday.
            Self::Week => days((time.millis().div_euclid(DAY) + 3).rem_euclid(7), 7),
            Self::Month => Month::of(time).bounds(),
        }
    }

    /// As in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

impl CredentialLimit {
    /// The most of each that is used up of it by `spent`, in percent, rounded down.
    pub fn percent(&self, spent: &Spent) -> u64 {
        let of = |spent: i128, limit: Option<i128>| match limit {
            Some(limit) if limit > 0 => u64::try_from(spent.max(0) * 100 / limit).unwrap_or(u64::MAX),
            Some(_) => 100,
            None => 0,
        };
        let calls = of(i128::from(spent.calls), self.calls.map(i128::from));
        let units = of(i128::from(spent.units), self.units.map(i128::from));
        let money = of(i128::from(spent.money.get()), self.money.map(|money| i128::from(money.get())));
        calls.max(units).max(money)
    }
}

/// Checks the limits that a credential is to have.
///
/// # Errors
/// What is wrong with them.
pub fn check(limits: &[CredentialLimit]) -> Result<(), InvalidLimits> {
    for (at, limit) in limits.iter().enumerate() {
        let CredentialLimit { per, calls, units, money } = limit;
        let is_empty = calls.is_none() && units.is_none() && money.is_none();
        if is_empty || *calls == Some(0) || *units == Some(0) || money.is_some_and(|money| !money.is_positive()) {
            return Err(InvalidLimits::Nothing);
        }
        if limits[..at].iter().any(|other| other.per == *per) {
            return Err(InvalidLimits::Twice);
        }
    }
    Ok(())
}

impl Spent {
    /// Adds `other`, saturating. Money never falls below nothing.
    pub fn add(&mut self, other: &Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.units = self.units.saturating_add(other.units);
        self.money = self.money.saturating_add(other.money).max(Micros::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_begin_at_midnight_utc_on_mondays_and_on_the_first() {
        let bounds = |per: LimitPeriod, time: &str| {
            let (from, until) = per.bounds(time.parse().unwrap());
            [from.to_string(), until.to_string()]
        };
        let day = ["2026-11-30T00:00:00Z", "2026-12-01T00:00:00Z"];
        assert_eq!(bounds(LimitPeriod::Day, "2026-11-30T23:59:59.999Z"), day);
        assert_eq!(bounds(LimitPeriod::Day, "2026-12-01T00:30:00+01:00"), day);
        // 2026-11-30 is a Monday.
        assert_eq!(bounds(LimitPeriod::Week, day[0]), [day[0], "2026-12-07T00:00:00Z"]);
        assert_eq!(bounds(LimitPeriod::Week, "2026-11-29T23:59:59Z"), ["2026-11-23T00:00:00Z", day[0]]);
        assert_eq!(bounds(LimitPeriod::Week, "1970-01-01T00:00:00Z"), ["1969-12-29T00:00:00Z", "1970-01-05T00:00:00Z"]);
        assert_eq!(bounds(LimitPeriod::Month, day[0]), ["2026-11-01T00:00:00Z", day[1]]);
    }

    #[test]
    fn what_limits_nothing_or_the_same_period_twice_is_refused() {
        let limit = |per, calls| CredentialLimit { per, calls, units: None, money: None };
        assert_eq!(check(&[]), Ok(()));
        assert_eq!(check(&[limit(LimitPeriod::Day, Some(1)), limit(LimitPeriod::Month, Some(9))]), Ok(()));
        for nothing in [
            limit(LimitPeriod::Day, None),
            limit(LimitPeriod::Day, Some(0)),
            CredentialLimit { money: Some(Micros::ZERO), ..limit(LimitPeriod::Day, Some(1)) },
        ] {
            assert_eq!(check(&[nothing]), Err(InvalidLimits::Nothing), "{nothing:?}");
        }
        let twice = [limit(LimitPeriod::Week, Some(1)), limit(LimitPeriod::Week, Some(2))];
        assert_eq!(check(&twice), Err(InvalidLimits::Twice));
    }

    #[test]
    fn the_part_that_is_used_up_is_that_of_what_is_used_up_furthest() {
        let limit = CredentialLimit { per: LimitPeriod::Day, calls: Some(1_000), units: Some(3), money: None };
        let spent = |calls, units| Spent { calls, units, money: Micros::new(1_000_000) };
        assert_eq!(
            [spent(499, 0), spent(500, 1), spent(500, 2), spent(0, 3)].map(|it| limit.percent(&it)),
            [49, 50, 66, 100]
        );
    }
}
