//! A moment as RFC 3339 writes it, and the dates in UTC that this takes.
//!
//! jiff does this too, and everything else that a calendar is asked for here. On the way of a call it would bring the texts of its errors
//! along: 28 KB of what the edge weighs. Invariant: what is written is what jiff writes, and what both read comes to the same.

use super::{DAY, HOUR, MINUTE, Millis, SECOND};

/// The days from 1970-01-01 to the first day of a month in the Gregorian calendar, after H. Hinnant's `days_from_civil`. Months are
/// counted from 1.
pub(super) const fn days_until(year: i64, month: i64) -> i64 {
    // A year begins in March, so that the day that not each of them has is its last.
    let (year, from_march) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * from_march + 2) / 5 - 719_468
}

/// Year, month and day of the month, counted from 1, of a day counted from 1970-01-01: `civil_from_days`.
pub(super) const fn date(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year + (month <= 2) as i64, month, of_year - (153 * from_march + 2) / 5 + 1)
}

/// Writes a moment. Gives nothing where the calendar does not reach: it has the years 0 to 9999.
pub(super) fn written(millis: Millis) -> Option<String> {
    let ((year, month, day), of_day) = (date(millis.div_euclid(DAY)), millis.rem_euclid(DAY));
    if !(0..=9999).contains(&year) {
        return None;
    }
    let (hour, minute, second) = (of_day / HOUR, of_day % HOUR / MINUTE, of_day % MINUTE / SECOND);
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    let fraction = of_day % SECOND;
    if fraction != 0 {
        text.push_str(format!(".{fraction:03}").trim_end_matches('0'));
    }
    text.push('Z');
    Some(text)
}

/// Reads a moment to the millisecond.
pub(super) fn read(text: &str) -> Option<Millis> {
    let mut rest = Rest(text.as_bytes());
    let year = rest.digits(4)?;
    let month = rest.mark(b"-")?.digits(2).filter(|month| (1..=12).contains(month))?;
    let day = days_until(year, month) + rest.mark(b"-")?.digits(2)? - 1;
    // A day that the month does not have would be one of the next, or of the one before.
    let ((of, in_month, _), hour) = (date(day), rest.mark(b"Tt ")?.digits(2)?);
    let minute = rest.mark(b":")?.digits(2)?;
    let second = rest.mark(b":")?.digits(2)?;
    let fraction = rest.fraction()?;
    let offset = rest.offset()?;
    let is_right = (of, in_month) == (year, month) && hour < 24 && minute < 60 && second <= 60 && rest.0.is_empty();
    // A leap second is the one before it.
    let of_day = hour * HOUR + minute * MINUTE + second.min(59) * SECOND + fraction;
    is_right.then_some(day * DAY + of_day - offset)
}

/// What is left to read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    /// A number of so many digits.
    fn digits(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
    }

    /// One of some marks.
    fn mark(&mut self, marks: &[u8]) -> Option<&mut Self> {
        self.0 = self.0.split_first().filter(|(mark, _)| marks.contains(mark))?.1;
        Some(self)
    }

    /// A part of a second in milliseconds, where there is one: at most nine digits.
    fn fraction(&mut self) -> Option<i64> {
        if self.mark(b".,").is_none() {
            return Some(0);
        }
        let count = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let nanos = self.digits(count).filter(|_| (1..=9).contains(&count))? * 10_i64.pow(9 - count as u32);
        Some(nanos / 1_000_000)
    }

    /// How far east of Greenwich the time was read.
    fn offset(&mut self) -> Option<Millis> {
        if self.mark(b"Zz").is_some() {
            return Some(0);
        }
        let sign = if self.0.first() == Some(&b'-') { -1 } else { 1 };
        let hours = self.mark(b"+-")?.digits(2)?;
        let minutes = self.mark(b":")?.digits(2).filter(|minutes| *minutes < 60)?;
        (hours < 24).then_some(sign * (hours * HOUR + minutes * MINUTE))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_what_jiff_writes(millis in -62_167_219_200_000_i64..253_402_207_200_000) {
            let theirs = jiff::Timestamp::from_millisecond(millis).unwrap().to_string();
            prop_assert_eq!(written(millis), Some(theirs.clone()));
            prop_assert_eq!(read(&theirs), Some(millis));
        }

        #[test]
        fn what_both_read_comes_to_the_same(
            text in "20[0-9]{2}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-5][0-9]:[0-6][0-9]([.,][0-9]{1,9})?(Z|z|[+-][01][0-9]:[0-5][0-9])"
        ) {
            let theirs = text.parse::<jiff::Timestamp>().ok().map(|time| time.as_millisecond());
            prop_assert_eq!(read(&text), theirs, "{}", text);
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026-11-30",
            "2026-11-30T12:00Z",
            "2026-11-31T00:00:00Z",
            "2026-11-30T24:00:00Z",
            "2026-11-30T12:00:00",
            "2026-11-30T12:00:00.Z",
            "2026-11-30T12:00:00Zx",
            "+026-11-30T12:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-11-00T00:00:00Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
