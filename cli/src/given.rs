//! What people give on the command line: addresses, times, lengths of time and amounts of money.
//!
//! Invariant: what cannot be read is refused with how to write it. A time without a zone is in UTC, as all times of the gateway
//! are. A day or a month stands for its first moment.

use anyhow::{Context, bail, ensure};
use farebox_core::{
    credential_limit::{self, CredentialLimit, LimitPeriod},
    money::Micros,
    time::{Millis, Month, Timestamp},
};
use jiff::{Span, SpanRelativeTo, Zoned, civil::DateTime, tz::TimeZone};
use url::Url;

/// The address of a server.
pub(crate) fn address(text: &str) -> anyhow::Result<Url> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.with_context(|| format!("`{text}` is not an address: begin with https://, or with http:// on your own machine"))
}

/// A moment: itself, a day or a month, or a distance from now. `docs/command-line.md` lists the ways to write one.
pub(crate) fn moment(text: &str) -> anyhow::Result<Timestamp> {
    moment_from(text, &Zoned::now().with_time_zone(TimeZone::UTC))
}

fn moment_from(text: &str, now: &Zoned) -> anyhow::Result<Timestamp> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    if let Ok(month) = text.parse::<Month>() {
        return Ok(month.bounds().0);
    }
    let is_distance = text.starts_with(['-', '+']) || text.ends_with(" ago");
    let zoned = match text {
        "now" => Some(now.clone()),
        "today" => now.start_of_day().ok(),
        "yesterday" => now.yesterday().and_then(|day| day.start_of_day()).ok(),
        "tomorrow" => now.tomorrow().and_then(|day| day.start_of_day()).ok(),
        _ if is_distance => text.parse::<Span>().ok().and_then(|span| now.checked_add(span).ok()),
        _ => text.parse::<DateTime>().ok().and_then(|time| time.to_zoned(TimeZone::UTC).ok()),
    };
    let zoned = zoned
        .with_context(|| format!("`{text}` is not a time: write 2026-11-01, 2026-11-01T12:00:00Z, yesterday or -7d"))?;
    Ok(Timestamp::from_millis(zoned.timestamp().as_millisecond()))
}

/// Milliseconds from `31d` or `1d 12h`, with days of 24 hours.
pub(crate) fn millis(text: &str) -> anyhow::Result<Millis> {
    let span: Span = text.parse().context("write it like 31d or 90m")?;
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).context("use s, m, h and d")?;
    ensure!(!length.is_negative(), "it must not be negative: write it like 31d or 90m");
    Ok(length.as_millis().try_into()?)
}

/// Money that comes into a balance.
pub(crate) fn money_in(text: &str) -> anyhow::Result<Micros> {
    more_than_nothing(text, "to take money back: farebox refund")
}

/// Money that goes back to the customer.
pub(crate) fn money_back(text: &str) -> anyhow::Result<Micros> {
    more_than_nothing(text, "to add money: farebox recharge")
}

/// Money that may be nothing.
pub(crate) fn not_negative(text: &str) -> anyhow::Result<Micros> {
    let amount: Micros = text.parse()?;
    ensure!(amount >= Micros::ZERO, "it must not be negative");
    Ok(amount)
}

fn more_than_nothing(text: &str, instead: &str) -> anyhow::Result<Micros> {
    let amount: Micros = text.parse()?;
    if amount < Micros::ZERO {
        bail!("it must not be negative; {instead}");
    }
    ensure!(amount.is_positive(), "it must be more than nothing");
    Ok(amount)
}

/// One amount of a credential's limit, from `calls=1000/day`.
pub(crate) fn limit(text: &str) -> anyhow::Result<CredentialLimit> {
    const HOW: &str = "write it like calls=1000/day, units=50000/week or money=20.00/month";
    let (kind, (amount, per)) =
        text.split_once('=').and_then(|(kind, rest)| Some((kind, rest.split_once('/')?))).context(HOW)?;
    let per = [LimitPeriod::Day, LimitPeriod::Week, LimitPeriod::Month].into_iter().find(|it| it.as_str() == per);
    let mut limit = CredentialLimit { per: per.context(HOW)?, calls: None, units: None, money: None };
    match kind {
        "calls" => limit.calls = Some(amount.parse().context(HOW)?),
        "units" => limit.units = Some(amount.parse().context(HOW)?),
        "money" => limit.money = Some(amount.parse()?),
        _ => bail!(HOW),
    }
    credential_limit::check(&[limit])?;
    Ok(limit)
}

/// The limits that several amounts make: those of one period are one limit.
pub(crate) fn limits(amounts: &[CredentialLimit]) -> Vec<CredentialLimit> {
    let mut limits: Vec<CredentialLimit> = Vec::new();
    for amount in amounts {
        match limits.iter_mut().find(|limit| limit.per == amount.per) {
            None => limits.push(*amount),
            Some(limit) => {
                limit.calls = amount.calls.or(limit.calls);
                limit.units = amount.units.or(limit.units);
                limit.money = amount.money.or(limit.money);
            }
        }
    }
    limits
}

#[cfg(test)]
mod tests {
    use farebox_core::time::{DAY, HOUR, MINUTE};

    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let now = "2026-11-29T15:30:00Z".parse::<jiff::Timestamp>().unwrap().to_zoned(TimeZone::UTC);
        let read = |text: &str| moment_from(text, &now).map(|moment| moment.to_string());
        for (text, moment) in [
            ("2026-11-01T12:00:00Z", "2026-11-01T12:00:00Z"),
            ("2026-11-01T12:00:00+02:00", "2026-11-01T10:00:00Z"),
            ("2026-11-01T12:00", "2026-11-01T12:00:00Z"),
            ("2026-11-01 12:00:30", "2026-11-01T12:00:30Z"),
            ("2026-11-01", "2026-11-01T00:00:00Z"),
            ("2026-11", "2026-11-01T00:00:00Z"),
            ("now", "2026-11-29T15:30:00Z"),
            ("today", "2026-11-29T00:00:00Z"),
            ("yesterday", "2026-11-28T00:00:00Z"),
            ("tomorrow", "2026-11-30T00:00:00Z"),
            ("-7d", "2026-11-22T15:30:00Z"),
            ("+90m", "2026-11-29T17:00:00Z"),
            ("2 days ago", "2026-11-27T15:30:00Z"),
            ("-1mo", "2026-10-29T15:30:00Z"),
        ] {
            assert_eq!(read(text).unwrap(), moment, "{text}");
        }
        for text in ["", "7d", "2026-13-01", "2026-02-30", "last week", "-", "-7x", "12:00"] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains("is not a time: write 2026-11-01"), "{text}: {error}");
        }
    }

    #[test]
    fn lengths_are_read_as_people_write_them() {
        for (text, length) in [("31d", 31 * DAY), ("90m", 90 * MINUTE), ("1d 12h", DAY + 12 * HOUR), ("0s", 0)] {
            assert_eq!(millis(text).unwrap(), length, "{text}");
        }
        for text in ["soon", "1 month", "-1d"] {
            assert!(millis(text).is_err(), "{text}");
        }
    }

    #[test]
    fn amounts_of_one_period_are_one_limit() {
        let read = |texts: &[&str]| limits(&texts.iter().map(|text| limit(text).unwrap()).collect::<Vec<_>>());
        let [day, month] = read(&["calls=1000/day", "money=20.00/month", "units=5/day"])[..] else { panic!() };
        assert_eq!((day.per, day.calls, day.units, day.money), (LimitPeriod::Day, Some(1_000), Some(5), None));
        assert_eq!((month.per, month.money), (LimitPeriod::Month, Some("20.00".parse().unwrap())));
        for text in
            ["", "1000", "calls=1000", "calls=0/day", "calls=-1/day", "calls=9/hour", "bytes=9/day", "money=x/day"]
        {
            assert!(limit(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_has_a_scheme_and_a_host() {
        for text in ["https://api.acme.example", "http://127.0.0.1:8787"] {
            assert!(address(text).is_ok(), "{text}");
        }
        for text in ["127.0.0.1:8787", "localhost:8787", "api.acme.example", "ftp://a.example", "https://", "/a", ""] {
            let error = address(text).unwrap_err().to_string();
            assert!(error.contains("begin with https://"), "{text}: {error}");
        }
    }
}
