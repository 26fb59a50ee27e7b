//! Time as a value: milliseconds since the Unix epoch, sampled once at the entry of a platform and passed inward.
//!
//! Nothing in this crate reads a clock. RFC 3339 is the only text form.

mod rfc3339;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// A length of time in milliseconds.
pub type Millis = i64;

/// One second.
pub const SECOND: Millis = 1_000;
/// One minute.
pub const MINUTE: Millis = 60 * SECOND;
/// One hour.
pub const HOUR: Millis = 60 * MINUTE;
/// One day of 24 hours.
pub const DAY: Millis = 24 * HOUR;

impl Timestamp {
    /// The last moment that has a text form: near the end of the year 9999.
    pub const MAX: Timestamp = Timestamp(253_402_207_200_000);

    /// The moment `millis` milliseconds after the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(SECOND)
    }

    /// Whole minutes since the epoch: the number of the journal's window that holds this moment.
    pub const fn minutes(self) -> i64 {
        self.0.div_euclid(MINUTE)
    }

    /// The moment `millis` later, held at the ends of the range.
    pub const fn plus(self, millis: Millis) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// How long after `earlier` this is; negative when it is before.
    pub const fn since(self, earlier: Self) -> Millis {
        self.0.saturating_sub(earlier.0)
    }
}

/// A calendar month in UTC: the billing period of what is paid for by use. Counted from January of year 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Month(pub i32);

/// A text that is not a month.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a month: write it as 2026-11")]
pub struct InvalidMonth(pub String);

impl Month {
    /// Its first moment, and the first after it.
    pub fn bounds(self) -> (Timestamp, Timestamp) {
        (self.start(), Self(self.0.saturating_add(1)).start())
    }

    fn start(self) -> Timestamp {
        let (year, month) = (i64::from(self.0.div_euclid(12)), i64::from(self.0.rem_euclid(12)) + 1);
        match year {
            ..=-1 => Timestamp(i64::MIN),
            0..=9999 => Timestamp(rfc3339::days_until(year, month) * DAY),
            _ => Timestamp::MAX,
        }
    }

    /// The month that holds `time`. Times that the calendar does not reach (it has the years 0 to 9999) are held at its ends.
    pub fn of(time: Timestamp) -> Self {
        let (year, month, _) = rfc3339::date(time.0.div_euclid(DAY));
        let month = (year * 12 + month - 1).clamp(0, 9999 * 12 + 11);
        Self(i32::try_from(month).unwrap_or_default())
    }
}

impl FromStr for Month {
    type Err = InvalidMonth;

    fn from_str(text: &str) -> Result<Self, InvalidMonth> {
        let is_plain = text.len() == 7 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let parts = text.split_once('-').filter(|_| is_plain);
        let month = parts.and_then(|(year, month)| Some((year.parse::<i32>().ok()?, month.parse::<i32>().ok()?)));
        let month =
            month.filter(|(_, month)| (1..=12).contains(month)).map(|(year, month)| Self(year * 12 + month - 1));
        month.ok_or_else(|| InvalidMonth(text.to_owned()))
    }
}

/// As in ISO 8601: `2026-11`.
impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0.div_euclid(12), self.0.rem_euclid(12) + 1)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match rfc3339::written(self.0).filter(|_| *self <= Self::MAX) {
            Some(text) => f.write_str(&text),
            None => write!(f, "{}ms", self.0),
        }
    }
}

/// A text that is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no time, such as 2026-11-30T12:00:00Z")]
pub struct InvalidTimestamp(pub String);

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let time = rfc3339::read(text).map(Self).filter(|time| *time <= Self::MAX);
        time.ok_or_else(|| InvalidTimestamp(text.to_owned()))
    }
}

/// In text formats RFC 3339, in binary ones the number.
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_i64(self.0) }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
        } else {
            i64::deserialize(deserializer).map(Self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_moment_reads_back_and_none_after_it_has_a_text() {
        assert_eq!(Timestamp::MAX.to_string().parse::<Timestamp>().unwrap(), Timestamp::MAX);
        assert_eq!(Timestamp::MAX.plus(1).to_string(), "253402207200001ms");
    }

    #[test]
    fn a_month_ends_at_midnight_utc() {
        let month = |text: &str| Month::of(text.parse().unwrap()).to_string();
        assert_eq!(month("2026-11-30T23:59:59.999Z"), "2026-11");
        assert_eq!(month("2026-12-01T00:00:00Z"), "2026-12");
        assert_eq!(month("2027-01-01T00:30:00+01:00"), "2026-12");
        assert_eq!(Month::of(Timestamp::from_millis(i64::MAX)).to_string(), "9999-12");
        let (from, until) = "2026-12".parse::<Month>().unwrap().bounds();
        assert_eq!(
            (from.to_string(), until.to_string()),
            ("2026-12-01T00:00:00Z".into(), "2027-01-01T00:00:00Z".into())
        );
        for wrong in ["2026-13", "2026-00", "26-11", "2026-1", "+026-11", "2026-11-"] {
            assert_eq!(wrong.parse::<Month>(), Err(InvalidMonth(wrong.into())));
        }
    }
}
