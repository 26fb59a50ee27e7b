//! Money: integer micro-units of one currency.
//!
//! Invariant: no float anywhere; arithmetic is checked, and an amount that cannot be held exactly in micro-units is
//! refused where it enters, never rounded.
#![deny(clippy::float_arithmetic)]

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Micro-units in one unit of a currency.
pub const UNIT: i64 = 1_000_000;

/// An amount in micro-units. In text formats a decimal string such as `"5.00"`, in binary ones the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Micros(i64);

/// A text that is not an amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAmount {
    /// Not a decimal number.
    #[error("`{0}` is not an amount: write a decimal such as \"5.00\"")]
    NotDecimal(String),
    /// More than six digits after the point, also where they are zeros.
    #[error("`{0}` is finer than a millionth of the currency's unit: write at most six digits after the point")]
    TooFine(String),
    /// Beyond what is held, which is a little over nine million million units, or with more than 13 digits before the point.
    #[error("`{0}` is too large")]
    TooLarge(String),
}

impl Micros {
    /// Nothing.
    pub const ZERO: Micros = Micros(0);

    /// An amount of `micros` micro-units.
    pub const fn new(micros: i64) -> Self {
        Self(micros)
    }

    /// The number of micro-units.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The sum, or `None` when it cannot be held.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The difference, or `None` when it cannot be held.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Self(difference)),
            None => None,
        }
    }

    /// The sum, held at the ends of the range.
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, held at the ends of the range.
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The same amount the other way.
    pub const fn negated(self) -> Self {
        Self(self.0.saturating_neg())
    }

    /// Whether this is more than nothing.
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }
}

/// At least two digits after the point, and no more than the amount needs: `5.00`, `0.002`.
impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.with_digits(2))
    }
}

impl Micros {
    /// The amount with at least `least` digits after the point, and no more than it needs.
    fn with_digits(self, least: usize) -> String {
        let (sign, magnitude, unit) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs(), UNIT.unsigned_abs());
        let fraction = format!("{:06}", magnitude % unit);
        let digits = fraction.trim_end_matches('0').len().max(least);
        let point = if digits == 0 { "" } else { "." };
        format!("{sign}{}{point}{}", magnitude / unit, &fraction[..digits])
    }
}

/// Reads `-?[0-9]{1,13}([.][0-9]{1,6})?`, which is what the API describes, exactly.
impl FromStr for Micros {
    type Err = InvalidAmount;

    fn from_str(text: &str) -> Result<Self, InvalidAmount> {
        let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(fraction) {
            return Err(InvalidAmount::NotDecimal(text.to_owned()));
        }
        if fraction.len() > 6 {
            return Err(InvalidAmount::TooFine(text.to_owned()));
        }
        let micros = Some(format!("{sign}{whole}{fraction:0<6}")).filter(|_| whole.len() <= 13);
        let micros = micros.and_then(|micros| micros.parse().ok());
        micros.map(Self).ok_or_else(|| InvalidAmount::TooLarge(text.to_owned()))
    }
}

impl Serialize for Micros {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_i64(self.0) }
    }
}

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
        } else {
            i64::deserialize(deserializer).map(Self)
        }
    }
}

/// A currency: three capital letters. A catalog is sold in one that ISO 4217 knows ([`Currency::digits`]); books that were
/// begun in another are still read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// A text that is not a currency code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a currency: write its ISO 4217 code, such as \"USD\"")]
pub struct InvalidCurrency(pub String);

impl Currency {
    /// ISO 4217's code for "no currency".
    pub const NONE: Currency = Currency(*b"XXX");

    /// How many digits after the point money of this currency has: 2 for USD, 0 for JPY, 3 for KWD. `None` for what ISO 4217
    /// does not know, or what is not paid in parts: gold, "no currency".
    pub fn digits(self) -> Option<u32> {
        iso_currency::Currency::from_code(self.as_str())?.exponent().map(u32::from)
    }

    /// Whether `amount` can be paid: there is no half yen. Of a currency without digits every amount can.
    pub fn can_be_paid(self, amount: Micros) -> bool {
        let coin = self.digits().map(|digits| UNIT / 10_i64.pow(digits));
        coin.is_none_or(|coin| amount.0 % coin == 0)
    }

    /// The smallest amount that can be paid: `0.01` for USD, `1` for JPY.
    pub fn coin(self) -> String {
        self.show(Micros(self.digits().map_or(1, |digits| UNIT / 10_i64.pow(digits))))
    }

    /// An amount with the currency's digits, and more where it needs them: `5.00` or `0.002` USD, `1000` JPY, `5.000` KWD.
    pub fn show(self, amount: Micros) -> String {
        amount.with_digits(self.digits().map_or(2, |digits| digits as usize))
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Currency {
    type Err = InvalidCurrency;

    fn from_str(text: &str) -> Result<Self, InvalidCurrency> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => Ok(Self(code)),
            _ => Err(InvalidCurrency(text.to_owned())),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_amount_written_and_read_is_the_same(micros: i64) {
            let amount = Micros::new(micros);
            prop_assert_eq!(amount.to_string().parse::<Micros>(), Ok(amount));
        }
    }

    #[test]
    fn amounts_show_at_least_cents() {
        for (micros, text) in [(5_000_000, "5.00"), (0, "0.00"), (2_000, "0.002"), (-1, "-0.000001"), (100_000, "0.10")]
        {
            assert_eq!(Micros::new(micros).to_string(), text);
        }
    }

    /// What the pattern of the API's description lets through is held exactly or too large; nothing else is taken.
    #[test]
    fn what_cannot_be_held_exactly_is_refused() {
        let read = |text: &str| text.parse::<Micros>();
        for fine in [
            "0.0000001",
            "5.0000004",
            "1.0000000",
            "1.0000000000",
            "0.99999999999999999999999999999999",
            "5.00000000000000000000000000000049",
            "0.0000000000000000000000000000000000001",
        ] {
            assert_eq!(read(fine), Err(InvalidAmount::TooFine(fine.to_owned())));
        }
        for wrong in [
            "", "-", ".", ".5", "5.", "-.5", "+5", "--5", "1e3", "1_000", "1,00", " 5", "5 ", "5.0.0", "5.-1", "0x5",
            "\u{665}", "NaN",
        ] {
            assert_eq!(read(wrong), Err(InvalidAmount::NotDecimal(wrong.to_owned())));
        }
        for large in [
            "9223372036854.775808",
            "-9223372036854.775809",
            "10000000000000",
            "00000000000000",
            "79228162514264337593543950336",
        ] {
            assert_eq!(read(large), Err(InvalidAmount::TooLarge(large.to_owned())));
        }
        assert_eq!(read("9223372036854.775807"), Ok(Micros::new(i64::MAX)));
        assert_eq!(read("-9223372036854.775808"), Ok(Micros::new(i64::MIN)));
        assert_eq!((read("007.5"), read("-0.0")), (Ok(Micros::new(7_500_000)), Ok(Micros::ZERO)));
        assert_eq!("US".parse::<Currency>(), Err(InvalidCurrency("US".into())));
        assert_eq!("usd".parse::<Currency>(), Err(InvalidCurrency("usd".into())));
    }

    #[test]
    fn a_currency_has_the_digits_of_iso_4217() {
        let of = |code: &str| code.parse::<Currency>().unwrap();
        for (code, digits) in [
            ("USD", Some(2)),
            ("EUR", Some(2)),
            ("JPY", Some(0)),
            ("KRW", Some(0)),
            ("KWD", Some(3)),
            ("BHD", Some(3)),
            ("CLF", Some(4)),
            ("XXX", None),
            ("XAU", None),
            ("XTS", None),
            ("ABC", None),
            ("ZZZ", None),
        ] {
            assert_eq!(of(code).digits(), digits, "{code}");
        }
        for (code, micros, shown, paid) in [
            ("USD", 5_000_000, "5.00", true),
            ("USD", 5_005_000, "5.005", false),
            ("USD", -10_000, "-0.01", true),
            ("JPY", 1_000_000_000, "1000", true),
            ("JPY", 500_000, "0.5", false),
            ("JPY", 0, "0", true),
            ("KRW", 10_000, "0.01", false),
            ("KWD", 5_000_000, "5.000", true),
            ("BHD", 1_000, "0.001", true),
            ("BHD", 100, "0.0001", false),
            ("XXX", 1, "0.000001", true),
        ] {
            let amount = Micros::new(micros);
            assert_eq!(
                (of(code).show(amount).as_str(), of(code).can_be_paid(amount)),
                (shown, paid),
                "{code} {micros}"
            );
        }
        assert_eq!(["USD", "JPY", "KWD"].map(|code| of(code).coin()), ["0.01", "1", "0.001"]);
    }
}
