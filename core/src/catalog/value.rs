//! The small languages of a catalog's values: durations, quantities of bytes, addresses, methods and paths.
//!
//! Invariant: what is accepted here can stand in a header, a request line or a router as it is. Every refusal is a
//! sentence that says what would be right.

use url::Url;

use super::pattern;
use crate::{
    ledger::Every,
    money::{Currency, InvalidCurrency},
    plain_key,
    signature::rfc9421::requirement,
    time::{DAY, HOUR, MINUTE, Millis, SECOND},
};

/// Beyond this, an end could not be written as a date any more.
const LONGEST: Millis = 36_500 * DAY;

/// The longest name for people, in characters.
const LONGEST_TITLE: usize = 200;

/// The longest name of a query parameter.
const LONGEST_PARAMETER: usize = 64;

/// Splits `12h` or `10 GiB` into the number and the unit's name.
fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    Some((text[..digits].parse().ok()?, text[digits..].trim_start_matches(' ')))
}

/// A length of time: a whole number and one of `s`, `m`, `h`, `d`.
pub(super) fn duration(text: &str) -> Result<Millis, String> {
    let unclear = || format!("`{text}` is not a duration: write a whole number and s, m, h or d, such as \"90d\"");
    let (number, unit) = number_and_unit(text).ok_or_else(unclear)?;
    let unit = match unit {
        "s" => SECOND,
        "m" => MINUTE,
        "h" => HOUR,
        "d" => DAY,
        _ => return Err(unclear()),
    };
    let length = i64::try_from(number).ok().and_then(|number| number.checked_mul(unit));
    match length {
        Some(length @ 1..=LONGEST) => Ok(length),
        Some(0) => Err("the duration must be more than nothing".to_owned()),
        _ => Err(format!("`{text}` is longer than 100 years; leave it out for no end")),
    }
}

/// The length of a subscription's period: a whole number of days, weeks, months or years.
pub(super) fn every(text: &str) -> Result<Every, String> {
    let unclear =
        || format!("`{text}` is not a period: write a number of days, weeks, months or years, such as \"1 month\"");
    let (number, unit) = number_and_unit(text).ok_or_else(unclear)?;
    let fit = |units: u64| {
        let length = number.checked_mul(units).and_then(|length| u16::try_from(length).ok());
        length
            .filter(|length| (1..=1_200).contains(length))
            .ok_or_else(|| format!("`{text}` is not a period that ends"))
    };
    match unit {
        "day" | "days" => fit(1).map(Every::Days),
        "week" | "weeks" => fit(7).map(Every::Days),
        "month" | "months" => fit(1).map(Every::Months),
        "year" | "years" => fit(12).map(Every::Months),
        _ => Err(unclear()),
    }
}

/// A number of bytes: a whole number and one of `B`, `KiB`, `MiB`, `GiB`, `TiB`.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let unclear =
        || format!("`{text}` is not a size: write a whole number and B, KiB, MiB, GiB or TiB, such as \"10 GiB\"");
    let (number, unit) = number_and_unit(text).ok_or_else(unclear)?;
    let unit: u64 = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(unclear()),
    };
    number.checked_mul(unit).ok_or_else(|| format!("`{text}` is too large"))
}

/// A name for people.
pub(super) fn title(text: &str) -> Result<String, String> {
    if text.trim().is_empty() || text.chars().count() > LONGEST_TITLE || text.chars().any(char::is_control) {
        return Err(format!("it must have 1 to {LONGEST_TITLE} characters, all on one line"));
    }
    Ok(text.to_owned())
}

/// A currency that can be paid in (ISO 4217).
pub(super) fn currency(text: &str) -> Result<Currency, String> {
    let currency: Currency = text.parse().map_err(|error: InvalidCurrency| error.to_string())?;
    match currency.digits() {
        Some(_) => Ok(currency),
        None => Err(InvalidCurrency(text.to_owned()).to_string()),
    }
}

/// The address of an upstream: scheme, authority and a path prefix. Given back without a slash at the end.
pub(super) fn upstream(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let authority = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    let parsed = Url::parse(text).ok();
    // `Url` is as lenient as a browser: it would drop line feeds and turn backslashes.
    let clean = !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\');
    let (Some(authority), Some(url), true) = (authority, parsed, clean) else {
        return Err(format!("`{text}` is not an address: write it in full, such as \"https://origin.example\""));
    };
    if authority.contains('@') {
        return Err("an address must not hold a user or a password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("an address must end with its path, without ? and #".to_owned());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// A method: a token (RFC 9110, section 9.1) in upper case that a gateway can forward.
pub(super) fn method(text: &str) -> Result<String, String> {
    let is_method_byte =
        |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.is_empty() || text == "*" || !text.bytes().all(is_method_byte) {
        return Err(format!(
            "`{text}` is not a method: write it in upper case, such as \"GET\", or leave out `methods` for all"
        ));
    }
    if matches!(text, "CONNECT" | "TRACE") {
        return Err(format!("{text} cannot be forwarded"));
    }
    Ok(text.to_owned())
}

/// The name of a component of RFC 9421 that a signature can be asked to cover.
pub(super) fn component(text: &str) -> Result<String, String> {
    requirement(text).map(|()| text.to_owned())
}

/// What plain keys begin with.
pub(super) fn key_prefix(text: &str) -> Result<String, String> {
    if plain_key::is_prefix(text) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "`{text}` is not a prefix of keys: write a lower-case letter and up to 15 more or digits, such as \"acme\""
    ))
}

/// The name of a query parameter, as it stands in a query with nothing encoded.
pub(super) fn parameter(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !text.is_empty() && text.len() <= LONGEST_PARAMETER && text.bytes().all(is_plain) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "`{text}` is not a parameter's name: write up to {LONGEST_PARAMETER} letters, digits and - . _ ~, such as \"api_key\""
    ))
}

/// A path pattern.
pub(super) fn path(text: &str) -> Result<String, String> {
    pattern::read(text).map(|_| text.to_owned()).map_err(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_whole_numbers_with_a_unit() {
        assert_eq!(duration("90d"), Ok(90 * DAY));
        assert_eq!(duration("12 h"), Ok(12 * HOUR));
        assert_eq!(bytes("10 GiB"), Ok(10 << 30));
        assert_eq!(bytes("7B"), Ok(7));
        for wrong in ["", "d", "90", "-1d", "1.5h", "1 month", "0s", "40000d", "99999999999999999999d", "1\u{a0}d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "GiB", "10", "10 GB", "10 gib", "1.5 GiB", "99999999999 TiB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_period_is_counted_by_the_calendar() {
        assert_eq!(every("1 month"), Ok(Every::Months(1)));
        assert_eq!(every("2 weeks"), Ok(Every::Days(14)));
        assert_eq!(every("1year"), Ok(Every::Months(12)));
        for wrong in ["", "month", "0 days", "1 fortnight", "30d", "200 years", "99999999999999999999 days"] {
            assert!(every(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_upstream_is_an_address_and_nothing_more() {
        assert_eq!(upstream("https://Origin.example/"), Ok("https://origin.example".into()));
        assert_eq!(upstream("http://127.0.0.1:8080/v1/"), Ok("http://127.0.0.1:8080/v1".into()));
        for wrong in [
            "",
            "origin.example",
            "https:origin",
            "https://",
            "ftp://o",
            "https://u:p@o",
            "https://@o",
            "https://o/?q",
            "https://o#f",
            "https://o?",
            "https://o\\p",
            "https://o\n.evil",
            "//o",
            "https://o:99999",
        ] {
            assert!(upstream(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn methods_are_tokens_in_upper_case() {
        for wrong in ["", "get", "G T", "*", "CONNECT", "TRACE", "G\u{c9}T"] {
            assert!(method(wrong).is_err(), "{wrong}");
        }
        assert_eq!(method("M-SEARCH"), Ok("M-SEARCH".into()));
    }
}
