//! Money: integer micro-units of one currency.
//!
//! Invariant: no float anywhere; arithmetic is checked, and an amount that cannot be held exactly in micro-units is
//! refused where it enters, never rounded.
#![deny(clippy::float_arithmetic)]

use std::{fmt, str::FromStr};

use rust_decimal::Decimal;
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
    /// More than six digits after the point.
    #[error("`{0}` is finer than a millionth of the currency's unit")]
    TooFine(String),
    /// Beyond what is held.
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
        let mut decimal = Decimal::new(self.0, 6).normalize();
        if decimal.scale() < 2 {
            decimal.rescale(2);
        }
        write!(f, "{decimal}")
    }
}

impl FromStr for Micros {
    type Err = InvalidAmount;

    fn from_str(text: &str) -> Result<Self, InvalidAmount> {
        // `Decimal` also reads exponents and underscores, which nobody writes on an invoice.
        let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-'));
        let decimal: Decimal =
            text.parse().ok().filter(|_| plain).ok_or_else(|| InvalidAmount::NotDecimal(text.to_owned()))?;
        let micros =
            decimal.checked_mul(Decimal::from(UNIT)).ok_or_else(|| InvalidAmount::TooLarge(text.to_owned()))?;
        if !micros.is_integer() {
            return Err(InvalidAmount::TooFine(text.to_owned()));
        }
        i64::try_from(micros).map(Self).map_err(|_| InvalidAmount::TooLarge(text.to_owned()))
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

/// An ISO 4217 code: three capital letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// A text that is not a currency code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a currency: write its ISO 4217 code, such as \"USD\"")]
pub struct InvalidCurrency(pub String);

impl Currency {
    /// ISO 4217's code for "no currency".
    pub const NONE: Currency = Currency(*b"XXX");

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

    #[test]
    fn what_cannot_be_held_exactly_is_refused() {
        assert!(matches!("0.0000001".parse::<Micros>(), Err(InvalidAmount::TooFine(_))));
        assert!(matches!("1e3".parse::<Micros>(), Err(InvalidAmount::NotDecimal(_))));
        assert!(matches!("10000000000000".parse::<Micros>(), Err(InvalidAmount::TooLarge(_))));
        assert!(matches!("".parse::<Micros>(), Err(InvalidAmount::NotDecimal(_))));
        assert_eq!("US".parse::<Currency>(), Err(InvalidCurrency("US".into())));
        assert_eq!("usd".parse::<Currency>(), Err(InvalidCurrency("usd".into())));
    }
}
